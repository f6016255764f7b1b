import { probeOf } from '../desired/numbers.ts';
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
  follow(statuses: readonly LinkStatus[], said: State['health'], said6?: State['health']): void;
  /** What is thought of each link that is asked over, or of its IPv6. */
  figures(family?: 6): Record<string, LinkHealth>;
  stop(): Promise<void>;
}

/**
 * Probes for every link that is up, and what they tell; `onVerdict` only when a link is judged otherwise than before. A
 * link's families are asked and judged each by itself.
 */
export function probing(
  engine: Engine,
  now: () => Now,
  onVerdict: (name: string, health: LinkHealth, family?: 6) => void,
  passive: Passive,
): Probing {
  /** By `nameOf`. */
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
    const living = [...asked.values()].filter(({ judged }) => judged.health.verdict !== 'dead');
    for (const one of asked.values()) {
      if (!one.heard) continue;
      const allDead = !living.some(({ link }) => link.family === one.link.family);
      one.answers = allDead && stillAnswers(one);
      const health = healthOf(one);
      if (essence(health) === one.told) continue;
      one.told = essence(health);
      onVerdict(one.link.name, health, one.link.family);
    }
  };
  const begin = (status: LinkUp, settings: ProbeSettings, key: string, said: LinkHealth | undefined) => {
    const { device, address } = status;
    const name = nameOf(status);
    const line = { device, address };
    const known = said?.device === device && said.address === address ? said : undefined;
    const judged = engine.begin(now(), known);
    const probed = probedLink(status);
    const probes = engine.startProbes(probed, settings, (found) => round(name, found));
    asked.set(name, { key, link: probed, line, probes, settings, judged, heard: false, answers: false, told: '' });
  };
  const end = (name: string) => {
    asked.get(name)?.probes.stop();
    asked.delete(name);
  };
  return {
    follow: (statuses, said, said6) => {
      const saidOf = ({ name, family }: Pick<ProbedLink, 'name' | 'family'>) => (family === 6 ? said6 : said)?.[name];
      const wanted = statuses.flatMap((status) => {
        const probe = probeOf(status);
        return status.up && probe !== undefined ? [{ status, probe, key: keyOf(status, probe) }] : [];
      });
      const names = new Set(wanted.map(({ status }) => nameOf(status)));
      for (const name of [...asked.keys()]) if (!names.has(name)) end(name);
      for (const { status, probe, key } of wanted) {
        const name = nameOf(status);
        if (asked.get(name)?.key === key) continue;
        end(name);
        begin(status, probe, key, saidOf(probedLink(status)));
      }
      passive.follow([...asked.values()].map(({ link }) => link));
      // Somebody may have cleared the record, or it is from before this process: what it lacks is told again.
      for (const one of asked.values()) one.told = essence(saidOf(one.link) ?? NEVER_JUDGED);
      tell();
    },
    figures: (family) => {
      const found = [...asked.values()].filter(({ link }) => link.family === family);
      return Object.fromEntries(found.map(({ link, judged, line }) => [link.name, { ...judged.health, ...line }]));
    },
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

/** Both families may be asked over one link. */
const nameOf = ({ link, family }: LinkUp) => `${link.name} ${family ?? 4}`;

function probedLink({ link, family, device, address, gateway, peer }: LinkUp): ProbedLink {
  return {
    ...{ name: link.name, id: link.id, device, address },
    ...(family && { family }),
    ...(gateway !== undefined && { gateway }),
    ...(peer !== undefined && { peer }),
  };
}

/** Another one: the probes are of something else. */
const keyOf = (status: LinkUp, probe: ProbeSettings) => JSON.stringify([probedLink(status), probe]);
