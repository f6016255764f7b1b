/**
 * Routers for the events of `npm run bench`: only lines, like PPP, up to 60 of them, and nobody behind. Line 1 is the one
 * that things happen to; all are up, and have been told of.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { install, overlayDirs } from '../demo/router.ts';
import { type LabNode, startHolder } from '../support/lab-node.ts';
import type { ProcessHandle } from '../support/lab-process.ts';

export const WHO = ['wanhook', 'with the monitor', 'write-ups’ script'] as const;
export type Who = (typeof WHO)[number];
export const EVENTS = ['down', 'up', 'no-op', 'no-op again', 'not ours'] as const;
export type Event = (typeof EVENTS)[number];

export interface EventRouter {
  readonly who: Who;
  readonly rtr: LabNode;
  /** So many lines are up from now on; never fewer than before. */
  grow(links: number): Promise<void>;
  /** What the daemon has done when it starts its hook, and the hook. */
  event(event: Event): { readonly before: string; readonly argv: readonly string[] };
  destroy(): Promise<void>;
}

const SCRIPT = path.resolve(import.meta.dirname, '../../test/bench/write-up.sh');
const PEER = '10.64.64.64';
const address = (n: number) => `100.64.0.${n}`;
const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => from + n + 1);

/** The far ends are in a namespace of their own: a process of the router holds it, so that it has a number here. */
const FAR = 'unshare -n sleep 3600 & echo $! >/run/far; sleep 0.2; nsenter -t $(cat /run/far) -n ip link set lo up\n';

/**
 * The kernel tells of a veth's carrier up to a second later (net/core/link_watch.c) and adds its IPv6 multicast route then:
 * in a loaded machine that was taken for a change by the hook that was being measured. A real ppp device has its carrier at once.
 */
const SETTLED = `for _ in $(seq 300); do
  devices=$(ip -o link show type veth up | wc -l)
  [ "$(ip -6 route show table local type multicast | grep -c 'dev ppp')" -ge "$devices" ] && break
  sleep 0.01
done
`;

function makeLines(lines: readonly number[]): string {
  const far = lines.map((n) => `link set dev far${n} up`).join('\n');
  const make = (n: number) => `link add ppp${n} type veth peer name far${n} netns $far
link set dev ppp${n} arp off addrgenmode none
addr add ${address(n)} peer ${PEER} dev ppp${n}`;
  return `far=$(cat /run/far)
ip -batch - <<LAB
${lines.map(make).join('\n')}
LAB
nsenter -t $far -n ip -batch - <<LAB
${far}
LAB
ip -batch - <<LAB
${lines.map((n) => `link set dev ppp${n} up`).join('\n')}
LAB
`;
}

const hookArgv = (verb: 'up' | 'down', file: string, n: number, name = `line${n}`) => [
  `/etc/ppp/ip-${verb}.d/${file}`,
  ...[`ppp${n}`, '/dev/null', '0', address(n), PEER, name],
];

/** Two hooks that are one file. */
async function installScript(rtr: LabNode): Promise<void> {
  await rtr.sh(
    'mkdir -p /etc/ppp/ip-up.d /etc/ppp/ip-down.d; cat >/etc/ppp/ip-up.d/multiwan; chmod 755 /etc/ppp/ip-up.d/multiwan; cp -a /etc/ppp/ip-up.d/multiwan /etc/ppp/ip-down.d/',
    { stdin: readFileSync(SCRIPT, 'utf8') },
  );
}

async function growScript(rtr: LabNode, from: number, to: number): Promise<void> {
  const hooks = numbers(from, to).map((n) => hookArgv('up', 'multiwan', n).join(' '));
  const lines = numbers(0, to).map((n) => `line${n} ${n} ${1 + (n % 3)}`);
  await rtr.sh(`cat >/etc/multiwan <<'LAB'\n${lines.join('\n')}\nLAB\n${hooks.join('\n')}\n`);
}

/** Only line 1 is known by its ipparam; the others are there when `wanhook apply` looks. */
async function growWanhook(rtr: LabNode, from: number, to: number): Promise<void> {
  const keys = (n: number) => [
    `ID=${n}`,
    n === 1 ? 'PPP_IPPARAM=line1' : `DEVICE=ppp${n}`,
    `WEIGHT=${1 + (n % 3)}`,
    'PROBE=none',
  ];
  const files = numbers(from, to).map((n) => `printf '%s\\n' ${keys(n).join(' ')} >/etc/wanhook/links/line${n}.env`);
  await rtr.sh(`${files.join('\n')}\n/usr/sbin/wanhook apply\n${hookArgv('up', 'wanhook', 1).join(' ')}`);
}

export async function createEventRouter(who: Who): Promise<EventRouter> {
  const holder = await startHolder('rtr', overlayDirs());
  const rtr: LabNode = holder;
  const file = who === 'write-ups’ script' ? 'multiwan' : 'wanhook';
  let links = 0;
  let monitor: ProcessHandle | undefined;
  try {
    await holder.finish(FAR);
    await (file === 'wanhook' ? install({ rtr }) : installScript(rtr));
  } catch (cause) {
    await holder.end();
    throw new Error(`cannot set up the router for ${who}`, { cause });
  }
  return {
    who,
    rtr,
    grow: async (to) => {
      await monitor?.kill('SIGTERM');
      await rtr.sh(makeLines(numbers(links, to)));
      await (file === 'wanhook' ? growWanhook : growScript)(rtr, links, to);
      links = to;
      if (who !== 'with the monitor') return;
      monitor = rtr.spawn(['/usr/sbin/wanhook', 'monitor'], { env: {} });
      await monitor.waitLine(/watching/, 20_000);
    },
    event: (event) => {
      if (event === 'not ours') return { before: '', argv: hookArgv('up', file, 99, 'another') };
      const argv = hookArgv(event === 'down' ? 'down' : 'up', file, 1);
      const happened = { down: 'ip link del ppp1', up: makeLines([1]), 'no-op': SETTLED, 'no-op again': '' };
      return { before: happened[event], argv };
    },
    destroy: () => holder.end(),
  };
}
