/** The short way for lines without IPv6 says what the long one says. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import type { Device, DeviceAddress6, LinkRecord, LinkVerdict } from '../../src/model.ts';
import { bareStatus, isBare } from '../../src/state/bare6.ts';
import { linkStatus6, type Around } from '../../src/state/live6.ts';

const LINKS = ['', 'PREFIXES=2001:db8:1::/56\n', 'GATEWAY6=fe80::1\n', 'GATEWAY6=2001:db8:1::1\n'].map((more) => {
  const file = { path: 'links/a.env', name: 'a', text: `ID=1\nDEVICE=eth1\nPROBE=none\n${more}` };
  const { config, problems } = parseConfig({ main: { path: 'wanhook.env', text: '' }, links: [file] });
  expect(problems).toEqual([]);
  return config!.links[0]!;
});

const address6 = fc.constantFrom<DeviceAddress6>(
  { local: 'fe80::5', prefix: 64 },
  { local: 'fe80::5', prefix: 128, peer: 'fe80::6' },
  { local: '2001:db8:1::5', prefix: 64 },
  { local: 'fd00:1::5', prefix: 64, deprecated: true },
  { local: 'fec0::5', prefix: 64 },
);
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const device: fc.Arbitrary<Device> = fc.record(
  {
    name: fc.constant('eth1'),
    up: fc.boolean(),
    carrier: fc.boolean(),
    pointToPoint: fc.boolean(),
    noArp: fc.constant(true as const),
    mtu: fc.constantFrom(1492, 1500),
    addresses: fc.constant([]),
    addresses6: fc.array(address6, { maxLength: 2 }),
  },
  { requiredKeys: ['name', 'up', 'carrier', 'pointToPoint', 'mtu', 'addresses'] },
);
const record: fc.Arbitrary<LinkRecord> = fc.record(
  {
    source: fc.constant('pppd' as const),
    device: fc.constant('eth1'),
    dns: fc.constant([]),
    address: fc.constantFrom('fe80::5', '192.0.2.5'),
    gateway: fc.constant('fe80::6'),
    prefixes: fc.constantFrom([], ['2001:db8:1::/56']),
    heldDown: fc.constantFrom({ source: 'pppd', cause: 'ip-down' } as const, { source: 'cli', cause: 'down' } as const),
  },
  { requiredKeys: ['source', 'device', 'dns'] },
);
const verdict: fc.Arbitrary<LinkVerdict> = fc.record(
  {
    up: fc.boolean(),
    since: fc.constant(1),
    reason: fc.constant('up'),
    device: fc.constant('eth1'),
    mtu: fc.constant(1400),
    address: fc.constant('2001:db8:1::5'),
    sources: fc.constantFrom([], ['2001:db8:1::/64']),
  },
  { requiredKeys: ['up', 'since', 'reason'] },
);

test('a line without IPv6 is the same by the short way', () => {
  let bare = 0;
  fc.assert(
    fc.property(
      fc.constantFrom(...LINKS),
      maybe(fc.constant('eth1')),
      maybe(device),
      maybe(record),
      maybe(verdict),
      (link, name, found, recorded, known) => {
        const place = { link, name: found === undefined ? name : 'eth1', present: found };
        if (!isBare(place, recorded, known)) return;
        bare++;
        const other: Device = {
          ...{ name: 'lan0', up: true, carrier: true, pointToPoint: false, mtu: 1500, addresses: [] },
          addresses6: [{ local: '2001:db8:1:ff::1', prefix: 64 }],
        };
        const devices = found === undefined ? [other] : [found, other];
        const around: Around = { defaults: { eth1: { gateway: 'fe80::1' } }, devices, subnets: [], now: 1000 };
        expect(bareStatus(place, recorded, known)).toEqual(linkStatus6(link, recorded, known, place, around));
      },
    ),
    { numRuns: 20_000, seed: 20_260_101 },
  );
  expect(bare).toBeGreaterThan(200);
});
