import type { Config, LinkHealth, LinkStatus, LinkUp, State } from '../model.ts';
import { probeOf, standing } from './numbers.ts';

type Health = NonNullable<State['health']>;

/**
 * What the monitor has said, where it still holds. A verdict is about one line: with another device or address the link
 * is another one, of which nothing is known. While the link is down, its verdict is kept: a carrier that comes and goes
 * makes no dead line a good one.
 */
export function withHealth(
  { lastResort }: Pick<Config, 'lastResort'>,
  statuses: readonly LinkStatus[],
  before: Health = {},
): { statuses: LinkStatus[]; health: Health } {
  if (isEmpty(before)) return { statuses: [...statuses], health: {} };
  const kept = statuses.flatMap((status) => {
    const known = before[status.link.name];
    return known !== undefined && holds(known, status) ? [[status.link.name, known] as const] : [];
  });
  const health = Object.fromEntries(kept);
  const isDead = (status: LinkStatus): status is LinkUp => status.up && health[status.link.name]?.verdict === 'dead';
  const up = statuses.filter((status) => status.up);
  const needed = up.every(isDead) ? leastBad(up, health, lastResort) : undefined;
  const found = statuses.map((status): LinkStatus => {
    if (!isDead(status)) return status;
    const reason = health[status.link.name]?.reason ?? '';
    return { ...status, dead: { reason, ...(status === needed && { lastResort: true }) } };
  });
  return { statuses: found, health };
}

const isEmpty = (health: Health) => Object.keys(health).length === 0;

const holds = ({ device, address }: LinkHealth, status: LinkStatus) =>
  !status.up || (status.device === device && status.address === address);

/**
 * One that answers, at once, however often it has died: nothing else does. Else, if one is to be kept, the one that loses
 * least; else the best standing; else the last to die.
 */
function leastBad(dead: readonly LinkUp[], health: Health, lastResort: Config['lastResort']): LinkUp | undefined {
  const answering = dead.filter(({ link }) => health[link.name]?.answers === true);
  const candidates = answering.length > 0 ? answering : lastResort === 'keep' ? dead : [];
  const loss = ({ link }: LinkUp) => health[link.name]?.loss ?? 1;
  const since = ({ link }: LinkUp) => health[link.name]?.since ?? 0;
  const better = (a: LinkUp, b: LinkUp) =>
    loss(a) - loss(b) || standing(a.link) - standing(b.link) || since(b) - since(a) || a.link.id - b.link.id;
  return candidates.toSorted(better)[0];
}

/** Of whom nobody asks any more, nothing is known. */
export function asked(statuses: readonly LinkStatus[], health: Health = {}): Health {
  if (isEmpty(health)) return {};
  const names = new Set(statuses.filter((status) => probeOf(status) !== undefined).map(({ link }) => link.name));
  return Object.fromEntries(Object.entries(health).filter(([name]) => names.has(name)));
}

/** Of a line that is dead, as far as IPv4 goes, IPv6 is taken for dead as well, unless it is asked itself. */
export function sameLine(in4: readonly LinkStatus[], in6: readonly LinkStatus[]): Health {
  const found = in6.flatMap((status) => {
    if (!status.up || probeOf(status) !== undefined) return [];
    const four = in4.find(({ link }) => link.name === status.link.name);
    if (four?.up !== true || four.dead === undefined) return [];
    const { device, address } = status;
    // Both families keep the same line when none is left: IPv4 has seen which one answers, or loses least.
    const answers = four.dead.lastResort === true;
    const dead = { verdict: 'dead', since: 0, reason: four.dead.reason, device, address } as const;
    return [[status.link.name, answers ? { ...dead, answers } : dead] as const];
  });
  return Object.fromEntries(found);
}
