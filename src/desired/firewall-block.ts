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
  readonly device: string | undefined;
  readonly mark: string;
}

const TABLE = 'inet wanhook_kept';
/** A flow as it came, before the user's own DNAT, in the words of each family. */
interface Family {
  readonly nfproto: 'ipv4' | 'ipv6';
  readonly set: string;
  readonly tuple: string;
}
const FAMILIES: readonly Family[] = (['', '6'] as const).map((six) => ({
  nfproto: six === '' ? 'ipv4' : 'ipv6',
  set: `kept${six}`,
  tuple: `ct original ip${six} saddr . ct original ip${six} daddr . meta l4proto . ct original proto-src . ct original proto-dst`,
}));
const typeOf = ({ nfproto }: Family) =>
  `type ${nfproto}_addr . ${nfproto}_addr . inet_proto . inet_service . inet_service; flags dynamic,timeout; size 65536;`;

/** `all`, `keep`: the bits of MARK_MASK, and the others; `isDual`: IPv6, too. No text without such a link. */
export function blockTable(
  blocks: readonly Wan[],
  devices: readonly string[],
  { all, keep, isDual }: { readonly all: string; readonly keep: string; readonly isDual: boolean },
): string[] {
  if (blocks.length === 0) return [];
  const families = isDual ? FAMILIES : FAMILIES.slice(0, 1);
  const wans = `{ ${devices.map((device) => `"${device}"`).join(', ')} }`;
  const lan = devices.length === 0 ? '' : `iifname != ${wans} `;
  const leaves = blocks.flatMap(({ id, device }) => (device === undefined ? [] : `"${device}" : goto keep_${id}`));
  const eachFlow = (line: (nfproto: string, begun: string, block: Wan) => string) =>
    families.flatMap(({ nfproto, set, tuple }) =>
      blocks.map((block) => {
        const begun = `ct state new meta l4proto { tcp, udp } ${tuple} @${set}_${block.id}`;
        return line(`meta nfproto ${nfproto} `, begun, block);
      }),
    );
  const either = isDual ? '' : 'meta nfproto ipv4 ';
  return [
    ...declarations(blocks, families),
    `flush table ${TABLE}`,
    `table ${TABLE} {`,
    ' chain refused {',
    '  meta l4proto tcp reject with tcp reset',
    '  reject with icmpx type admin-prohibited',
    ' }',
    ...blocks.flatMap((block) => chainsOf(block, families)),
    // A flow that began on such a link goes on belonging to it, whatever the balance, rules and pairs would say.
    ' chain prerouting {',
    ...eachFlow(
      (nfproto, begun, { mark }) =>
        `  ${nfproto}${lan}ct mark & ${all} == 0 ${begun} meta mark set meta mark & ${keep} | ${mark} accept`,
    ),
    ' }',
    ' chain refusal {',
    `  ${either}${lan}meta mark & ${all} vmap { ${blocks.map(({ id, mark }) => `${mark} : goto held_${id}`).join(', ')} }`,
    ' }',
    // Nor does `main` take it to another link, if it has a route of its own to there.
    ' chain leaving {',
    ...(devices.length === 0
      ? []
      : eachFlow((nfproto, begun, { id }) => `  ${nfproto}${lan}oifname ${wans} ${begun} goto leave_${id}`)),
    ' }',
    ' chain left {',
    ...(isDual ? ['  ip6 daddr { fe80::/10, ff00::/8 } accept'] : []),
    ...(leaves.length === 0 ? [] : [`  ${either}ct state new oifname vmap { ${leaves.join(', ')} }`]),
    ' }',
    '}',
  ];
}

/** What may be there already. Chains and sets of a link that is no longer fail-closed are left empty. */
function declarations(blocks: readonly Wan[], families: readonly Family[]): string[] {
  const base = (name: string, hook: string, priority: string) =>
    ` chain ${name} { type filter hook ${hook} priority ${priority}; policy accept; }`;
  return [
    `table ${TABLE} {`,
    ...families.flatMap((family) => blocks.map(({ id }) => ` set ${family.set}_${id} { ${typeOf(family)} }`)),
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
function chainsOf({ id, device }: Wan, families: readonly Family[]): string[] {
  const keep = ({ nfproto, set, tuple }: Family) => {
    const update = (timeout: string) =>
      `meta l4proto { tcp, udp } update @${set}_${id} { ${tuple} timeout ${timeout} }`;
    return [`ct expiration > 4m ${update('1h')} accept`, update('3m')].map(
      (line) => `  meta nfproto ${nfproto} ${line}`,
    );
  };
  return [
    ` chain keep_${id} {`,
    ...families.flatMap(keep),
    ' }',
    // A lookup with the link's mark ends in its table, and there in "unreachable" when the link is down.
    ` chain held_${id} { fib daddr . mark oif missing goto refused; ct direction original goto keep_${id}; }`,
    ` chain leave_${id} { ${device === undefined ? '' : `oifname "${device}" accept; `}goto refused; }`,
  ];
}
