/**
 * IPv6 in the lab's router. Every ISP is fe80::1 on its line, as in real life, and gives its customer one prefix on the line
 * and one for his LAN:
 *
 *   line N: 2001:db8:aN::/64, the router's address there by advertisement (Ethernet) or as pppd leaves it (ppp)
 *   delegated: 2001:db8:aN:100::/56, of which the LAN has 2001:db8:aN:100::/64; and its own fd00:1::/64
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { LabNode } from './lab-node.ts';
import type { Router } from './router.ts';

export interface Ipv6 {
  /** Of the servers: 2001:db8:ff::10 to ::12. */
  readonly servers: readonly string[];
  /** So many other addresses of theirs. */
  many(count: number): string[];
  /** The LAN host's addresses: local, and one out of each line's delegated prefix. */
  readonly local: string;
  hostOf(index: number): string;
  delegated(index: number): string;
  /** The ISP's router says that it is one, to whoever hears it; Ethernet. */
  announce(index: number): Promise<void>;
  /** The address that the kernel gives the router's end. */
  linkLocal(index: number): Promise<string>;
  /** The router's address on the line, once it has one and its router's advertisement; Ethernet. */
  advertised(index: number): Promise<string>;
  /** The ISP's router says that it is one no more. */
  withdraw(index: number): Promise<void>;
  /** As pppd leaves the device, with its hook. */
  pppUp(index: number): Promise<string>;
  /** The DHCPv6 client's hook: this prefix is ours. */
  delegate(index: number): Promise<void>;
  /** "source > destination" of packets that came to the ISP and are not its customer's. Must stay empty. */
  strays(): Promise<string[]>;
}

const onLine = (index: number) => `2001:db8:a${index + 1}`;
const delegated = (index: number) => `${onLine(index)}:100::/56`;
const hostOf = (index: number) => `${onLine(index)}:100::2`;

/** No waiting for duplicates: the lab has none. */
const QUICK = `cd /proc/sys/net/ipv6/conf; for file in */dad_transmits */router_solicitation_delay; do echo 0 >$file; done; cd /\n`;

/** `managed`: advertisements tell to ask a DHCPv6 server for addresses, and to make none. */
export async function addIpv6(router: Router, managed = false): Promise<Ipv6> {
  const { lines, isps, rtr, lan, net } = router;
  const servers = [10, 11, 12].map((n) => `2001:db8:ff::${n}`);
  await net.sh(
    `${QUICK}echo 1 >/proc/sys/net/ipv6/conf/all/forwarding\n` +
      servers.map((address) => `ip -6 addr add ${address}/128 dev lo nodad\n`).join('') +
      'ip -6 route add local 2001:db8:ff:1::/64 dev lo\n' +
      lines.map(({ index }) => netScript(index)).join(''),
  );
  await Promise.all(isps.map((isp, index) => isp.sh(QUICK + ispScript(index, lines[index]!.kind))));
  await rtr.sh(
    `${QUICK}ip -6 addr add fe80::1/64 dev lan0 nodad; ip -6 addr add fd00:1::1/64 dev lan0 nodad\n` +
      lines.map(({ index }) => `ip -6 addr add ${onLine(index)}:100::1/64 dev lan0 nodad\n`).join(''),
  );
  await lan.sh(
    `${QUICK}ip -6 addr add fd00:1::2/64 dev eth0 nodad; ip -6 route replace default via fe80::1 dev eth0 metric 2048\n` +
      lines.map(({ index }) => `ip -6 addr add ${hostOf(index)}/64 dev eth0 nodad\n`).join(''),
  );
  // Until then nobody there answers who asks for neighbours.
  const settled = 'while [ -n "$(ip -6 addr show tentative)" ]; do sleep 0.05; done';
  await Promise.all([lan, net, ...isps].map((node) => node.sh(settled)));
  const hook = (name: string, index: number) => {
    const { device } = lines[index]!;
    return router.hook(name, [device, '/dev/pts/7', '115200', 'fe80::2', 'fe80::1', `line${index + 1}`], {});
  };
  const announce = async (index: number) => {
    // Its end may have been down: then it has lost its addresses.
    await isps[index]!.sh(lineScript(index));
    await advertise(isps[index]!, index, 1800, managed && index === 0);
  };
  const linkLocal = async (index: number) => {
    const addresses = await rtr.sh(`ip -6 -o addr show dev ${lines[index]!.device} scope link`);
    return /inet6 (fe80[0-9a-f:]+)/.exec(addresses)?.[1] ?? '';
  };
  return {
    servers,
    many: (count) => Array.from({ length: count }, (_, n) => `2001:db8:ff:1::${(n + 1).toString(16)}`),
    local: 'fd00:1::2',
    hostOf,
    delegated,
    announce,
    linkLocal,
    advertised: async (index) => {
      const { device } = lines[index]!;
      await announce(index);
      // A device that comes up asks for routers at once.
      await rtr.sh(`ip link set ${device} addrgenmode none; ip link set ${device} addrgenmode eui64`);
      const address = await until(async () => {
        const text = await rtr.sh(
          `ip -6 -o addr show dev ${device} scope global -tentative; ip -6 route show default dev ${device}`,
        );
        return text.includes('proto ra') ? /inet6 ([0-9a-f:]+)\/64/.exec(text)?.[1] : undefined;
      });
      await isps[index]!.sh(`ip -6 route replace ${delegated(index)} via ${await linkLocal(index)} dev line`);
      return address;
    },
    pppUp: async (index) => {
      const { device } = lines[index]!;
      // The far end is made with the device.
      await isps[index]!.sh(lineScript(index));
      await rtr.sh(
        `ip -6 addr add fe80::2 peer fe80::1 dev ${device} nodad; ip -6 addr add ${onLine(index)}::2/64 dev ${device} nodad`,
      );
      await hook('ipv6-up', index);
      return `${onLine(index)}::2`;
    },
    withdraw: (index) => advertise(isps[index]!, index, 0, managed && index === 0),
    delegate: (index) => router.dhclient('BOUND6', index, { new_ip6_prefix: delegated(index) }),
    strays: async () => {
      const seen = await Promise.all(isps.map((isp) => isp.sh('nft list set ip6 lab6 seen')));
      return seen.flatMap((text) =>
        [...text.matchAll(/([0-9a-f:]+:[0-9a-f:]*) \. ([0-9a-f:]+)/g)].map((found) => `${found[1]!} > ${found[2]!}`),
      );
    },
  };
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await look();
    if (found !== undefined) return found;
    await sleep(50);
  }
  throw new Error('no router advertisement came');
}

