import { resolverLinks } from '../desired/destinations.ts';
import { linkMark, linkTable, nexthopId } from '../desired/numbers.ts';
import { conditionOf, healthOf, pictureOf, seenStatuses } from '../desired/picture.ts';
import { isInUse6 } from '../desired/routing6.ts';
import { sharingLinks } from '../desired/routing.ts';
import { EXIT } from '../errors.ts';
import type { Condition, LinkHealth, LinkStatus, LinkUp } from '../model.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
import { loadTrial, trialNotice, type Trial } from '../state/trial.ts';
import { loadMeasured, type MeasuredLinks } from '../state/measured.ts';
import { columns } from './columns.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** One link as `status --json` prints it. */
interface Row extends Judged {
  readonly name: string;
  readonly id: number;
  readonly state: 'up' | 'down';
  readonly device: string | null;
  readonly address: string | null;
  readonly peer: string | null;
  readonly gateway: string | null;
  readonly table: number;
  readonly mark: string;
  readonly nexthop: number;
  readonly weight: number;
  readonly tier: number;
  /** Percent of new connections. */
  readonly share: number;
  /** ISO 8601; null before the first apply. */
  readonly since: string | null;
  /** When a FAILBACK=delay ends, ISO 8601; null while none is running. */
  readonly waitsUntil: string | null;
  /** Why it is down, dead or degraded, or waits; `up` otherwise. */
  readonly reason: string;
  /** With the monitor's verdict, which is null where nobody has looked. */
  readonly condition: Condition;
  readonly dns: readonly string[];
  /** Null where the link never had any. */
  readonly ipv6: Row6 | null;
}

/** What the monitor has found out about a link, or about its IPv6. */
interface Judged {
  readonly verdict: LinkHealth['verdict'] | null;
  /** When the verdict last changed, ISO 8601. */
  readonly verdictSince: string | null;
  /** What the monitor goes by: "no answer from 3 of 3 targets for 6 s". */
  readonly verdictReason: string | null;
  /** Lost share of probes (0 to 1), round trip and its variation in milliseconds; null: not measured. */
  readonly loss: number | null;
  readonly rtt: number | null;
  readonly jitter: number | null;
  /** Well again, but held back after flapping until then, ISO 8601. */
  readonly heldUntil: string | null;
}

/** The link's IPv6, which comes and goes by itself. Its verdict is null where IPv4's holds for the line. */
interface Row6 extends Judged {
  readonly state: Condition;
  readonly address: string | null;
  readonly gateway: string | null;
  /** What the addresses of its device are in, and what was delegated to us. */
  readonly prefixes: readonly string[];
  readonly delegated: readonly string[];
  readonly share: number;
  readonly since: string | null;
  readonly reason: string;
}

/** `wanhook status`. */
export async function status(context: Context, common: Common, json: boolean): Promise<number> {
  const world = worldFor(context, common);
  const report = await preview(world, { lenient: true });
  const now = world.now();
  const trial = loadTrial(world);
  const [in4, in6] = [loadMeasured(world.stateDirectory, now), loadMeasured(world.stateDirectory, now, 6)];
  const rows = rowsOf(report, in4, now, in6);
  if (json) {
    const { stopped } = report.state;
    const whole = {
      stopped,
      balance: report.config.balance,
      pendingChanges: report.ops.length,
      trial: trialRow(trial),
      links: rows,
    };
    context.out(`${JSON.stringify(whole, null, 2)}\n`);
  } else {
    context.out(table(rows, now));
    context.out(resolvers(report));
    if (trial !== undefined) context.out(`${trialNotice(trial) ?? ''}\n`);
    if (report.state.stopped) context.out('stopped: nothing of this is in the kernel; "wanhook apply" starts again\n');
    else if (report.ops.length > 0) context.out(`${report.ops.length} changes pending: see "wanhook plan"\n`);
  }
  return EXIT.done;
}

