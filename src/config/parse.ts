import { isBuiltIn } from '../checked.ts';
import type { Config, LinkConfig, Problem } from '../model.ts';
import { parseClients } from './clients.ts';
import { readAssignments } from './dotenv.ts';
import { COMMON_LINK_KEYS, GLOBAL_DEFAULTS, GLOBAL_KEYS, LINK_DEFAULTS, LINK_KEYS } from './keys.ts';
import { reportPrefixes } from './prefixes.ts';
import { probeSettings } from './probe-settings.ts';
import { parseRules } from './rules.ts';
import { reportTunnels } from './tunnels.ts';
import { readValues, reportUnknown, type Values } from './values.ts';

/** A configuration file as read; paths are for messages. */
export interface ConfigFile {
  readonly path: string;
  readonly text: string;
}
export interface NamedFile extends ConfigFile {
  readonly name: string;
}
export interface ConfigFiles {
  readonly main?: ConfigFile;
  readonly links: readonly NamedFile[];
  /** `rules/NN-name.env`, in name order. */
  readonly rules?: readonly NamedFile[];
  /** `sets/NAME`. */
  readonly sets?: readonly NamedFile[];
  /** `clients/NAME.env`. */
  readonly clients?: readonly NamedFile[];
}
/** What was found wrong, and what only looks so; the configuration if nothing is wrong. */
export interface Parsed {
  readonly config?: Config;
  readonly problems: readonly Problem[];
  readonly warnings?: readonly Problem[];
}

/** What `links/NAME.env` may be called: the name goes into table names and messages. */
function isLinkName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_-]{0,14}$/.test(name);
}

/** All files → the configuration, or every problem in them. Pure. */
export function parseConfig(files: ConfigFiles): Parsed {
  const problems: Problem[] = [];
  const main = files.main === undefined ? new Map() : readAssignments(files.main.path, files.main.text, problems);
  const mainPath = files.main?.path ?? 'wanhook.env';
  reportUnknown(mainPath, main, { ...GLOBAL_KEYS, ...COMMON_LINK_KEYS }, problems);
  const globals = readValues(GLOBAL_KEYS, mainPath, main, problems);
  const defaults = readValues(COMMON_LINK_KEYS, mainPath, main, problems);

  const links = files.links.flatMap(({ path, text, name }) => {
    const link = parseLink(path, text, name, defaults, problems);
    return link === undefined ? [] : [{ path, link }];
  });
  const config = assembleConfig(
    globals,
    links.map(({ link }) => link),
  );
  reportConflicts(config, links, problems);
  reportPrefixes(links, problems);
  reportTunnels(links, problems);
  const { warnings, ...policy } = parseRules(files, config, problems);
  const clients = parseClients(files.clients ?? [], new Set(files.links.map(({ name }) => name)), problems);
  return problems.length === 0
    ? { config: { ...config, ...policy, clients }, problems, warnings }
    : { problems, warnings };
}

function assembleConfig(globals: Values<typeof GLOBAL_KEYS>, links: readonly LinkConfig[]): Config {
  return {
    balance: globals.BALANCE ?? GLOBAL_DEFAULTS.balance,
    pairTimeout: globals.PAIR_TIMEOUT ?? GLOBAL_DEFAULTS.pairTimeout,
    pairByPort: globals.PAIR_BY_PORT ?? GLOBAL_DEFAULTS.pairByPort,
    clientTimeout: globals.CLIENT_TIMEOUT ?? GLOBAL_DEFAULTS.clientTimeout,
    rebalance: globals.REBALANCE ?? GLOBAL_DEFAULTS.rebalance,
    rebalanceQuiet: globals.REBALANCE_QUIET ?? GLOBAL_DEFAULTS.rebalanceQuiet,
    clients: [],
    markMask: globals.MARK_MASK ?? GLOBAL_DEFAULTS.markMask,
    tableBase: globals.TABLE_BASE ?? GLOBAL_DEFAULTS.tableBase,
    prefBase: globals.PREF_BASE ?? GLOBAL_DEFAULTS.prefBase,
    lan: globals.LAN ?? GLOBAL_DEFAULTS.lan,
    lastResort: globals.LAST_RESORT ?? GLOBAL_DEFAULTS.lastResort,
    helpers: globals.HELPERS ?? GLOBAL_DEFAULTS.helpers,
    eventTimeout: globals.EVENT_TIMEOUT ?? GLOBAL_DEFAULTS.eventTimeout,
    ...((globals.METRICS_FILE ?? 'none') !== 'none' && { metricsFile: globals.METRICS_FILE }),
    links: links.toSorted((a, b) => a.id - b.id),
  };
}

