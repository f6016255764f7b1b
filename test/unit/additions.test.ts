/** From one text of our table to another without taking anything away; and where that cannot be. */
import { expect, test } from 'vitest';
import { GLOBAL_DEFAULTS, LINK_DEFAULTS } from '../../src/config/keys.ts';
import { firewall } from '../../src/desired/firewall.ts';
import { additions } from '../../src/kernel/additions.ts';
import { createKernel } from '../../src/kernel/kernel.ts';
import { firewallTransaction } from '../../src/kernel/render.ts';
import type { Config, LinkConfig, LinkStatus, Op } from '../../src/model.ts';
import { playStep } from '../support/world-steps.ts';
import { fakeSteps } from '../support/world-fake-steps.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const link = (id: number, more: Partial<LinkConfig> = {}): LinkConfig => ({
  ...LINK_DEFAULTS,
  name: `line${id}`,
  id,
  ...more,
});
const up = (id: number, device = `ppp${id}`, mtu = 1492, more?: Partial<LinkConfig>): LinkStatus => ({
  link: link(id, more),
  up: true,
  device,
  address: `192.0.2.${id}`,
  mtu,
  onlink: false,
});
const CONFIG: Config = { ...GLOBAL_DEFAULTS, links: [] };
const text = (...statuses: LinkStatus[]) =>
  firewall({ ...CONFIG, links: statuses.map((status) => status.link) }, statuses);

test('a line with a device of its own only adds: its chains, and elements that are not there yet', () => {
  expect(additions(text(up(1)), text(up(1), up(2)))).toBe(`add chain inet wanhook record_2
add chain inet wanhook use_2
add chain inet wanhook check_2
add rule inet wanhook record_2 ct mark set ct mark & 0xc0ffffff | 0x02000000
add rule inet wanhook use_2 meta mark set meta mark & 0xc0ffffff | 0x02000000
add rule inet wanhook check_2 oifname "ppp2" return
add rule inet wanhook check_2 goto guard
add element inet wanhook wan { "ppp2" }
add element inet wanhook masqueraded { "ppp2" }
add element inet wanhook record { "ppp2" : goto record_2 }
add element inet wanhook restore { 0x02000000 : goto use_2 }
add element inet wanhook check { 0x02000000 : goto check_2 }
add element inet wanhook clamp { "ppp2" : jump mss_1452 }
`);
});

test('the first line of all only adds, and its size is a chain', () => {
  const first = additions(text(), text(up(1)));
  expect(first).toContain('add chain inet wanhook mss_1452\n');
  expect(first).not.toContain('prerouting');
});

test.each<[string, LinkStatus[], LinkStatus[]]>([
  ['a device goes', [up(1), up(2)], [up(1)]],
  ['a line moves to another device', [up(1)], [up(1, 'ppp7')]],
  ['two lines change places', [up(1, 'ppp0'), up(2, 'ppp1')], [up(1, 'ppp1'), up(2, 'ppp0')]],
  ['another size', [up(1)], [up(1, 'ppp1', 1480)]],
  ['a chain that is there changes', [up(1)], [up(1, 'ppp1', 1492, { onDown: 'block' })]],
  ['a fail-closed line comes, and with it a table', [up(1)], [up(1), up(2, 'ppp2', 1492, { onDown: 'block' })]],
  ['a line that is not masqueraded any more', [up(1)], [up(1, 'ppp1', 1492, { masquerade: false })]],
])('%s: not by additions', (_, before, after) => {
  expect(text(...before)).not.toBe(text(...after));
  expect(additions(text(...before), text(...after))).toBeUndefined();
});

test.each([
  ['nothing', ''],
  ['another table', 'table inet other {\n chain a { accept; }\n}\n'],
  ['lines that are not understood', 'table inet wanhook {\n flowtable f { hook ingress priority 0; }\n}\n'],
  ['one name twice', 'table inet wanhook {\n chain a { accept; }\n chain a { drop; }\n}\n'],
])('before it there was %s: not by additions', (_, before) => {
  expect(additions(before, text(up(1)))).toBeUndefined();
});

test('additions that the kernel refuses: the whole table instead', async () => {
  const given: string[] = [];
  const kernel = createKernel({
    run: (_, __, stdin = '') => Promise.resolve({ code: given.push(stdin) === 1 ? 1 : 0, stdout: '', stderr: 'no' }),
  });
  const added = additions(text(up(1)), text(up(1), up(2))) ?? '';
  const whole = text(up(1), up(2));
  const told: Op[] = [];
  expect(await kernel.apply([{ op: 'firewall-load', text: whole, added }], (op) => told.push(op))).toEqual([]);
  expect(given).toEqual([added, firewallTransaction(whole)]);
  expect(told).toEqual([
    { op: 'firewall-load', text: whole, added },
    { op: 'firewall-load', text: whole },
  ]);
});

/** A second line comes up; before the additions for it somebody does this to the table. The journal's last entry. */
async function journalOf(stranger: (world: TestWorld) => void): Promise<string[]> {
  const files = ['1', '2'].map((id): [string, string] => [`links/line${id}.env`, `ID=${id}\nDEVICE=ppp${id}\n`]);
  const world = createTestWorld(new Map(files));
  const on = fakeSteps(world);
  for (const step of ['line ppp1 up 192.0.2.1', 'wanhook apply', 'line ppp2 up 192.0.2.2']) await playStep(on, step);
  world.fake.beforeEach = (_, __, stdin) => {
    if (!stdin.startsWith('add element inet wanhook ')) return;
    world.fake.beforeEach = () => undefined;
    stranger(world);
  };
  await world.apply();
  expect(await world.plan()).toEqual([]);
  return (
    world
      .journal()
      .at(-1)
      ?.changed.filter((op) => op.startsWith('nft')) ?? []
  );
}
const [BY_ADDITIONS, WHOLE] = ['nft -f - (table inet wanhook, additions)', 'nft -f - (table inet wanhook)'];

test.each<[string, string[], Parameters<typeof journalOf>[0]]>([
  ['taken', [BY_ADDITIONS], () => undefined],
  ['refused, for the table has gone', [BY_ADDITIONS, WHOLE], ({ fake }) => fake.setFirewall(undefined)],
  [
    'taken, but part of the rest has gone',
    [BY_ADDITIONS, WHOLE],
    ({ fake }) => fake.setFirewall(fake.firewall()?.replace('ct state invalid drop', '')),
  ],
])('additions %s: the journal says what was done', async (_, want, stranger) => {
  expect(await journalOf(stranger)).toEqual(want);
});
