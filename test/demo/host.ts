/** The proof that the demo leaves the host alone: what it looked like before and what it looks like afterwards. */
import { execFileSync } from 'node:child_process';
import { lstatSync, readdirSync } from 'node:fs';
import { explain } from '../../src/errors.ts';

const COMMANDS = [
  ['ip', '-4', 'rule'],
  ['ip', '-6', 'rule'],
  ['ip', 'nexthop'],
  ['ip', 'route', 'show', 'table', 'all'],
  // -s: without counters, which move by themselves.
  ['nft', '-s', 'list', 'ruleset'],
  ['ip', '-br', 'link'],
] as const;

/** Where ./install.sh would have installed, and where daemons keep their hooks. */
const PLACES = [
  '/etc/wanhook',
  '/etc/ppp',
  '/etc/ppp/ip-up.d',
  '/etc/ppp/ip-down.d',
  '/etc/dhcp',
  '/etc/dhcp/dhclient-exit-hooks.d',
  '/etc/iproute2/rt_tables.d',
  '/usr/lib/wanhook',
  '/usr/sbin/wanhook',
  '/var/lib/wanhook',
  '/run/wanhook',
];

const SYSCTLS = ['ip_forward', 'ip_dynaddr', 'fib_multipath_hash_policy', 'conf/all/rp_filter', 'conf/all/arp_ignore'];

export type HostState = ReadonlyMap<string, string>;

function output([tool, ...args]: readonly string[]): string {
  try {
    const text = execFileSync(tool!, args, { encoding: 'utf8', stdio: 'pipe' });
    // A router advertisement's route counts down.
    return text.replaceAll(/ expires \d+sec/g, '');
  } catch (error) {
    return `cannot run: ${explain(error)}`;
  }
}

/** Absent, or when it was last changed and what it holds. */
function place(path: string): string {
  try {
    const stat = lstatSync(path);
    const names = stat.isDirectory() ? readdirSync(path).toSorted().join(' ') : `${stat.size} bytes`;
    return `changed ${stat.mtime.toISOString()}: ${names}`;
  } catch {
    return 'absent';
  }
}

export function hostState(): HostState {
  const sysctls = SYSCTLS.map((name) => ['cat', `/proc/sys/net/ipv4/${name}`]);
  return new Map([
    ...[...COMMANDS, ...sysctls].map((argv) => [argv.join(' '), output(argv)] as const),
    ...PLACES.map((path) => [path, place(path)] as const),
  ]);
}

/** What is different now, with the lines that changed. */
export function hostChanges(before: HostState, after: HostState): string[] {
  return [...after].flatMap(([what, now]) => {
    const was = before.get(what) ?? '';
    if (was === now) return [];
    const [old, fresh] = [was.split('\n'), now.split('\n')];
    const gone = old.filter((line) => !fresh.includes(line)).map((line) => `- ${line}`);
    const come = fresh.filter((line) => !old.includes(line)).map((line) => `+ ${line}`);
    return [[`the host's own "${what}" changed meanwhile:`, ...gone, ...come].join('\n')];
  });
}
