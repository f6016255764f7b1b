/** What is kept in /run: state, inbox, last good configuration, journal, sysctl memory. Damaged files included. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseConfig, type ConfigFiles } from '../../src/config/parse.ts';
import { appendJournal } from '../../src/journal.ts';
import type { LinkEvent, State } from '../../src/model.ts';
import {
  makePrivateDirectory,
  readIfThere,
  removeIfThere,
  sweepTemporaries,
  writeAtomically,
} from '../../src/state/files.ts';
import { decodeEvent, discardEvents, dropEvent, isTaken, pendingEvents } from '../../src/state/inbox.ts';
import { saveNames } from '../../src/state/names.ts';
import { EMPTY_STATE } from '../../src/state/record.ts';
import { startTime } from '../../src/start-time.ts';
import { loadGoodConfig, saveGoodConfig } from '../../src/state/good-config.ts';
import { encodeState, isSameState, loadState, saveState } from '../../src/state/store.ts';
import { rememberSysctls, restoredSysctls } from '../../src/state/sysctl-memory.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

function directory(): string {
  const path = scratchDirectory('run');
  makePrivateDirectory(path);
  return path;
}

const STATE: State = {
  links: {
    dsl: { source: 'pppd', device: 'ppp0', address: '192.0.2.11', dns: ['192.0.2.53'] },
    cable: { source: 'dhclient', device: 'eth1', dns: [], heldDown: { source: 'cli', cause: 'event down' } },
  },
  verdicts: { dsl: { up: true, since: 1, reason: 'up', device: 'ppp0', mtu: 1492, address: '192.0.2.11' } },
  sysctls: { 'net/ipv4/ip_forward': { before: '0', set: '1' } },
  firewall: { text: 'table inet wanhook {\n}\n', listing: 'table inet wanhook { }' },
  stopped: true,
};
const EVENT: LinkEvent = { source: 'pppd', kind: 'up', device: 'ppp0', address: '192.0.2.11', dns: [], cause: 'ip-up' };

test('state is read as it was written, and only root may read it', () => {
  const run = directory();
  saveState(run, STATE);
  expect(loadState(run)).toEqual({ state: STATE });
  expect(statSync(join(run, 'state.json')).mode & 0o777).toBe(0o600);
  expect(statSync(run).mode & 0o777).toBe(0o700);
  expect(readdirSync(run)).toEqual(['state.json']);
});

test('no state yet is an empty one, without a word', () => {
  expect(loadState(directory())).toEqual({ state: EMPTY_STATE });
});

const change = (changed: Record<string, unknown>) =>
  JSON.stringify({ ...(JSON.parse(encodeState(STATE)) as object), ...changed });
const DAMAGED: readonly (readonly [name: string, text: string])[] = [
  ['an empty file', ''],
  ['half a file', encodeState(STATE).slice(0, 60)],
  ['zeros', '\0'.repeat(512)],
  ['not an object', '[]'],
  ['null', 'null'],
  ['another version', change({ version: 2 })],
  ['no version', change({ version: undefined })],
  ['links that are none', change({ links: [] })],
  ['a record without device', change({ links: { dsl: { source: 'pppd', dns: [] } } })],
  [
    'a record whose address is a number',
    change({ links: { dsl: { source: 'pppd', device: 'ppp0', dns: [], address: 1 } } }),
  ],
  ['a hold that is a word', change({ links: { dsl: { source: 'pppd', device: 'ppp0', dns: [], heldDown: 'x' } } })],
  ['a verdict without reason', change({ verdicts: { dsl: { up: true, since: 1 } } })],
  ['a sysctl without its value before', change({ sysctls: { x: { set: '1' } } })],
  ['stopped: maybe', change({ stopped: 'maybe' })],
  ['a device that leads elsewhere', change({ links: { dsl: { source: 'pppd', device: '../../x', dns: [] } } })],
  ['a record from nowhere', change({ links: { dsl: { source: 'root', device: 'ppp0', dns: [] } } })],
  ['a gateway that is none', change({ links: { dsl: { source: 'pppd', device: 'ppp0', dns: [], gateway: '-4' } } })],
  ['a resolver that is none', change({ links: { dsl: { source: 'pppd', device: 'ppp0', dns: ['::1'] } } })],
  [
    'a line known by nothing',
    change({ links: { dsl: { source: 'pppd', device: 'ppp0', dns: [], knownBy: { ipparam: 1 } } } }),
  ],
  ['a verdict on a strange address', change({ verdicts: { dsl: { up: true, since: 1, reason: 'up', address: 'x' } } })],
  ['a verdict on a strange MTU', change({ verdicts: { dsl: { up: true, since: 1, reason: 'up', mtu: '1' } } })],
  ['a sysctl that is another file', change({ sysctls: { 'net/../kernel/x': { before: '0', set: '1' } } })],
  ['a sysctl’s value that is none', change({ sysctls: { 'net/ipv4/x': { before: '0\n1', set: '1' } } })],
  ['a name that leads nowhere', change({ learned: { helpers: [], names: { vpn: ['127.0.0.1'] } } })],
  ...['constructor', '__proto__', 'toString'].flatMap((name): (typeof DAMAGED)[number][] => {
    const among = (key: string, text: string) => change({ [key]: 0 }).replace(`"${key}":0`, `"${key}":${text}`);
    const record = `{"${name}":{"source":"pppd","device":"ppp0","dns":[]}}`;
    return [
      [`a record of ${name}`, among('links', record)],
      [`a verdict on ${name}`, among('verdicts', `{"${name}":{"up":true,"since":1,"reason":"up"}}`)],
      [`a failback of ${name}`, among('failback', `{"${name}":{}}`)],
      [`a record of ${name} in IPv6`, among('v6', `{"links":${record},"verdicts":{}}`)],
      [`${name} told`, among('told', `{"links":{"${name}":{"condition":"up"}}}`)],
      [`addresses of a server ${name}`, among('learned', `{"helpers":[],"names":{"${name}":["192.0.2.1"]}}`)],
    ];
  }),
  ['a firewall without its listing', change({ firewall: { text: 'x' } })],
];

test.each(DAMAGED)('%s: going on with what the kernel holds, and saying so', (_, text) => {
  const run = directory();
  writeFileSync(join(run, 'state.json'), text);
  const { state, damaged } = loadState(run);
  expect(state).toEqual(EMPTY_STATE);
  expect(damaged).toBe(`${join(run, 'state.json')} is damaged: going on with what the kernel holds`);
});

test('a state that cannot be read is an error that names it', () => {
  const run = directory();
  mkdirSync(join(run, 'state.json'));
  expect(() => loadState(run)).toThrow(`cannot read ${join(run, 'state.json')}`);
});

test('writes are whole or not at all, and leave no litter', () => {
  const run = directory();
  const path = join(run, 'file');
  writeAtomically(path, 'one');
  writeAtomically(path, 'two', 0o644);
  expect([readFileSync(path, 'utf8'), statSync(path).mode & 0o777]).toEqual(['two', 0o644]);
  const taken = join(run, 'directory');
  mkdirSync(join(taken, 'full'), { recursive: true });
  expect(() => writeAtomically(taken, 'three')).toThrow(`cannot write ${taken}`);
  expect(() => writeAtomically(join(run, 'no/such/file'), 'x')).toThrow(`cannot write ${join(run, 'no/such/file')}`);
  expect(readdirSync(run).toSorted()).toEqual(['directory', 'file']);
});

test('what is not there need not be read or removed; what cannot be is told', () => {
  const run = directory();
  expect(readIfThere(join(run, 'x'))).toBeUndefined();
  removeIfThere(join(run, 'x'));
  expect(() => removeIfThere(run)).toThrow(`cannot remove ${run}`);
});

test('events are taken in the order they came, and once', () => {
  const run = directory();
  const paths = ['ppp0', 'ppp1', 'ppp2'].map((device) => dropEvent(run, { ...EVENT, device }));
  const { pending, damaged } = pendingEvents(run);
  expect(pending.map(({ event }) => event.device)).toEqual(['ppp0', 'ppp1', 'ppp2']);
  expect(pending.map(({ path }) => path)).toEqual(paths);
  expect(damaged).toEqual([]);
  expect(paths.map(isTaken)).toEqual([false, false, false]);
  discardEvents(paths.slice(0, 2));
  discardEvents(paths.slice(0, 2));
  expect(paths.map(isTaken)).toEqual([true, true, false]);
  expect(pendingEvents(directory())).toEqual({ pending: [], damaged: [] });
});

test('of more than 512 events the newest count, so that /run cannot fill up', () => {
  const run = directory();
  const inbox = join(run, 'events');
  makePrivateDirectory(inbox);
  for (let n = 0; n < 600; n++) {
    const name = `${String(n).padStart(20, '0')}-1.json`;
    writeFileSync(join(inbox, name), JSON.stringify({ ...EVENT, device: `ppp${n}` }));
  }
  const { pending, damaged } = pendingEvents(run);
  expect([pending.length, damaged.length]).toEqual([512, 88]);
  expect(damaged.flatMap(({ note }) => note ?? [])).toEqual([expect.stringMatching(/: the oldest 88 are removed$/)]);
  expect([pending[0]?.event.device, pending.at(-1)?.event.device]).toEqual(['ppp88', 'ppp599']);
});

test('files that are no event are told and can be removed; half-written ones are not looked at', () => {
  const run = directory();
  const path = dropEvent(run, EVENT);
  const inbox = join(run, 'events');
  writeFileSync(join(inbox, '00000000000000000001-1.json'), '{"source":"pppd"');
  writeFileSync(join(inbox, '00000000000000000002-1.json.77.tmp'), '{');
  const { pending, damaged } = pendingEvents(run);
  expect(pending).toEqual([{ path, event: EVENT }]);
  const path1 = join(inbox, '00000000000000000001-1.json');
  expect(damaged).toEqual([{ path: path1, note: expect.stringContaining('is not an event') as string }]);
});

/** As run-hook.sh drops it. */
function dropHook(run: string, name: string, words: readonly string[], env = ''): string {
  makePrivateDirectory(run);
  makePrivateDirectory(join(run, 'hooks'));
  const path = join(run, 'hooks', name);
  writeFileSync(path, `${[...words, env].join('\0')}.\0`);
  return path;
}
const UP = ['ip-up', '6', 'ppp7', 'eth0', '0', '192.0.2.7', '192.0.2.254', 'dsl7'];

