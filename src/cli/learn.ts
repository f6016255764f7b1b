import { isUsableIpv4 } from '../checked.ts';
import { helperLines } from '../desired/firewall-helpers.ts';
import type { Config, Learned } from '../model.ts';

/** The questions that may take seconds. Both answer within a time limit, or not at all. */
export interface Sources {
  /** Addresses of a name; rejects if there is no answer. */
  readonly resolve: (name: string) => Promise<readonly string[]>;
  /** Would the kernel take these lines of an nftables table? */
  readonly accepts: (lines: readonly string[]) => Promise<boolean>;
  /** Do kernel and ip(8) know `managed` neighbours? */
  readonly managesNeighbours: () => Promise<boolean>;
}

/** Ask them for this configuration; where there is no answer, the last one stays, and somebody is told. */
export async function learn(
  config: Config,
  before: Learned | undefined,
  { resolve, accepts, managesNeighbours }: Sources,
  warn: (message: string) => void,
): Promise<Learned> {
  const names = config.links.flatMap(({ tunnelServer }) =>
    tunnelServer === undefined || isUsableIpv4(tunnelServer) ? [] : [tunnelServer],
  );
  const answers = await Promise.all(
    [...new Set(names)].map(async (name) => {
      const found = await resolve(name).catch((): readonly string[] => []);
      const usable = found.filter(isUsableIpv4).toSorted();
      if (usable.length > 0) return [name, usable] as const;
      const kept = before?.names[name];
      warn(
        `cannot resolve TUNNEL_SERVER ${name}: ${kept === undefined ? 'it is not pinned' : `going on with ${kept.join(', ')}`}`,
      );
      return kept === undefined ? undefined : ([name, kept] as const);
    }),
  );
  const helpers = await Promise.all(
    config.helpers.map(async (helper) => {
      if (await accepts(helperLines([helper]))) return [helper];
      warn(`HELPERS: this kernel has no helper for ${helper}`);
      return [];
    }),
  );
  const known = answers.flatMap((answer) => (answer === undefined ? [] : [answer]));
  return {
    names: Object.fromEntries<readonly string[]>(known),
    helpers: helpers.flat(),
    managedNeighbours: await managesNeighbours(),
  };
}
