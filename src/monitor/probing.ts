import type { LinkHealth, LinkStatus, LinkUp, ProbeSettings, State } from '../model.ts';
import type { Evidence, Judged, Now } from './judged.ts';
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
  readonly line: Pick<LinkHealth, 'device' | 'address'>;
  readonly probes: { stop(): void };
  judged: Judged;
  /** What has been told of it, as far as it matters. */
  told: string;
}

export interface Probing {
  /** Ask over exactly these links from now on. */
  follow(statuses: readonly LinkStatus[], said: State['health']): void;
  /** What is thought of each link that is asked over. */
  figures(): Record<string, LinkHealth>;
  stop(): void;
}

/** Probes for every link that is up, and what they tell; `onVerdict` only when a link is judged otherwise than before. */
export function probing(
  engine: Engine,
  now: () => Now,
  onVerdict: (name: string, health: LinkHealth) => void,
): Probing {
  const asked = new Map<string, Asked>();
  const round = (name: string, settings: ProbeSettings, found: ProbeRound) => {
    const one = asked.get(name);
    if (one === undefined) return;
    const everywhere = engine.downEverywhere([...asked.values()].map(({ judged }) => judged));
    one.judged = engine.judge(one.judged, found, settings, now(), everywhere);
    tell();
  };
  const tell = () => {
    const allDead = [...asked.values()].every(({ judged }) => judged.health.verdict === 'dead');
    for (const [name, one] of asked) {
      const health = healthOf(one, allDead);
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
    const probes = engine.startProbes(probedLink(status), settings, (found) => round(link.name, settings, found));
    asked.set(link.name, { key, line, probes, judged, told: essence({ ...judged.health, ...line }) });
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
    },
    figures: () =>
      Object.fromEntries([...asked].map(([name, { judged, line }]) => [name, { ...judged.health, ...line }] as const)),
    stop: () => [...asked.keys()].forEach(end),
  };
}

/** That a dead link answers matters only where there is none that lives. */
function healthOf({ judged, line }: Asked, allDead: boolean): LinkHealth {
  const answers = allDead && judged.memory.passing > 0;
  return { ...judged.health, ...line, ...(answers && { answers }) };
}

/** Reasons and figures change all the time, and change nothing. */
const essence = ({ verdict, heldUntil, answers }: LinkHealth) =>
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