test('what hooks have dropped without starting Node stands among the events, by when the hooks began', () => {
  const run = directory();
  dropEvent(run, { ...EVENT, device: 'ppp3' }, '300');
  dropEvent(run, { ...EVENT, device: 'ppp1' }, '100');
  const raw = dropHook(run, '200-77', UP, 'DNS1=198.51.100.53\0LINKNAME=a\0');
  const { pending, damaged } = pendingEvents(run);
  expect(pending.map(({ event }) => event.device)).toEqual(['ppp1', 'ppp7', 'ppp3']);
  expect(pending[1]).toEqual({
    path: raw,
    event: {
      source: 'pppd',
      kind: 'up',
      device: 'ppp7',
      address: '192.0.2.7',
      prefix: 32,
      peer: '192.0.2.254',
      dns: ['198.51.100.53'],
      ipparam: 'dsl7',
      linkname: 'a',
      cause: 'ip-up',
    },
  });
  expect(damaged).toEqual([]);
});

test.each([
  ['no count', ['ip-up'], 'is not an event'],
  ['fewer words than counted', ['ip-up', '9', 'ppp0'], 'is not an event'],
  ['a count that is none', ['ip-up', '-1', 'ppp0'], 'is not an event'],
  ['a hook that is none', ['constructor', '1', 'ppp0'], 'no hook is called "constructor"'],
  ['a hostile device', ['ip-up', '6', '$(x)', '', '', '192.0.2.7', '', ''], 'hook ip-up: arguments not usable'],
])('dropped rubbish is told and can be removed: %s', (_, words, note) => {
  const run = directory();
  const path = dropHook(run, '5-5', words);
  const { pending, damaged } = pendingEvents(run);
  expect(pending).toEqual([]);
  expect(damaged).toEqual([{ path, note: expect.stringContaining(note) as string }]);
});

