/**
 * What the lab looks like: names, addresses and the set-up scripts. Pure text, no effects.
 *
 *   lan ──lan0── rtr ══ ppp0, eth1, … ══ isp1…ispN ──── net (203.0.113.10–20)
 *
 * Only documentation (RFC 5737), benchmark (RFC 2544) and private ranges; the host's own network is never touched.
 */

export type LinkKind = 'ppp' | 'dhcp';

export interface LineOptions {
  readonly kind: LinkKind;
  /** Name in the router. Default ppp0, ppp1, … and eth1, eth2, … counted within the kind. */
  readonly device?: string;
  /** The customer's address. Default 192.0.2.11, .12, … for ppp; host .2 of the line's own /24 for dhcp. */
  readonly address?: string;
  /** ppp: the peer's address (default the same for all: 192.0.2.254). dhcp: default host .1 of the address's /24. */
  readonly gateway?: string;
  /** Default 1492 for ppp (PPPoE), 1500 for dhcp. */
  readonly mtu?: number;
}

/** A line as it stands now: `setAddress` and the line control change it. */
export interface Line {
  readonly index: number;
  readonly kind: LinkKind;
  readonly device: string;
  readonly mtu: number;
  address: string;
  gateway: string;
  /** The router's end has its address. */
  up: boolean;
}

export const SERVER = '203.0.113.10';
export const SERVERS = Array.from({ length: 11 }, (_, i) => `203.0.113.${10 + i}`);
const LAN_GATEWAY = '10.10.0.1';
const SAME_PEER = '192.0.2.254';

/** PPP interfaces have no addresses of layer 2; ours carry the same one at both ends (see `pairLine`). */
const mac = (index: number, end: number) => `02:00:5e:00:${end.toString().padStart(2, '0')}:0${index}`;
const subnetOf = (address: string) => address.replace(/\.\d+$/, '.0/24');
const transit = (index: number, host: number) => `10.99.${index}.${host}`;

export const clientAddress = (n: number) => `10.10.0.${2 + n}`;

/** Fills in the defaults. */
export function describeLines(links: readonly (LinkKind | LineOptions)[]): Line[] {
  if (links.length < 1 || links.length > 8) throw new Error(`a lab has 1 to 8 links, not ${links.length}`);
  const count = { ppp: 0, dhcp: 0 };
  return links.map((link, index) => {
    const given: LineOptions = typeof link === 'string' ? { kind: link } : link;
    const n = count[given.kind]++;
    const ppp = given.kind === 'ppp';
    const subnet = n === 0 ? '198.51.100' : `198.18.${n}`;
    const address = given.address ?? (ppp ? `192.0.2.${11 + n}` : `${subnet}.2`);
    return {
      index,
      kind: given.kind,
      device: given.device ?? (ppp ? `ppp${n}` : `eth${n + 1}`),
      mtu: given.mtu ?? (ppp ? 1492 : 1500),
      address,
      gateway: given.gateway ?? (ppp ? SAME_PEER : gatewayOf(address)),
      up: false,
    };
  });
}

export const gatewayOf = (address: string) => address.replace(/\.\d+$/, '.1');

/**
 * What an ISP takes as its customer's: the one address of a PPP session, the whole subnet of an Ethernet line,
 * so that a DHCP server may hand out any; but one address where two lines share a subnet.
 */
export function customerPrefix(line: Line, all: readonly Line[]): string {
  if (line.kind === 'ppp') return `${line.address}/32`;
  const subnet = subnetOf(line.address);
  const shared = all.some((other) => other !== line && other.kind === 'dhcp' && subnetOf(other.address) === subnet);
  return shared ? `${line.address}/32` : subnet;
}

/** `ip -batch` lines for the cables that are always there. */
export function pairFixed(pids: { rtr: number; lan: number; net: number; isps: readonly number[] }): string[] {
  return [
    `link add name lan0 netns ${pids.rtr} type veth peer name eth0 netns ${pids.lan}`,
    ...pids.isps.map((isp, i) => `link add name up0 netns ${isp} type veth peer name isp${i + 1} netns ${pids.net}`),
  ];
}

/** `ip -batch` line for a line's cable. */
export function pairLine(line: Line, rtr: number, isp: number): string {
  const far = mac(line.index, line.kind === 'ppp' ? 0 : 1);
  const end = (name: string, lladdr: string, pid: number) =>
    `name ${name} mtu ${line.mtu} address ${lladdr} netns ${pid}`;
  return `link add ${end(line.device, mac(line.index, 0), rtr)} type veth peer ${end('line', far, isp)}`;
}

