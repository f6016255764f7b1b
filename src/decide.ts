import type { Bindings } from './desired/clients.ts';
import { desiredFor, NOTHING } from './desired/desired.ts';
import { isInUse6 } from './desired/routing6.ts';
import { withFailback } from './desired/failback.ts';
import { helpersIn } from './desired/firewall-helpers.ts';
import { asked, sameLine, withHealth } from './desired/health.ts';
import { linkTable, pref } from './desired/numbers.ts';
import { isUsableIpv6 } from './ipv6.ts';
import { explain } from './errors.ts';
import type { Kernel } from './kernel/kernel.ts';
import { isSameListing, NO_IP6, type Ip6Observed, type IpObserved } from './kernel/observe.ts';
import { KEPT_TABLE } from './kernel/render.ts';
import type {
  Config,
  Desired,
  Device,
  FamilyState,
  LinkStatus,
  MemoryRecord,
  Observed,
  Op,
  State,
  Sysctls,
} from './model.ts';
import { plan } from './plan.ts';
import { clientBase, memoryInKernel, memoryRecord, observeMemory } from './remember.ts';
import type { PendingEvent } from './state/inbox.ts';
import { devicesWithoutGateway, linkStatuses, owedEnds, verdictsOf, withoutLink } from './state/live.ts';
import { linkStatuses6 } from './state/live6.ts';
import { notesOnGiven } from './state/prefixes.ts';
import { EMPTY_FAMILY, recordEvent, rehomeRecords } from './state/record.ts';
import { keepMainGateways, recoverLearned, recoverRecords, recoverRecords6, type Places } from './state/recover.ts';
import { acceptable, rememberSysctls, resetByForwarding, restoredSysctls } from './state/sysctl-memory.ts';

/** What is known before the kernel is asked. */
export interface Known {
  readonly config: Config;
  readonly state: State;
  readonly pending: readonly PendingEvent[];
  /** Links whose objects the kernel has refused, and how it said so. */
  readonly refused: ReadonlyMap<string, string>;
  /** Look as closely as takes a second and more with a full memory: for commands. */
  readonly closely?: boolean;
}

/** What the kernel must be asked, and the clock. */
export interface Surroundings {
  readonly kernel: Kernel;
  /** For what must survive a reboot. */
  readonly libraryDirectory: string;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** For what the user should know although the work goes on. */
  readonly warn: (message: string) => void;
}

/** What was seen a moment ago, outside the lock. */
export interface Early {
  readonly ip?: IpObserved;
  readonly ip6?: Ip6Observed;
  /** Our nftables table. */
  readonly listing?: string;
  /** Somebody watches nftables: since that listing, nothing has changed in any of our tables. */
  readonly watched?: boolean;
  /** What state/changes.ts said before all of this was looked up. */
  readonly changes?: string;
  /** The kernel by the process that has looked: for what is decided by this look. */
  readonly kernel?: Kernel;
  /** How long ago, in milliseconds. */
  readonly age?: () => number;
}

/** What a run saw, and what is to be done. */
export interface Decision {
  readonly config: Config;
  readonly notes: readonly string[];
  readonly statuses: readonly LinkStatus[];
  /** The links as IPv6 has them. */
  readonly statuses6: readonly LinkStatus[];
  /** The state to remember. */
  readonly state: State;
  readonly ops: readonly Op[];
  /** Links whose local connections the operations end. */
  readonly ending: ReadonlySet<string>;
  readonly ending6: ReadonlySet<string>;
  /** BALANCE=client: who is where. */
  readonly bindings: Bindings;
  /** What the memory's table is, once the operations are carried out. */
  readonly memory?: MemoryRecord;
}

