/**
 * `sudo npm run bench`: what an event costs, what is lost when a line goes, and what a packet costs; wanhook, beside the
 * write-ups' script and the rivals that are installed. Writes docs/benchmarks.*; 6 minutes on a quiet machine.
 *
 *   sudo npm run bench -- --quick      fewer rounds, and only printed
 *   sudo npm run bench -- --out DIR    writes there
 */
import path from 'node:path';
import { parseArgs } from 'node:util';
import { markdown } from './report.ts';
import { FULL, measure, QUICK, write } from './suite.ts';

async function bench(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false }, out: { type: 'string' } } });
  const command = `npm run bench${values.quick ? ' -- --quick' : ''}`;
  const results = await measure(values.quick ? QUICK : FULL, command, (what) => console.error(`${what} …`));
  console.log(markdown(results));
  const docs = path.resolve(import.meta.dirname, '../../docs');
  const out = values.out ?? (values.quick ? undefined : docs);
  if (out !== undefined) write(results, out);
}

void bench();
