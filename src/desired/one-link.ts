import type { Config, Use } from '../model.ts';
import { hex } from './numbers.ts';

const tableOf = ({ pid }: Use) => `inet wanhook_use_${pid}`;

/** What a link can carry when the command begins. */
export interface Carries {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

/**
 * nft(8) text: every first packet of a socket made in the cgroup gets the link's mark, before our table looks at it; then
 * mark rule, memory and masquerade do the rest. What would leave by another link all the same, because this one is down,
 * is dropped. A family that the link did not have at the beginning is refused, so that programs take the other at once. Not in
 * our table: that is compared as a whole, and loaded anew by events while the command runs.
 */
export function useTable(use: Use, config: Config, mark: number, devices: readonly string[], carries: Carries): string {
  const all = hex(config.markMask);
  const keep = hex(~config.markMask);
  const level = use.cgroup.split('/').length;
  const wans = `oifname { ${devices.map((device) => `"${device}"`).join(', ')} }`;
  const refused = (['ipv4', 'ipv6'] as const).filter((family) => !carries[family]);
  const elsewhere = `ct direction original ct mark & ${all} != { 0, ${hex(mark)} }`;
  // Where wanhook does nothing for IPv6 any more, nobody records by which link it leaves.
  const unknown = `ct direction original ct mark & ${all} == 0 ${wans}`;
  return [
    `table ${tableOf(use)} {`,
    ' set mine { type inet_proto . ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 1m; }',
    ' set mine6 { type inet_proto . ipv6_addr . inet_service; size 65535; flags dynamic,timeout; timeout 1m; }',
    ' set echo { typeof ip daddr . icmp id; size 65535; flags dynamic,timeout; timeout 1m; }',
    ' set echo6 { typeof ip6 daddr . icmpv6 id; size 65535; flags dynamic,timeout; timeout 1m; }',
    ' chain output {',
    '  type route hook output priority mangle - 5; policy accept;',
    `  socket cgroupv2 level ${level} "${use.cgroup}" goto first`,
    ' }',
    ' chain first {',
    '  ip6 daddr { fe80::/10, ff00::/8 } accept',
    ...refused.map((family) => `  meta nfproto ${family} ${wans} reject with icmpx type no-route`),
    '  ct direction reply accept',
    `  ct mark & ${all} == ${hex(mark)} accept`,
    // Of another program's connection that had the same addresses and ports a moment ago: not this one's link.
    `  ct mark set ct mark & ${keep}`,
    ...PORTS.map(([set, key]) => `  meta l4proto { tcp, udp, sctp } update @${set} { ${key} }`),
    '  icmp type echo-request update @echo { ip daddr . icmp id }',
    '  icmpv6 type echo-request update @echo6 { ip6 daddr . icmpv6 id }',
    `  meta mark set meta mark & ${keep} | ${hex(mark)}`,
    ' }',
    ' chain postrouting {',
    '  type filter hook postrouting priority mangle + 5; policy accept;',
    ...PORTS.map(([set, key]) => `  ${elsewhere} ${key} @${set} drop`),
    `  ${unknown} ${PORTS[1][1]} @mine6 drop`,
    `  ${elsewhere} icmp type echo-request ip daddr . icmp id @echo drop`,
    ...[elsewhere, unknown].map((match) => `  ${match} icmpv6 type echo-request ip6 daddr . icmpv6 id @echo6 drop`),
    ' }',
    '}',
    '',
  ].join('\n');
}

/** What the command's packets are known by after their way has been chosen, which is after `output`. */
const PORTS = [
  ['mine', 'meta l4proto . ip daddr . th sport'],
  ['mine6', 'meta l4proto . ip6 daddr . th sport'],
] as const;

/** Safe if it is gone already. */
export function useTableDelete(use: Use): string {
  return `table ${tableOf(use)}\ndelete table ${tableOf(use)}\n`;
}