/** The pure middle with what it must ask the kernel: record → observe → desired → plan. */
export async function decide(world: Surroundings, known: Known, early: Early = {}): Promise<Decision> {
  const { kernel } = world;
  const { config } = known;
  const notes: string[] = [];
  const ip = early.ip ?? (await kernel.observe());
  const ip6 = await lookAtIpv6(kernel, known, ip.devices, early.ip6);
  const { listing, firewall } = await observeFirewall(kernel, known, early, notes);
  const recovered = recover(config, rehomeRecords(config, known.state), ip, ip6, listing);
  // Without links there is nobody to ask whose the records are: keep them for when wanhook is started again.
  const recorded =
    known.state.stopped && config.links.length === 0 ? known.state : recordAll(known, recovered, ip.devices, notes);
  notes.push(...notesOnGiven(config, known.state, recorded, known.closely === true));
  const remembered = await observeMemory(world, known, notes);
  const { statuses: live, state: learnt } = await liveLinks(kernel, known, recorded, ip.devices);
  const now = world.now();
  const { statuses: judged, health } = withHealth(config, live, asked(live, recorded.health));
  const { statuses, failback } = withFailback(judged, recorded, now);
  const six = inIpv6(
    config,
    recorded,
    statuses,
    linkStatuses6(config, recorded, ip.devices, ip6.defaults, now),
    known,
    now,
  );
  const base = clientBase(config, recorded, statuses, remembered, six.statuses);
  const ending = owedEnds(statuses, recorded.verdicts);
  const wanted = recorded.stopped
    ? NOTHING
    : desiredFor(config, statuses, recorded, ending, { base, ...remembered }, six);
  const { sysctls, reset, own } = lookAtSysctls(kernel, ip, known.pending, recorded.sysctls, wanted.sysctls);
  const desired: Desired = { ...wanted, sysctls: restoredSysctls(recorded.sysctls, own, sysctls) };
  const routing = { ...ip, rules: [...ip.rules, ...ip6.rules], routes: [...ip.routes, ...ip6.routes] };
  const ops = plan({ ...routing, sysctls, ...firewall, ...memoryInKernel(recorded, remembered) }, desired);
  const state: State = {
    ...learnt,
    ...(!recorded.stopped && { failback, health }),
    verdicts: recorded.stopped ? recorded.verdicts : verdictsOf(statuses, recorded.verdicts, now),
    sysctls: rememberSysctls(recorded.sysctls, own, sysctls, reset),
    ...six.state,
  };
  const memory = memoryRecord(config, desired, base);
  const { bindings } = remembered;
  const both = { statuses, statuses6: six.statuses, ending, ending6: six.ending };
  return { config, notes, ...both, state, ops, bindings, ...(memory && { memory }) };
}

/**
 * A process more: only where there is IPv6, or may be something of ours in it. That is known without it: every device's
 * addresses of both families have been listed.
 */
async function lookAtIpv6(
  kernel: Kernel,
  { config, state, closely = false }: Known,
  devices: readonly Device[],
  early: Ip6Observed | undefined,
): Promise<Ip6Observed> {
  const isWanted = config.links.some(({ ipv6 }) => ipv6 !== false);
  const isNamed = config.links.some(({ prefixes }) => prefixes !== undefined);
  const isThere = isNamed || devices.some(({ addresses6 = [] }) => addresses6.some(({ local }) => isUsableIpv6(local)));
  const isNeeded = state.v6 !== undefined || state.firewall === undefined || closely || (isWanted && isThere);
  return isNeeded ? (early ?? (await kernel.observe6())) : NO_IP6;
}

/** The links as IPv6 has them, and what is remembered of that. */
function inIpv6(
  config: Config,
  recorded: State,
  statuses4: readonly LinkStatus[],
  live: readonly LinkStatus[],
  { refused }: Known,
  now: number,
) {
  const before = recorded.v6 ?? EMPTY_FAMILY;
  const taken = live.map((status) => {
    const why = refused.get(status.link.name);
    return status.up && why !== undefined ? withoutLink(status, why) : status;
  });
  const said = { ...sameLine(statuses4, taken), ...asked(taken, before.health) };
  const { statuses: judged, health } = withHealth(config, taken, said);
  const { statuses, failback } = withFailback(judged, before, now);
  const ending = owedEnds(statuses, before.verdicts);
  const own = asked(taken, health);
  const kept: FamilyState = {
    links: before.links,
    verdicts: before.verdicts,
    failback,
    ...(Object.keys(own).length > 0 && { health: own }),
  };
  const isUsed = isInUse6(statuses) || Object.keys(before.links).length > 0;
  const state: Pick<State, 'v6'> = recorded.stopped
    ? {}
    : isUsed
      ? { v6: { ...kept, verdicts: verdictsOf(statuses, before.verdicts, now) } }
      : {};
  return { statuses, verdicts: before.verdicts, ending, state };
}

