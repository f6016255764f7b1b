/**
 * The disk's door: every function of node:fs that src/ uses goes through the gate, while a run is on and for paths of the
 * world's own. To be imported before anything else of src/: lock.ts
 * keeps the functions it was given.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { basename, dirname } from 'node:path';
import { startTime } from '../../src/start-time.ts';
import { gate, type Operation } from './faults-gate.ts';
import { scratchRoot } from './world-scratch.ts';

type Call = (...given: never[]) => unknown;

const real = { ...fs };
/** Open files of the world's, by descriptor. */
const opened = new Map<number, string>();

const isOurs = (path: string) => path.startsWith(scratchRoot);

function systemError(code: string, call: string, path: string): Error {
  return Object.assign(new Error(`${code}: struck, ${call} '${path}'`), { code, syscall: call, path });
}

/** `rename state.json`, `read net/ipv4/ip_forward`, without pids and times. */
function operationOf(call: string, path: string): Operation {
  const door = basename(path) === 'lock' && call === 'symlinkSync' ? 'lock' : 'disk';
  const isText = /^(?:writeFile|appendFile)Sync$/.test(call) && !path.includes('/proc-sys-');
  const short = `${basename(dirname(path))}/${basename(path)}`.replace(/\d{6,}/g, 'N').replace(/\.\d+\.tmp/, '.tmp');
  const ofConfig = path.includes('/etc-');
  return { door, name: `${call.replace('Sync', '')} ${short}`, parts: isText ? 2 : 1, ofConfig };
}

/** What the system answers when it is asked in vain. */
function refusal(call: string, path: string): never | boolean {
  if (call === 'existsSync') return false;
  throw systemError(/^(?:write|append|mkdir|symlink|open)/.test(call) ? 'ENOSPC' : 'EIO', call, path);
}

function gated(call: string, original: Call): Call {
  return (...given: never[]) => {
    const first: unknown = given[0];
    const path =
      typeof first === 'number' ? opened.get(first) : call === 'symlinkSync' ? String(given[1]) : String(first);
    if (path === undefined || !isOurs(path) || !gate.isOpen()) return original(...given);
    const operation = operationOf(call, path);
    return gate.pass(operation, {
      whole: () => {
        const result = original(...given);
        if (call === 'openSync') opened.set(result as number, path);
        if (call === 'closeSync') opened.delete(first as number);
        return result;
      },
      some: () => half(original, given),
      refuse: (kind) => {
        // Whatever close(2) says, the descriptor is gone.
        if (call === 'closeSync' && opened.delete(first as number)) original(...given);
        // A disk has no time limit: a walk that asks for one gets a refusal.
        if (kind === 'hang' && operation.door === 'lock') {
          // A living process holds the lock, longer than anybody waits.
          real.symlinkSync(`1.${startTime(1) ?? ''}.0`, path);
          throw systemError('EEXIST', call, path);
        }
        return refusal(call, path);
      },
    });
  };
}

/** A disk that is full takes the beginning. */
function half(original: Call, given: never[]): void {
  const [file, text, ...rest] = given as unknown as [never, string, ...never[]];
  original(file, text.slice(0, text.length / 2) as never, ...rest);
}

/** What src/ imports by name from node:fs; test/unit/faults.test.ts looks whether that is all of it. */
export const GATED = [
  'appendFileSync',
  'closeSync',
  'existsSync',
  'fsyncSync',
  'lstatSync',
  'lutimesSync',
  'mkdirSync',
  'openSync',
  'readdirSync',
  'readFileSync',
  'readlinkSync',
  'readSync',
  'renameSync',
  'rmdirSync',
  'statSync',
  'symlinkSync',
  'unlinkSync',
  'writeFileSync',
] as const;

for (const name of GATED) Object.assign(fs, { [name]: gated(name, real[name] as unknown as Call) });
syncBuiltinESMExports();

/** What the kernel does when a process ends: its open files are closed. */
export function closeAll(): void {
  for (const descriptor of opened.keys()) real.closeSync(descriptor);
  opened.clear();
}