test('half-dropped: left alone while its hook writes, wherever it is cut; taken away when that has been killed', () => {
  const run = directory();
  const me = `${startTime(process.pid) ?? ''}-${process.pid}`;
  const path = dropHook(run, me, ['ip-up', '6', 'ppp7', '.', '.', '192.0.2.7', '192.0.2.254', '.'], 'DNS1=.\0');
  const whole = readFileSync(path, 'utf8');
  expect(pendingEvents(run).pending).toHaveLength(1);
  for (let length = 0; length < whole.length; length++) {
    writeFileSync(path, whole.slice(0, length));
    expect(pendingEvents(run), whole.slice(0, length)).toEqual({ pending: [], damaged: [] });
  }
  const dead = join(run, 'hooks', `1-${process.pid}`);
  renameSync(path, dead);
  expect(pendingEvents(run).damaged).toEqual([
    { path: dead, note: expect.stringContaining('is not an event') as string },
  ]);
});

test('the names that tell a line, for run-hook.sh', () => {
  const run = directory();
  makePrivateDirectory(run);
  const files = ['ID=1\nPPP_IPPARAM=a', 'ID=2\nDEVICE=eth1', 'ID=3\nPPP_LINKNAME=b\nDEVICE=ppp0'];
  const links = files.map((text, n) => ({ path: `/${n}`, name: `l${n}`, text }));
  const { config, problems } = parseConfig({ links });
  expect(problems).toEqual([]);
  saveNames(run, config!);
  expect(readFileSync(join(run, 'names'), 'utf8')).toBe(
    'a eth1 b ppp0\n--no-rehash-snapshot --no-opt --no-sparkplug\n',
  );
});

