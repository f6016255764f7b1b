import { unreachable } from '../errors.ts';
import type { EndedFlows, Hop, LinkLocal, Mark, Neighbour, Nexthop, NexthopGroup, Op, Route, Rule } from '../model.ts';

/** rtnetlink protocol number on everything we make: our signature (unassigned in rt_protos; 186–192 are BGP…). */
export const PROTO = '201';

/** The words of an `ip` operation after `ip`, or undefined if it is not one. */
export function ipWords(op: Op): string[] | undefined {
  switch (op.op) {
    case 'rule-add':
      return ['rule', 'add', ...ruleWords(op.rule)];
    case 'rule-del':
      return ['rule', 'del', ...ruleWords(op.rule)];
    case 'route-replace':
      return ['route', 'replace', ...routeWords(op.route)];
    case 'route-del':
      // Without its nexthops, all go; with them, ip refuses when a device is gone.
      return ['route', 'del', ...routeWords({ ...op.route, hops: [] })];
    case 'nexthop-replace':
      return ['nexthop', 'replace', ...nexthopWords(op.nexthop)];
    case 'nexthop-del':
      return ['nexthop', 'del', 'id', String(op.nexthop.id)];
    case 'group-replace':
      return ['nexthop', 'replace', ...groupWords(op.group)];
    case 'group-del':
      return ['nexthop', 'del', 'id', String(op.group.id)];
    case 'address-add':
    case 'address-del':
      return ['addr', op.op.slice('address-'.length), ...addressWords(op.linkLocal)];
    case 'neighbour-replace':
    case 'neighbour-del':
    case 'sysctl-set':
    case 'firewall-load':
    case 'firewall-delete':
    case 'memory-load':
    case 'memory-delete':
    case 'conntrack-delete':
    case 'socket-kill':
      return undefined;
    default:
      return unreachable(op);
  }
}

/** Whose rules and routes an `ip` operation is about; a batch is about one family's. */
export function familyOf(op: Op): 6 | undefined {
  if ('rule' in op) return op.rule.family;
  if ('linkLocal' in op) return 6;
  return 'route' in op ? op.route.family : undefined;
}

/** ip-rule(8). Always with pref and protocol: without them `add` makes a twin. */
export function ruleWords(rule: Rule): string[] {
  const words = ['pref', String(rule.pref)];
  // One after the other: a list made of spread pieces takes three times as long, and with 60 links there are hundreds.
  if (rule.notFromRouter === true) words.push('not', 'iif', 'lo');
  if (rule.from !== undefined) words.push('from', rule.from);
  if (rule.sports !== undefined) words.push('sport', rule.sports.join('-'));
  if (rule.to !== undefined) words.push('to', rule.to);
  if (rule.oif !== undefined) words.push('oif', rule.oif);
  if (rule.fwmark !== undefined) words.push('fwmark', markWord(rule.fwmark));
  if (rule.table !== undefined) words.push('lookup', String(rule.table));
  if (rule.goto !== undefined) words.push('goto', String(rule.goto));
  if (rule.type !== undefined) words.push(rule.type);
  if (rule.suppressPrefixlength !== undefined) words.push('suppress_prefixlength', String(rule.suppressPrefixlength));
  words.push('protocol', PROTO);
  return words;
}

/** ip-route(8). The type comes before the destination, and `onlink` last. */
export function routeWords(route: Route): string[] {
  const words: string[] = route.type === 'unicast' ? [] : [route.type];
  words.push(route.destination ?? 'default');
  if (route.nexthopId !== undefined) words.push('nhid', String(route.nexthopId));
  if (route.gateway !== undefined) words.push('via', route.gateway);
  if (route.device !== undefined) words.push('dev', route.device);
  if (route.source !== undefined) words.push('src', route.source);
  words.push('table', String(route.table));
  if (route.metric !== undefined) words.push('metric', String(route.metric));
  words.push('proto', PROTO);
  if (route.onlink === true) words.push('onlink');
  if (route.hops !== undefined) words.push(...route.hops.flatMap(hopWords));
  return words;
}

function hopWords({ gateway, device, weight }: Hop): string[] {
  return ['nexthop', 'via', gateway, 'dev', device, 'weight', String(weight)];
}

