import type { Config, LinkStatus } from '../model.ts';
import { blockTable } from './firewall-block.ts';
import { helperLines } from './firewall-helpers.ts';
import { ipv6Text, type Ipv6Text } from './firewall6.ts';
import { hex, linkMark } from './numbers.ts';
import { policies, type PolicyText } from './policy.ts';
import { isInUse6 } from './routing6.ts';

interface Wan {
  readonly id: number;
  /** Absent: a fail-closed link whose unit has gone to another line. Its flows must be refused all the same. */
  readonly device: string | undefined;
  readonly mark: string;
  readonly masquerade: boolean;
  /** ON_DOWN=block. */
  readonly block: boolean;
  /** Bytes; absent: no clamp. */
  readonly mss: number | undefined;
}

/** IPv4 header and TCP header without options (RFC 9293 §3.7.1). */
const HEADERS = 40;
const ETHERNET_MTU = 1500;
/** pppd's smallest (MINMRU). Below it nothing is clamped: nft would refuse the whole table for a size below zero. */
const LEAST_MTU = 128;

/**
 * The whole table `inet wanhook` as nft(8) text. It depends on which devices the links use, not on which links are up,
 * so that a line that drops and returns needs no nft transaction at all. A packet's cost does not grow with the number
 * of links: maps from device or mark to a chain of constants (nft 1.0.6 cannot OR two registers).
 */
export function firewall(
  config: Config,
  statuses: readonly LinkStatus[],
  known: readonly string[] = [],
  statuses6: readonly LinkStatus[] = [],
): string {
  const wans = statusOfEach(statuses, statuses6).flatMap((status) => wanOf(config, status));
  const all = hex(config.markMask);
  const keep = hex(~config.markMask);
  const blocks = wans.filter(({ block }) => block);
  const sizes = [...new Set(wans.flatMap(({ mss }) => mss ?? []))].toSorted((a, b) => a - b);
  const rules = policies(config, statuses, isInUse6(statuses6) ? statuses6 : undefined);
  const six = ipv6Text(statuses6, new Map(wans.flatMap(({ device, mss }) => (device && mss ? [[device, mss]] : []))));
  return [
    'table inet wanhook {',
    ...declarations(wans),
    ...six.declarations,
    ...(blocks.length > 0 || rules.refuses ? REFUSED : []),
    ...rules.declarations,
    ...wans.map((wan) => chainsOf(wan, keep)),
    ...sizes.map((size) => ` chain mss_${size} { tcp option maxseg size set ${size}; }`),
    ...six.chains,
    ...rules.chains,
    ...memory(all, rules, six),
    ...nat(six),
    ...forwarding(all, rules, six),
    ...helperLines(config.helpers.filter((helper) => known.includes(helper))),
    '}',
    ...blockTable(
      blocks,
      wans.flatMap(({ device }) => device ?? []),
      { all, keep, isDual: isInUse6(statuses6) },
    ),
    '',
  ].join('\n');
}

/** `keep`: the bits that are not ours. */
function chainsOf({ id, device, mark, block }: Wan, keep: string): string {
  const back = device === undefined ? '' : `oifname ${text(device)} return; `;
  return ` chain record_${id} { ct mark set ct mark & ${keep} | ${mark}; }
 chain use_${id} { meta mark set meta mark & ${keep} | ${mark}; }
 chain check_${id} { ${back}goto ${block ? 'refused' : 'guard'}; }`;
}

/** A link has one device: IPv4's, unless only IPv6 knows it. */
function statusOfEach(in4: readonly LinkStatus[], in6: readonly LinkStatus[]): LinkStatus[] {
  if (!isInUse6(in6)) return [...in4];
  const with6 = in4.map((four) => {
    const six = in6.find(({ link }) => link.name === four.link.name);
    return four.device === undefined && six?.device !== undefined ? six : four;
  });
  const only6 = in6.filter(({ link }) => !in4.some((four) => four.link.name === link.name));
  return [...with6, ...only6].toSorted((a, b) => a.link.id - b.link.id);
}

function wanOf(config: Config, { link, device, mtu }: LinkStatus): Wan[] {
  if (device === undefined && link.onDown !== 'block') return [];
  const fromMtu = mtu !== undefined && mtu >= LEAST_MTU && mtu < ETHERNET_MTU ? mtu - HEADERS : undefined;
  const mss = link.mss === 'auto' ? fromMtu : link.mss === 'off' ? undefined : link.mss;
  const mark = hex(linkMark(config, link).value);
  return [{ id: link.id, device, mark, masquerade: link.masquerade, block: link.onDown === 'block', mss }];
}

