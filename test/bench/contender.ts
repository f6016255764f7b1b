/** What shares two lines of one lab in one way: set up, and told of the lines as its own documents say. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { configure, install } from '../demo/router.ts';
import type { Lab } from '../support/lab.ts';
import { RIVALS } from './rivals.ts';

export interface Contender {
  readonly name: string;
  /** A program that is there if it is installed, and the Debian packages that it comes in. */
  readonly needs?: readonly [program: string, packages: string];
  /** Both lines have their addresses. */
  start(lab: Lab): Promise<void>;
  /** What the daemon that dials starts: argv. */
  hook(lab: Lab, verb: 'up' | 'down', line: number): readonly string[];
  /** Does everything again: argv. */
  readonly reload?: readonly string[];
  /** Puts everything right after a scene, if the hook and `reload` do not. */
  readonly restore?: readonly string[];
  /** To be measured one after the other, with both lines up at first and at last. */
  readonly commands?: readonly (readonly string[])[];
  /** It finds out by itself that a line is dead; how long that may take. */
  readonly noticesWithinMs?: number;
}

const SCRIPT = path.resolve(import.meta.dirname, '../../test/bench/write-up.sh');

const pppArgs = (lab: Lab, line: number) => {
  const { device, address, gateway } = lab.lines[line]!;
  return [device, '/dev/null', '0', address, gateway, `line${line + 1}`];
};
const hookFile = (file: string) => (lab: Lab, verb: 'up' | 'down', line: number) => [
  `/etc/ppp/ip-${verb}.d/${file}`,
  ...pppArgs(lab, line),
];

async function startWanhook(lab: Lab): Promise<void> {
  await install(lab);
  const keys = (n: number) => [
    `ID=${n}`,
    `PPP_IPPARAM=line${n}`,
    'PROBE=icmp://203.0.113.11,icmp://203.0.113.12,icmp://203.0.113.13',
  ];
  await configure(lab, { line1: keys(1), line2: keys(2) });
  await lab.rtr.sh('/usr/sbin/wanhook apply');
  for (const line of [0, 1]) await lab.rtr.run([...hookFile('wanhook')(lab, 'up', line)]);
}

const APPLY = ['/usr/sbin/wanhook', 'apply'];
const WANHOOK: Contender = {
  name: 'wanhook',
  start: startWanhook,
  hook: hookFile('wanhook'),
  reload: APPLY,
  commands: [APPLY],
};

const MONITORED: Contender = {
  ...WANHOOK,
  name: 'wanhook, with the monitor',
  commands: [],
  noticesWithinMs: 8_000,
  start: async (lab) => {
    await startWanhook(lab);
    const monitor = lab.rtr.spawn(['/usr/sbin/wanhook', 'monitor'], { env: {} });
    await monitor.waitLine(/watching/, 20_000);
  },
};

const WRITE_UP: Contender = {
  name: 'write-ups’ script',
  start: async (lab) => {
    await lab.rtr.sh(
      `mkdir -p /etc/ppp/ip-up.d /etc/ppp/ip-down.d; cat >/etc/ppp/ip-up.d/multiwan; chmod 755 /etc/ppp/ip-up.d/multiwan
      cp -a /etc/ppp/ip-up.d/multiwan /etc/ppp/ip-down.d/
      printf 'line1 1 1\\nline2 2 1\\n' >/etc/multiwan; echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy`,
      { stdin: readFileSync(SCRIPT, 'utf8') },
    );
    for (const line of [0, 1]) await lab.rtr.run([...hookFile('multiwan')(lab, 'up', line)]);
  },
  hook: hookFile('multiwan'),
};

export const CONTENDERS: readonly Contender[] = [WANHOOK, MONITORED, WRITE_UP, ...RIVALS];
