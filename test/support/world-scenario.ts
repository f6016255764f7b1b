/**
 * Golden scenarios (test/scenarios/NAME.txt): lines that start with `> ` are what happens, everything indented below
 * is what wanhook did, and is written anew on each run. Comments and empty lines stay.
 *
 * Besides the steps of world-steps.ts: `> 60 seconds pass`, `> show kernel`, `> show firewall`, `> show status`, `> show sysctls`,
 * `> show memory`, `> show pins`, `> show clients`; `> connection pair 10.10.0.2 . 203.0.113.10 : 0x01000000` is remembered in
 * that map.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pasteable } from '../../src/kernel/render.ts';
import { fakeSteps } from './world-fake-steps.ts';
import { playStep } from './world-steps.ts';
import { createTestWorld, type TestWorld } from './world.ts';

/** The same text with everything wanhook did after each step. */
export async function playScenario(text: string): Promise<string> {
  const world = createTestWorld();
  const steps = fakeSteps(world);
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    if (line.startsWith('  ')) continue;
    lines.push(line);
    if (!line.startsWith('> ')) continue;
    const step = line.slice(2);
    const shown = step.startsWith('show ') ? await show(world, step.slice('show '.length)) : undefined;
    const seconds = /^(\d+) seconds pass$/.exec(step)?.[1];
    if (seconds !== undefined) {
      world.pass(Number(seconds));
      continue;
    }
    const runs = world.runs();
    if (step.startsWith('connection ')) world.fake.remember(...connection(step));
    else if (shown === undefined) await playStep(steps, step);
    lines.push(...(shown ?? took(world)).map((each) => `  ${each}`.trimEnd()));
    if (world.runs() > runs) lines.push(...(await stillToDo(world)).map((each) => `  STILL TO DO: ${each}`));
  }
  return lines.join('\n');
}

function connection(step: string): [map: string, element: string] {
  const [, map = '', ...element] = step.split(' ');
  return [map, element.join(' ')];
}

/** plan(apply(o, p), d) is empty: after anything wanhook did, it would do nothing more. */
async function stillToDo(world: TestWorld): Promise<string[]> {
  if (world.loadConfig().config === undefined) return [];
  return world.state().stopped ? [] : (await world.plan()).map((op) => pasteable(op).split('\n', 1).join(''));
}

/** Commands, warnings and errors since the last step; the firewall's text is one word here. */
function took(world: TestWorld): string[] {
  const commands = world.echoed.splice(0).map((command) => {
    if (!command.startsWith('nft -f')) return command;
    if (!command.includes('{')) return 'nft -f - (no firewall)';
    return command.includes('wanhook_memory') ? 'nft -f - (the memory)' : 'nft -f - (the firewall)';
  });
  const warnings = world.warnings.splice(0).map((warning) => `warning: ${warning}`);
  const errors = world.errors.splice(0).map((error) => `error: ${error}`);
  return [...commands, ...warnings, ...errors].flatMap((each) => each.split('\n'));
}

async function show(world: TestWorld, what: string): Promise<string[]> {
  switch (what) {
    case 'kernel':
      return world.fake.dump('ours');
    case 'firewall':
      return (world.fake.firewall() ?? 'none\n').trimEnd().split('\n');
    case 'memory':
      return (world.fake.memory() ?? 'none\n').trimEnd().split('\n');
    case 'pins':
    case 'clients':
      return (await world.command(what)).out.trimEnd().split('\n');
    case 'status':
      return (await world.command('status')).out
        .trimEnd()
        .split('\n')
        .map((line) => line.replace(/ +(\d+ (?:s|min)\b)+/, ' …'));
    case 'sysctls':
      return sysctlsOf(world.fake.procSys);
    case 'journal':
      return world.journal().flatMap(({ cause, notes }) => [cause.join(', '), ...notes.map((note) => `  ${note}`)]);
    default:
      throw new Error(`nothing to show: ${what}`);
  }
}

/** Those that are not as after boot, by their key under /proc/sys/net/ipv4; IPv6's by their whole key. */
export function sysctlsOf(procSys: string): string[] {
  const six = changedIn(join(procSys, 'net/ipv6')).filter((line) => !line.endsWith('accept_ra = 1'));
  return [...changedIn(join(procSys, 'net/ipv4')), ...six.map((line) => `net/ipv6/${line}`)];
}

function changedIn(root: string): string[] {
  const walk = (directory: string): string[] =>
    readdirSync(join(root, directory), { withFileTypes: true }).flatMap((entry) => {
      const path = join(directory, entry.name);
      if (entry.isDirectory()) return walk(path);
      const value = readFileSync(join(root, path), 'utf8').trim();
      return value === '0' ? [] : [`${path} = ${value}`];
    });
  return existsSync(root) ? walk('').toSorted() : [];
}