test('dropped, and nobody’s business: taken away in silence; half-written or of other names: not looked at', () => {
  const run = directory();
  const ignored = dropHook(run, '6-6', ['dhclient', '0'], 'reason=PREINIT\0interface=eth1\0');
  dropHook(run, '7-7.7.tmp', UP);
  dropHook(run, '../hooks/x', UP);
  expect(pendingEvents(run)).toEqual({ pending: [], damaged: [{ path: ignored }] });
});

const NO_EVENTS: readonly Record<string, unknown>[] = [
  { source: 'root' },
  { kind: 'maybe' },
  { device: '../x' },
  { device: undefined },
  { address: '127.0.0.1' },
  { address: '1.2.3.4; id' },
  { gateway: 7 },
  { peer: '' },
  { ipparam: 'a b' },
  { linkname: '$(id)' },
  { dns: 'x' },
  { dns: ['::1'] },
  { dns: undefined },
  { cause: 3 },
];

test.each(NO_EVENTS)('%j is no event', (wrong) => {
  expect(decodeEvent(JSON.stringify({ ...EVENT, ...wrong }))).toBeUndefined();
  expect(decodeEvent(JSON.stringify(EVENT))).toEqual(EVENT);
});

const GOOD: ConfigFiles = {
  main: { path: '/etc/wanhook/wanhook.env', text: '# LAN=eth7\n\nLAN=lan0\n' },
  links: [{ path: '/etc/wanhook/links/dsl.env', name: 'dsl', text: 'ID=1\n  # DEVICE=ppp7\nDEVICE=ppp0\n' }],
  rules: [{ path: 'rules/10-web.env', name: '10-web', text: 'DPORT=80\nTO=@far\nUSE=dsl\n' }],
  sets: [{ path: 'sets/far', name: 'far', text: '# far away\n192.0.2.0/24\n' }],
  clients: [{ path: 'clients/tv.env', name: 'tv', text: 'CLIENT=10.0.0.9\nLINK=dsl\n' }],
};

test('the last good configuration is the same configuration, written once', () => {
  const run = directory();
  expect(loadGoodConfig(run)).toBeUndefined();
  saveGoodConfig(run, GOOD);
  const { mtimeNs } = statSync(join(run, 'config.json'), { bigint: true });
  saveGoodConfig(run, GOOD);
  expect(statSync(join(run, 'config.json'), { bigint: true }).mtimeNs, 'written once').toBe(mtimeNs);
  expect(parseConfig(GOOD)).toMatchObject({ config: { lan: ['lan0'], rules: [{ name: '10-web' }] }, problems: [] });
  expect(loadGoodConfig(run)).toEqual(parseConfig(GOOD).config);
  // run-hook.sh looks for devices in it: one in a comment is no link's.
  expect(readFileSync(join(run, 'config.json'), 'utf8')).not.toMatch(/eth7|ppp7/);
});

