/**
 * What a forwarded packet costs, as a multiple of the same router without wanhook (plain forwarding and one masquerade rule).
 * The routers take turns, so that a slow second slows them all, and the figures are medians of the ratios of each turn.
 * CPU time, because a busy machine takes away only the other one.
 */
import { median, round } from './cost.ts';
import { createForwardLab, type Sample, type Setup } from './forward-lab.ts';

export interface ForwardOptions {
  /** The first is what the others are compared with. */
  readonly setups: readonly Setup[];
  readonly rounds: number;
  readonly blastMs: number;
  readonly connections: number;
}
export interface ForwardRow {
  readonly what: 'packets of established flows' | 'first packets of connections';
  readonly name: string;
  readonly thousandPerS: number;
  readonly cpuNs: number;
  readonly timesNone: number;
  /** Than the same with two links; null: it has two, or none is like it. */
  readonly timesTwo: number | null;
}

const cpuOf = ({ cpuNs, packets }: Sample) => cpuNs / packets;
const rate = ({ packets, wallNs }: Sample) => (packets / wallNs) * 1e6;
/** Median of this router's cost over another's, round by round. */
const times = (own: readonly Sample[], other: readonly Sample[]) =>
  round(median(own.map((each, n) => cpuOf(each) / cpuOf(other[n]!))));

/** Samples by router, then by round. */
async function takeTurns(routers: number, rounds: number, measure: (router: number) => Promise<Sample>) {
  const samples = Array.from({ length: routers }, (): Sample[] => []);
  for (let turn = 0; turn < rounds; turn++) {
    // Each round begins elsewhere: nobody is always first.
    for (let n = 0; n < routers; n++) {
      const router = (n + turn) % routers;
      samples[router]!.push(await measure(router));
    }
  }
  return samples;
}

function rowsOf(what: ForwardRow['what'], setups: readonly Setup[], samples: readonly Sample[][]): ForwardRow[] {
  return setups.map(({ name, balance, links }, router) => {
    const own = samples[router]!;
    const two = setups.findIndex((setup) => setup.balance === balance && setup.links === 2);
    return {
      what,
      name,
      thousandPerS: round(median(own.map(rate)), 0),
      cpuNs: round(median(own.map(cpuOf)), 0),
      timesNone: times(own, samples[0]!),
      timesTwo: two < 0 || links <= 2 ? null : times(own, samples[two]!),
    };
  });
}

export async function benchForward({ setups, rounds, blastMs, connections }: ForwardOptions): Promise<ForwardRow[]> {
  const lab = await createForwardLab(setups);
  try {
    const flows = await takeTurns(setups.length, rounds, (router) => lab.blast(router, blastMs));
    const firsts = await takeTurns(setups.length, rounds, (router) => lab.fresh(router, connections));
    return [
      ...rowsOf('packets of established flows', setups, flows),
      ...rowsOf('first packets of connections', setups, firsts),
    ];
  } finally {
    await lab.destroy();
  }
}
