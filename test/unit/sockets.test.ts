import { mkdirSync, writeFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { hasSockets } from '../../src/kernel/sockets.ts';
import { scratchDirectory } from '../support/world-scratch.ts';

/** proc(5), as Linux 6.18 prints it. */
const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode                                                     \n';
const line = (n: number, local: string, remote: string, state = '01') =>
  `${String(n).padStart(4)}: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1681 1 00000000b63aa2cf 100 0 0 10 0`.padEnd(
    149,
  ) + '\n';
const isLittle = endianness() === 'LE';
/** 192.0.2.5 and 2001:db8::5 */
const FOUR = isLittle ? '050200C0' : 'C0000205';
const SIX = isLittle ? 'B80D0120000000000000000005000000' : '20010DB8000000000000000000000005';

/** proc(5): those in use are not what is left of closed ones (05, 06), nor those that are being opened from elsewhere (03). */
const inUse = (text: string) => text.split('\n').filter((each) => /^ *\d+: \S+ \S+ 01 /.test(each)).length;

function procNet(tcp: string, tcp6 = HEAD, count = inUse(tcp)): string {
  const directory = scratchDirectory('proc');
  mkdirSync(directory, { recursive: true });
  writeFileSync(
    join(directory, 'sockstat'),
    `sockets: used 8\nTCP: inuse ${count} orphan 2 tw 1 alloc 3 mem 85\nUDP: inuse 7 mem 231\n`,
  );
  writeFileSync(join(directory, 'sockstat6'), `TCP6: inuse ${inUse(tcp6)}\nUDP6: inuse 7\n`);
  writeFileSync(join(directory, 'tcp'), tcp);
  writeFileSync(join(directory, 'tcp6'), tcp6);
  return directory;
}

test.each([
  ['none at all', HEAD, '192.0.2.5', false],
  ['its own', HEAD + line(0, `${FOUR}:0016`, '010200C0:0050'), '192.0.2.5', true],
  ['to it, from another', HEAD + line(0, '010200C0:0016', `${FOUR}:0050`), '192.0.2.5', false],
  ['another’s', HEAD + line(0, '010200C0:0016', '010200C0:0050'), '192.0.2.5', false],
  [
    'after many others',
    HEAD +
      [...Array(900).keys()].map((n) => line(n, '010200C0:0016', '010200C0:0050')).join('') +
      line(900, `${FOUR}:0016`, '010200C0:0050'),
    '192.0.2.5',
    true,
  ],
  [
    'after others that are not in use',
    HEAD +
      line(0, '010200C0:0016', '010200C0:0050', '06') +
      line(1, '010200C0:0016', '010200C0:0050', '03') +
      line(2, '010200C0:0016', '010200C0:0050', '05') +
      line(3, `${FOUR}:0016`, '010200C0:0050'),
    '192.0.2.5',
    true,
  ],
  [
    'many others’',
    HEAD + [...Array(900).keys()].map((n) => line(n, '010200C0:0016', '010200C0:0050')).join(''),
    '192.0.2.5',
    false,
  ],
])('sockets with an address of ours: %s', (_, tcp, address, expected) => {
  expect(hasSockets(procNet(tcp), address)).toBe(expected);
});

test('fewer in use than are listed: the rest is not asked for; more: to the end', () => {
  const tcp = HEAD + line(0, '010200C0:0016', '010200C0:0050') + line(1, `${FOUR}:0016`, '010200C0:0050');
  expect([0, 1, 2, 9].map((count) => hasSockets(procNet(tcp, HEAD, count), '192.0.2.5'))).toEqual([
    false,
    false,
    true,
    true,
  ]);
  const without = HEAD + line(0, '010200C0:0016', '010200C0:0050');
  expect(hasSockets(procNet(without, HEAD, 9), '192.0.2.5')).toBe(false);
});

test('of IPv6', () => {
  const other = '0'.repeat(32);
  const tcp6 = HEAD + line(0, `${SIX}:0016`, `${other}:0050`);
  expect(hasSockets(procNet(HEAD, tcp6), '2001:db8::5')).toBe(true);
  expect(hasSockets(procNet(HEAD, tcp6), '2001:db8::6')).toBe(false);
  expect(hasSockets(procNet(tcp6), '2001:db8::5')).toBe(false);
});

test('where nobody can tell, there may be some', () => {
  expect(hasSockets('/nowhere', '192.0.2.5')).toBe(true);
  expect(hasSockets(procNet(HEAD), 'no address')).toBe(true);
});
