import type { Decision } from '../decide.ts';
import { balanceTable, groupId, linkTable } from '../desired/numbers.ts';
import { seenStatuses } from '../desired/picture.ts';
import { parseJson } from '../json.ts';
import { PROTO } from '../kernel/render.ts';
import type { Config, Learned } from '../model.ts';
import { isCopy, pppOptions } from '../ppp-options.ts';
import { fileText, lookAt, namesIn, readableLines } from './files.ts';
import { foreignRules, objectsIn, rulesetOf } from './foreign.ts';
import type { ClientName, Facts, Feature, Foreign, InstalledFile, Manager, Routing, ToolFact } from './facts.ts';

/** How to ask the kernel; undefined: it does not answer, or the tool is missing. */
export interface Doors {
  readonly ask: (tool: 'ip' | 'nft', argv: readonly string[]) => Promise<string | undefined>;
  readonly accepts: (lines: readonly string[]) => Promise<boolean>;
}

const PATH = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'];
const TOOLS: readonly Omit<ToolFact, 'path'>[] = [
  { name: 'ip', package: 'iproute2' },
  { name: 'nft', package: 'nftables' },
  { name: 'flock', package: 'util-linux' },
  { name: 'conntrack', package: 'conntrack', only: 'ending the connections of a dead line' },
  { name: 'ss', package: 'iproute2', only: "ending the router's own connections over a lost address" },
  { name: 'fping', package: 'fping', only: 'asking by ICMP whether a line is dead' },
  { name: 'logger', package: 'bsdutils', only: 'telling syslog' },
];

export function tools(): ToolFact[] {
  return TOOLS.map((tool) => {
    const path = PATH.map((directory) => `${directory}/${tool.name}`).find((at) => lookAt(at)?.executable === true);
    return { ...tool, ...(path !== undefined && { path }) };
  });
}

/** The installer's own record, line by line: KIND SHA256 MODE PATH. */
export function installed(manifest = '/usr/lib/wanhook/manifest'): InstalledFile[] | undefined {
  const text = fileText(manifest);
  return text
    ?.split('\n')
    .map((line) => /^file (\S+) (\S+) (.+)$/.exec(line))
    .flatMap((match) => {
      const [, sum = '', mode = '', path = ''] = match ?? [];
      if (match === null) return [];
      const found = lookAt(path, true);
      return [{ path, sum, mode, ...(found !== undefined && { found }) }];
    });
}

/** Where hooks of ours are looked for: whatever is called after us in there. */
const HOOK_PLACES: Record<ClientName, readonly string[]> = {
  pppd: ['/etc/ppp/ip-up.d', '/etc/ppp'],
  dhclient: ['/etc/dhcp/dhclient-exit-hooks.d', '/etc/dhcp/dhclient.d'],
  dhcpcd: ['/usr/lib/dhcpcd/dhcpcd-hooks', '/lib/dhcpcd/dhcpcd-hooks', '/usr/libexec/dhcpcd-hooks'],
  udhcpc: ['/etc/udhcpc/post-bound', '/etc/udhcpc', '/usr/share/udhcpc', '/usr/lib/wanhook'],
  NetworkManager: ['/etc/NetworkManager/dispatcher.d', '/usr/lib/NetworkManager/dispatcher.d'],
  'systemd-networkd': ['/etc/networkd-dispatcher/routable.d', '/usr/lib/networkd-dispatcher/routable.d'],
  ifupdown: ['/etc/network/if-up.d'],
};

export function hooked(): Map<ClientName, readonly string[]> {
  const places = Object.entries(HOOK_PLACES) as [ClientName, readonly string[]][];
  return new Map(
    places.map(([client, directories]) => {
      const found = directories.flatMap((directory) =>
        namesIn(directory).flatMap((name) => (isOurHook(client, directory, name) ? [`${directory}/${name}`] : [])),
      );
      return [client, found];
    }),
  );
}

