/** What user scripts are told, as tables: what was told last, what is there now, and the events that follow. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { GLOBAL_DEFAULTS, LINK_DEFAULTS } from '../../src/config/keys.ts';
import { pictureOf, toldOf, type Picture } from '../../src/desired/picture.ts';
import { transitions, variables } from '../../src/desired/transitions.ts';
import type { Config, LinkConfig, LinkHealth, LinkStatus, State } from '../../src/model.ts';

const dsl: LinkConfig = { ...LINK_DEFAULTS, name: 'dsl', id: 1 };
const cable: LinkConfig = { ...LINK_DEFAULTS, name: 'cable', id: 2 };
const lte: LinkConfig = { ...LINK_DEFAULTS, name: 'lte', id: 3, tier: 2, metered: true };

type Word = 'up' | 'degraded' | 'dead' | 'down' | 'moved';

/** `dsl up, cable dead`: links in this state; `moved`: up with another address; not named: not configured. */
function picture(text: string, reason = 'because'): Picture {
  const words = new Map(text.split(', ').map((each) => each.split(' ') as [string, Word]));
  const links = [dsl, cable, lte].filter(({ name }) => words.has(name));
  const config: Config = { ...GLOBAL_DEFAULTS, links };
  const health: Record<string, LinkHealth> = {};
  const statuses = links.map((link): LinkStatus => {
    const word = words.get(link.name)!;
    const device = `ppp${link.id}`;
    if (word === 'down') return { up: false, link, device, present: false, pointToPoint: true, reason };
    const address = word === 'moved' ? '198.51.100.9' : `192.0.2.${link.id}`;
    const verdict = word === 'up' || word === 'moved' ? 'alive' : word;
    health[link.name] = { verdict, since: 0, reason, device, address };
    return { up: true, link, device, mtu: 1492, address, peer: '192.0.2.254', onlink: false };
  });
  return pictureOf(config, statuses, { links: {}, health });
}

const TABLE: readonly (readonly [before: string | undefined, after: string, want: string])[] = [
  // After boot only what works is news.
  [undefined, 'dsl down, cable down', ''],
  [undefined, 'dsl up, cable down', 'up dsl'],
  [undefined, 'dsl dead, cable down', 'dead dsl'],
  ['dsl down, cable down', 'dsl up, cable down', 'up dsl'],
  // Nothing new.
  ['dsl up, cable up', 'dsl up, cable up', ''],
  ['dsl dead, cable up', 'dsl dead, cable up', ''],
  ['dsl degraded, cable up', 'dsl degraded, cable up', ''],
  // One of two.
  ['dsl up, cable up', 'dsl down, cable up', 'down dsl'],
  ['dsl up, cable up', 'dsl dead, cable up', 'dead dsl'],
  ['dsl up, cable up', 'dsl degraded, cable up', 'degraded dsl'],
  ['dsl degraded, cable up', 'dsl up, cable up', 'recovered dsl'],
  ['dsl dead, cable up', 'dsl up, cable up', 'recovered dsl'],
  ['dsl dead, cable up', 'dsl degraded, cable up', 'recovered dsl; degraded dsl'],
  ['dsl dead, cable up', 'dsl down, cable up', 'down dsl'],
  ['dsl down, cable up', 'dsl degraded, cable up', 'up dsl; degraded dsl'],
  // Redialled between two looks.
  ['dsl up, cable up', 'dsl moved, cable up', 'up dsl'],
  ['dsl dead, cable up', 'dsl moved, cable up', 'up dsl'],
  // Both at once; and all.
  ['dsl up, cable up', 'dsl dead, cable down', 'dead dsl; down cable; all-down'],
  ['dsl dead, cable up', 'dsl dead, cable dead', 'dead cable; all-down'],
  ['dsl dead, cable down', 'dsl down, cable down', 'down dsl'],
  // Tiers.
  ['dsl up, lte up', 'dsl down, lte up', 'down dsl; tier 1 → 2 metered'],
  ['dsl down, lte up', 'dsl up, lte up', 'up dsl; tier 2 metered → 1'],
  // Configured anew.
  ['dsl up, cable up', 'cable up', 'down dsl'],
  ['dsl down, cable up', 'cable up', ''],
  ['dsl up', 'dsl up, cable up', 'up cable'],
];
const shown = (before: string | undefined, after: string) => {
  const found = transitions(before === undefined ? undefined : toldOf(picture(before)), picture(after));
  const words = found.map(({ event, link, before: was, reason }) => {
    return event === 'tier' ? `tier ${was} → ${reason.split(' instead')[0]}` : `${event} ${link?.name ?? ''}`.trim();
  });
  return words.join('; ');
};

