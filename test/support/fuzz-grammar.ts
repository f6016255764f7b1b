/**
 * What wanhook may say to ip(8), nft(8) and the others, strictly: every line as a whole, every address a real one, every word
 * of nft's one that stands here. Whatever a stranger sends, nothing else may come out.
 */
import { isIP } from 'node:net';

const DEVICE = String.raw`[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}`;
const ADDRESS = String.raw`[0-9a-f.:]+(?:\/\d{1,3})?`;
const NUMBER = String.raw`\d{1,10}`;
const HEX = '0x[0-9a-f]{1,8}';

const RULE = [
  `rule (?:add|del) pref ${NUMBER}(?: not iif lo)?(?: from ${ADDRESS})?(?: sport ${NUMBER}-${NUMBER})?(?: to ${ADDRESS})?`,
  `(?: oif ${DEVICE})?(?: fwmark ${HEX}\\/${HEX})?(?: lookup ${NUMBER})?(?: goto ${NUMBER})?(?: unreachable| nop)?`,
  `(?: suppress_prefixlength ${NUMBER})? protocol 201`,
].join('');
const ROUTE = [
  `route (?:replace|del) (?:unreachable )?(?:default|${ADDRESS})(?: nhid ${NUMBER})?(?: via ${ADDRESS})?(?: dev ${DEVICE})?`,
  `(?: src ${ADDRESS})? table ${NUMBER}(?: metric ${NUMBER})? proto 201(?: onlink)?`,
  `(?: nexthop via ${ADDRESS} dev ${DEVICE} weight ${NUMBER})*`,
].join('');
const NEXTHOP = [
  `nexthop (?:del id ${NUMBER}|replace id ${NUMBER} group ${NUMBER},${NUMBER}(?:\\/${NUMBER},${NUMBER})* protocol 201|`,
  `replace id ${NUMBER}(?: via ${ADDRESS})? dev ${DEVICE}(?: onlink)? protocol 201)`,
].join('');
const READ = [
  ...[
    'address show',
    'rule show',
    'nexthop show proto 201',
    'neigh show proto 201',
    'neigh show nud permanent',
    'netconf show',
  ],
  ...[
    'route show table all proto 201 root 0.0.0.0/0',
    'route show table all proto 201',
    'route show default table 254',
  ],
].join('|');
const BATCH_LINE = new RegExp(`^(?:${RULE}|${ROUTE}|${NEXTHOP}|${READ})$`);

const COMMAND = new RegExp(
  [
    'ip (?:-6 )?(?:-N -j )?-batch -',
    `ip -4 -N -j route show default dev ${DEVICE} table main`,
    `ip neigh (?:replace ${ADDRESS} dev ${DEVICE} managed protocol 201|del ${ADDRESS} dev ${DEVICE})`,
    `conntrack -D -f ipv[46] -m ${HEX}\\/${HEX}`,
    `ss -K -H -n -t -[46] src ${ADDRESS}`,
    'nft -f -|nft -c -f -|nft -s list table inet wanhook|nft -t list table inet wanhook_(?:memory|kept)',
    'nft -c add chain inet wanhook_memory prerouting|nft -c add chain inet wanhook_kept refused',
    'ip -[46] -N -j neigh show',
    'nft list map inet wanhook_memory [a-z_0-9]+',
    'logger -t wanhook -p daemon\\.(?:err|warning)',
  ]
    .map((one) => `(?:${one})`)
    .join('|')
    .replace(/^(.*)$/s, '^(?:$1)$'),
);

/** Everything outside braces of an nft script. */
const STATEMENT = new RegExp(
  [
    'table inet wanhook(?:_memory|_kept|_watch)?(?: \\{)?',
    'delete table inet wanhook(?:_memory|_kept|_watch)?',
    'flush table inet wanhook_(?:memory|kept)',
    'delete (?:chain|map) inet wanhook_(?:memory|kept) [a-z_0-9]+',
    `(?:add|delete) element inet wanhook_memory [a-z_0-9]+ \\{ .* \\}`,
    'add (?:chain|element) inet wanhook [a-z_0-9]+(?: \\{ .* \\})?',
    `add rule inet wanhook [a-z_0-9]+ (?:(?:ct|meta) mark set (?:ct|meta) mark & ${HEX} \\| ${HEX}|oifname "[^"\\s]{1,15}" return|goto [a-z]+|tcp option maxseg size set \\d+)`,
    '\\}',
  ]
    .map((one) => `(?:${one})`)
    .join('|')
    .replace(/^(.*)$/s, '^(?:$1)$'),
);