/**
 * What netlink has told, but for two kinds of files. Those of a device that something is happening to: others set them, too (udev, of
 * a new one), and nobody tells of that. And what is only to be given back: netlink rounds the numbers that somebody may have set.
 */
function lookAtSysctls(
  kernel: Kernel,
  { devices, sysctls: told }: IpObserved,
  pending: readonly PendingEvent[],
  memory: State['sysctls'],
  wanted: Sysctls,
) {
  const moving = pending.flatMap(({ event: { device } }) => [`net/ipv4/conf/${device}/`, `net/ipv6/conf/${device}/`]);
  const first: Record<string, string> = {};
  const untold: string[] = [];
  for (const key in { ...wanted, ...memory }) {
    const value = wanted[key] === undefined ? undefined : told[key];
    if (value === undefined || moving.some((conf) => key.startsWith(conf))) untold.push(key);
    else first[key] = value;
  }
  Object.assign(first, kernel.readSysctls(untold));
  const own = acceptable(wanted, first);
  const reset = resetByForwarding(memory, own, first, devices);
  return { sysctls: { ...first, ...kernel.readSysctls(Object.keys(reset)) }, reset, own };
}

/** After the loss of the state: what our own objects tell. */
function recover(config: Config, state: State, ip: IpObserved, ip6: Ip6Observed, listing: string | undefined): State {
  const places: Places = {
    tableOf: (link) => linkTable(config, link),
    resolvers: [pref(config, 'resolver'), pref(config, 'nearResolver')],
    tunnel: pref(config, 'tunnel'),
    tunnelEnd: pref(config, 'tunnelEnd'),
  };
  const helpers = helpersIn(config, listing ?? '');
  const recovered = recoverRecords6(config, recoverRecords(config, state, ip, places), ip6, places);
  return recoverLearned(config, recovered, ip.rules, helpers, places);
}

async function liveLinks(
  kernel: Kernel,
  { config, refused }: Known,
  recorded: State,
  devices: readonly Device[],
): Promise<{ statuses: LinkStatus[]; state: State }> {
  const first = linkStatuses(config, recorded, devices, {});
  const gatewayless = devicesWithoutGateway(first);
  const mainGateways = gatewayless.length === 0 ? {} : await kernel.mainGateways(gatewayless);
  const seen = gatewayless.length === 0 ? first : linkStatuses(config, recorded, devices, mainGateways);
  const statuses = seen.map((status) => {
    const why = refused.get(status.link.name);
    return status.up && why !== undefined ? withoutLink(status, why) : status;
  });
  return { statuses, state: keepMainGateways(recorded, statuses, mainGateways) };
}

function recordAll({ config, pending }: Known, state: State, devices: readonly Device[], notes: string[]): State {
  return pending.reduce((current, { event }) => {
    const recorded = recordEvent(current, event, config, devices);
    if (recorded.ignored !== undefined) notes.push(`${event.cause} of ${event.device} ignored: ${recorded.ignored}`);
    return recorded.state;
  }, state);
}

/**
 * Is the table in the kernel still the one we loaded? What was listed early, outside the lock, can only confirm that nothing
 * has changed since. Stopping must work without nft, too: then there is no table to take away.
 */
async function observeFirewall(
  kernel: Kernel,
  { state: { firewall, stopped }, closely = false }: Known,
  early: Early,
  notes: string[],
): Promise<{ listing?: string; firewall: Pick<Observed, 'firewall'> }> {
  const changed = { firewall: { changed: true } } as const;
  const withKept = firewall?.text.includes(KEPT_TABLE) === true;
  const isAsLoaded = (now: string) => firewall !== undefined && isSameListing(now, firewall.listing);
  const isSeen = early.listing !== undefined && isAsLoaded(early.listing);
  try {
    const listing = isSeen ? early.listing : await kernel.listFirewall();
    // Somebody took it away: what was loaded with it may still be there.
    if (listing === undefined) return { firewall: withKept ? changed : {} };
    if (firewall === undefined || !(isSeen || isAsLoaded(listing))) return { listing, firewall: changed };
    const isWhole = !withKept || early.watched === true || (await kernel.isKept(firewall.text, closely));
    return { listing, firewall: isWhole ? { firewall: firewall.text } : changed };
  } catch (error) {
    if (!stopped) throw error;
    notes.push(explain(error));
    return { firewall: {} };
  }
}
