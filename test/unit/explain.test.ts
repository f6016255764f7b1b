/** `wanhook explain`: what is asked, checked; and the rule that matches, as policy.ts has it in the kernel. */
import { expect, test } from 'vitest';
import { questionOf, type ExplainOptions } from '../../src/cli/explain-question.ts';
import { parseIpv4 } from '../../src/checked.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { firstMatch, type Connection } from '../../src/desired/match.ts';
import { parseIpv6 } from '../../src/ipv6.ts';
import { createTestWorld } from '../support/world.ts';

const QUESTIONS: readonly (readonly [destination: string, options: ExplainOptions, want: object | string])[] = [
  ['192.0.2.1', {}, { to: '192.0.2.1', protocol: 6, dscp: 0 }],
  ['192.0.2.1:443', { proto: 'UDP' }, { to: '192.0.2.1', dport: 443, protocol: 17 }],
  ['192.0.2.1', { proto: '47', from: '10.0.0.5', iif: 'lan0' }, { protocol: 47, from: '10.0.0.5', iif: 'lan0' }],
  ['192.0.2.1:80', { sport: '4711', dscp: '46' }, { sport: 4711, dscp: 46 }],
  ['example.org', {}, 'DEST is no address: "example.org"'],
  ['2001:DB8:0::1', {}, { family: 6, to: '2001:db8::1', protocol: 6 }],
  ['[2001:db8::1]:443', { from: 'FD00::7' }, { family: 6, to: '2001:db8::1', dport: 443, from: 'fd00::7' }],
  ['[2001:db8::1]', { proto: 'icmpv6' }, { family: 6, to: '2001:db8::1', protocol: 58 }],
  ['192.0.2.1', {}, { family: 4 }],
  ['2001:db8::x', {}, 'DEST is no address: "2001:db8::x"'],
  ['[2001:db8::1]:0', {}, 'PORT is no number from 1 to 65535: "0"'],
  ['[192.0.2.1', {}, 'DEST is no address: "[192.0.2.1"'],
  ['[2001:db8::1]443', {}, 'DEST is no address: "[2001:db8::1]443"'],
  ['fe80::1', {}, 'DEST is link-local or multicast, and ends at the next router: fe80::1'],
  ['2001:db8::1', { from: '10.0.0.5' }, '--from is of one family, DEST of the other'],
  ['192.0.2.1:0', {}, 'PORT is no number from 1 to 65535: "0"'],
  [
    '192.0.2.1:http',
    { dscp: '64' },
    'PORT is no number from 1 to 65535: "http"; --dscp is no number from 0 to 63: "64"',
  ],
  ['192.0.2.1', { proto: 'tpc' }, '--proto is no number from 0 to 255: "tpc"'],
  ['192.0.2.1', { iif: 'lan0' }, '--iif needs --from: whose packet comes in by it?'],
  ['192.0.2.1', { from: '10.0.0.5', iif: 'a b' }, '--iif is no device: "a b"'],
];
test.each(QUESTIONS)('%s %j', (destination, options, want) => {
  if (typeof want === 'string') expect(() => questionOf(destination, options)).toThrow(want);
  else expect(questionOf(destination, options)).toMatchObject(want);
});

const { config } = parseConfig({
  links: [{ path: '', name: 'dsl', text: 'ID=1\nDEVICE=ppp0' }],
  sets: [{ path: '', name: 'video', text: '203.0.113.0/28\n2001:db8:100::/48' }],
  rules: Object.entries({
    '10-lan': 'FROM=10.0.0.0/24\nPROTO=udp\nDPORT=5060-5070\nIIF=lan0\nUSE=dsl',
    '20-set': 'SET=video\nTO=192.0.2.9\nDSCP=ef\nUSE=balance',
    '40-six': 'FROM=fd00::8-fd00::a\nPROTO=icmpv6\nUSE=dsl',
    '30-own': 'IIF=lo\nSPORT=123\nUSE=block',
  }).map(([name, text]) => ({ path: name, name, text })),
});
const LAN = {
  from: parseIpv4('10.0.0.7'),
  to: parseIpv4('198.51.100.1')!,
  protocol: 17,
  sport: 4000,
  dport: 5065,
  iif: 'lan0',
  dscp: 0,
};
const MATCHES: readonly (readonly [change: Partial<Connection>, want: string | undefined])[] = [
  [{}, '10-lan'],
  [{ dport: 5071 }, undefined],
  [{ dport: undefined }, undefined],
  [{ protocol: 6 }, undefined],
  [{ iif: 'wlan0' }, undefined],
  [{ from: parseIpv4('10.0.1.7') }, undefined],
  [{ from: undefined, iif: 'lo' }, undefined],
  [{ protocol: 6, to: parseIpv4('203.0.113.15')!, dscp: 46 }, '20-set'],
  [{ protocol: 6, to: parseIpv4('192.0.2.9')!, dscp: 46 }, '20-set'],
  [{ protocol: 6, to: parseIpv4('203.0.113.16')!, dscp: 46 }, undefined],
  [{ protocol: 6, to: parseIpv4('203.0.113.15')! }, undefined],
  [{ from: undefined, iif: 'lo', sport: 123 }, '30-own'],
  [{ to: parseIpv6('2001:db8:100::1')!, dscp: 46 }, '20-set'],
  [{ to: parseIpv6('2001:db8:101::1')!, dscp: 46 }, undefined],
  [{ from: parseIpv6('fd00::7'), to: parseIpv6('2001:db8::1')! }, undefined],
  [{ from: parseIpv6('fd00::9'), to: parseIpv6('2001:db8::1')!, protocol: 58 }, '40-six'],
  [{ from: parseIpv4('10.0.0.9'), protocol: 58 }, undefined],
  [{ from: undefined, to: parseIpv6('2001:db8::1')!, iif: 'lo', sport: 123 }, '30-own'],
];
test.each(MATCHES)('rule of connection %#', (change, want) => {
  expect(firstMatch(config!, { ...LAN, ...change })?.name).toBe(want);
});

test('stopped: nothing decides', async () => {
  const world = createTestWorld(new Map([['links/dsl.env', 'ID=1\nDEVICE=ppp0\n']]));
  await world.apply();
  await world.stop();
  const { code, err } = await world.command('explain', '192.0.2.1');
  expect({ code, err }).toEqual({ code: 1, err: 'wanhook: wanhook is stopped: nothing of ours decides\n' });
});
