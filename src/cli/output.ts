import { errorCode } from '../errors.ts';

/** Whoever reads only the beginning (`| head`) has got what he wanted; a full disk has not got the answer. */
export function watchedOutput(): { failure: () => Promise<string | undefined>; ended: () => boolean } {
  let failure: string | undefined;
  let ended = false;
  process.stdout.on('error', (error: Error) => {
    ended = true;
    if (errorCode(error) !== 'EPIPE') failure ??= error.message;
  });
  process.stderr.on('error', () => undefined);
  // A stream tells its error in a later turn; a callback comes after what was written before it.
  const written = () => new Promise<void>((resolve) => process.stdout.write('', () => setImmediate(resolve)));
  return { failure: () => written().then(() => failure), ended: () => ended };
}