function declarations(wans: readonly Wan[]): string[] {
  const elements = (entries: string[]) => (entries.length === 0 ? '' : ` elements = { ${entries.join(', ')} };`);
  const each = (entry: (wan: Wan) => string) => elements(wans.map(entry));
  const byDevice = (entry: (device: string, wan: Wan) => string, which: (wan: Wan) => boolean = () => true) =>
    elements(wans.filter(which).flatMap((wan) => (wan.device === undefined ? [] : entry(text(wan.device), wan))));
  return [
    ` set wan { type ifname;${byDevice((device) => device)} }`,
    ` set masqueraded { type ifname;${byDevice(
      (device) => device,
      ({ masquerade }) => masquerade,
    )} }`,
    ` map record { type ifname : verdict;${byDevice((device, { id }) => `${device} : goto record_${id}`)} }`,
    ` map restore { type mark : verdict;${each(({ mark, id }) => `${mark} : goto use_${id}`)} }`,
    ` map check { type mark : verdict;${each(({ mark, id }) => `${mark} : goto check_${id}`)} }`,
    ` map clamp { type ifname : verdict;${byDevice(
      (device, { mss }) => `${device} : jump mss_${mss ?? 0}`,
      ({ mss }) => mss !== undefined,
    )} }`,
  ];
}

/**
 * Flow memory: the balance route picks, `postrouting` records the link actually taken; inbound connections record the
 * link they came by; later packets get the recorded mark, and the mark rule sends them to that link's table. Packets
 * that come in from a WAN are never marked: their answers' reverse path must stay in `main`.
 */
function memory(all: string, rules: PolicyText, { entry }: Ipv6Text): string[] {
  return [
    ' chain prerouting {',
    '  type filter hook prerouting priority mangle; policy accept;',
    ...entry,
    '  iifname @wan goto inbound',
    ...rules.beforeRestore.lan,
    `  ct mark & ${all} vmap @restore`,
    ...rules.afterRestore.lan,
    ' }',
    ' chain inbound {',
    `  ct mark & ${all} == 0 iifname vmap @record`,
    ' }',
    ' chain output {',
    '  type route hook output priority mangle; policy accept;',
    ...entry,
    `  meta mark & ${all} != 0 accept`,
    ...rules.beforeRestore.own,
    `  ct mark & ${all} vmap @restore`,
    ...rules.afterRestore.own,
    ' }',
    ' chain postrouting {',
    '  type filter hook postrouting priority mangle; policy accept;',
    ...entry,
    ...rules.postrouting,
    `  ct mark & ${all} == 0 oifname vmap @record`,
    ' }',
  ];
}

/**
 * Masquerade, never snat: when a flow's line changes, its conntrack entry dies and TCP gets a reset within a second.
 * Between a DHCP client's taking the address away and its hook, masquerade would pick another device's address, the
 * packet would leave with that, and its flow would keep it for ever. And packets of no connection (a late FIN or RST of the
 * router itself) are not translated at all, and nor are the router's answers to who came in by a line that has its address
 * back but not yet its hook. Whatever would leave with an address that is not this line's is dropped.
 */
function nat({ srcnat, translated }: Ipv6Text): string[] {
  return [
    ' chain srcnat {',
    '  type nat hook postrouting priority srcnat; policy accept;',
    '  meta nfproto ipv4 oifname @masqueraded masquerade',
    ...srcnat,
    ' }',
    ' chain translated {',
    '  type filter hook postrouting priority srcnat + 10; policy accept;',
    // What is about the connection comes first: most packets are done with that, and looking up a device costs more.
    '  meta nfproto ipv4 ct state new,invalid oifname @masqueraded fib saddr . oif type != local drop',
    // A flow that went untranslated into a VPN whose route is gone now; and most answers, which are untranslated too.
    '  meta nfproto ipv4 ct status & snat == 0 oifname @masqueraded fib saddr . oif type != local drop',
    // The other answers: of an inbound connection whose source the user's own firewall translates towards the LAN.
    '  meta nfproto ipv4 ct direction reply oifname @masqueraded fib saddr . oif type != local drop',
    ...translated,
    ' }',
  ];
}

/** The guard ends flows that cannot move (inbound, port forwards) instead of letting them out of the wrong line. */
function forwarding(all: string, rules: PolicyText, { entry, mss }: Ipv6Text): string[] {
  return [
    ' chain guard {',
    '  ct direction original ct status & snat == snat return',
    '  meta l4proto tcp reject with tcp reset',
    '  reject with icmpx type admin-prohibited',
    ' }',
    ' chain forward {',
    '  type filter hook forward priority mangle; policy accept;',
    ...entry,
    ...rules.forward,
    '  oifname @wan jump leaving',
    '  tcp flags & (syn|rst) == syn jump mss',
    ' }',
    ' chain leaving {',
    '  ct state invalid drop',
    `  ct mark & ${all} vmap @check`,
    ' }',
    ' chain mss {',
    ...mss,
    '  iifname vmap @clamp',
    '  oifname vmap @clamp',
    ' }',
  ];
}

/** Where packets of a fail-closed link (firewall-block.ts) and of rules that block (policy.ts) end. */
const REFUSED = [
  ' chain refused {',
  '  meta l4proto tcp reject with tcp reset',
  '  reject with icmpx type admin-prohibited',
  ' }',
];
const text = (device: string) => `"${device}"`;
