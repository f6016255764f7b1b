import type { Condition, Told, ToldLink } from '../model.ts';
import { ipv6Words, isUsable, type Picture, type Seen } from './picture.ts';

/** One thing that has changed for those outside, in the words of events.d/README. */
export interface Transition {
  readonly event: 'up' | 'down' | 'dead' | 'recovered' | 'degraded' | 'tier' | 'all-down' | 'back' | 'ipv6';
  /** Absent: it is about all of them. A link that is no longer configured is here by its name and last line. */
  readonly link?: Pick<Seen, 'name'> & Partial<Seen>;
  /** What it was before: a condition; for `tier` a tier. */
  readonly before?: string;
  readonly reason: string;
}

/**
 * What has changed since it was last told, whoever noticed it: each link's own first, then what follows for all. At the
 * first look after boot only what works is news.
 */
export function transitions(before: Told | undefined, after: Picture): Transition[] {
  const links = after.links.flatMap((link) => {
    const last = before?.links[link.name];
    return [...linkTransitions(last, link), ...ipv6Transition(last, link)];
  });
  return [...links, ...removed(before, after), ...together(before, after)];
}

function linkTransitions(before: ToldLink | undefined, link: Seen): Transition[] {
  const was: Condition = before?.condition ?? 'down';
  const said = (event: Transition['event'], reason = link.reason): Transition => ({ event, link, before: was, reason });
  const { condition } = link;
  if (condition === 'down') return was === 'down' ? [] : [said('down')];
  // A redial that went by unnoticed, or with another address: it is another line now.
  const same = before?.address === link.address && before?.device === link.device;
  if (condition === 'dead') return was === 'dead' && same ? [] : [said('dead')];
  const worse = condition === 'degraded' ? [said('degraded')] : [];
  if (was === 'down' || !same) return [said('up', `${link.device ?? ''} has ${link.address ?? ''}`), ...worse];
  if (was === condition) return [];
  if (was === 'dead') return [said('recovered'), ...worse];
  return condition === 'degraded' ? worse : [said('recovered')];
}

/** IPv6 comes and goes by itself, and its prefixes are on the LAN: whoever announces them there must know. */
function ipv6Transition(before: ToldLink | undefined, link: Seen): Transition[] {
  const { ipv6 } = link;
  if (ipv6 === undefined || ipv6Words(ipv6) === before?.ipv6) return [];
  if (before?.ipv6 === undefined && ipv6.condition !== 'up') return [];
  const was = before?.ipv6?.split(' ')[0] ?? 'down';
  const reason = `IPv6 is ${[ipv6.condition, ipv6.address ?? '', ...ipv6.prefixes].filter(Boolean).join(' ')}`;
  return [{ event: 'ipv6', link, before: was, reason }];
}

/** A link that was there when last told, and whose file has been taken away since. */
function removed(before: Told | undefined, { links }: Picture): Transition[] {
  const names = new Set(links.map(({ name }) => name));
  return Object.entries(before?.links ?? {}).flatMap(([name, { condition, device, address }]): Transition[] => {
    if (condition === 'down' || names.has(name)) return [];
    return [
      {
        event: 'down',
        link: { name, ...(device && { device }), ...(address && { address }) },
        before: condition,
        reason: 'not configured any more',
      },
    ];
  });
}

function together(before: Told | undefined, { links, standing }: Picture): Transition[] {
  if (before === undefined) return [];
  const worked = Object.values(before.links).some(isUsable);
  const works = links.some(isUsable);
  if (!works) return worked ? [{ event: 'all-down', reason: 'no link works' }] : [];
  const last = before.standing;
  const tier: Transition[] =
    last === undefined || standing === undefined || standing === last
      ? []
      : [{ event: 'tier', before: tierWords(last), reason: `${tierWords(standing)} instead of ${tierWords(last)}` }];
  // Not after boot: nothing has been away.
  if (worked || last === undefined) return tier;
  const names = links.filter(isUsable).map(({ name }) => name);
  return [...tier, { event: 'back', reason: `works again: ${names.join(' ')}` }];
}

/** As configured: what `standing` makes of TIER and METERED. */
const tierWords = (standing: number) => (standing > 10 ? `${standing - 10} metered` : String(standing));

/** What a script is given besides its usual environment (events.d/README). Nothing in it means anything to a shell. */
export function variables(
  { event, link, before, reason }: Transition,
  { links, standing }: Picture,
  { time, source }: { readonly time: string; readonly source: string },
): Record<string, string> {
  const usable = links.filter(isUsable);
  const names = (some: readonly Seen[]) => some.map(({ name }) => name).join(' ');
  const sharingFirst = [...usable.filter(({ sharing }) => sharing), ...usable.filter(({ sharing }) => !sharing)];
  const all: Record<string, string | undefined> = {
    EVENT: event,
    TIME: time,
    SOURCE: source,
    REASON: reason,
    BEFORE: before,
    LINK: link?.name,
    CONDITION: link === undefined ? undefined : (link.condition ?? 'down'),
    DEVICE: link?.device,
    ADDRESS: link?.address,
    GATEWAY: link?.gateway,
    TABLE: link?.table?.toString(),
    IPV6: link?.ipv6?.condition,
    ADDRESS6: link?.ipv6?.address,
    PREFIXES: link?.ipv6?.prefixes.join(' '),
    DNS: link?.dns?.join(' '),
    TIER: standing === undefined ? undefined : tierWords(standing),
    LINKS_UP: names(usable),
    LINKS_DEAD: names(links.filter(({ condition }) => condition === 'dead')),
    LINKS_DOWN: names(links.filter(({ condition }) => condition === 'down')),
    LINKS_SHARING: names(links.filter(({ sharing }) => sharing)),
    PREFIXES_UP: prefixesOf(links, true),
    PREFIXES_DOWN: prefixesOf(links, false),
    RESOLVERS: [...new Set(sharingFirst.flatMap(({ dns }) => dns))].join(' '),
  };
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [`WANHOOK_${key}`, harmless(value ?? '')]));
}

/** Delegated prefixes of the lines whose IPv6 works, or does not. */
function prefixesOf(links: readonly Seen[], works: boolean): string {
  const which = links.filter(({ ipv6 }) => (ipv6?.condition === 'up') === works);
  return which.flatMap(({ ipv6 }) => ipv6?.prefixes ?? []).join(' ');
}

/** Reasons quote what strangers sent: printable, short, and without what a careless script would hand to a shell. */
function harmless(value: string): string {
  return value
    .replace(/[`$\\"';&|<>]/g, '')
    .replace(/[^!-~]+/g, ' ')
    .trim()
    .slice(0, 400);
}
