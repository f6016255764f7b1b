/**
 * ON_DOWN=block in the firewall. A masqueraded flow loses its connection-tracking entry with its device, in the kernel,
 * before any hook: its next packet would be new to the balance and leave by another line. So the flows of a fail-closed
 * link are remembered by their addresses and ports as well; they find their link again when it is back, and while it is
 * down its table has no route for them: then, and only then, they are refused, at once.
 */

interface Wan {
  readonly id: number;
  readonly device?: string;
  readonly mark: string;
}

/** An idle flow is forgotten after this; some ten bytes of memory for each flow of the last hour, within the size. */
const MEMORY = 'flags dynamic,timeout; timeout 1h; size 65536;';
const TUPLE = 'ip saddr . ip daddr . meta l4proto . th sport . th dport';
const TUPLE_TYPE = 'ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service';

/** Sets, maps and chains; none without such a link. */
export function blockDeclarations(wans: readonly Wan[]): string[] {
  if (wans.length === 0) return [];
  const devices = wans.flatMap(({ device, id }) => (device === undefined ? [] : `"${device}" : jump keep_${id}`));
  return [
    ...wans.map(({ id }) => ` set kept_${id} { type ${TUPLE_TYPE}; ${MEMORY} }`),
    ` map keep { type ifname : verdict;${devices.length === 0 ? '' : ` elements = { ${devices.join(', ')} };`} }`,
    ` map held { type mark : verdict; elements = { ${wans.map(({ mark, id }) => `${mark} : goto held_${id}`).join(', ')} }; }`,
    ...wans.flatMap(({ id }) => [
      ` chain keep_${id} { meta l4proto { tcp, udp } update @kept_${id} { ${TUPLE} }; }`,
      // A lookup with the link's mark ends in its table, and there in "unreachable" when the link is down.
      ` chain held_${id} { fib daddr . mark oif missing goto refused; ct direction original goto keep_${id}; }`,
    ]),
  ];
}

const begun = (id: number) => `ct state new meta l4proto { tcp, udp } ${TUPLE} @kept_${id}`;

/** In `prerouting`, for packets of no marked connection: a flow that began on such a link goes on belonging to it. */
export function blockRestore(wans: readonly Wan[]): string[] {
  return wans.map(({ id }) => `  ${begun(id)} goto use_${id}`);
}

/** In `postrouting`, before the link is recorded. */
export function blockRecord(wans: readonly Wan[], all: string): string[] {
  return wans.length === 0 ? [] : [`  ct state new ct mark & ${all} == 0 oifname vmap @keep`];
}

/** In `leaving`: nor does `main` take it to another link, if it has a route of its own to there. */
export function blockLeaving(wans: readonly Wan[]): string[] {
  return wans.map(({ id }) => `  ${begun(id)} jump check_${id}`);
}

/** After every chain that may give the packet its mark (`inet wanhook_memory` is at `mangle + 1`). Linux 5.9 and later can reject there. */
export function blockRefusal(wans: readonly Wan[], all: string): string[] {
  if (wans.length === 0) return [];
  return [
    ' chain refusal {',
    '  type filter hook prerouting priority mangle + 2; policy accept;',
    `  meta nfproto ipv4 iifname != @wan meta mark & ${all} vmap @held`,
    ' }',
  ];
}
