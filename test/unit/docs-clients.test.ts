/** docs/clients.md shows the table of tests, and the tests that it speaks of are there. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { IN_VM, tableRows, tableRows6 } from '../support/client-table.ts';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

test.each([tableRows(), tableRows6()])('docs/clients.md has the table of tests: %s', (...wanted) => {
  const lines = read('docs/clients.md').split('\n');
  const rows = lines.filter((line) => line.startsWith('| ') && !line.startsWith('| ---'));
  const cells = rows.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
  const table = cells.slice(cells.findIndex(([first]) => first === wanted[0]?.[0]));
  expect(table.slice(0, wanted.length)).toEqual(wanted);
});

test('every row has its tests', () => {
  const files = ['dhclient', 'dhcpcd', 'udhcpc', 'ifupdown', 'networkmanager', 'networkd', 'static'];
  expect(tableRows().length).toBe(2 + files.length);
  for (const file of files)
    expect(existsSync(new URL(`../kernel/client-${file}.test.ts`, import.meta.url)), file).toBe(true);
  for (const file of ['dhcpcd', 'networkmanager', 'networkd'])
    expect(existsSync(new URL(`../kernel/client6-${file}.test.ts`, import.meta.url)), file).toBe(true);
  for (const [, scenario, says] of Object.values(IN_VM))
    expect(read(`test/vm/scenarios/${scenario}.sh`)).toContain(says);
});
