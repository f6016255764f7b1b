/** Keys about probes and verdicts → ProbeSettings, or every problem at once with file and line. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import { PROBE_DEFAULTS } from '../../src/config/probe-keys.ts';
import type { LinkConfig, ProbeSettings } from '../../src/model.ts';

const LINE = 'ID=1\nDEVICE=ppp0\n';
const parsed = (own: string, main = '') =>
  parseConfig({ main: { path: 'main', text: main }, links: [{ path: 'dsl', name: 'dsl', text: LINE + own }] });

function settings(own: string, main = ''): ProbeSettings | undefined {
  const { config, problems } = parsed(own, main);
  expect(problems).toEqual([]);
  return config!.links[0]!.probe;
}

function problems(own: string, main = ''): string[] {
  return parsed(own, main).problems.map(({ file, line, message }) => `${file}:${line ?? ''} ${message}`);
}

function both(own: string, main = ''): Pick<LinkConfig, 'probe' | 'probe6'> {
  const { config, problems } = parsed(own, main);
  expect(problems).toEqual([]);
  return config!.links[0]!;
}

const TARGETS = [
  ['gateway', { kind: 'gateway' }],
  ['icmp://192.0.2.1', { kind: 'icmp', address: '192.0.2.1' }],
  ['tcp://192.0.2.2:443', { kind: 'tcp', address: '192.0.2.2', port: 443 }],
  ['dns://192.0.2.3/example.org', { kind: 'dns', address: '192.0.2.3', name: 'example.org' }],
  ['http://192.0.2.4', { kind: 'http', address: '192.0.2.4', port: 80, path: '/' }],
  ['http://192.0.2.4:8080/path?a=b', { kind: 'http', address: '192.0.2.4', port: 8080, path: '/path?a=b' }],
  ['https://1.1.1.1/generate_204', { kind: 'https', address: '1.1.1.1', port: 443, path: '/generate_204' }],
] as const;

test.each(TARGETS)('PROBE=%s', (text, want) => {
  expect(settings(`PROBE=${text}`)?.targets).toEqual([{ text, ...want }]);
});

const TARGETS6 = [
  ['icmp://2001:DB8:0::1', { kind: 'icmp', address: '2001:db8::1' }],
  ['icmp://[2001:db8::1]', { kind: 'icmp', address: '2001:db8::1' }],
  ['icmp://fd00::1', { kind: 'icmp', address: 'fd00::1' }],
  ['tcp://[2001:db8::2]:443', { kind: 'tcp', address: '2001:db8::2', port: 443 }],
  ['dns://[2001:db8::53]/example.org', { kind: 'dns', address: '2001:db8::53', name: 'example.org' }],
  ['http://[2001:db8::4]', { kind: 'http', address: '2001:db8::4', port: 80, path: '/' }],
  ['https://[2001:db8::4]:8443/a?b=c', { kind: 'https', address: '2001:db8::4', port: 8443, path: '/a?b=c' }],
] as const;

test.each(TARGETS6)('PROBE=%s is about IPv6 alone', (text, want) => {
  const { probe, probe6 } = both(`PROBE=${text}`);
  expect([probe, probe6?.targets]).toEqual([undefined, [{ text, ...want }]]);
});

const texts = (settings: ProbeSettings | undefined) => settings?.targets.map(({ text }) => text);

test.each([
  // Without a target of its own IPv6 is not asked: what is found out about IPv4 holds for the line.
  ['', ['icmp://1.1.1.1', 'icmp://8.8.8.8', 'icmp://9.9.9.9'], undefined],
  ['PROBE=gateway', ['gateway'], undefined],
  ['PROBE=gateway,icmp://192.0.2.1', ['gateway', 'icmp://192.0.2.1'], undefined],
  // With one, the gateway is asked by both.
  ['PROBE=icmp://2001:db8::1,gateway', ['gateway'], ['icmp://2001:db8::1', 'gateway']],
  ['PROBE=icmp://192.0.2.1,icmp://2001:db8::1', ['icmp://192.0.2.1'], ['icmp://2001:db8::1']],
  // There is nothing else that could be meant.
  ['PROBE=gateway IPV4=no', ['gateway'], ['gateway']],
  ['PROBE=none', undefined, undefined],
])('%s: what is asked by each family', (keys, in4, in6) => {
  const { probe, probe6 } = both(keys.replaceAll(' ', '\n'));
  expect([texts(probe), texts(probe6)]).toEqual([in4, in6]);
});

test('PROBE_NEED holds for each family, as far as it has so many; everything else is the same for both', () => {
  const { probe, probe6 } = both('PROBE=icmp://192.0.2.1,icmp://192.0.2.2,icmp://2001:db8::1\nPROBE_NEED=2\nFAST=yes');
  expect([probe?.need, probe6?.need]).toEqual([2, 1]);
  expect({ ...probe6, targets: probe?.targets, need: 2 }).toEqual(probe);
  expect(problems('PROBE=icmp://192.0.2.1,icmp://2001:db8::1\nPROBE_NEED=2')).toEqual([
    'dsl:4 PROBE_NEED=2, but PROBE has only 1 of each family: no round could succeed',
  ]);
});

test('a list, in its order, by commas or spaces; in wanhook.env for all', () => {
  const want = TARGETS.map(([text, rest]) => ({ text, ...rest }));
  const texts = TARGETS.map(([text]) => text);
  expect(settings(`PROBE=${texts.join(',')}`)?.targets).toEqual(want);
  expect(settings('', `PROBE="${texts.join(', ')}"`)?.targets).toEqual(want);
});

test.each([
  '',
  'icmp',
  'icmp://',
  'icmp://example.org',
  'icmp://192.0.2.1:7',
  'icmp://192.0.2.1/x',
  'icmp://127.0.0.1',
  'icmp://0.0.0.0',
  'icmp://224.0.0.1',
  'icmp://255.255.255.255',
  'icmp://010.0.0.1',
  'icmp://192.0.2.1;id',
  'icmp://-I',
  'tcp://192.0.2.1',
  'icmp://::1',
  'icmp://fe80::1',
  'icmp://fe80::1%eth1',
  'icmp://ff02::1',
  'icmp://2001:db8::1::2',
  'icmp://[2001:db8::1',
  'icmp://[2001:db8::1]:7',
  'icmp://[192.0.2.1]',
  'icmp://::ffff:192.0.2.1',
  'tcp://2001:db8::1:443',
  'tcp://[2001:db8::1]',
  'dns://[2001:db8::1]',
  'http://2001:db8::1/',
  'http://[2001:db8::1]x/',
  'tcp://192.0.2.1:0',
  'tcp://192.0.2.1:65536',
  'tcp://192.0.2.1:443/x',
  'dns://192.0.2.1',
  'dns://192.0.2.1/',
  'dns://192.0.2.1/a..b',
  'dns://192.0.2.1/$(id)',
  'dns://192.0.2.1:53/a.b',
  'http://example.org/',
  'http://192.0.2.1/a\\nb',
  'http://192.0.2.1/a"b',
  `http://192.0.2.1/${'x'.repeat(201)}`,
  'ftp://192.0.2.1/',
  'ICMP://192.0.2.1',
  'gateway:1',
  'none,gateway',
  'gateway,gateway',
  Array.from({ length: 9 }, (_, n) => `icmp://192.0.2.${n + 1}`).join(),
])('PROBE=%s is refused', (text) => {
  expect(problems(`PROBE='${text}'`)).toEqual([expect.stringMatching(/^dsl:3 PROBE[= ]/)]);
});

test('PROBE=none: nobody asks, and what else is said about it does not matter', () => {
  expect(settings('PROBE=none\nPROBE_NEED=3')).toBeUndefined();
});

const KEYS: readonly (readonly [line: string, want: Partial<ProbeSettings>])[] = [
  ['PROBE_NEED=2', { need: 2 }],
  ['PROBE_INTERVAL=0.25', { intervalMs: 250 }],
  ['PROBE_INTERVAL=3600', { intervalMs: 3_600_000 }],
  ['PROBE_TIMEOUT=1', { timeoutMs: 1000 }],
  ['DOWN_AFTER=1', { downAfter: 1 }],
  ['UP_AFTER=1000', { upAfter: 1000 }],
  ['FAST=yes', { intervalMs: 200, timeoutMs: 300 }],
  ['FAST=no', { intervalMs: 2000, timeoutMs: 2000 }],
  ['LOSS_DOWN=off', { down: {} }],
  ['LOSS_DOWN=30/5', { down: { loss: { enter: 30, leave: 5 } } }],
  ['LATENCY_DOWN=900/400', { down: { ...PROBE_DEFAULTS.down, latency: { enter: 900, leave: 400 } } }],
  ['JITTER_DOWN=300/300', { down: { ...PROBE_DEFAULTS.down, jitter: { enter: 300, leave: 300 } } }],
  ['LOSS_DEGRADED=5/1', { degraded: { ...PROBE_DEFAULTS.degraded, loss: { enter: 5, leave: 1 } } }],
  ['FLAP_PENALTY=0', { flap: { ...PROBE_DEFAULTS.flap, penalty: 0 } }],
  ['FLAP_SUPPRESS=5000', { flap: { ...PROBE_DEFAULTS.flap, suppress: 5000 } }],
  ['FLAP_REUSE=100', { flap: { ...PROBE_DEFAULTS.flap, reuse: 100 } }],
  ['FLAP_HALF_LIFE=60', { flap: { ...PROBE_DEFAULTS.flap, halfLifeMs: 60_000 } }],
];

test.each(KEYS)('%s, in a link’s file and as the default for all', (line, want) => {
  expect(settings(line)).toEqual({ ...PROBE_DEFAULTS, ...want });
  expect(settings('', line)).toEqual({ ...PROBE_DEFAULTS, ...want });
});

test.each([
  'PROBE_NEED=0',
  'PROBE_INTERVAL=0.05',
  'PROBE_INTERVAL=2s',
  'PROBE_INTERVAL=1e3',
  'PROBE_TIMEOUT=61',
  'DOWN_AFTER=0',
  'UP_AFTER=1.5',
  'FAST=1',
  'LOSS_DOWN=20',
  'LOSS_DOWN=20/30',
  'LOSS_DOWN=101/30',
  'LOSS_DOWN=30/20/10',
  'LOSS_DOWN=30/0',
  'LATENCY_DEGRADED=100ms/50ms',
  'FLAP_HALF_LIFE=0',
  'FLAP_PENALTY=-1',
])('%s is refused', (line) => {
  expect(problems(line)).toEqual([expect.stringMatching(/^dsl:3 .* is not valid: expected /)]);
});

test('FAST=yes in a link’s file is nearer to it than an interval for all, and farther than its own', () => {
  expect(settings('FAST=yes', 'PROBE_INTERVAL=5')).toMatchObject({ intervalMs: 200, timeoutMs: 300 });
  expect(settings('FAST=yes\nPROBE_TIMEOUT=0.5', 'PROBE_INTERVAL=5')).toMatchObject({
    intervalMs: 200,
    timeoutMs: 500,
  });
  expect(settings('PROBE_INTERVAL=5', 'FAST=yes')).toMatchObject({ intervalMs: 5000, timeoutMs: 300 });
});

test('keys that contradict each other are told at once, where they stand', () => {
  expect(problems('PROBE=gateway\nPROBE_NEED=2\nFLAP_REUSE=3000\nDOWN_AFTER=x')).toEqual([
    'dsl:6 DOWN_AFTER="x" is not valid: expected a whole number from 1 to 100',
    'dsl:4 PROBE_NEED=2, but PROBE has only 1: no round could succeed',
    'dsl:5 FLAP_REUSE=3000 must be below FLAP_SUPPRESS=2500',
  ]);
  expect(problems('PROBE=gateway', 'PROBE_NEED=2')).toEqual([
    'dsl:3 PROBE_NEED=2, but PROBE has only 1: no round could succeed',
  ]);
});