const trialRow = (trial: Trial | undefined) =>
  trial === undefined
    ? null
    : { state: trial.left > 0 ? 'running' : 'over', secondsLeft: Math.ceil(trial.left / 1000) };

/** Pure: the links in their order. */
export function rowsOf(
  decision: Pick<Decision, 'config' | 'statuses' | 'state'> & Partial<Pick<Decision, 'statuses6'>>,
  measured: MeasuredLinks,
  now: number,
  measured6: MeasuredLinks = {},
): Row[] {
  const { config, state, statuses6 = [] } = decision;
  const { links } = pictureOf(config, decision.statuses, state, statuses6);
  const statuses = seenStatuses(config, decision.statuses, statuses6);
  const judged = (status: LinkStatus) =>
    judgedOf(status, healthOf(status, state), status.family === 6 ? measured6 : measured);
  const sixes = rows6(statuses6, state, judged, now);
  return links.map((seen, n): Row => {
    const status = statuses[n] as LinkStatus;
    const { link } = status;
    const health = healthOf(status, state);
    return {
      name: link.name,
      id: link.id,
      state: status.up ? 'up' : 'down',
      device: status.device ?? null,
      address: status.up ? status.address : null,
      peer: (status.up ? status.peer : undefined) ?? null,
      gateway: (status.up ? status.gateway : undefined) ?? null,
      table: linkTable(config, link),
      mark: `0x${linkMark(config, link).value.toString(16)}`,
      nexthop: nexthopId(config, link),
      weight: link.weight,
      tier: link.tier,
      share: Math.round(1000 * seen.share) / 10,
      since: iso((status.family === 6 ? state.v6?.verdicts : state.verdicts)?.[link.name]?.since),
      waitsUntil: iso(status.up ? status.waits?.until : undefined),
      reason: why(status, health, seen.sharing, now),
      dns: seen.dns,
      condition: seen.condition,
      ...judged(status),
      ipv6: sixes.get(link.name) ?? null,
    };
  });
}

/** As in the record; the figures newer, if the monitor runs. */
function judgedOf({ up, link }: LinkStatus, health: LinkHealth | undefined, measured: MeasuredLinks): Judged {
  const { loss, rtt, jitter } = { ...health, ...(up && measured[link.name]) };
  return {
    verdict: health?.verdict ?? null,
    verdictSince: iso(health?.since),
    verdictReason: health?.reason ?? null,
    loss: loss ?? null,
    rtt: rtt ?? null,
    jitter: jitter ?? null,
    heldUntil: iso(health?.heldUntil),
  };
}

function rows6(
  statuses: readonly LinkStatus[],
  state: Decision['state'],
  judged: (status: LinkStatus) => Judged,
  now: number,
): Map<string, Row6> {
  const sharing = sharingLinks(statuses).map(({ link }) => link);
  const total = sharing.reduce((sum, { weight }) => sum + weight, 0);
  const had = statuses.filter((status) => isInUse6([status]));
  return new Map(
    had.map((status) => {
      const { link, sources = [], delegated = [] } = status;
      const health = healthOf(status, state);
      // IPv4's verdict, if there is none of its own.
      const inherited = status.up && health === undefined ? status.dead?.reason : undefined;
      return [
        link.name,
        {
          state: conditionOf(status, state),
          address: status.up ? status.address : null,
          gateway: (status.up ? status.gateway : undefined) ?? null,
          prefixes: sources,
          delegated,
          share: sharing.includes(link) ? Math.round((1000 * link.weight) / total) / 10 : 0,
          since: iso(state.v6?.verdicts[link.name]?.since),
          reason: inherited ?? why(status, health, sharing.includes(link), now),
          ...judged(status),
        },
      ];
    }),
  );
}

const iso = (time: number | undefined) => (time === undefined ? null : new Date(time).toISOString());

