import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseConfig, type NamedFile } from '../config/parse.ts';
import { errorCode, EXIT, ProblemsError, WanhookError } from '../errors.ts';
import type { Surveyed } from '../kernel/look-around.ts';
import { parseLeases } from '../survey/leases.ts';
import { parseDefaults, parseDevices, parseIdle, parseManaged } from '../survey/listings.ts';
import type { Machine } from '../survey/machine.ts';
import { parsePeer, peerPath } from '../survey/peers.ts';
import { propose, type Known, type ProposedLink } from '../survey/propose.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook init`: what lines this machine seems to have, as files of links; written only when somebody agrees. */
export async function init(context: Context, common: Common, yes: boolean): Promise<number> {
  const { files, config, problems } = worldFor(context, common).loadConfig();
  // With a link file that is broken nobody knows which lines and numbers are taken.
  if (config === undefined && files.links.length > 0) throw new ProblemsError(problems);
  const existing: readonly Known[] = config?.links ?? [];
  const { links, lan, notes, next } = propose(machineOf(await context.lookAround(), Date.now()), existing);
  const directory = join(context.configDirectory, 'links');
  const proposed = links.map((link) => ({ ...link, path: join(directory, `${link.name}.env`) }));
  const checked = parseConfig({ ...files, links: [...files.links, ...proposed] });
  if (links.length > 0 && checked.config === undefined) throw new ProblemsError(checked.problems);
  for (const note of notes) context.out(`- ${note}\n`);
  if (links.length === 0) return nothingNew(context, existing);
  for (const { path, text } of proposed) context.out(`\n${path}:\n\n${text.replaceAll(/^/gm, '    ').trimEnd()}\n`);
  const many = links.length === 1 ? 'this file' : `these ${links.length} files`;
  if (!yes && !(await agreed(context, many))) return EXIT.failed;
  proposed.forEach(writeNew);
  context.out(`\n${links.length === 1 ? 'written' : 'all written'}. Next:\n`);
  const edits =
    lan.length === 0 ? [] : [`LAN is every device that is no link; for a stricter one: LAN=${lan.join(',')}`];
  const steps = [
    ...next,
    ...edits.map((edit) => `${edit} in ${join(context.configDirectory, 'wanhook.env')}`),
    'WEIGHT in each file is its share: what the line can do, for instance in Mbit/s (at most 255)',
    'wanhook try: applies it, and goes back by itself unless you confirm it; then wanhook status',
  ];
  steps.forEach((step, n) => context.out(`  ${n + 1}. ${step}\n`));
  return EXIT.done;
}

function nothingNew({ out }: Context, existing: readonly Known[]): number {
  if (existing.length > 0) {
    out(`\nno line but those that are configured: ${existing.map(({ name }) => name).join(', ')}\n`);
    return EXIT.done;
  }
  out(
    '\nno line was found: no default route, no peers file, no DHCP lease. Bring your lines up and run this again, or\n',
  );
  out('write /etc/wanhook/links/NAME.env by hand (see links/README there)\n');
  return EXIT.failed;
}

async function agreed({ ask, out }: Context, many: string): Promise<boolean> {
  if (ask === undefined) {
    throw new WanhookError(`nothing is written: there is no terminal to ask at; --yes writes ${many}`, {
      exitCode: EXIT.usage,
    });
  }
  const answer = await ask(`\nwrite ${many}? [y/N] `);
  if (answer !== undefined && /^y(?:es)?$/i.test(answer.trim())) return true;
  out('nothing is written\n');
  return false;
}

/** Never over a file that is there: whoever wrote it knew more than we do. */
function writeNew({ path, text }: ProposedLink & Pick<NamedFile, 'path'>): void {
  try {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
  } catch (cause) {
    const why = errorCode(cause) === 'EEXIST' ? `${path} is there already: it stays as it is` : `cannot write ${path}`;
    throw new WanhookError(why, { cause });
  }
}

/** Texts → what they say. Pure. */
export function machineOf(seen: Surveyed, now: number): Machine {
  const unclear: string[] = [];
  const readable = ({ path, text }: Surveyed['peers'][number]) => {
    if (text === undefined) unclear.push(`${path}: cannot be read`);
    return text === undefined ? [] : [{ path, text }];
  };
  const devices = parseDevices(seen.addresses);
  if (devices.length === 0) unclear.push('"ip address show" lists no device');
  const peers = seen.peers.flatMap(readable).flatMap(({ path, text }) => {
    const peer = parsePeer(basename(path), text);
    if (typeof peer === 'string') unclear.push(`${peerPath(basename(path))}: left out: ${peer}`);
    return typeof peer === 'string' ? [] : [peer];
  });
  return {
    devices,
    defaults: parseDefaults(seen.routes),
    peers,
    leases: seen.leases.flatMap(readable).flatMap((file) => parseLeases(file, devices, now)),
    managed: parseManaged(seen.managed ?? ''),
    idle: parseIdle(seen.connections ?? ''),
    unclear,
  };
}
