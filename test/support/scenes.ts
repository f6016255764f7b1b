/**
 * Ways in which a line that is up can be bad, for `wanhook monitor` to find out: each is played on one line of a router.
 * test/kernel/scenes.test.ts plays all of them at once and short, `npm run bench:monitor` one after the other and measured.
 */
import type { LinkKeys, Router } from './router.ts';
import { startDelay, startPortal } from './services.ts';

const TARGETS = 'icmp://203.0.113.11,icmp://203.0.113.12,icmp://203.0.113.13';

export interface Scene {
  readonly name: string;
  readonly keys: LinkKeys;
  begin(router: Router, line: number): Promise<void>;
  /** What must be thought of the line then. */
  readonly verdict: 'alive' | 'degraded' | 'dead';
  /** How long a connection may take before it is lost; only for scenes in which they are slow. */
  readonly patienceMs?: number;
  /** Only a window of rounds shows it. */
  readonly inWindow?: true;
  /** Its reason. */
  readonly because?: RegExp;
}

const upstream = (rule: string) => async (router: Router, line: number) => {
  await router.isps[line]!.sh(`nft 'add rule ip lab upstream iifname "line" ${rule}'`);
};
const BY_DNS = 'icmp://203.0.113.11,dns://203.0.113.14/example.org';

export const BLACKHOLE: Scene = {
  name: 'upstream blackholed',
  keys: { PROBE: TARGETS },
  begin: (router, line) => router.deadUpstream(line, true),
  verdict: 'dead',
  because: /^no answer from 3 of 3 targets/,
};

export const SCENES: readonly Scene[] = [
  BLACKHOLE,
  {
    name: 'gateway dead',
    keys: { PROBE: `gateway,${TARGETS}` },
    begin: (router, line) => router.deadGateway(line, true),
    verdict: 'dead',
    because: /^no answer from 4 of 4 targets/,
  },
  {
    name: '50 % loss, LOSS_DOWN=off',
    keys: { PROBE: TARGETS, LOSS_DOWN: 'off' },
    begin: upstream('numgen random mod 100 < 50 drop'),
    verdict: 'degraded',
    inWindow: true,
    because: /% of probes lost \(LOSS_DEGRADED=20\/10\)/,
  },
  {
    name: '1.5 s latency',
    keys: { PROBE: TARGETS, PROBE_TIMEOUT: 2 },
    begin: (router, line) => startDelay(router, line, 1.5),
    patienceMs: 5000,
    verdict: 'degraded',
    inWindow: true,
    because: /ms there and back \(LATENCY_DEGRADED=500\/300\)/,
  },
  {
    name: 'DNS only, PROBE_NEED=1',
    keys: { PROBE: BY_DNS },
    begin: upstream('udp dport 53 drop'),
    verdict: 'alive',
    because: /^1 of 2 targets answer \(dns:/,
  },
  {
    name: 'DNS only, PROBE_NEED=2',
    keys: { PROBE: BY_DNS, PROBE_NEED: 2 },
    begin: upstream('udp dport 53 drop'),
    verdict: 'dead',
    because: /^no answer from 1 of 2 targets .*dns:/,
  },
  {
    name: 'captive portal',
    keys: { PROBE: 'http://203.0.113.15/generate_204' },
    begin: (router, line) => startPortal(router, line),
    verdict: 'dead',
    because: /^no right answer from 1 of 1 targets .*302 to "http:\/\/login\.example\/": a captive portal\?/,
  },
  {
    name: 'one target down',
    keys: { PROBE: TARGETS },
    begin: upstream('ip daddr 203.0.113.12 drop'),
    verdict: 'alive',
    because: /^2 of 3 targets answer/,
  },
];