function why(status: LinkStatus, health: LinkHealth | undefined, sharing: boolean, now: number): string {
  if (!status.up) return status.reason;
  const held = health?.heldUntil === undefined ? 0 : health.heldUntil - now;
  if (held > 0) return `held back ${Math.ceil(held / 1000)} s: ${health?.reason ?? ''}`;
  if (status.dead?.lastResort === true)
    return `dead, but in use, for all are (LAST_RESORT=keep): ${status.dead.reason}`;
  if (health !== undefined && health.verdict !== 'alive') return `${health.verdict}: ${health.reason}`;
  return sharing ? 'up' : whyItWaits(status, now);
}

function whyItWaits({ link, waits }: LinkUp, now: number): string {
  if (waits?.until !== undefined) return `up; waits: takes traffic back in ${ago(waits.until - now)} (FAILBACK=delay)`;
  if (waits !== undefined) return `up; waits for "wanhook failback ${link.name}" (FAILBACK=manual)`;
  return link.metered ? 'up; waits: metered, and others are up' : 'up; waits: links of a lower tier are up';
}

/** Which line each resolver that a line gave is asked over. */
function resolvers({ statuses, state }: Decision): string {
  const over = resolverLinks(statuses, state);
  const all = new Set(statuses.flatMap(({ link }) => state.links[link.name]?.dns ?? []));
  return [...all]
    .map(
      (resolver) => `resolver ${resolver}: over ${over.get(resolver)?.link.name ?? 'the balance, its line is down'}\n`,
    )
    .join('');
}

function table(rows: readonly Row[], now: number): string {
  const probed = rows.some(({ ipv6, ...row }) => [row, ipv6].some((one) => (one?.loss ?? one?.rtt) != null));
  const extra = (...cells: string[]) => (probed ? cells : []);
  return columns([
    ['LINK', 'STATE', 'DEVICE', 'ADDRESS', 'GATEWAY', 'TABLE', 'WEIGHT', 'SHARE']
      .concat(extra('LOSS', 'RTT', 'JITTER'))
      .concat('SINCE', 'WHY'),
    ...rows.flatMap((row) => [
      [
        row.name,
        row.condition,
        row.device ?? '-',
        row.address ?? '-',
        row.gateway ?? (row.state === 'up' ? 'device' : '-'),
        String(row.table),
        String(row.weight),
        `${row.share}%`,
        ...extra(...figures(row)),
        lastChange(row, now),
        row.reason === 'up' ? '' : row.reason,
      ],
      // A link that has nothing else is shown by its IPv6 already.
      ...(row.ipv6 === null || (row.address === row.ipv6.address && row.address !== null)
        ? []
        : [cells6(row, row.ipv6, extra, now)]),
    ]),
  ]);
}

function cells6(
  { device, table, weight }: Row,
  six: Row6,
  extra: (...cells: string[]) => string[],
  now: number,
): string[] {
  const { state, address, gateway, share, reason } = six;
  const via = gateway ?? (state === 'down' ? '-' : 'device');
  return [
    '  IPv6',
    state,
    device ?? '-',
    address ?? '-',
    via,
    String(table),
    String(weight),
    `${share}%`,
    ...extra(...(six.verdict === null ? ['', '', ''] : figures(six))),
    lastChange(six, now),
    reason === 'up' ? '' : reason,
  ];
}

const figures = ({ loss, rtt, jitter }: Judged) => [
  loss === null ? '-' : `${Math.round(loss * 100)}%`,
  milliseconds(rtt),
  milliseconds(jitter),
];

const milliseconds = (value: number | null) => (value === null ? '-' : `${Math.round(value * 10) / 10} ms`);

/** Of the line or of the verdict on it, whichever was later. */
function lastChange({ since, verdictSince }: Pick<Row, 'since' | 'verdictSince'>, now: number): string {
  const times = [since, verdictSince].flatMap((time) => (time === null ? [] : Date.parse(time)));
  return times.length === 0 ? '-' : ago(now - Math.max(...times));
}

/** How long ago or from now, in the two largest units. */
function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
}
