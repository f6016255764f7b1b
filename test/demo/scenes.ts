/** The demo's scenes, in order. Each does something to the router, measures, and says what it found. */
import type { Lab } from '../support/lab.ts';
import { dhclientBound, pppHook } from './daemons.ts';
import { type Finding, ms, tell } from './print.ts';
import { configure, install, routingState, wanhook, wrongSources } from './router.ts';
import { disturb, heldOn, measureShares, type Share, tellDisturbance } from './traffic.ts';

export interface Scene {
  readonly name: string;
  readonly play: (lab: Lab) => Promise<Finding>;
}

const DSL = 0;
const CABLE = 1;
const IPPARAM = 'dsl';
const WEIGHTS = { dsl: 2, cable: 3 } as const;
const LINKS = {
  dsl: ['ID=1', `PPP_IPPARAM=${IPPARAM}`, `WEIGHT=${WEIGHTS.dsl}`],
  cable: ['ID=2', 'DEVICE=eth1', `WEIGHT=${WEIGHTS.cable}`],
};
/** What the provider gives at the next dial-in. */
const NEW_ADDRESS = '192.0.2.77';
/**
 * No connection can succeed that was under way on the line when it went. How long it takes to go, and how many are
 * under way, depends on how busy the machine is; so much more than the hang-up itself is an outage.
 */
const UNDER_WAY_MS = 100;

const shares = (lab: Lab): Share[] => [
  { line: 'dsl', weight: WEIGHTS.dsl, address: lab.lines[DSL]!.address },
  { line: 'cable', weight: WEIGHTS.cable, address: lab.lines[CABLE]!.address },
];

/** Each thing that was wanted, with what to say if it is not so. */
const unmet = (...wants: readonly (readonly [met: boolean, otherwise: string])[]): string[] =>
  wants.filter(([met]) => !met).map(([, otherwise]) => otherwise);

async function installation(lab: Lab): Promise<Finding> {
  const start = performance.now();
  const verified = await install(lab);
  const took = ms(performance.now() - start);
  tell(`./install.sh --no-deps into the router's own /etc, /usr/lib and /usr/sbin: ${took}`);
  tell(verified);
  await configure(lab, LINKS);
  for (const [name, keys] of Object.entries(LINKS)) tell(`/etc/wanhook/links/${name}.env: ${keys.join(' ')}`);
  const checked = (await wanhook(lab, 'check')).trim();
  tell(`wanhook check: ${checked}`);
  return { summary: `in ${took}; ${checked}`, problems: [] };
}

async function linesComeUp(lab: Lab): Promise<Finding> {
  await lab.lineUp(DSL);
  const dialled = await pppHook(lab, 'ip-up', DSL, { ipparam: IPPARAM });
  tell(`pppd: ppp0 has ${lab.lines[DSL]!.address}; run-parts /etc/ppp/ip-up.d took ${ms(dialled)}`);
  await lab.lineUp(CABLE);
  const bound = await dhclientBound(lab, CABLE);
  tell(`dhclient: eth1 has ${lab.lines[CABLE]!.address}; its exit hook zz-wanhook took ${ms(bound)}`);
  await tellStatus(lab);
  return { summary: `hooks took ${ms(dialled)} and ${ms(bound)}`, problems: await notUp(lab) };
}

async function sharing(lab: Lab): Promise<Finding> {
  const measured = await measureShares(lab, shares(lab));
  tell(measured.text);
  return measured;
}

async function lineDrops(lab: Lab): Promise<Finding> {
  const old = lab.lines[DSL]!.address;
  let hook = 0;
  const disturbance = await disturb(lab, async () => {
    await lab.lineHangup(DSL);
    const gone = Date.now();
    hook = await pppHook(lab, 'ip-down', DSL, { ipparam: IPPARAM });
    return gone;
  });
  const onCable = heldOn(disturbance.held, lab.lines[CABLE]!.address);
  const onDsl = heldOn(disturbance.held, old);
  tell(`dsl hangs up: ppp0 is gone after ${ms(disturbance.tookMs)}; run-parts /etc/ppp/ip-down.d took ${ms(hook)}`);
  tell(tellDisturbance(disturbance, 'ppp0 was gone'));
  tell(
    `held connections on cable: ${onCable.alive} of ${onCable.count} alive, longest pause ${ms(onCable.longestGapMs)}`,
  );
  const told =
    onDsl.told === 0 ? '' : `; the last of them ${ms(onDsl.toldBy - disturbance.begun)} after the hang-up began`;
  tell(`held connections on dsl: ${onDsl.told} of ${onDsl.count} ended by a reset, to begin again elsewhere${told}`);
  await tellStatus(lab);
  const { before, after, longestOutageMs } = disturbance;
  const maxOutageMs = disturbance.tookMs + UNDER_WAY_MS;
  const cut = before.lost === 0 ? '' : ` (and ${before.lost} cut off under way)`;
  return {
    summary: `${after.lost} of ${after.count} new connections lost${cut}, outage ${ms(longestOutageMs)}; ${onCable.alive} of ${onCable.count} held on cable alive`,
    problems: [
      ...unmet(
        [after.lost === 0, `${after.lost} new connections were lost after the line had gone, wanted 0`],
        [longestOutageMs <= maxOutageMs, `outage of ${ms(longestOutageMs)}, wanted at most ${ms(maxOutageMs)}`],
        [onCable.alive === onCable.count, `${onCable.count - onCable.alive} held connections on cable died or hung`],
        [onCable.moved === 0, `${onCable.moved} held connections on cable changed their line`],
        [onDsl.told === onDsl.count, `${onDsl.count - onDsl.told} held connections on dsl hang, and nobody told them`],
      ),
      ...(await leaks(lab)),
    ],
  };
}

