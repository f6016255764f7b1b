import { WanhookError } from '../errors.ts';
import { isAbsent, MEMORY_TABLE } from './nft-words.ts';
import { told, type Outcome, type Runner } from './runner.ts';

/** Is the table there, and are its rules those of the script it was loaded with? */
export type Condition = 'absent' | 'changed' | 'intact';

/**
 * By checks of what would change nothing: nft 1.0.6 reads every element for any listing that shows rules, `list tables`
 * included (1.4 s for 65,536), which no hook can wait for. A chain that a rule leads to cannot be deleted: so a chain that
 * can be has lost the rules that led to it. That finds a flushed table or chain, but neither a lost rule that leads
 * nowhere nor a foreign one.
 */
export async function glance(runner: Runner, script: string): Promise<Condition> {
  const chains = led(script);
  if (chains.length === 0) return (await exists(runner)) ? 'intact' : 'absent';
  const lines = chains.map((chain) => `delete chain ${MEMORY_TABLE} ${chain}\n`);
  const outcome = await runner.run('nft', ['-c', '-f', '-'], lines.join(''));
  const busy = [...outcome.stderr.matchAll(/Device or resource busy/g)].length;
  if (busy === chains.length) return 'intact';
  if (busy === 0 && outcome.code !== 0 && !isAbsent(outcome)) throw cannotLook(outcome);
  return (await exists(runner)) ? 'changed' : 'absent';
}

/** All chains and maps, and how many rules each chain has. Rules are not compared: nft rewrites what it is given. */
export async function verify(runner: Runner, script: string): Promise<Condition> {
  const outcome = await runner.run('nft', ['-t', 'list', 'table', ...MEMORY_TABLE.split(' ')]);
  if (isAbsent(outcome)) return 'absent';
  if (outcome.code !== 0) throw cannotLook(outcome);
  return shapeOfListing(outcome.stdout) === shapeOfScript(script) ? 'intact' : 'changed';
}

export async function exists(runner: Runner): Promise<boolean> {
  const outcome = await runner.run('nft', ['-c', 'add', 'chain', ...MEMORY_TABLE.split(' '), 'prerouting']);
  if (outcome.code === 0) return true;
  if (isAbsent(outcome)) return false;
  throw cannotLook(outcome);
}

const cannotLook = (outcome: Outcome) =>
  new WanhookError(`cannot look for the table "${MEMORY_TABLE}": nft: ${told(outcome)}`);

/**
 * The chains that rules lead to, each before those that lead to it: once a chain has been deleted, though only for the
 * check, what it led to can be, too.
 */
function led(script: string): string[] {
  const rules = rulesOf(script);
  const order = new Set<string>();
  const follow = (chain: string) => {
    for (const rule of rules.get(chain) ?? []) {
      const target = / (?:goto|jump) (\w+)$/.exec(` ${rule}`)?.[1];
      if (target === undefined || order.has(target)) continue;
      follow(target);
      order.add(target);
    }
  };
  [...rules.keys()].forEach(follow);
  return [...order];
}

/** desired/memory-script.ts: chains are declared on one line, their rules follow below, one a line. */
function rulesOf(script: string): Map<string, string[]> {
  const chains = [...script.matchAll(/^ chain (\w+) \{\n((?: {2}.*\n)*) \}$/gm)];
  return new Map(chains.map(([, name = '', body = '']) => [name, linesOf(body)]));
}

function shapeOfScript(script: string): string {
  const gone = new Set(
    [...script.matchAll(/^delete (?:chain|map) inet wanhook_memory (\w+)$/gm)].map(([, name]) => name),
  );
  const rules = rulesOf(script);
  const maps = [...script.matchAll(/^ map (\w+) /gm)].map(([, name = '']) => name);
  const chains = [...script.matchAll(/^ chain (\w+) \{ (.*)\}$/gm)].map(
    ([, name = '', hook = '']) => [name, hook] as const,
  );
  return shape(
    maps.filter((name) => !gone.has(name)),
    chains
      .filter(([name]) => !gone.has(name))
      .map(([name, hook]) => [name, hook.includes('hook'), rules.get(name)?.length ?? 0]),
  );
}

function shapeOfListing(listing: string): string {
  const chains = [...listing.matchAll(/^\tchain (\w+) \{\n((?:\t\t.*\n)*)\t\}$/gm)];
  return shape(
    [...listing.matchAll(/^\tmap (\w+) \{/gm)].map(([, name = '']) => name),
    chains.map(([, name = '', body = '']) => {
      const lines = linesOf(body);
      const rules = lines.filter((line) => !line.startsWith('type '));
      return [name, lines.some((line) => /^type .*; policy accept;/.test(line)), rules.length];
    }),
  );
}

const shape = (maps: readonly string[], chains: readonly (readonly [name: string, hooked: boolean, rules: number])[]) =>
  JSON.stringify([maps.toSorted(), chains.toSorted(([a], [b]) => (a < b ? -1 : 1))]);

const linesOf = (body: string) =>
  body
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
