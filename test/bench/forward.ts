/**
 * `sudo npm run bench:forward`: what a forwarded packet costs in a router with wanhook, by the number of links and the
 * kind of sharing, as multiples of the same router without wanhook (plain forwarding and one masquerade rule of nftables).
 * The routers take turns, so that a slow second slows them all, and the figures are medians of the ratios of each turn.
 * CPU time, because a busy machine takes away only the other one; "the same again" is a second router without wanhook, and
 * says how far two equal routers are apart.
 */
import { createForwardLab, type Sample, type Setup } from './forward-lab.ts';

const ROUNDS = 11;
const BLAST_MS = 60;
const NEW_CONNECTIONS = 3000;

const LINKS = [2, 8, 32, 60];
const BALANCES = ['flow', 'pair', 'client'] as const;
const SETUPS: readonly Setup[] = [
  { name: 'no wanhook', links: 1 },
  { name: 'the same again', links: 1 },
  ...BALANCES.flatMap((balance) => LINKS.map((links) => ({ name: `${balance}, ${links} links`, links, balance }))),
  { name: 'pair, 2 links, 60,000 pins', links: 2, balance: 'pair', pins: 60_000 },
];

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
const cost = ({ cpuNs, packets }: Sample) => cpuNs / packets;
const rate = ({ packets, wallNs }: Sample) => (packets / wallNs) * 1e6;

/** Samples by router, then by round. */
async function takeTurns(measure: (router: number) => Promise<Sample>): Promise<Sample[][]> {
  const samples = SETUPS.map((): Sample[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    // Each round begins elsewhere: nobody is always first.
    for (let turn = 0; turn < SETUPS.length; turn++) {
      const router = (turn + round) % SETUPS.length;
      samples[router]!.push(await measure(router));
    }
  }
  return samples;
}

/** Median of this router's cost over another's, round by round. */
const times = (own: readonly Sample[], other: readonly Sample[]) =>
  median(own.map((each, round) => cost(each) / cost(other[round]!)));

function table(what: string, samples: readonly Sample[][]): void {
  console.log(
    `\n${what.padEnd(34)}${['thousand/s', 'CPU ns each', '× none', '× 2 links'].map((head) => head.padStart(13)).join('')}`,
  );
  SETUPS.forEach(({ name, balance }, router) => {
    const own = samples[router]!;
    const two = SETUPS.findIndex((setup) => setup.balance === balance && setup.links === 2);
    const cells = [
      median(own.map(rate)).toFixed(0),
      median(own.map(cost)).toFixed(0),
      times(own, samples[0]!).toFixed(2),
      two < 0 ? '' : times(own, samples[two]!).toFixed(2),
    ];
    console.log(`  ${name.padEnd(32)}${cells.map((cell) => cell.padStart(13)).join('')}`);
  });
}

async function bench(): Promise<void> {
  const lab = await createForwardLab(SETUPS);
  try {
    table('packets of established flows', await takeTurns((router) => lab.blast(router, BLAST_MS)));
    table('first packets of connections', await takeTurns((router) => lab.fresh(router, NEW_CONNECTIONS)));
  } finally {
    await lab.destroy();
  }
}

void bench();
