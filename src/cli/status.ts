import { resolverLinks } from '../desired/destinations.ts';
import { linkMark, linkTable, nexthopId } from '../desired/numbers.ts';
import { sharingLinks } from '../desired/routing.ts';
import { EXIT } from '../errors.ts';
import type { Config, LinkStatus, LinkUp } from '../model.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
import { columns } from './columns.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** One link as `status --json` prints it. */
interface Row {
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
  /** Why it is down, or waits; `up` otherwise. */
  readonly reason: string;
  readonly dns: readonly string[];
}

/** `wanhook status`. */
export async function status(context: Context, common: Common, json: boolean): Promise<number> {
  const world = worldFor(context, common);
  const report = await preview(world, { lenient: true });
  const now = world.now();
  const rows = report.statuses.map((link) => rowOf(report.config, link, report, now));
  if (json) {
    const { stopped } = report.state;
    const whole = { stopped, balance: report.config.balance, pendingChanges: report.ops.length, links: rows };
    context.out(`${JSON.stringify(whole, null, 2)}\n`);
  } else {
    context.out(table(rows, now));
    context.out(resolvers(report));
    if (report.state.stopped) context.out('stopped: nothing of this is in the kernel; "wanhook apply" starts again\n');
    else if (report.ops.length > 0) context.out(`${report.ops.length} changes pending: see "wanhook plan"\n`);
  }
  return EXIT.done;
}

function rowOf(config: Config, status: LinkStatus, { statuses, state }: Decision, now: number): Row {
  const { link } = status;
  const waitsUntil = status.up ? status.waits?.until : undefined;
  const sharing = sharingLinks(statuses);
  const total = sharing.reduce((sum, { link: { weight } }) => sum + weight, 0);
  const shares = sharing.some(({ link: { name } }) => name === link.name);
  const verdict = state.verdicts[link.name];
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
    share: shares ? Math.round((1000 * link.weight) / total) / 10 : 0,
    since: verdict === undefined ? null : new Date(verdict.since).toISOString(),
    waitsUntil: waitsUntil === undefined ? null : new Date(waitsUntil).toISOString(),
    reason: !status.up ? status.reason : shares ? whyItShares(status) : whyItWaits(status, now),
    dns: state.links[link.name]?.dns ?? [],
  };
}

function whyItShares({ dead }: LinkUp): string {
  return dead === undefined ? 'up' : `dead, but all are: the least bad stays in use (LAST_RESORT=keep): ${dead.reason}`;
}

function whyItWaits({ link, waits, dead }: LinkUp, now: number): string {
  if (dead !== undefined) return `up, but dead: ${dead.reason}`;
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
  return columns([
    ['LINK', 'STATE', 'DEVICE', 'ADDRESS', 'GATEWAY', 'TABLE', 'WEIGHT', 'SHARE', 'SINCE', 'WHY'],
    ...rows.map((row) => [
      row.name,
      row.state,
      row.device ?? '-',
      row.address ?? '-',
      row.gateway ?? (row.state === 'up' ? 'device' : '-'),
      String(row.table),
      String(row.weight),
      `${row.share}%`,
      row.since === null ? '-' : ago(now - Date.parse(row.since)),
      row.reason === 'up' ? '' : row.reason,
    ]),
  ]);
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
