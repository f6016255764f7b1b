/**
 * Routers side by side for `npm run bench:forward`, between one namespace that sends and one that receives:
 *
 *   gen ── lan0 ┌──────────┐ wan1 … wanN ── net
 *   gen ── lan0 │ router 2 │ wan1 … wanN ── net, and so on
 *
 * Lines are like PPP (a peer address, no ARP), so that `wanhook apply` takes them as they are.
 */
import path from 'node:path';
import { type Holder, startHolder } from '../support/lab-node.ts';
import { hostShell } from '../support/lab.ts';

/**
 * A router with so many lines. Without wanhook it has one masquerade rule, and its default is a nexthop group of the lines, as
 * wanhook's is: what that costs with many lines is the kernel's own.
 */
export interface Setup {
  readonly name: string;
  readonly links: number;
  readonly balance?: 'flow' | 'pair' | 'client';
  /** Pairs remembered already. */
  readonly pins?: number;
}

export interface Sample {
  readonly packets: number;
  readonly cpuNs: number;
  readonly wallNs: number;
}

export interface ForwardLab {
  /** Established flows through this router, for this long. */
  blast(router: number, ms: number): Promise<Sample>;
  /** So many connections' first packets. They are all forgotten again, and the established flows too. */
  fresh(router: number, count: number): Promise<Sample>;
  destroy(): Promise<void>;
}

const BLAST = path.resolve(import.meta.dirname, '../../test/bench/blast.pl');
const WANHOOK = path.resolve(import.meta.dirname, '../../dist/hooks/wanhook.cjs');
const CLIENTS = 16;
const SERVERS = 4;
const FLOWS = 256;

const numbered = <T>(count: number, make: (n: number) => T) => Array.from({ length: count }, (_, n) => make(n + 1));
const clients = (router: number) => numbered(CLIENTS, (n) => `10.${router}.0.${n}`);
const servers = (router: number) => numbered(SERVERS, (n) => `198.18.${router}.${n}`);
const lineAddress = (router: number, n: number) => `100.${64 + router}.0.${n}`;
const batch = (lines: readonly string[]) => `ip -batch - <<'LAB'\n${lines.join('\n')}\nLAB\n`;
const MAC = 'address 02:00:5e:00:00:01';

/** The host's own values would be inherited. */
const SYSCTLS = `for file in /proc/sys/net/ipv4/conf/*/rp_filter; do echo 0 >"$file"; done
`;

function cables(router: number, links: number, pids: { rtr: number; gen: number }): string[] {
  return [
    `link add name lan0 netns ${pids.rtr} type veth peer name g${router} netns ${pids.gen}`,
    ...numbered(
      links,
      (n) => `link add name wan${n} ${MAC} netns ${pids.rtr} type veth peer name w${router}x${n} ${MAC}`,
    ),
  ];
}

function routerScript(router: number, links: number): string {
  const lines = numbered(links, (n) => [
    `link set dev wan${n} arp off addrgenmode none`,
    `addr add ${lineAddress(router, n)} peer 10.64.64.64 dev wan${n}`,
    `link set dev wan${n} up`,
  ]);
  const lan = [`addr add 10.${router}.255.254/16 dev lan0`, 'link set dev lan0 up'];
  return `${batch([...lan, ...lines.flat()])}${SYSCTLS}echo 1 >/proc/sys/net/ipv4/ip_forward\n`;
}

const genLines = (router: number) => [
  // Bursts are cut into packets here: the router is to see each of them.
  `link set dev g${router} gso_max_segs 1`,
  ...clients(router).map((address) => `addr add ${address}/16 dev g${router}`),
  `link set dev g${router} up`,
  `route add 198.18.${router}.0/24 via 10.${router}.255.254`,
];

const netLines = (router: number, links: number) => [
  ...servers(router).map((address) => `addr add ${address}/32 dev lo`),
  ...numbered(links, (n) => [
    `link set dev w${router}x${n} arp off addrgenmode none`,
    `addr add 10.64.64.64 peer ${lineAddress(router, n)} dev w${router}x${n}`,
    `link set dev w${router}x${n} up`,
  ]).flat(),
];

