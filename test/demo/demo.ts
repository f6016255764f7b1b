/**
 * `sudo ./install.sh --demo`: the main job of wanhook, shown and measured in a minute's lab.
 *
 *   LAN ── router ─┬─ ppp0  line "dsl",   weight 2 ─ ISP 1 ─┬─ one Internet host
 *                  └─ eth1  line "cable", weight 3 ─ ISP 2 ─┘
 *
 * Everything is in network, mount and process namespaces of its own; their end is the end of all that was made.
 * The two ISPs route their customer's address and drop any other source: stricter than ISPs with NAT of their own,
 * which would hide a packet that leaves by the wrong line.
 * Bundled to dist/test/demo.cjs (`npm run build:demo`). Exit codes: 0 passed, 1 failed, 2 not root, 128 + signal.
 */
import { explain } from '../../src/errors.ts';
import { createLab, type Lab } from '../support/lab.ts';
import { hostChanges, hostState } from './host.ts';
import { heading, say, sayVerdict, tell, type Verdict } from './print.ts';
import { journalEnd, overlayDirs } from './router.ts';
import { type Scene, scenes } from './scenes.ts';

/** It promises an end in under a minute, also when something hangs. */
const TIME_LIMIT_MS = 55_000;
const HOST = 'host untouched';
const NOT_RUN = { summary: 'not run', problems: [], notRun: true } as const;

const PICTURE = `
LAN 10.10.0.2 ── router ─┬─ ppp0  line "dsl",   PPPoE, weight 2 ─ ISP 1 ─┬─ 203.0.113.10 … .20
                         └─ eth1  line "cable", DHCP,  weight 3 ─ ISP 2 ─┘`;

/** Why it has to end before it is done, and the exit code. */
interface EarlyEnd {
  readonly why: string;
  readonly code: number;
}

/** Aborts, with an EarlyEnd as reason, when somebody or the clock wants an end. */
function earlyEnd(): AbortSignal {
  const early = new AbortController();
  const end = (reason: EarlyEnd) => early.abort(reason);
  for (const [signal, number] of Object.entries({ SIGHUP: 1, SIGINT: 2, SIGTERM: 15 })) {
    process.on(signal, () => end({ why: `interrupted by ${signal}`, code: 128 + number }));
  }
  // `| head`: nobody listens any more.
  process.stdout.on('error', () => end({ why: '', code: 1 }));
  setTimeout(() => end({ why: `FAIL: not done after ${TIME_LIMIT_MS / 1000} s`, code: 1 }), TIME_LIMIT_MS).unref();
  return early.signal;
}

const aborted = (signal: AbortSignal): Promise<EarlyEnd> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve(signal.reason as EarlyEnd)));

/** One scene. Something wrong comes with the journal: hooks say nothing to their daemons, so nobody has heard it. */
async function playOne({ name, play }: Scene, lab: Lab): Promise<Verdict & { readonly brokeOff: boolean }> {
  heading(name);
  try {
    const finding = await play(lab);
    const journal = finding.problems.length === 0 ? '' : await journalEnd(lab);
    return { name, ...finding, journal, brokeOff: false };
  } catch (error) {
    return { name, summary: 'broke off', problems: [explain(error)], journal: await journalEnd(lab), brokeOff: true };
  }
}

/** Ends at a scene that breaks off: the ones after it build on it. */
async function playAll(all: readonly Scene[], lab: Lab, early: AbortSignal): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  for (const scene of all) {
    const { brokeOff, ...verdict } = await playOne(scene, lab);
    verdicts.push(verdict);
    if (brokeOff || early.aborted) break;
  }
  return verdicts;
}

async function demo(): Promise<number> {
  const start = performance.now();
  const early = earlyEnd();
  const before = hostState();
  say('wanhook demo: a router with two Internet lines, in network namespaces of its own');
  tell(PICTURE);

  const all = scenes();
  const making = createLab({ links: ['ppp', 'dhcp'], overlay: overlayDirs() });
  const playing = making.then((lab) => playAll(all, lab, early).finally(() => lab.destroy()));
  const result = await Promise.race([playing, aborted(early)]);
  if ('why' in result) {
    await making.then((lab) => lab.destroy());
    if (result.why !== '') say(`\n${result.why}; the lab is removed`);
    return result.code;
  }

  const changes = hostChanges(before, hostState());
  const summary = `${before.size} tables, rules, places and sysctls of the host compared with before: ${changes.length} differ`;
  heading(HOST);
  tell(summary);
  const skipped = all.slice(result.length).map(({ name }): Verdict => ({ name, ...NOT_RUN }));
  const verdicts = [...result, ...skipped, { name: HOST, summary, problems: changes }];
  return sayVerdict(verdicts, (performance.now() - start) / 1000);
}

if (process.getuid?.() !== 0) {
  process.stderr.write('wanhook demo: this needs root, for network namespaces: try it with sudo ./install.sh --demo\n');
  process.exitCode = 2;
} else {
  demo().then(
    (code) => process.exit(code),
    (error: unknown) => {
      process.stderr.write(`wanhook demo: ${explain(error)}\n`);
      process.exit(1);
    },
  );
}
