/** The table of pairs and clients from run to run: what is noticed, what is loaded anew, and what that forgets. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hookInput } from '../support/world-hook-input.ts';
import { createTestWorld, type TestWorld } from '../support/world.ts';

const NAMES = ['ppp0', 'ppp1', 'ppp2'];
const address = (n: number) => `192.0.2.${11 + n}`;

/** Three lines that are up; `main` is wanhook.env. */
async function running(main: string): Promise<TestWorld> {
  const world = createTestWorld(new Map([['wanhook.env', main.replaceAll(' ', '\n')]]));
  for (const [n, name] of NAMES.entries()) {
    world.files.set(`links/line${n + 1}.env`, `ID=${n + 1}\nDEVICE=${name}\n`);
    world.fake.addDevice(name, { mtu: 1492, pointToPoint: true });
    world.fake.addAddress(name, address(n), '192.0.2.254');
    world.fake.setUp(name, true);
  }
  for (const n of NAMES.keys()) await up(world, n);
  return world;
}
const up = (world: TestWorld, n: number) =>
  world.hook('ip-up', hookInput('ip-up', [NAMES[n]!, address(n), '192.0.2.254']));
const nft = (world: TestWorld, text: string) => world.fake.runSync('nft', ['-f', '-'], `${text}\n`);
const ops = (list: readonly { op: string }[]) => list.map(({ op }) => op);
/** How many clients in a row would be sent to this link. */
const firstInOrder = (world: TestWorld, id: number) => {
  const [, order = ''] = /numgen inc mod \d+ map \{ ([^}]*) \}/.exec(world.fake.memory()!)!;
  const marks = order.split(', ').map((entry) => entry.split(' : ')[1]);
  return marks.findIndex((mark) => mark !== `0x0${id}000000`);
};

describe.each(['pair', 'client'])('BALANCE=%s', (mode) => {
  test('nothing has happened: neither plan nor a hook finds anything to do', async () => {
    const world = await running(`BALANCE=${mode}`);
    expect(await world.plan()).toEqual([]);
    world.echoed.length = 0;
    await up(world, 0);
    expect(world.echoed).toEqual([]);
  });

  test('flushed rules come back with the next event, and nothing is forgotten', async () => {
    const world = await running(`BALANCE=${mode}`);
    const map = mode === 'pair' ? 'own' : 'client';
    world.fake.remember(map, '10.10.0.2 : 0x02000000');
    nft(world, 'flush table inet wanhook_memory');
    expect(ops(await world.plan())).toEqual(['memory-load']);
    await up(world, 0);
    expect(await world.plan()).toEqual([]);
    expect(world.fake.remembered(map)).toEqual(['10.10.0.2 : 0x02000000']);
  });

  test('another MARK_MASK: the old marks are nobody’s any more', async () => {
    const world = await running(`BALANCE=${mode}`);
    const map = mode === 'pair' ? 'own' : 'client';
    world.fake.remember(map, '10.10.0.2 : 0x02000000');
    world.files.set('wanhook.env', `BALANCE=${mode}\nMARK_MASK=0x7e000000\n`);
    await world.apply();
    expect(world.fake.remembered(map)).toEqual(mode === 'pair' ? [] : ['10.10.0.2 : 0x04000000']);
    expect(await world.plan()).toEqual([]);
  });

  test('another TABLE_BASE, renamed links and one less: nothing is forgotten, nothing fails', async () => {
    const world = await running(`BALANCE=${mode} REBALANCE=return`);
    const map = mode === 'pair' ? 'own' : 'client';
    world.fake.remember(map, '10.10.0.2 : 0x02000000');
    world.fake.remember(map, '10.10.0.3 : 0x03000000');
    world.files.set('wanhook.env', `BALANCE=${mode}\nREBALANCE=return\nTABLE_BASE=30000\n`);
    world.files.delete('links/line3.env');
    world.files.set('links/office.env', world.files.get('links/line2.env')!);
    world.files.delete('links/line2.env');
    await world.apply();
    expect(await world.plan()).toEqual([]);
    const { code, out } = await world.command(mode === 'pair' ? 'pins' : 'clients');
    expect(code).toBe(0);
    expect(out).toMatch(mode === 'pair' ? /10\.10\.0\.2 +any +office/ : /10\.10\.0\.2 +office +office/);
    expect(out).toMatch(mode === 'pair' ? /10\.10\.0\.3 +any +0x3000000/ : /10\.10\.0\.3 +- +- +.*chooses/);
  });
});

test('only a close look finds a rule that is gone from the end of a chain', async () => {
  const world = await running('BALANCE=pair');
  world.fake.forgetRule('settle_own');
  world.echoed.length = 0;
  await up(world, 0);
  expect(world.echoed).toEqual([]);
  expect(ops(await world.plan())).toEqual(['memory-load']);
  await world.apply();
  expect(await world.plan()).toEqual([]);
});

test('a table that is loaded for another reason begins its order where the clients are', async () => {
  const world = await running('BALANCE=client');
  const come = (from: number, count: number, mark: string) => {
    for (let n = from; n < from + count; n++) world.fake.remember('client', `10.10.0.${n} : ${mark}`);
  };
  come(10, 30, '0x02000000');
  come(50, 30, '0x03000000');
  await world.apply();
  expect(firstInOrder(world, 1)).toBe(31);
  come(90, 20, '0x01000000');
  await world.apply();
  expect(firstInOrder(world, 1), 'they came as prepared: the order goes on').toBe(31);
  world.files.set('wanhook.env', 'BALANCE=client\nCLIENT_TIMEOUT=3600\n');
  await world.apply();
  expect(firstInOrder(world, 1), 'loaded anew, from its beginning').toBe(11);
});

test('clients that are forgotten make room for others', async () => {
  const world = await running('BALANCE=client');
  for (let n = 0; n < 30; n++) world.fake.remember('client', `10.10.0.${n} : 0x0${1 + (n % 3)}000000`);
  await world.apply();
  for (let n = 0; n < 30; n += 3) nft(world, `delete element inet wanhook_memory client { 10.10.0.${n} }`);
  await up(world, 1);
  expect(firstInOrder(world, 1)).toBe(11);
});

test('a clients.json that cannot be read costs one message', async () => {
  const world = createTestWorld(new Map([['wanhook.env', 'BALANCE=client\n'], ['links/a.env', 'ID=1\nDEVICE=ppp0\n']])); // prettier-ignore
  mkdirSync(world.libraryDirectory, { recursive: true });
  const file = join(world.libraryDirectory, 'clients.json');
  writeFileSync(file, 'x'.repeat(5_000_000));
  await world.apply();
  expect(world.warnings).toEqual([`${file} is larger than 4194304 bytes: clients are assigned anew`]);
  await world.apply();
  expect(world.warnings).toHaveLength(1);
  expect(await world.plan()).toEqual([]);
});
