/**
 * ON_DOWN=block in the firewall. A masqueraded flow loses its connection-tracking entry with its device, in the kernel,
 * before any hook: its next packet would be new to the balance and leave by another line. So the flows of a fail-closed
 * link are remembered by their addresses and ports as well; they find their link again when it is back, and while it is
 * down its table has no route for them: then, and only then, they are refused, at once.
 *
 * In a table of its own, loaded in one transaction with `inet wanhook` by declaring what is there and flushing the rules:
 * the flows stay, and nft, which reads a table's every element for any listing, need not read them for every hook.
 */

interface Wan {
  readonly id: number;
  /** Absent: its unit has gone to another line. */
  readonly device?: string;
  readonly mark: string;
}

const TABLE = 'inet wanhook_kept';
const SET = 'type ipv4_addr . ipv4_addr . inet_proto . inet_service . inet_service; flags dynamic,timeout; size 65536;';
/** As it came, before the user's own DNAT. */
const TUPLE =
  'ct original ip saddr . ct original ip daddr . meta l4proto . ct original proto-src . ct original proto-dst';

/** `all`, `keep`: the bits of MARK_MASK, and the others. No text without such a link. */
export function blockTable(blocks: readonly Wan[], devices: readonly string[], all: string, keep: string): string[] {
  if (blocks.length === 0) return [];
  const wans = `{ ${devices.map((device) => `"${device}"`).join(', ')} }`;
  const lan = devices.length === 0 ? '' : `iifname != ${wans} `;
  const leaves = blocks.flatMap(({ id, device }) => (device === undefined ? [] : `"${device}" : goto keep_${id}`));
  const begun = (id: number) => `ct state new meta l4proto { tcp, udp } ${TUPLE} @kept_${id}`;
  return [
    ...declarations(blocks),
    `flush table ${TABLE}`,
    `table ${TABLE} {`,
    ' chain refused {',
    '  meta l4proto tcp reject with tcp reset',
    '  reject with icmpx type admin-prohibited',
    ' }',
    ...blocks.flatMap((block) => chainsOf(block)),
    // A flow that began on such a link goes on belonging to it, whatever the balance, rules and pairs would say.
    ' chain prerouting {',
    ...blocks.map(
      ({ id, mark }) =>
        `  meta nfproto ipv4 ${lan}ct mark & ${all} == 0 ${begun(id)} meta mark set meta mark & ${keep} | ${mark} accept`,
    ),
    ' }',
    ' chain refusal {',
    `  meta nfproto ipv4 ${lan}meta mark & ${all} vmap { ${blocks.map(({ id, mark }) => `${mark} : goto held_${id}`).join(', ')} }`,
    ' }',
    // Nor does `main` take it to another link, if it has a route of its own to there.
    ' chain leaving {',
    ...(devices.length === 0 ? [] : blocks.map(({ id }) => `  ${lan}oifname ${wans} ${begun(id)} goto leave_${id}`)),
    ' }',
    ' chain left {',
    ...(leaves.length === 0 ? [] : [`  meta nfproto ipv4 ct state new oifname vmap { ${leaves.join(', ')} }`]),
    ' }',
    '}',
  ];
}

/** What may be there already. Chains and sets of a link that is no longer fail-closed are left empty. */
function declarations(blocks: readonly Wan[]): string[] {
  const base = (name: string, hook: string, priority: string) =>
    ` chain ${name} { type filter hook ${hook} priority ${priority}; policy accept; }`;
  return [
    `table ${TABLE} {`,
    ...blocks.map(({ id }) => ` set kept_${id} { ${SET} }`),
    // Before our own: what is marked here no rule and no pair marks otherwise.
    base('prerouting', 'prerouting', 'mangle - 1'),
    // After every chain that may give a mark (`inet wanhook_memory` is at `mangle + 1`). Linux 5.9 and later can reject there.
    base('refusal', 'prerouting', 'mangle + 2'),
    base('leaving', 'forward', 'mangle - 1'),
    // Behind what drops: what has never left is nobody's. A line whose lease has ended gets new connections until its
    // hook has run; they may choose again.
    base('left', 'postrouting', 'srcnat + 11'),
    ' chain refused { }',
    ...blocks.flatMap(({ id }) => ['keep', 'held', 'leave'].map((name) => ` chain ${name}_${id} { }`)),
    '}',
  ];
}

/**
 * How long a flow is remembered after its last packet: an established TCP connection an hour; what connection tracking
 * itself would forget within four minutes (UDP, closing TCP: nf_conntrack-sysctl.rst) three.
 */
function chainsOf({ id, device }: Wan): string[] {
  const update = (timeout: string) => `meta l4proto { tcp, udp } update @kept_${id} { ${TUPLE} timeout ${timeout} }`;
  return [
    ` chain keep_${id} {`,
    `  ct expiration > 4m ${update('1h')} accept`,
    `  ${update('3m')}`,
    ' }',
    // A lookup with the link's mark ends in its table, and there in "unreachable" when the link is down.
    ` chain held_${id} { fib daddr . mark oif missing goto refused; ct direction original goto keep_${id}; }`,
    ` chain leave_${id} { ${device === undefined ? '' : `oifname "${device}" accept; `}goto refused; }`,
  ];
}
