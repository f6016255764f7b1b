/** A kernel's rules, nexthops and routes as `ip …` lines, from what `ip -N -j` printed: the same for fake and real. */

type Json = Readonly<Record<string, unknown>>;
/** devices, rules, routes, nexthops, neighbours of ours */
export type IpDump = [Json[], Json[], Json[], Json[], Json[]];

export const READ_ALL = [
  'address show',
  'rule show',
  'route show table all root 0.0.0.0/0',
  'nexthop show',
  'neigh show proto 201',
] as const;

export const READ_ALL6 = ['rule show', 'route show table all'] as const;

const OURS = '201';
/** What the kernel makes by itself with addresses, and its table of local ones. */
const KERNEL = '2';
const LOCAL_TABLE = '255';
const TYPES: Readonly<Record<string, string>> = { '6': 'blackhole', '7': 'unreachable' };

const word = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);

/** `key value`, or nothing. */
function pair(key: string, value: unknown): string[] {
  const text = word(value);
  return text === undefined ? [] : [key, text];
}

function ruleLine(rule: Json): string {
  const source = word(rule['src']) ?? 'all';
  const length = word(rule['srclen']);
  const mask = word(rule['fwmask']);
  const [destination, prefix] = [word(rule['dst']), word(rule['dstlen'])];
  return [
    'ip rule add pref',
    word(rule['priority']),
    ...(source === 'all' ? [] : ['from', length === undefined ? source : `${source}/${length}`]),
    ...(destination === undefined ? [] : ['to', prefix === undefined ? destination : `${destination}/${prefix}`]),
    ...pair('oif', rule['oif']),
    ...pair('fwmark', mask === undefined ? rule['fwmark'] : `${word(rule['fwmark']) ?? ''}/${mask}`),
    ...pair('lookup', rule['table']),
    ...(rule['action'] === undefined ? [] : [TYPES[word(rule['action']) ?? ''] ?? 'action']),
    ...pair('suppress_prefixlength', rule['suppress_prefixlen']),
    ...pair('protocol', rule['protocol']),
  ].join(' ');
}

function routeLine(route: Json): string {
  const type = word(route['type']);
  const byNexthop = route['nhid'] !== undefined;
  return [
    'ip route add',
    ...(type === undefined ? [] : [TYPES[type] ?? `type-${type}`]),
    word(route['dst']),
    ...pair('nhid', route['nhid']),
    ...(byNexthop ? [] : [...pair('via', route['gateway']), ...pair('dev', route['dev'])]),
    ...pair('src', route['prefsrc']),
    ...pair('table', route['table']),
    ...pair('proto', route['protocol']),
    ...pair('metric', route['metric']),
    ...(byNexthop ? [] : (route['flags'] as string[])),
  ].join(' ');
}

function nexthopLine(nexthop: Json): string {
  const group = (nexthop['group'] as Json[] | undefined)
    ?.map((member) => `${word(member['id']) ?? ''},${word(member['weight']) ?? '1'}`)
    .join('/');
  return [
    'ip nexthop add',
    ...pair('id', nexthop['id']),
    ...pair('group', group),
    ...pair('via', nexthop['gateway']),
    ...pair('dev', nexthop['dev']),
    ...pair('protocol', nexthop['protocol']),
    ...(nexthop['flags'] as string[]),
  ].join(' ');
}

function neighbourLine({ dst, dev, managed, protocol }: Json): string {
  const how = managed === undefined ? [] : ['managed'];
  return ['ip neigh add', word(dst), ...pair('dev', dev), ...how, ...pair('protocol', protocol)].join(' ');
}

export function dumpLines(
  [, rules, routes, nexthops, neighbours]: IpDump,
  whose: 'all' | 'ours' | 'others' = 'all',
): string[] {
  const wanted = (item: Json) => whose === 'all' || (item['protocol'] === OURS) === (whose === 'ours');
  const made = routes.filter((route) => route['protocol'] !== KERNEL && route['table'] !== LOCAL_TABLE);
  return [
    ...rules.filter(wanted).map(ruleLine),
    ...nexthops.filter(wanted).map(nexthopLine),
    ...made.filter(wanted).map(routeLine).toSorted(),
    ...neighbours.filter(wanted).map(neighbourLine).toSorted(),
  ];
}

/** IPv6's rules and routes, without what the kernel makes by itself. */
export function dumpLines6([rules, routes]: [Json[], Json[]], whose: 'all' | 'ours' | 'others' = 'all'): string[] {
  const wanted = (item: Json) => whose === 'all' || (item['protocol'] === OURS) === (whose === 'ours');
  const made = routes.filter((route) => route['protocol'] !== KERNEL && route['table'] !== LOCAL_TABLE);
  const six = (line: string) => line.replace(/^ip /, 'ip -6 ');
  return [
    ...rules.filter(wanted).map((rule) => six(ruleLine(rule))),
    ...made
      .filter(wanted)
      .map((route) => six(routeLine6(route)))
      .toSorted(),
  ];
}

function routeLine6(route: Json): string {
  const { metric, nexthops, flags = [], ...rest } = route;
  // What the kernel says of a line that is down comes and goes.
  const lasting = (flags as string[]).filter((flag) => flag !== 'linkdown' && flag !== 'dead');
  const hops = ((nexthops ?? []) as Json[]).map(
    ({ gateway, dev, weight }) =>
      ` nexthop via ${word(gateway) ?? ''} dev ${word(dev) ?? ''} weight ${word(weight) ?? ''}`,
  );
  return routeLine({ ...rest, flags: lasting, ...(metric !== 1024 && { metric }) }) + hops.join('');
}

/** The arrays that `ip -N -j -batch -` printed. */
export function parseDump(stdout: string): IpDump {
  const arrays = stdout.split(/\n(?=\[)/).filter((part) => part.trim() !== '');
  return arrays.map((part) => (JSON.parse(part) as Json[]).filter((item) => Object.keys(item).length > 0)) as IpDump;
}