/** ip-nexthop(8). */
export function nexthopWords({ id, device, gateway, onlink }: Nexthop): string[] {
  const words = ['id', String(id)];
  if (gateway !== undefined) words.push('via', gateway);
  words.push('dev', device);
  if (onlink === true) words.push('onlink');
  words.push('protocol', PROTO);
  return words;
}

export function groupWords({ id, members }: NexthopGroup): string[] {
  const group = members.map((member) => `${member.id},${member.weight}`).join('/');
  return ['id', String(id), 'group', group, 'protocol', PROTO];
}

/** ip-address(8), as pppd has them. */
function addressWords({ device, local, peer }: LinkLocal): string[] {
  return [`${local}/128`, ...(peer === undefined ? [] : ['peer', peer]), 'dev', device];
}

function markWord({ value, mask }: Mark): string {
  return `0x${value.toString(16)}/0x${mask.toString(16)}`;
}

/** The flows of fail-closed links (desired/firewall-block.ts), loaded with our table, and kept over its loads. */
export const KEPT_TABLE = 'inet wanhook_kept';

/** The monitor's, while a link is in doubt (monitor/passive.ts); one that was killed may have left it. */
export const WATCH_TABLE = 'inet wanhook_watch';

/** The first line makes `delete` safe. */
export const tableDelete = (table: string) => `table ${table}\ndelete table ${table}\n`;

/** One transaction: the old table goes and the new one comes in the same instant. */
export function firewallTransaction(text: string): string {
  const kept = text.includes(KEPT_TABLE) ? '' : tableDelete(KEPT_TABLE);
  return tableDelete('inet wanhook') + kept + text;
}
export const FIREWALL_DELETE = ['inet wanhook', KEPT_TABLE, WATCH_TABLE].map(tableDelete).join('');

export const MEMORY_DELETE = tableDelete('inet wanhook_memory');

/** ss(8): established TCP only; listeners and UDP sockets are let alone, as their owners see an error themselves. */
export function socketKillWords(address: string): string[] {
  return ['-K', '-H', '-n', '-t', address.includes(':') ? '-6' : '-4', 'src', address];
}

/** ip-neighbour(8). Not in a batch with others: a device or address that has just gone takes them along. */
export function neighbourWords(op: 'neighbour-replace' | 'neighbour-del', { address, device }: Neighbour): string[] {
  const entry = [address, 'dev', device];
  return [
    'neigh',
    ...(op === 'neighbour-del' ? ['del', ...entry] : ['replace', ...entry, 'managed', 'protocol', PROTO]),
  ];
}

/** conntrack(8): 0.25 s for 60,000 connections. */
export function conntrackDeleteWords(mark: EndedFlows): string[] {
  return ['-D', '-f', mark.family === 6 ? 'ipv6' : 'ipv4', '-m', markWord(mark)];
}

/** The operation as a command that can be pasted into a root shell. */
export function pasteable(op: Op): string {
  switch (op.op) {
    case 'sysctl-set':
      // sysctl(8) takes the path's slashes as they are, so that a dot in a device name stays one.
      return `sysctl -qw ${op.key}=${shellWord(op.value)}`;
    case 'firewall-load':
      return `nft -f - <<'EOF'\n${op.added ?? firewallTransaction(op.text)}EOF`;
    case 'firewall-delete':
      return `nft -f - <<'EOF'\n${FIREWALL_DELETE}EOF`;
    case 'memory-load':
      return `nft -f - <<'EOF'\n${op.text}EOF`;
    case 'memory-delete':
      return 'nft delete table inet wanhook_memory';
    case 'neighbour-replace':
    case 'neighbour-del':
      return `ip ${neighbourWords(op.op, op.neighbour).join(' ')}`;
    case 'conntrack-delete':
      return `conntrack ${conntrackDeleteWords(op.mark).join(' ')}`;
    case 'socket-kill':
      return `ss ${socketKillWords(op.address).join(' ')}`;
    default:
      return ['ip', ...(familyOf(op) === 6 ? ['-6'] : []), ...(ipWords(op) ?? [])].join(' ');
  }
}

function shellWord(value: string): string {
  return /^[\w.,:/-]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
