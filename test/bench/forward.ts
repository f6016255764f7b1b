/**
 * `sudo npm run bench:forward`: what a forwarded packet costs in a router with wanhook, by the number of links and the
 * kind of sharing; see forwarding.ts. "The same again" is a second router without wanhook, and says how far two equal
 * routers are apart.
 */
import type { Setup } from './forward-lab.ts';
import { benchForward, type ForwardRow } from './forwarding.ts';

const LINKS = [2, 8, 32, 60];
const BALANCES = ['flow', 'pair', 'client'] as const;
const SETUPS: readonly Setup[] = [
  { name: 'no wanhook', links: 1 },
  { name: 'the same again', links: 1 },
  ...LINKS.map((links) => ({ name: `no wanhook, ${links} links`, links })),
  ...BALANCES.flatMap((balance) => LINKS.map((links) => ({ name: `${balance}, ${links} links`, links, balance }))),
  { name: 'pair, 2 links, 60,000 pins', links: 2, balance: 'pair', pins: 60_000 },
];

function table(what: string, rows: readonly ForwardRow[]): void {
  const heads = ['thousand/s', 'CPU ns each', '× none', '× 2 links'];
  console.log(`\n${what.padEnd(34)}${heads.map((head) => head.padStart(13)).join('')}`);
  for (const { name, thousandPerS, cpuNs, timesNone, timesTwo } of rows) {
    const cells = [thousandPerS, cpuNs, timesNone.toFixed(2), timesTwo?.toFixed(2) ?? ''];
    console.log(`  ${name.padEnd(32)}${cells.map((cell) => String(cell).padStart(13)).join('')}`);
  }
}

async function bench(): Promise<void> {
  const rows = await benchForward({ setups: SETUPS, rounds: 11, blastMs: 60, connections: 3000 });
  for (const what of new Set(rows.map((row) => row.what))) {
    table(
      what,
      rows.filter((row) => row.what === what),
    );
  }
}

void bench();
