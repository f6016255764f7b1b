import type { Config, Use } from '../model.ts';

const tableOf = ({ pid }: Use) => `inet wanhook_use_${pid}`;

/**
 * nft(8) text: every first packet of a socket made in the cgroup gets the link's mark, before our table looks at it; then
 * mark rule, memory and masquerade do the rest. What would leave by another link all the same, because this one is down,
 * is dropped, and IPv6, of which it does not know what has begun on the link, is refused. Not in our table: that is compared as a whole, and
 * loaded anew by events while the command runs.
 */
export function useTable(use: Use, config: Config, mark: number, devices: readonly string[]): string {
  const hex = (value: number) => `0x${(value >>> 0).toString(16).padStart(8, '0')}`;
  const all = hex(config.markMask);
  const keep = hex(~config.markMask);
  const level = use.cgroup.split('/').length;
  const wans = devices.map((device) => `"${device}"`).join(', ');
  return [
    `table ${tableOf(use)} {`,
    ' set mine { type inet_proto . ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 1m; }',
    ' chain output {',
    '  type route hook output priority mangle - 5; policy accept;',
    `  socket cgroupv2 level ${level} "${use.cgroup}" goto first`,
    ' }',
    ' chain first {',
    `  meta nfproto ipv6 oifname { ${wans} } reject with icmpx type no-route`,
    '  ct direction reply accept',
    `  ct mark & ${all} == ${hex(mark)} accept`,
    // Of another program's connection that had the same addresses and ports a moment ago: not this one's link.
    `  ct mark set ct mark & ${keep}`,
    '  meta l4proto { tcp, udp, sctp } update @mine { meta l4proto . ip daddr . th sport }',
    `  meta mark set meta mark & ${keep} | ${hex(mark)}`,
    ' }',
    ' chain postrouting {',
    '  type filter hook postrouting priority mangle + 5; policy accept;',
    `  ct direction original ct mark & ${all} != { 0, ${hex(mark)} } meta l4proto . ip daddr . th sport @mine drop`,
    ' }',
    '}',
    '',
  ].join('\n');
}

/** Safe if it is gone already. */
export function useTableDelete(use: Use): string {
  return `table ${tableOf(use)}\ndelete table ${tableOf(use)}\n`;
}