/** By its name; or the one script for all (RHEL's ip-up.local, Alpine's ip-up) that is ours or calls us. */
function isOurHook(client: ClientName, directory: string, name: string): boolean {
  if (directory === '/usr/lib/wanhook') return name.includes(client);
  if (directory === '/etc/ppp') {
    return /^ip-up(?:\.local)?$/.test(name) && fileText(`${directory}/${name}`)?.includes('wanhook') === true;
  }
  return name.includes('wanhook');
}

/** pppd's scripts on Debian run NAME.local INSTEAD of NAME.d. */
export function hiders(): string[] {
  return ['ip-up', 'ip-down', 'ipv6-up', 'ipv6-down']
    .map((name) => `/etc/ppp/${name}.local`)
    .filter((path) => lookAt(path)?.executable === true && fileText(path)?.includes('wanhook') !== true);
}

/** Whose device it is by the managers' own notes under /run; `indexes`: device by its number. */
export function managers(indexes: ReadonlyMap<string, string>): Manager[] {
  const noted = (client: ClientName, directory: string, owns: (text: string) => boolean): Manager[] =>
    namesIn(directory).flatMap((index) => {
      const device = indexes.get(index);
      return device !== undefined && owns(fileText(`${directory}/${index}`) ?? '') ? [{ client, device }] : [];
    });
  const ifupdown = readableLines('/run/network/ifstate').flatMap((line): Manager[] => {
    const device = line.split('=')[0] ?? '';
    return device === '' || device === 'lo' ? [] : [{ client: 'ifupdown', device }];
  });
  return [
    ...noted('NetworkManager', '/run/NetworkManager/devices', (text) =>
      /^(?:managed=(?:true|full|1)|connection-uuid=)/m.test(text),
    ),
    ...noted('systemd-networkd', '/run/systemd/netif/links', (text) =>
      /^ADMIN_STATE=(?!unmanaged|initialized)/m.test(text),
    ),
    ...ifupdown,
  ];
}

export function pppFiles(directory = '/etc/ppp'): Facts['pppOptions'] {
  const peers = namesIn(`${directory}/peers`).filter((name) => !isCopy(name));
  return [`${directory}/options`, ...peers.map((name) => `${directory}/peers/${name}`)].flatMap((file) =>
    pppOptions(fileText(file) ?? '').map((option) => ({ file, ...option })),
  );
}

/** sysctl.d(5): the directories in which a boot finds them. */
const SYSCTL_PLACES = [
  '/etc/sysctl.d',
  '/run/sysctl.d',
  '/usr/local/lib/sysctl.d',
  '/usr/lib/sysctl.d',
  '/lib/sysctl.d',
];

export function sysctlLines(): Facts['sysctlLines'] {
  // One of the same name hides those in later directories.
  const byName = new Map<string, string>();
  for (const directory of SYSCTL_PLACES) {
    for (const name of namesIn(directory))
      if (name.endsWith('.conf') && !byName.has(name)) byName.set(name, `${directory}/${name}`);
  }
  return [...new Set([...byName.values(), '/etc/sysctl.conf'])].flatMap((file) =>
    readableLines(file).flatMap((text, n) => {
      const [, key, value] =
        /^\s*-?\s*(net[./]ipv4[./]conf[./](?:all|default)[./]rp_filter)\s*=\s*(\d)\s*$/.exec(text) ?? [];
      return key === undefined || value === undefined ? [] : [{ file, line: n + 1, key, value }];
    }),
  );
}

type Decided = Pick<Decision, 'config' | 'statuses' | 'statuses6' | 'state' | 'ops'>;

export function routingOf({ config, statuses: in4, statuses6: in6, state, ops }: Decided): Routing {
  const statuses = seenStatuses(config, in4, in6);
  const said = [...Object.entries(state.health ?? {}), ...Object.entries(state.v6?.health ?? {})];
  const blocked = said.filter(([, { reason }]) => reason.includes('do not leave this machine')).map(([name]) => name);
  return { statuses, stopped: state.stopped, pending: ops.length, probesBlocked: [...new Set(blocked)] };
}

const NOTHING: Foreign = { rules: [], routes: [], nexthops: [], flowtables: [], marks: [], hiddenMarks: [] };

