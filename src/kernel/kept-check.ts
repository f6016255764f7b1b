import { WanhookError } from '../errors.ts';
import type { Condition } from './memory-check.ts';
import { isAbsent } from './nft-words.ts';
import { KEPT_TABLE } from './render.ts';
import { told, type Runner } from './runner.ts';

/**
 * Is the table of fail-closed flows still what was loaded with this text? Its listing reads every flow (memory-check.ts), so
 * only a close look finds more than a table that is gone: it counts the rules of each chain.
 */
export async function keptCondition(runner: Runner, text: string, closely: boolean): Promise<Condition> {
  return closely ? verify(runner, text) : exists(runner);
}

async function exists(runner: Runner): Promise<Condition> {
  const outcome = await runner.run('nft', ['-c', 'add', 'chain', ...KEPT_TABLE.split(' '), 'refused']);
  if (outcome.code === 0) return 'intact';
  if (isAbsent(outcome)) return 'absent';
  throw cannotLook(told(outcome));
}

async function verify(runner: Runner, text: string): Promise<Condition> {
  const outcome = await runner.run('nft', ['-t', 'list', 'table', ...KEPT_TABLE.split(' ')]);
  if (isAbsent(outcome)) return 'absent';
  if (outcome.code !== 0) throw cannotLook(told(outcome));
  const found = new Map(
    [...outcome.stdout.matchAll(/^\tchain (\w+) \{\n((?:\t\t.*\n)*)\t\}$/gm)].map(([, name = '', body = '']) => [
      name,
      body.split('\n').filter((line) => line !== '' && !/^\t\ttype .*; policy accept;/.test(line)).length,
    ]),
  );
  return [...rulesOf(text)].every(([chain, rules]) => found.get(chain) === rules) ? 'intact' : 'changed';
}

/** desired/firewall-block.ts: a chain's rules are on its own line, each with a semicolon, or on lines of their own. */
function rulesOf(text: string): Map<string, number> {
  // What comes before it only declares.
  const script = text.slice(text.indexOf(`flush table ${KEPT_TABLE}\n`));
  const declared = [...text.slice(text.indexOf(`table ${KEPT_TABLE} {`)).matchAll(/^ chain (\w+) \{/gm)];
  const rules = new Map(declared.map(([, name = '']) => [name, 0]));
  for (const [, name = '', body = ''] of script.matchAll(/^ chain (\w+) \{ (.*)\}$/gm)) {
    rules.set(name, body.split(';').filter((rule) => rule.trim() !== '').length);
  }
  for (const [, name = '', body = ''] of script.matchAll(/^ chain (\w+) \{\n((?: {2}.*\n)*) \}$/gm)) {
    rules.set(name, body.split('\n').filter((rule) => rule !== '').length);
  }
  return rules;
}

const cannotLook = (why: string) => new WanhookError(`cannot look for the table "${KEPT_TABLE}": nft: ${why}`);