function parseLink(
  path: string,
  text: string,
  name: string,
  defaults: Values<typeof COMMON_LINK_KEYS>,
  problems: Problem[],
): LinkConfig | undefined {
  if (!isLinkName(name)) {
    problems.push({ file: path, message: 'a link is named by letters, digits, _ and -, at most 15, then .env' });
  }
  if (isBuiltIn(name)) {
    problems.push({
      file: path,
      message: `a link cannot be called ${name}, which JavaScript has for itself: rename it`,
    });
  }
  const assignments = readAssignments(path, text, problems);
  reportUnknown(path, assignments, LINK_KEYS, problems);
  const own = readValues(LINK_KEYS, path, assignments, problems);
  const values: Values<typeof LINK_KEYS> = { ...defaults, ...own };
  // A key that is there but wrong has been reported already: do not call it missing as well.
  if (values.ID === undefined && !assignments.has('ID')) {
    problems.push({ file: path, message: `ID is missing: expected ${LINK_KEYS.ID.expected}, unique among the links` });
  }
  const identity = ['DEVICE', 'PPP_IPPARAM', 'PPP_LINKNAME'] as const;
  if (!identity.some((key) => values[key] !== undefined || assignments.has(key))) {
    problems.push({ file: path, message: 'no DEVICE, PPP_IPPARAM or PPP_LINKNAME: nothing says which line this is' });
  }
  if (values.IPV4 === false && values.IPV6 === false) {
    problems.push({ file: path, message: 'IPV4=no and IPV6=no: nothing is left that the link could carry' });
  }
  if (values.IPV6 === false && hasPrefixes(values)) {
    problems.push({
      file: path,
      message: 'PREFIXES with IPV6=no: they are IPv6 prefixes, and would be nothing to the link',
    });
  }
  const probes = probeSettings(values, own, assignments, path, problems);
  if (values.ID === undefined) return undefined;
  return {
    name,
    id: values.ID,
    ...(values.DEVICE !== undefined && { device: values.DEVICE }),
    ...(values.PPP_IPPARAM !== undefined && { pppIpparam: values.PPP_IPPARAM }),
    ...(values.PPP_LINKNAME !== undefined && { pppLinkname: values.PPP_LINKNAME }),
    ...(values.GATEWAY !== undefined && { gateway: values.GATEWAY }),
    ...(values.GATEWAY6 !== undefined && { gateway6: values.GATEWAY6 }),
    ...(values.IPV4 === false && { ipv4: false }),
    ...(values.IPV6 === false && { ipv6: false }),
    ...(hasPrefixes(values) && { prefixes: values.PREFIXES }),
    weight: values.WEIGHT ?? LINK_DEFAULTS.weight,
    tier: values.TIER ?? LINK_DEFAULTS.tier,
    metered: values.METERED ?? LINK_DEFAULTS.metered,
    failback: values.FAILBACK ?? LINK_DEFAULTS.failback,
    onDown: values.ON_DOWN ?? LINK_DEFAULTS.onDown,
    masquerade: values.MASQUERADE ?? LINK_DEFAULTS.masquerade,
    ...(values.NPT === true && { npt: true }),
    ...(values.TUNNEL_SERVER !== undefined && { tunnelServer: values.TUNNEL_SERVER }),
    ...(values.TUNNEL_OVER !== undefined && { tunnelOver: values.TUNNEL_OVER }),
    mss: values.MSS ?? LINK_DEFAULTS.mss,
    ...probes,
  };
}

const hasPrefixes = ({ PREFIXES = [] }: Values<typeof LINK_KEYS>) => PREFIXES.length > 0;

/** What no link can check alone: two lines that claim the same id, device or name, or an id too big for the mask. */
function reportConflicts(
  config: Config,
  links: readonly { path: string; link: LinkConfig }[],
  problems: Problem[],
): void {
  const unique = [
    ['ID', (link: LinkConfig) => link.id],
    ['DEVICE', (link: LinkConfig) => link.device],
    ['PPP_IPPARAM', (link: LinkConfig) => link.pppIpparam],
    ['PPP_LINKNAME', (link: LinkConfig) => link.pppLinkname],
  ] as const;
  for (const [key, valueOf] of unique) {
    const first = new Map<string | number, string>();
    for (const { path, link } of links) {
      const value = valueOf(link);
      if (value === undefined) continue;
      const other = first.get(value);
      if (other === undefined) first.set(value, path);
      else problems.push({ file: path, message: `${key}=${value} is already taken by ${other}` });
    }
  }
  const bits = config.markMask.toString(2).replaceAll('0', '').length;
  const biggest = 2 ** bits - 1;
  for (const { path, link } of links) {
    if (link.id > biggest) {
      const mask = `0x${config.markMask.toString(16)}`;
      problems.push({ file: path, message: `ID=${link.id} does not fit MARK_MASK=${mask}: at most ${biggest}` });
    }
    if (Array.isArray(config.lan) && link.device !== undefined && config.lan.includes(link.device)) {
      problems.push({ file: path, message: `DEVICE=${link.device} is also named in LAN` });
    }
  }
}