/** All words of nft's language that wanhook uses. */
const WORDS = new Set(
  (
    'accept add admin-prohibited rule chain clamp comment ct daddr delete direction dnat dport drop dscp dstnat ' +
    'dynamic echo-request element elements ether expiration expires fib filter fin flags flush forward goto ' +
    'helper hook icmp icmpv6 icmpx ifname iifname inc inet inet_proto inet_service input interval invalid ip ip6 ipv4 ' +
    'ipv4_addr ipv6 ipv6_addr jhash jump l4proto label length local mangle map mark masquerade maxseg meta ' +
    'missing mod nat new nfproto numgen oif oifname option or original output policy postrouting prefix ' +
    'prerouting priority proto-dst proto-src protocol reject reply reset return route rst saddr seed set size ' +
    'snat sport srcnat state status syn table tcp th timeout to type typeof udp unicast update verdict vmap ' +
    'with'
  ).split(' '),
);
const NAME =
  /^(?:wanhook(?:_memory|_kept|_watch)?|addr6?_[A-Za-z][A-Za-z0-9_-]{0,30}|[a-z]+6?(?:_[a-z0-9]+)*(?:_\d+)?(?:_lan|_own)?)$/;
/** A name of ours has a stem that stands here. */
const STEMS = new Set(
  (
    'addr away beside bind check clamp client fixed forward ftp guard held helpers hold inbound irc keep kept ' +
    'known learn leave leaving left masqueraded move mss near own pair pick policy pptp record refusal refuse ' +
    'refused restore settle sip tftp translated use wan wanhook'
  ).split(' '),
);

const isAddress = (text: string) => {
  const [address = '', length, ...more] = text.split('/');
  const family = isIP(address);
  const fits = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= (family === 6 ? 128 : 32));
  return family !== 0 && fits && more.length === 0;
};
const isRange = (text: string) => {
  const [low = '', high = '', ...more] = text.split('-');
  return more.length === 0 && (isAddress(low) ? isAddress(high) : /^\d+$/.test(low) && /^\d+$/.test(high));
};
const MAC = /^(?:[0-9a-f]{2}:){5}[0-9a-f]{2}$/;
const isLiteral = (text: string) =>
  MAC.test(text) || /^(?:0x[0-9a-f]+|\d+|\d+(?:ms|[smhdw]))$/.test(text) || isAddress(text) || isRange(text);
const isOurName = (text: string) =>
  NAME.test(text) && STEMS.has(text.replace(/^@/, '').split('_')[0]!.replace(/6$/, ''));
/** Devices, a rule's name, and helpers stand in quotes. */
const QUOTED = new RegExp(`^(?:${DEVICE}|\\d\\d-[A-Za-z0-9][A-Za-z0-9_-]{0,40}|wanhook[ A-Za-z0-9:_-]*)$`);

/** Why this may not be said; undefined: it may. */
export function whyNotSaid(tool: string, argv: readonly string[], stdin: string): string | undefined {
  const command = [tool, ...argv].join(' ');
  if (/[\n\0]/.test(command) || !COMMAND.test(command)) return `no command of ours: ${JSON.stringify(command)}`;
  if (tool === 'ip' && argv.includes('-batch')) return whyNotBatch(stdin);
  if (tool === 'nft' && argv.includes('-f')) return argv.includes('-c') ? undefined : whyNotScript(stdin);
  return undefined;
}

function whyNotBatch(stdin: string): string | undefined {
  if (!stdin.endsWith('\n')) return 'a batch that does not end';
  for (const line of stdin.slice(0, -1).split('\n')) {
    if (!BATCH_LINE.test(line)) return `no batch line of ours: ${JSON.stringify(line)}`;
    const addresses = [
      ...line.matchAll(/\b(?:from|to|via|src|(?:replace|del)(?: unreachable)?) ([0-9a-f]*[.:][0-9a-f.:/]*)/g),
    ];
    const wrong = addresses.map(([, address = '']) => address).find((address) => !isAddress(address));
    if (wrong !== undefined) return `no address: ${wrong} in ${line}`;
  }
  return undefined;
}

function whyNotScript(script: string): string | undefined {
  let depth = 0;
  for (const line of script.split('\n')) {
    if (depth === 0 && line !== '' && !STATEMENT.test(line)) return `no statement of ours: ${JSON.stringify(line)}`;
    const rest = line.replace(/"([^"]*)"/g, (whole, text: string) => (QUOTED.test(text) ? ' ' : `${whole}\u0000`));
    for (const token of rest.match(/[^\s{},;]+|[{}]/g) ?? []) {
      if (token === '{') depth++;
      else if (token === '}') depth--;
      else if (!isToken(token)) return `no word of ours: ${JSON.stringify(token)} in ${JSON.stringify(line)}`;
      if (depth < 0) return `braces: ${JSON.stringify(line)}`;
    }
  }
  return depth === 0 ? undefined : 'braces that do not close';
}

function isToken(token: string): boolean {
  if (/^(?:[.:|&=!<>+-]|==|!=|<=|>=|<<|>>)$/.test(token)) return true;
  const bare = token.replace(/^[(@]+/, '').replace(/[)]+$/, '');
  return bare.split(/[|,]/).every((word) => WORDS.has(word) || isLiteral(word) || isOurName(word));
}
