/**
 * DHCPv6 at the ISP of a client's line 1: ISC's server, which leases an address and delegates a prefix, and the router's
 * advertisements, which say only where the router is. Number N stands for
 *
 *   address 2001:db8:a1::10N, prefix 2001:db8:a1:N00::/56; of it the LAN has 2001:db8:a1:N00::/64
 */
import { expect } from 'vitest';
import type { ClientLab } from './client-lab.ts';
import type { ProcessHandle } from './lab-process.ts';
import { addIpv6, type Ipv6 } from './router6.ts';

export interface Dhcp6 extends Ipv6 {
  /** From now on it gives these, and knows of nobody who has others. */
  give(n: number): Promise<void>;
  /** It answers no more. */
  silent(): Promise<void>;
  /** Line 1's IPv6 in short words: `up 2001:db8:a1::101 via fe80::1`, `down: …`. And nothing is left to be done. */
  line6(): Promise<string>;
  /** The router's addresses on line 1 that leave by it, of the family. */
  sources(family: 4 | 6): Promise<string[]>;
  /** Delegated prefixes that have a rule of ours, and an end here. */
  prefixes(): Promise<string[]>;
  /** New connections of a LAN host with an address out of prefix N: the sources that servers saw. */
  hostsOf(n: number): Promise<string[]>;
  /** By how many lines new connections of the LAN's own addresses leave. */
  lanes6(): Promise<number>;
}

const COUNT = 24;
const ADDRESS = '2001:db8:a1::';
const prefixOf = (n: number) => `2001:db8:a1:${n}00::`;

/** Asked again after 2 s: what is told at a renewal is told soon. Always the same server, whatever it has forgotten. */
const config = (n: number, lease: number) => `server-duid EN 2495 "isp"; dhcp-cache-threshold 0;
default-lease-time ${lease}; preferred-lifetime ${lease - 1};
option dhcp-renewal-time 2; option dhcp-rebinding-time ${lease - 2};
subnet6 2001:db8:a1::/64 { range6 ${ADDRESS}10${n} ${ADDRESS}10${n}; prefix6 ${prefixOf(n)} ${prefixOf(n)} /56; }`;

const FILES = ['-cf', '/run/dhcpd6.conf', '-lf', '/run/dhcpd6.leases', '-pf', '/run/dhcpd6.pid'];

interface Status {
  readonly links: readonly { ipv6: { state: string; address?: string; gateway?: string; reason?: string } | null }[];
}

/** Line 2 has its IPv6 by advertisements, and no client. `managed`: line 1's tell to ask for addresses; `lease`: seconds. */
export async function addDhcp6(lab: ClientLab, { managed = false, lease = 8 } = {}): Promise<Dhcp6> {
  const six = await addIpv6(lab, managed);
  const [isp, rtr] = [lab.isps[0]!, lab.rtr];
  // The addresses are the client's business; the kernel would be quicker.
  await rtr.sh('sysctl -qw net.ipv6.conf.eth1.autoconf=0; ip link set eth1 up');
  await six.announce(0);
  await six.advertised(1);
  let server: ProcessHandle | undefined;
  let given = 0;
  const give = async (n: number) => {
    await server?.kill();
    await isp.sh(`cat >/run/dhcpd6.conf; [ ${n} = ${given} ] || : >/run/dhcpd6.leases`, { stdin: config(n, lease) });
    given = n;
    server = isp.spawn(['dhcpd', '-6', '-f', ...FILES, 'line']);
    const linkLocal = await six.linkLocal(0);
    await isp.sh(`ip -6 route replace ${prefixOf(n)}/56 via ${linkLocal} dev line
      nft insert rule ip6 lab6 prerouting ip6 saddr ${prefixOf(n)}/56 return`);
    await rtr.sh(`ip -6 addr replace ${prefixOf(n)}1/64 dev lan0 nodad`);
    await lab.lan.sh(`ip -6 addr replace ${prefixOf(n)}2/64 dev eth0 nodad`);
  };
  await give(1);
  const sources = async (localAddress: string) => {
    const got = await lab.share({ from: 'lan', count: COUNT, to: six.servers, localAddresses: [localAddress] });
    expect(got).toMatchObject({ ok: COUNT, errors: {} });
    return Object.keys(got.sources);
  };
  return {
    ...six,
    give,
    silent: async () => {
      await server?.kill();
    },
    line6: async () => {
      const { links } = JSON.parse(await lab.must('status', '--json')) as Status;
      const left = await lab.plan();
      if (left.length > 0) throw new Error(`wanhook has left something to do: ${left.join('; ')}`);
      const { state, address, gateway, reason } = links[0]!.ipv6 ?? { state: 'none', reason: 'never had any' };
      return state === 'up' ? `up ${address ?? ''} via ${gateway ?? 'device'}` : `${state}: ${reason ?? ''}`;
    },
    sources: async (family) => {
      const rules = await rtr.sh(`ip -${family} rule show pref 20300`);
      return [...rules.matchAll(/from (198\.51\.\S+|2001:db8:a1::\S+) lookup/g)].map((found) => found[1]!).toSorted();
    },
    prefixes: async () => {
      const rules = await rtr.sh('ip -6 rule show');
      const ends = await rtr.sh('ip -6 route show table main type unreachable');
      return [...rules.matchAll(/from (2001:db8:a1:\S+\/56) lookup/g)].flatMap(([, prefix]) =>
        ends.includes(`${prefix!} `) ? [prefix!] : [],
      );
    },
    hostsOf: (n) => sources(`${prefixOf(n)}2`),
    lanes6: async () => new Set((await sources(six.local)).map((source) => source.slice(0, 11))).size,
  };
}