/**
 * Without ARP the kernel sends to the device's own layer 2 address, and both ends have the same one: whatever
 * is routed to the device arrives at the far side, as on PPP. No automatic link-local addresses: they would collide.
 */
function likePpp(line: Line, device: string): string[] {
  return line.kind === 'ppp' ? [`link set dev ${device} arp off txqueuelen 3 addrgenmode none`] : [];
}

/** `ip -batch` lines for the ISP's end of a line that has just been made. */
export function ispEnd(line: Line): string[] {
  return [...likePpp(line, 'line'), ispAddress(line, 'add'), 'link set dev line up'];
}

export function ispAddress(line: Line, verb: 'add' | 'del'): string {
  const what = line.kind === 'ppp' ? `${line.gateway}/32 peer ${line.address}/32` : `${line.gateway}/24`;
  return `addr ${verb} ${what} dev line`;
}

/** `ip -batch` lines for the router's device, new and without an address: up only where it is Ethernet. */
export function routerEnd(line: Line): string[] {
  return line.kind === 'ppp' ? likePpp(line, line.device) : [`link set dev ${line.device} up`];
}

export function routerAddress(line: Line, verb: 'replace' | 'del'): string {
  const what = line.kind === 'ppp' ? `${line.address} peer ${line.gateway}` : `${line.address}/24 brd +`;
  return `addr ${verb} ${what} dev ${line.device}`;
}

export function netRoute(line: Line, prefix: string, verb: 'replace' | 'del'): string {
  return `route ${verb} ${prefix} via ${transit(line.index, 1)} dev isp${line.index + 1}`;
}

const batch = (lines: readonly string[]) => `ip -batch - <<'LAB'\n${lines.join('\n')}\nLAB\n`;

/** Off, so that only what the product sets is on; the host's values would be inherited otherwise. */
const ROUTER_SYSCTLS = `cd /proc/sys/net/ipv4
echo 0 >conf/all/rp_filter; echo 0 >conf/default/rp_filter
for file in conf/*/rp_filter; do echo 0 >"$file"; done
echo 1 >ip_forward
cd /
`;

export function routerScript(lines: readonly Line[]): string {
  const present = lines.filter((line) => line.kind === 'dhcp').flatMap(routerEnd);
  return batch([`addr add ${LAN_GATEWAY}/24 brd + dev lan0`, 'link set dev lan0 up', ...present]) + ROUTER_SYSCTLS;
}

export function lanScript(clients: number): string {
  const addresses = Array.from({ length: clients }, (_, n) => `addr add ${clientAddress(n)}/24 brd + dev eth0`);
  return batch([...addresses, 'link set dev eth0 up', `route add default via ${LAN_GATEWAY}`]);
}

export function netScript(lines: readonly Line[]): string {
  return (
    batch([
      ...SERVERS.map((address) => `addr add ${address}/32 dev lo`),
      ...lines.flatMap((line) => [
        `addr add ${transit(line.index, 2)}/30 dev isp${line.index + 1}`,
        `link set dev isp${line.index + 1} up`,
        netRoute(line, customerPrefix(line, lines), 'replace'),
      ]),
    ]) + ROUTER_SYSCTLS
  );
}

/**
 * The ISP's own filter. `wrong` counts and drops what the customer may not send; `seen` remembers from where to
 * where, for the message of a failed test. The chains `dead` and `upstream` are empty until a test fills them.
 */
function ispFilter(line: Line, lines: readonly Line[]): string {
  return `nft -f - <<'LAB'
table ip lab {
  set customers { type ipv4_addr; flags interval; elements = { ${customerPrefix(line, lines)} } }
  set seen { type ipv4_addr . ipv4_addr; size 1024; flags dynamic; }
  counter wrong {}
  chain dead {}
  chain upstream {}
  chain validate {
    ip saddr 0.0.0.0 return
    ip saddr != @customers add @seen { ip saddr . ip daddr } counter name wrong drop
  }
  chain prerouting {
    type filter hook prerouting priority raw
    iifname "line" jump validate
    jump dead
  }
  chain forward { type filter hook forward priority filter; jump upstream; }
}
LAB
`;
}

export function ispScript(line: Line, lines: readonly Line[]): string {
  const cable = line.kind === 'dhcp' ? ispEnd(line) : [];
  return (
    batch([
      `addr add ${transit(line.index, 1)}/30 dev up0`,
      'link set dev up0 up',
      `route add default via ${transit(line.index, 2)}`,
      ...cable,
    ]) +
    ROUTER_SYSCTLS +
    ispFilter(line, lines)
  );
}