/** What spoke before for this line is ended. */
async function advertise(isp: LabNode, index: number, lifetime: number, managed: boolean): Promise<void> {
  await isp.sh('[ ! -e /run/ra ] || kill "$(cat /run/ra)"; sleep 0.1');
  const range = `--dhcp-range=${onLine(index)}::,ra-only,64,600`;
  const options = ['--conf-file=/dev/null', '--port=0', '--user=root', '--pid-file=/run/ra', '--interface=line'];
  if (managed) isp.spawn(['sh', '-c', MANAGED, 'ra', String(lifetime)]);
  else isp.spawn(['dnsmasq', '-k', ...options, '--enable-ra', `--ra-param=line,4,${lifetime}`, range]);
  await sleep(100);
}

/** Of no prefix. dnsmasq would say so only where it is the DHCPv6 server, too. */
const MANAGED = `echo $$ >/run/ra; index=$(ip -o link show line | cut -d: -f1)
exec perl -MSocket=:all -e '
socket(my $raw, AF_INET6, SOCK_RAW, 58) or die $!;
setsockopt($raw, 41, 18, pack("i", 255)) or die $!; # hop limit
my $all = pack_sockaddr_in6(0, inet_pton(AF_INET6, "ff02::1"), $ARGV[1]);
while (1) { send($raw, pack("CCnCCnNN", 134, 0, 0, 64, 0x80, $ARGV[0], 0, 0), 0, $all); sleep 1 }' "$1" "$index"`;

function netScript(index: number): string {
  const transit = `2001:db8:99:${index}`;
  return `ip -6 addr add ${transit}::2/64 dev isp${index + 1} nodad
ip -6 route replace ${onLine(index)}::/48 via ${transit}::1\n`;
}

function ispScript(index: number, kind: 'ppp' | 'dhcp'): string {
  const transit = `2001:db8:99:${index}`;
  return `echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
ip -6 addr add ${transit}::1/64 dev up0 nodad
ip -6 route replace default via ${transit}::2
${kind === 'dhcp' ? lineScript(index) : ''}nft -f - <<'LAB'
table ip6 lab6 {
  set seen { type ipv6_addr . ipv6_addr; size 1024; flags dynamic; }
  chain prerouting {
    type filter hook prerouting priority raw
    iifname != "line" return
    ip6 saddr { ::, fe80::/10, ${onLine(index)}::/64, ${delegated(index)} } return
    add @seen { ip6 saddr . ip6 daddr } drop
  }
}
LAB
`;
}

/** The ISP's end of the line. */
function lineScript(index: number): string {
  return `ip link set line addrgenmode none; ip -6 addr flush dev line
ip -6 addr add fe80::1/64 dev line nodad; ip -6 addr add ${onLine(index)}::1/64 dev line nodad
ip -6 route replace ${delegated(index)} dev line via fe80::2
`;
}