test.each(TABLE)('%s → %s: %s', (before, after, want) => expect(shown(before, after)).toBe(want));

test('back after all were down; the tier is compared with the one before', () => {
  const first = toldOf(picture('dsl up, lte up'));
  const none = toldOf(picture('dsl down, lte dead'), first);
  expect(none.standing).toBe(1);
  const events = (after: string) => transitions(none, picture(after)).map(({ event }) => event);
  expect(events('dsl up, lte dead')).toEqual(['up', 'back']);
  expect(events('dsl down, lte up')).toEqual(['recovered', 'tier', 'back']);
  expect(events('dsl down, lte dead')).toEqual([]);
});

test('what the monitor said about another line is not believed', () => {
  const health: State['health'] = {
    dsl: { verdict: 'dead', since: 0, reason: 'no answer', device: 'ppp1', address: '192.0.2.77' },
  };
  const status: LinkStatus = { up: true, link: dsl, device: 'ppp1', mtu: 1492, address: '192.0.2.1', onlink: false };
  const [link] = pictureOf({ ...GLOBAL_DEFAULTS, links: [dsl] }, [status], { links: {}, health }).links;
  expect(link).toMatchObject({ condition: 'up', reason: 'ppp1 has 192.0.2.1' });
});

test('the variables of an event', () => {
  const after = picture('dsl dead, cable up, lte down', 'no answer from 3 of 3 targets');
  const [first] = transitions(toldOf(picture('dsl up, cable up, lte down')), after);
  expect(variables(first!, after, { time: '2026-01-01T00:00:00.000Z', source: 'monitor' })).toMatchObject({
    WANHOOK_EVENT: 'dead',
    WANHOOK_TIME: '2026-01-01T00:00:00.000Z',
    WANHOOK_SOURCE: 'monitor',
    WANHOOK_REASON: 'no answer from 3 of 3 targets',
    WANHOOK_BEFORE: 'up',
    WANHOOK_LINK: 'dsl',
    WANHOOK_CONDITION: 'dead',
    WANHOOK_DEVICE: 'ppp1',
    WANHOOK_ADDRESS: '192.0.2.1',
    WANHOOK_GATEWAY: '192.0.2.254',
    WANHOOK_TABLE: '20001',
    WANHOOK_DNS: '',
    WANHOOK_TIER: '1',
    WANHOOK_LINKS_UP: 'cable',
    WANHOOK_LINKS_DEAD: 'dsl',
    WANHOOK_LINKS_DOWN: 'lte',
    WANHOOK_RESOLVERS: '',
  });
});

test('resolvers: of links that work, those that share first, each once', () => {
  const after: Picture = {
    links: [
      { name: 'lte', condition: 'up', reason: '', table: 3, dns: ['192.0.2.3', '192.0.2.1'], sharing: false, share: 0 },
      { name: 'dsl', condition: 'up', reason: '', table: 1, dns: ['192.0.2.1'], sharing: true, share: 1 },
      { name: 'cable', condition: 'dead', reason: '', table: 2, dns: ['192.0.2.2'], sharing: false, share: 0 },
    ],
  };
  const given = variables({ event: 'all-down', reason: '' }, after, { time: '', source: '' });
  expect(given['WANHOOK_RESOLVERS']).toBe('192.0.2.1 192.0.2.3');
});

test('what strangers sent means nothing to a shell', () => {
  const reason = 'portal says "$(reboot)"; `x`\n& more\u0007 | é <a>\\ ' + 'y'.repeat(1000);
  const found = variables({ event: 'dead', reason }, { links: [] }, { time: '', source: '$SHELL' });
  expect(found['WANHOOK_REASON']).toMatch(/^portal says \(reboot\) x more a y+$/);
  expect(found['WANHOOK_REASON']).toHaveLength(400);
  expect(found['WANHOOK_SOURCE']).toBe('SHELL');
});

test('events.d/README names every variable and every event, and no others', () => {
  const readme = readFileSync(new URL('../../etc/wanhook/events.d/README', import.meta.url), 'utf8');
  const given = variables({ event: 'back', reason: '' }, { links: [] }, { time: '', source: '' });
  expect([...readme.matchAll(/^ {4}(WANHOOK_[A-Z0-9_]+)/gm)].map(([, name]) => name).toSorted()).toEqual(
    Object.keys(given).toSorted(),
  );
  const events = [...readme.matchAll(/^ {4}([a-z-]+) {2,}/gm)].map(([, name]) => name).toSorted();
  expect(events).toEqual(['all-down', 'back', 'dead', 'degraded', 'down', 'recovered', 'tier', 'up']);
});
