import type { Bindings } from './desired/clients.ts';
import { desiredFor, NOTHING } from './desired/desired.ts';
import { withFailback } from './desired/failback.ts';
import { helpersIn } from './desired/firewall-helpers.ts';
import { withHealth } from './desired/health.ts';
import { linkTable, pref } from './desired/numbers.ts';
import { explain } from './errors.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { IpObserved } from './kernel/observe.ts';
import { KEPT_TABLE } from './kernel/render.ts';
import type { Config, Desired, Device, LinkStatus, MemoryRecord, Observed, Op, State, Sysctls } from './model.ts';
import { plan } from './plan.ts';
import { clientBase, memoryInKernel, memoryRecord, observeMemory } from './remember.ts';
import type { PendingEvent } from './state/inbox.ts';
import { devicesWithoutGateway, linkStatuses, owedEnds, verdictsOf, withoutLink } from './state/live.ts';
import { recordEvent, rehomeRecords } from './state/record.ts';
import { keepMainGateways, recoverLearned, recoverRecords, type Places } from './state/recover.ts';
import { rememberSysctls, resetByForwarding, restoredSysctls, turnsForwardingOn } from './state/sysctl-memory.ts';

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
  /** Our nftables table. */
  readonly listing?: string;
  /** Somebody watches nftables: since that listing, nothing has changed in any of our tables. */
  readonly watched?: boolean;
}

/** What a run saw, and what is to be done. */
export interface Decision {
  readonly config: Config;
  readonly notes: readonly string[];
  readonly statuses: readonly LinkStatus[];
  /** The state to remember. */
  readonly state: State;
  readonly ops: readonly Op[];
  /** Links whose local connections the operations end. */
  readonly ending: ReadonlySet<string>;
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
  const { listing, firewall } = await observeFirewall(kernel, known, early, notes);
  const recovered = recover(config, rehomeRecords(config, known.state), ip, listing);
  // Without links there is nobody to ask whose the records are: keep them for when wanhook is started again.
  const recorded =
    known.state.stopped && config.links.length === 0 ? known.state : recordAll(known, recovered, ip.devices, notes);
  const remembered = await observeMemory(world, known, notes);
  const { statuses: live, state: learnt } = await liveLinks(kernel, known, recorded, ip.devices);
  const now = world.now();
  const { statuses: judged, health } = withHealth(config, live, recorded.health);
  const { statuses, failback } = withFailback(judged, recorded, now);
  const base = clientBase(config, recorded, statuses, remembered);
  const ending = owedEnds(statuses, recorded.verdicts);
  const wanted = recorded.stopped ? NOTHING : desiredFor(config, statuses, recorded, ending, { base, ...remembered });
  const { sysctls, reset } = lookAtSysctls(kernel, recorded.sysctls, wanted.sysctls, ip.devices);
  const desired: Desired = { ...wanted, sysctls: restoredSysctls(recorded.sysctls, wanted.sysctls, sysctls) };
  const ops = plan({ ...ip, sysctls, ...firewall, ...memoryInKernel(recorded, remembered) }, desired);
  const state: State = {
    ...learnt,
    ...(!recorded.stopped && { failback, health }),
    verdicts: recorded.stopped ? recorded.verdicts : verdictsOf(statuses, recorded.verdicts, now),
    sysctls: rememberSysctls(recorded.sysctls, wanted.sysctls, sysctls, reset),
  };
  const memory = memoryRecord(config, desired, base);
  const { bindings } = remembered;
  return { config, notes, statuses, state, ops, ending, bindings, ...(memory && { memory }) };
}

function lookAtSysctls(kernel: Kernel, memory: State['sysctls'], wanted: Sysctls, devices: readonly Device[]) {
  const now = kernel.readSysctls(Object.keys({ ...wanted, ...memory }));
  const reset = turnsForwardingOn(memory, wanted, now) ? resetByForwarding(devices) : {};
  return { sysctls: { ...now, ...kernel.readSysctls(Object.keys(reset)) }, reset };
}

/** After the loss of the state: what our own objects tell. */
function recover(config: Config, state: State, ip: IpObserved, listing: string | undefined): State {
  const places: Places = {
    tableOf: (link) => linkTable(config, link),
    resolvers: [pref(config, 'resolver'), pref(config, 'nearResolver')],
    tunnel: pref(config, 'tunnel'),
    tunnelEnd: pref(config, 'tunnelEnd'),
  };
  const helpers = helpersIn(config, listing ?? '');
  return recoverLearned(config, recoverRecords(config, state, ip, places), ip.rules, helpers, places);
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
  const isSeen = early.listing !== undefined && early.listing === firewall?.listing;
  try {
    const listing = isSeen ? early.listing : await kernel.listFirewall();
    // Somebody took it away: what was loaded with it may still be there.
    if (listing === undefined) return { firewall: withKept ? changed : {} };
    if (listing !== firewall?.listing) return { listing, firewall: changed };
    const isWhole = !withKept || early.watched === true || (await kernel.isKept(firewall.text, closely));
    return { listing, firewall: isWhole ? { firewall: firewall.text } : changed };
  } catch (error) {
    if (!stopped) throw error;
    notes.push(explain(error));
    return { firewall: {} };
  }
}