export async function foreign(config: Config | undefined, { ask }: Doors): Promise<Foreign> {
  const json = async (...argv: string[]) => parsed(await ask('ip', ['-N', '-j', ...argv]));
  const listing = await ask('nft', ['-j', '-t', 'list', 'ruleset']);
  const ruleset = listing === undefined ? {} : rulesetOf(listing);
  const rules = foreignRules(await json('rule', 'show'), PROTO);
  if (config === undefined) return { ...NOTHING, ...ruleset, rules };
  const ids = new Set([groupId(config), ...config.links.map((link) => linkTable(config, link))]);
  const nexthops = (await json('nexthop', 'show'))
    .filter((one) => ids.has(Number(one['id'])) && one['protocol'] !== PROTO)
    .map((one) => Number(one['id']));
  const tables = [balanceTable(config), ...config.links.map((link) => linkTable(config, link))];
  const routes: string[] = [];
  // Not "table all": a router may have a million routes that are nobody's business here.
  for (const table of tables) {
    const shown = (await ask('ip', ['-N', 'route', 'show', 'table', String(table)])) ?? '';
    // A route over a group goes on in lines that begin with a blank.
    const others = shown.split('\n').filter((line) => /^\S/.test(line) && !line.includes(`proto ${PROTO} `));
    routes.push(...others.map((line) => `table ${table}: ${line.trim()}`));
  }
  return { ...NOTHING, ...ruleset, rules, nexthops, routes };
}

/** An empty table prints a bare `[`. */
function parsed(text = '[]'): Record<string, unknown>[] {
  return objectsIn(parseJson(text)).filter((entry) => Object.keys(entry).length > 0);
}

/** By asking the kernel to take it (`nft -c`), or by what it shows. */
export async function features(
  config: Config | undefined,
  { ask, accepts }: Doors,
  learned?: Learned,
): Promise<Feature[]> {
  const chain = (type: string, line: string) => `chain probe {\n type ${type};\n ${line}\n}`;
  const wants = (is: (config: Config) => boolean) => config !== undefined && is(config);
  const asked: readonly (readonly [name: string, lines: readonly string[], without: string, wanted: boolean])[] = [
    ['connection marks in nftables (nft_ct)', [chain('filter hook prerouting priority 0', 'ct mark set ct mark or 0x1')], 'nothing of wanhook works', true],
    ['masquerade in table inet (5.2)', [chain('nat hook postrouting priority 100', 'masquerade')], 'MASQUERADE=yes does not work', wants(({ links }) => links.some(({ masquerade }) => masquerade))],
    ['reject in prerouting (5.9)', [chain('filter hook prerouting priority 0', 'reject')], 'ON_DOWN=block does not work', wants(({ links }) => links.some(({ onDown }) => onDown === 'block'))],
    ['expressions over concatenations (5.4)', ['map m {\n typeof ip saddr . ip daddr : ct mark\n flags timeout,dynamic\n timeout 1m\n size 16\n}'], 'BALANCE=pair and client do not work', wants(({ balance }) => balance !== 'flow')],
  ]; // prettier-ignore
  const found: Feature[] = [];
  for (const [name, lines, without, wanted] of asked)
    found.push({ name, without, wanted, there: await accepts(lines) });
  const ipAnswers = async (...argv: readonly string[]) => (await ask('ip', argv)) !== undefined;
  found.push({
    name: 'nexthop objects (Linux and iproute2 5.3)',
    // Where there is no ip at all, that is told.
    there: (await ipAnswers('nexthop', 'show', 'proto', PROTO)) || !(await ipAnswers('-V')),
    without: 'nothing of wanhook works',
    wanted: true,
  });
  found.push({
    name: '"managed" neighbours (Linux and iproute2 5.16)',
    // The last apply has tried.
    there: learned?.managedNeighbours !== false,
    without: 'a gateway that was silent for a while gets its share back only when somebody asks for it',
    wanted: false,
  });
  const cgroups = lookAt('/sys/fs/cgroup/cgroup.controllers') !== undefined;
  found.push({
    name: 'cgroup v2 at /sys/fs/cgroup',
    there: cgroups,
    without: '"wanhook use" does not work',
    wanted: false,
  });
  return found;
}