async function lineReturns(lab: Lab): Promise<Finding> {
  let hook = 0;
  const disturbance = await disturb(lab, async () => {
    const returning = Date.now();
    await lab.lineUp(DSL, { address: NEW_ADDRESS });
    hook = await pppHook(lab, 'ip-up', DSL, { ipparam: IPPARAM });
    return returning;
  });
  const onCable = heldOn(disturbance.held, lab.lines[CABLE]!.address);
  tell(
    `dsl dials in again: a new ppp0 with a new address, ${NEW_ADDRESS}; run-parts /etc/ppp/ip-up.d took ${ms(hook)}`,
  );
  tell(tellDisturbance(disturbance, 'its return'));
  tell(`held connections on cable: ${onCable.alive} of ${onCable.count} alive, ${onCable.moved} changed their line`);
  const shared = await measureShares(lab, shares(lab));
  tell(shared.text);
  const { before, after, held } = disturbance;
  const lost = before.lost + after.lost;
  return {
    summary: `${lost} of ${before.count + after.count} new connections lost; ${onCable.alive} of ${onCable.count} held alive; ${shared.summary}`,
    problems: [
      ...unmet(
        [lost === 0, `${lost} new connections were lost, wanted 0`],
        [onCable.alive === held.flows.length, `${held.flows.length - onCable.alive} held connections died or hung`],
        [onCable.moved === 0, `${onCable.moved} held connections changed their line`],
      ),
      ...shared.problems,
      ...(await notUp(lab)),
      ...(await leaks(lab)),
    ],
  };
}

/** `before`: what the router had when wanhook had done nothing yet. */
async function stop(lab: Lab, before: string): Promise<Finding> {
  tell(`wanhook stop: ${(await wanhook(lab, 'stop')).trim()}`);
  const was = new Set(before.split('\n'));
  const is = new Set((await routingState(lab)).split('\n'));
  const problems = [
    ...[...is].filter((line) => !was.has(line)).map((line) => `left over: ${line}`),
    ...[...was].filter((line) => !is.has(line)).map((line) => `not as before: ${line}`),
  ];
  const summary = `${was.size} rules, routes, nexthops, nft lines and sysctls compared with before: ${problems.length} differ`;
  tell(summary);
  return { summary, problems };
}

export function scenes(): Scene[] {
  let before = '';
  return [
    {
      name: '1 install',
      play: async (lab) => {
        before = await routingState(lab);
        return installation(lab);
      },
    },
    { name: '2 lines come up', play: linesComeUp },
    { name: '3 sharing 2:3', play: sharing },
    { name: '4 a line drops', play: lineDrops },
    { name: '5 the line returns', play: lineReturns },
    { name: '6 wanhook stop', play: (lab) => stop(lab, before) },
  ];
}

async function tellStatus(lab: Lab): Promise<void> {
  tell('wanhook status:');
  tell((await wanhook(lab, 'status')).replaceAll(/^/gm, '  '));
}

/** `wanhook status --json`, as far as it is asked here. */
interface Status {
  readonly pendingChanges: number;
  readonly links: readonly { name: string; state: string; reason: string; address: string | null }[];
}

/** What `wanhook status` says against: both lines up with the addresses they have, nothing left to do. */
async function notUp(lab: Lab): Promise<string[]> {
  const { links, pendingChanges } = JSON.parse(await wanhook(lab, 'status', '--json')) as Status;
  const wrong = shares(lab).flatMap(({ line, address }) => {
    const link = links.find(({ name }) => name === line);
    if (link?.state === 'up' && link.address === address) return [];
    const is = link === undefined ? 'missing' : `${link.state} with ${link.address ?? 'no address'} (${link.reason})`;
    return [`wanhook status: ${line} is ${is}, wanted up with ${address}`];
  });
  return [...wrong, ...unmet([pendingChanges === 0, `wanhook status: ${pendingChanges} changes pending, wanted 0`])];
}

async function leaks(lab: Lab): Promise<string[]> {
  const { count, flows } = await wrongSources(lab);
  tell(`packets that left by a line with an address not its own, up to now: ${count}`);
  return unmet([count === 0, `${count} packets left by a line with an address not its own: ${flows}`]);
}
