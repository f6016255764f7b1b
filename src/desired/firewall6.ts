import { contains6, parsePrefix6, prefixOf6, showPrefix6 } from '../ipv6.ts';
import type { LinkStatus } from '../model.ts';
import { holds, isInUse6 } from './routing6.ts';

/**
 * What IPv6 adds to the table `inet wanhook`. Text of nft(8); nothing where there is no IPv6. Neighbour discovery, link-local
 * addresses and multicast are nobody's to mark, translate or refuse: they end at the next router.
 */
export interface Ipv6Text {
  readonly declarations: readonly string[];
  readonly chains: readonly string[];
  /** The first lines of a chain: for whom it is not. */
  readonly entry: readonly string[];
  readonly srcnat: readonly string[];
  readonly translated: readonly string[];
  readonly mss: readonly string[];
}

/** Without IPv6 the chains are for IPv4 alone. */
const NONE: Ipv6Text = {
  ...{ declarations: [], chains: [], srcnat: [], translated: [], mss: [] },
  entry: ['  meta nfproto != ipv4 accept'],
};

/** IPv6's header is 20 bytes longer than IPv4's. */
const LONGER = 20;

/** `sizes`: each link's MSS over IPv4, by device. */
export function ipv6Text(statuses: readonly LinkStatus[], sizes: ReadonlyMap<string, number>): Ipv6Text {
  if (!isInUse6(statuses)) return NONE;
  const clamps = [...sizes].map(([device, size]) => [device, size - LONGER] as const);
  const distinct = [...new Set(clamps.map(([, size]) => size))].toSorted((a, b) => a - b);
  return {
    declarations: [
      ` set own6 { type ifname . ipv6_addr; flags interval;${elements(ownPrefixes(statuses))} }`,
      ` map clamp6 { type ifname : verdict;${elements(clamps.map(([device, size]) => `"${device}" : jump mss6_${size}`))} }`,
    ],
    chains: [
      ' chain near6 {',
      '  ip6 daddr { fe80::/10, ff00::/8 } accept',
      '  ip6 saddr { ::, fe80::/10 } accept',
      ' }',
      ...distinct.map((size) => ` chain mss6_${size} { tcp option maxseg size set ${size}; }`),
      ' chain mss6 {',
      '  iifname vmap @clamp6',
      '  oifname vmap @clamp6',
      ' }',
      ...destinations(statuses),
    ],
    entry: ['  meta nfproto ipv6 jump near6'],
    srcnat: [...sources(statuses), ...borrowed(statuses), `  oifname @masqueraded ${FOREIGN} masquerade`],
    translated: [`  oifname @masqueraded ${FOREIGN} drop`],
    mss: ['  meta nfproto ipv6 goto mss6'],
  };
}

/**
 * Of no prefix of this line's, nor an address that its device has got a moment ago. An ISP takes nothing else (BCP 38).
 */
const FOREIGN =
  'ip6 daddr != { fe80::/10, ff00::/8 } ip6 saddr != { ::, fe80::/10 } oifname . ip6 saddr != @own6 fib saddr . oif type != local';

/**
 * A device without an address of its own, on a line that gives a prefix and nothing else: masquerade would take any other
 * device's. So what leaves there gets the router's address out of that prefix.
 */
function borrowed(statuses: readonly LinkStatus[]): string[] {
  return statuses.flatMap(({ link, device, address, sources: own = [], delegated = [] }) => {
    const isOwn = address === undefined || own.some((prefix) => holds(prefix, address));
    if (isOwn || device === undefined || !link.masquerade || !delegated.some((prefix) => holds(prefix, address)))
      return [];
    return [`  oifname "${device}" ${FOREIGN} snat ip6 to ${address}`];
  });
}

const elements = (entries: readonly string[]) => (entries.length === 0 ? '' : ` elements = { ${entries.join(', ')} };`);

function ownPrefixes(statuses: readonly LinkStatus[]): string[] {
  return statuses.flatMap(({ device, sources: own = [], delegated = [] }) =>
    device === undefined ? [] : outermost([...own, ...delegated]).map((prefix) => `"${device}" . ${prefix}`),
  );
}

/** nft refuses intervals that overlap. */
export function outermost(texts: readonly string[]): string[] {
  const all = [...new Set(texts)].map((text) => parsePrefix6(text) ?? prefixOf6(text, 128));
  return all
    .filter((one) => !all.some((other) => other !== one && contains6(other, one)))
    .map((prefix) => (prefix.length === 128 ? showPrefix6(prefix).replace('/128', '') : showPrefix6(prefix)));
}

/** NPT=yes, both ways: one to one, so that inbound connections find the host, too. */
function sources(statuses: readonly LinkStatus[]): string[] {
  return eachTranslated(statuses, (device, pairs) => [
    `  oifname "${device}" snat ip6 prefix to ip6 saddr map { ${pairs.map(({ inner, outer }) => `${inner} : ${outer}`).join(', ')} }`,
  ]);
}

function destinations(statuses: readonly LinkStatus[]): string[] {
  const lines = eachTranslated(statuses, (device, pairs) => [
    `  iifname "${device}" dnat ip6 prefix to ip6 daddr map { ${pairs.map(({ inner, outer }) => `${outer} : ${inner}`).join(', ')} }`,
  ]);
  if (lines.length === 0) return [];
  return [' chain dstnat {', '  type nat hook prerouting priority dstnat; policy accept;', ...lines, ' }'];
}

type Pairs = NonNullable<LinkStatus['translations']>;

function eachTranslated(statuses: readonly LinkStatus[], lines: (device: string, pairs: Pairs) => string[]): string[] {
  return statuses.flatMap(({ device, translations = [] }) =>
    device === undefined || translations.length === 0 ? [] : lines(device, translations),
  );
}
