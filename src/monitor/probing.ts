import type { LinkHealth, LinkStatus, LinkUp, ProbeSettings, State } from '../model.ts';
import { freshMs, type Evidence, type Judged, type Now } from './judged.ts';
import type { Passive } from './passive.ts';
import type { ProbedLink, ProbeRound } from './probe/round.ts';

/** The engines and the rules of judging, passed in. */
export interface Engine {
  readonly startProbes: (
    link: ProbedLink,
    settings: ProbeSettings,
    onRound: (round: ProbeRound) => void,
  ) => { stop(): void };
  readonly judge: (
    before: Judged | undefined,
    evidence: Evidence,
    settings: ProbeSettings,
    now: Now,
    everywhere: ReadonlySet<string>,
  ) => Judged;
  /** Of whom nothing is known, or only what was said before this process began. */
  readonly begin: (now: Now, health?: LinkHealth) => Judged;
  /** Targets that are down, and not the links. */
  readonly downEverywhere: (links: Iterable<Judged>) => ReadonlySet<string>;
}

interface Asked {
  readonly key: string;
  readonly link: ProbedLink;
  readonly line: Pick<LinkHealth, 'device' | 'address'>;
  readonly probes: { stop(): void };
  readonly settings: ProbeSettings;
  /** Rounds that have ended while the link's own connections are asked what they know. */
  waiting?: ProbeRound[] | undefined;
  judged: Judged;
  /** It has answered since the probes began, or has not: until then there is nothing to tell. */
  heard: boolean;
  /** Among links that are all dead: it answers. */
  answers: boolean;
  /** What the record says of it, as far as it matters. */
  told: string;
}

export interface Probing {
  /** Ask over exactly these links from now on. */
  follow(statuses: readonly LinkStatus[], said: State['health']): void;
  /** What is thought of each link that is asked over. */
  figures(): Record<string, LinkHealth>;
  stop(): Promise<void>;
}

/** Probes for every link that is up, and what they tell; `onVerdict` only when a link is judged otherwise than before. */
export function probing(
  engine: Engine,
  now: () => Now,
  onVerdict: (name: string, health: LinkHealth) => void,
  passive: Passive,
): Probing {
  const asked = new Map<string, Asked>();
  const round = (name: string, found: ProbeRound) => {
    const one = asked.get(name);
    if (one === undefined) return;
    // In the order in which they ended.
    if (one.waiting !== undefined) one.waiting.push(found);
    else if (isDoubtful(one, found)) void askConnections(name, one, found);
    else take(one, found);
  };
  const take = (one: Asked, evidence: Evidence) => {
    const everywhere = engine.downEverywhere([...asked.values()].map(({ judged }) => judged));
    one.judged = engine.judge(one.judged, evidence, one.settings, now(), everywhere);
    one.heard = true;
    tell();
  };
  const askConnections = async (name: string, one: Asked, found: ProbeRound) => {
    const waiting = [found];
    one.waiting = waiting;
    const evidence = await passive.since(one.link, freshMs(one.settings));
    one.waiting = undefined;
    for (const each of [...(evidence === undefined ? [] : [evidence]), ...waiting])
      if (asked.get(name) === one) take(one, each);
  };
  const tell = () => {
    const allDead = [...asked.values()].every(({ judged }) => judged.health.verdict === 'dead');
    for (const [name, one] of asked) {
      if (!one.heard) continue;
      one.answers = allDead && stillAnswers(one);
      const health = healthOf(one);
      if (essence(health) === one.told) continue;
      one.told = essence(health);
      onVerdict(name, health);
    }
  };
  const begin = (status: LinkUp, settings: ProbeSettings, key: string, said: LinkHealth | undefined) => {
    const { link, device, address } = status;
    const line = { device, address };
    const known = said?.device === device && said.address === address ? said : undefined;
    const judged = engine.begin(now(), known);
    const probed = probedLink(status);
    const probes = engine.startProbes(probed, settings, (found) => round(link.name, found));
    asked.set(link.name, { key, link: probed, line, probes, settings, judged, heard: false, answers: false, told: '' });
  };
  const end = (name: string) => {
    asked.get(name)?.probes.stop();
    asked.delete(name);
  };
  return {
    follow: (statuses, said = {}) => {
      const wanted = statuses.flatMap((status) => {
        const { probe } = status.link;
        return status.up && probe !== undefined ? [{ status, probe, key: keyOf(status, probe) }] : [];
      });
      const names = new Set(wanted.map(({ status }) => status.link.name));
      for (const name of [...asked.keys()]) if (!names.has(name)) end(name);
      for (const { status, probe, key } of wanted) {
        const { name } = status.link;
        if (asked.get(name)?.key === key) continue;
        end(name);
        begin(status, probe, key, said[name]);
      }
      passive.follow([...asked.values()].map(({ link }) => link));
      // Somebody may have cleared the record, or it is from before this process: what it lacks is told again.
      for (const [name, one] of asked) one.told = essence(said[name] ?? NEVER_JUDGED);
      tell();
    },
    figures: () =>
      Object.fromEntries([...asked].map(([name, { judged, line }]) => [name, { ...judged.health, ...line }] as const)),
    stop: () => {
      [...asked.keys()].forEach(end);
      return passive.stop();
    },
  };
}

/**
 * That a dead link answers matters only where there is none that lives. It then carries everything, so one lost round must
 * not take it out again: that would end all its connections.
 */
const stillAnswers = ({ judged: { memory }, answers, settings }: Asked): boolean =>
  memory.passing > 0 || (answers && memory.failing < settings.downAfter);

/** A round that speaks against a link that lives: somebody else may know better. */
function isDoubtful({ judged, settings }: Asked, { results }: ProbeRound): boolean {
  const good = results.filter(({ ok }) => ok).length;
  return judged.health.verdict !== 'dead' && good < Math.min(settings.need, results.length);
}

function healthOf({ judged, line, answers }: Asked): LinkHealth {
  return { ...judged.health, ...line, ...(answers && { answers }) };
}

/** What a link is taken for of which the record says nothing. */
const NEVER_JUDGED = { verdict: 'alive' } as const;

/** Reasons and figures change all the time, and change nothing. */
const essence = ({ verdict, heldUntil, answers }: Pick<LinkHealth, 'verdict' | 'heldUntil' | 'answers'>) =>
  `${verdict} ${heldUntil !== undefined} ${answers === true}`;

function probedLink({ link, device, address, gateway, peer }: LinkUp): ProbedLink {
  return {
    ...{ name: link.name, id: link.id, device, address },
    ...(gateway !== undefined && { gateway }),
    ...(peer !== undefined && { peer }),
  };
}

/** Another one: the probes are of something else. */
const keyOf = (status: LinkUp, probe: ProbeSettings) => JSON.stringify([probedLink(status), probe]);