const good = (changed: object) => JSON.stringify({ version: 1, files: { ...GOOD, ...changed } });
test.each([
  ['empty', ''],
  ['half of one', good({}).slice(0, 90)],
  ['null', 'null'],
  ['of a version to come', good({}).replace('"version":1', '"version":2')],
  // Before there was a version: keys that came later are missing in it.
  ['an older version’s', JSON.stringify({ balance: 'flow', markMask: 240, tableBase: 300, prefBase: 1, links: [] })],
  ['one with an unknown key', good({ main: { path: 'wanhook.env', text: 'PURPOSE=none\n' } })],
  ['one without links', good({ links: [] })],
  ['one whose links are a word', good({ links: 'dsl' })],
  ['one whose link is null', good({ links: [null] })],
  ['one whose link has no text', good({ links: [{ path: 'a', name: 'dsl' }] })],
  ['one whose main file is a word', good({ main: 'LAN=any' })],
  ['one whose sets are an object', good({ sets: {} })],
])('a last good configuration that is %s counts as none', (_, text) => {
  const run = directory();
  writeFileSync(join(run, 'config.json'), text);
  expect(loadGoodConfig(run)).toBeUndefined();
});

test('what killed processes were writing is swept away, what living ones write is not', () => {
  const run = directory();
  dropEvent(run, EVENT);
  const dead = spawnSync('true').pid;
  const names = [`state.json.${dead}.tmp`, `events/1-1.json.${dead}.tmp`, `config.json.${process.pid}.tmp`, 'my.tmp'];
  for (const name of names) writeFileSync(join(run, name), '');
  sweepTemporaries(run, join(run, 'events'), join(run, 'none'));
  expect(readdirSync(run).toSorted()).toEqual([`config.json.${process.pid}.tmp`, 'events', 'hooks', 'my.tmp']);
  expect(readdirSync(join(run, 'events'))).toHaveLength(1);
});

test('the journal takes two files at most, and is no reason to fail', () => {
  const run = directory();
  const entry = { time: 't', cause: ['c'], changed: ['x'.repeat(100_000)], notes: [], ms: 1 };
  for (let n = 0; n < 20; n++) appendJournal(run, entry);
  expect(readdirSync(run).toSorted()).toEqual(['journal.jsonl', 'journal.jsonl.1']);
  expect(statSync(join(run, 'journal.jsonl')).size).toBeLessThan(700_000);
  appendJournal(join(run, 'no/such'), entry);
  expect(existsSync(join(run, 'no'))).toBe(false);
});

/** Memory, what is wanted, what is there → what to set, and the memory afterwards. */
interface SysctlCase {
  readonly name: string;
  readonly memory: State['sysctls'];
  readonly wanted: Readonly<Record<string, string>>;
  readonly now: Readonly<Record<string, string>>;
  readonly set: Readonly<Record<string, string>>;
  readonly after: State['sysctls'];
}
const SYSCTLS: readonly SysctlCase[] = [
  {
    name: 'first time',
    memory: {},
    wanted: { a: '1' },
    now: { a: '0' },
    set: { a: '1' },
    after: { a: { before: '0', set: '1' } },
  },
  {
    name: 'already so: nothing to give back',
    memory: {},
    wanted: { a: '1' },
    now: { a: '1' },
    set: { a: '1' },
    after: {},
  },
  {
    name: 'ours still',
    memory: { a: { before: '0', set: '1' } },
    wanted: { a: '1' },
    now: { a: '1' },
    set: { a: '1' },
    after: { a: { before: '0', set: '1' } },
  },
  {
    name: 'no longer wanted: given back',
    memory: { a: { before: '0', set: '1' } },
    wanted: {},
    now: { a: '1' },
    set: { a: '0' },
    after: {},
  },
  {
    name: 'no longer wanted, but somebody has changed it: his',
    memory: { a: { before: '0', set: '1' } },
    wanted: {},
    now: { a: '2' },
    set: {},
    after: {},
  },
  {
    name: 'somebody changed it while we want it: his value is the old one now',
    memory: { a: { before: '0', set: '1' } },
    wanted: { a: '1' },
    now: { a: '2' },
    set: { a: '1' },
    after: { a: { before: '2', set: '1' } },
  },
  {
    name: 'we want another value than last time',
    memory: { a: { before: '0', set: '1' } },
    wanted: { a: '2' },
    now: { a: '1' },
    set: { a: '2' },
    after: { a: { before: '0', set: '2' } },
  },
  {
    name: 'the device is new, with the kernel’s default',
    memory: { a: { before: '1', set: '2' } },
    wanted: { a: '2' },
    now: { a: '0' },
    set: { a: '2' },
    after: { a: { before: '0', set: '2' } },
  },
  { name: 'the device is gone', memory: { a: { before: '0', set: '2' } }, wanted: {}, now: {}, set: {}, after: {} },
  { name: 'this kernel has no such thing', memory: {}, wanted: { a: '1' }, now: {}, set: { a: '1' }, after: {} },
];