function plainScript(links: number): string {
  const ids = numbered(links, String);
  const hops = ids.map((id) => `nexthop add id ${id} dev wan${id}`);
  const all = [...hops, `nexthop add id 1000 group ${ids.join('/')}`, 'route add default nhid 1000'];
  const route = links === 1 ? ['route add default dev wan1'] : all;
  return `${batch(route)}echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy
nft -f - <<'LAB'
table ip plain {
  chain postrouting { type nat hook postrouting priority srcnat; oifname "wan*" masquerade; }
}
LAB
`;
}

/** Files as a user writes them, and one `wanhook apply`. */
function wanhookScript({ links, balance = 'flow' }: Setup): string {
  const write = (file: string, lines: readonly string[]) => `printf '%s\\n' ${lines.join(' ')} >/etc/wanhook/${file}\n`;
  return [
    'rm -rf /etc/wanhook; mkdir -p /etc/wanhook/links\n',
    write('wanhook.env', ['LAN=lan0', `BALANCE=${balance}`]),
    ...numbered(links, (n) => write(`links/line${n}.env`, [`ID=${n}`, `DEVICE=wan${n}`])),
    `'${process.execPath}' '${WANHOOK}' apply\n`,
  ].join('');
}

function pinScript(count: number): string {
  const pins = numbered(count, (n) => `172.${16 + (n >> 16)}.${(n >> 8) & 255}.${n & 255} . 203.0.113.1 : 0x01000000`);
  return `add element inet wanhook_memory pair { ${pins.join(', ')} }\n`;
}

function sample(stdout: string): Sample {
  const [packets, cpuNs, wallNs] = stdout.trim().split(' ').map(Number) as [number, number, number];
  return { packets, cpuNs, wallNs };
}

export async function createForwardLab(setups: readonly Setup[]): Promise<ForwardLab> {
  const holders: Holder[] = [];
  const start = async (name: string, overlay: readonly string[]) => {
    const holder = await startHolder(name, overlay);
    holders.push(holder);
    return holder;
  };
  const destroy = async () => {
    await Promise.all(holders.map((holder) => holder.end()));
  };
  try {
    const [gen, net] = [await start('gen', []), await start('net', [])];
    const routers: Holder[] = [];
    for (const { name } of setups) routers.push(await start(name, ['/etc', '/var/lib']));
    const all = setups.flatMap(({ links }, router) =>
      cables(router, links, { rtr: routers[router]!.pid, gen: gen.pid }),
    );
    await hostShell(`nsenter -t ${net.pid} -n ${batch(all)}`);
    await gen.finish(batch(setups.flatMap((_, router) => genLines(router))));
    await net.finish(batch(setups.flatMap(({ links }, router) => netLines(router, links))) + SYSCTLS);
    const run = (mode: string, router: number, ...more: readonly string[]) => {
      const ends = ['--clients', clients(router).join(), '--servers', servers(router).join()];
      return gen.run(['perl', BLAST, mode, ...ends, '--flows', String(FLOWS), ...more]);
    };
    const echo = net.spawn(['perl', BLAST, 'echo', '--servers', setups.flatMap((_, n) => servers(n)).join()]);
    await echo.waitLine(/ready/);
    for (const [router, setup] of setups.entries()) {
      const rtr = routers[router]!;
      await rtr.finish(routerScript(router, setup.links));
      await rtr.sh(setup.balance === undefined ? plainScript(setup.links) : wanhookScript(setup));
      if (setup.pins !== undefined) await rtr.run(['nft', '-f', '-'], { stdin: pinScript(setup.pins) });
      await run('warm', router);
    }
    // From here on the receiver throws everything away as early as it can.
    await echo.kill();
    await net.sh('ip addr flush dev lo to 198.18.0.0/15');
    let fresh = 0;
    return {
      destroy,
      blast: async (router, ms) => sample((await run('blast', router, '--ms', String(ms))).stdout),
      fresh: async (router, count) => {
        const { stdout } = await run('new', router, '--count', String(count), '--from', String(fresh));
        fresh += count;
        await routers[router]!.sh('conntrack -F 2>/dev/null');
        return sample(stdout);
      },
    };
  } catch (cause) {
    await destroy();
    throw new Error('cannot set up the routers', { cause });
  }
}
