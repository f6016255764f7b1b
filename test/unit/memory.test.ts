/** What is remembered: nft's words for it. What the table does is in test/kernel/pair.test.ts. */
import { expect, test } from 'vitest';
import { forgetCommand, openMemory, parseMaps } from '../../src/kernel/memory.ts';

const LISTED = `table inet wanhook_memory {
	map pair_port {
		type ipv4_addr . ipv4_addr . inet_proto . inet_service : mark
		size 65536
		flags dynamic,timeout
		elements = { 10.0.0.2 . 203.0.113.10 . udp . 80 timeout 20m expires 19m58s756ms : 0x02000000,
			     10.0.0.2 . 203.0.113.11 . tcp . 443 timeout 1d expires 1h2s : 0x3f000000, 10.0.0.3 . 203.0.113.10 . tcp . 80 : 0x01000000 }
	}
}
`;

test('a listed map', () => {
  const map = 'pair_port';
  expect(parseMaps(LISTED)).toEqual([
    { map, key: ['10.0.0.2', '203.0.113.10', 'udp', '80'], mark: 0x02000000, expires: 1199 },
    { map, key: ['10.0.0.2', '203.0.113.11', 'tcp', '443'], mark: 0x3f000000, expires: 3602 },
    { map, key: ['10.0.0.3', '203.0.113.10', 'tcp', '80'], mark: 0x01000000, expires: 0 },
  ]);
  expect(parseMaps('table inet wanhook_memory {\n\tmap own {\n\t\tsize 65536\n\t}\n}\n')).toEqual([]);
  expect(forgetCommand(parseMaps(LISTED)[0]!)).toBe(
    'nft delete element inet wanhook_memory pair_port { 10.0.0.2 . 203.0.113.10 . udp . 80 }',
  );
});

/** nft that always says this. */
const saying = (code: number, stderr: string) =>
  openMemory({ run: () => Promise.resolve({ code, stdout: '', stderr }) });

test('no table is not an error, a refusal is', async () => {
  const absent = saying(1, 'Error: No such file or directory\n');
  expect(await absent.exists()).toBe(false);
  expect(await absent.read(['pair'])).toBeUndefined();
  expect(await saying(0, '').exists()).toBe(true);
  const refused = saying(1, 'Error: Operation not permitted\n');
  await expect(refused.exists()).rejects.toThrow(
    'cannot look for the table "inet wanhook_memory": nft: Error: Operation',
  );
  await expect(refused.read(['pair'])).rejects.toThrow('cannot list the map pair: nft: Error: Operation not permitted');
  await expect(refused.forget([{ map: 'own', key: ['1.2.3.4'], mark: 1, expires: 1 }])).rejects.toThrow(
    'cannot forget',
  );
});

test('many elements are forgotten in several transactions, each added first', async () => {
  const sent: string[] = [];
  const memory = openMemory({
    run: (_tool, _argv, stdin = '') => {
      sent.push(stdin);
      return Promise.resolve({ code: 0, stdout: '', stderr: '' });
    },
  });
  const elements = Array.from({ length: 5000 }, (_, n) => ({
    map: 'own',
    key: [`10.0.${n >> 8}.${n & 255}`],
    mark: 16,
    expires: 9,
  }));
  await memory.forget(elements);
  expect(sent.map((script) => script.split('\n').length - 1)).toEqual([8192, 1808]);
  expect(sent[0]!.split('\n')[0]).toBe('add element inet wanhook_memory own { 10.0.0.0 timeout 1s : 0x10 }');
  expect(sent[0]!.split('\n')[4096]).toBe('delete element inet wanhook_memory own { 10.0.0.0 timeout 1s : 0x10 }');
});