const FORWARD = 'net/ipv4/ip_forward';
const REDIRECTS = 'net/ipv4/conf/all/accept_redirects';
const LAN0 = 'net/ipv4/conf/lan0/forwarding';
const LAN1 = 'net/ipv4/conf/lan1/forwarding';
const OFF = { [REDIRECTS]: '1', [LAN0]: '0', [LAN1]: '0' };
/** As the kernel leaves them: forwarding on. */
const FORWARDING = { [FORWARD]: '1', [REDIRECTS]: '0', [LAN0]: '1', [LAN1]: '1' };
const SIDE = { [REDIRECTS]: { before: '0', set: '0' }, [LAN0]: { before: '1', set: '1' } };
const REMEMBERED = { [FORWARD]: { before: '0', set: '1' }, ...SIDE };

test('sysctl: what turning forwarding off will reset is remembered when it is turned on, and given back after', () => {
  const wanted = { [FORWARD]: '1' };
  const before = { [FORWARD]: '0', [REDIRECTS]: '0', [LAN0]: '1', [LAN1]: '0' };
  expect(rememberSysctls({}, wanted, before, OFF)).toEqual(REMEMBERED);
  // It was on already: it will stay on.
  expect(rememberSysctls({}, wanted, FORWARDING, OFF)).toEqual({});
  // And from then on it is no matter what they are.
  expect(rememberSysctls(REMEMBERED, wanted, { ...FORWARDING, [LAN0]: '0' }, OFF)).toEqual(REMEMBERED);
  expect(rememberSysctls(REMEMBERED, {}, FORWARDING, OFF)).toEqual({});
  expect(restoredSysctls(REMEMBERED, {}, FORWARDING)).toEqual({ [FORWARD]: '0', [REDIRECTS]: '0', [LAN0]: '1' });
  expect(restoredSysctls(REMEMBERED, {}, { ...FORWARDING, [LAN0]: '0' }), 'somebody has changed it').toEqual({
    ...{ [FORWARD]: '0', [REDIRECTS]: '0' },
  });
  expect(restoredSysctls(REMEMBERED, {}, { [FORWARD]: '0', ...OFF }), 'killed half-way').toEqual({
    ...{ [REDIRECTS]: '0', [LAN0]: '1' },
  });
});

test.each(SYSCTLS)('sysctl: $name', ({ memory, wanted, now, set, after }) => {
  expect(restoredSysctls(memory, wanted, now)).toEqual(set);
  expect(rememberSysctls(memory, wanted, now)).toEqual(after);
});

const SYSCTL = { before: '0', set: '2' };
test.each([
  ['the same', {}, true],
  ['in another order', { sysctls: { 'net/b': SYSCTL, 'net/a': { set: '2', before: '0' } } }, true],
  ['a member is not there', { failback: undefined }, true],
  ['another value', { sysctls: { 'net/a': SYSCTL, 'net/b': { ...SYSCTL, set: '1' } } }, false],
  ['one more', { sysctls: { 'net/a': SYSCTL, 'net/b': SYSCTL, 'net/c': SYSCTL } }, false],
  ['one less', { sysctls: { 'net/a': SYSCTL } }, false],
  ['a list in another order', { learned: { helpers: ['ftp', 'sip'], names: {} } }, false],
] as const)('a state is written anew if it says something else: %s', (_, change, same) => {
  const state: State = {
    ...EMPTY_STATE,
    sysctls: { 'net/a': SYSCTL, 'net/b': SYSCTL },
    learned: { helpers: ['sip', 'ftp'], names: {} },
  };
  const other = { ...structuredClone(state), ...change } as State;
  expect([isSameState(state, other), isSameState(other, state)]).toEqual([same, same]);
});
