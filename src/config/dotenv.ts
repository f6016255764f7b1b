import { parse } from 'dotenv';
import { quoted } from '../checked.ts';
import type { Problem } from '../model.ts';

/** A configuration file's assignments with the line each stands on. */
export type Assignments = ReadonlyMap<string, { readonly value: string; readonly line: number }>;

/** No value of ours needs as much, and no file as many. */
const LONGEST_LINE = 8192;
const MOST_LINES = 1000;

const ASSIGNMENT = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)$/;

/**
 * Read `KEY=VALUE` lines. dotenv decides what a value is (quotes, comments), one line at a time, so that a line
 * it would silently skip, a key given twice, and a quote that never closes are reported instead.
 */
export function readAssignments(file: string, text: string, problems: Problem[]): Assignments {
  const found = new Map<string, { value: string; line: number }>();
  let lines = 0;
  text.split(/\r?\n/).forEach((content, index) => {
    const line = index + 1;
    const report = (message: string) => problems.push({ file, line, message });
    if (/^\s*(?:#.*)?$/.test(content) || ++lines > MOST_LINES + 1) return;
    const long = lines > MOST_LINES ? `more than ${MOST_LINES} lines: the rest was not read` : tooLong(content);
    if (long !== undefined) {
      report(long);
      return;
    }
    const [, key, raw = ''] = ASSIGNMENT.exec(content) ?? [];
    if (key === undefined) {
      report(`not understood: ${quoted(content)}; expected KEY=VALUE or a # comment`);
      return;
    }
    const quote = /^["'`]/.exec(raw)?.[0];
    if (quote !== undefined && raw.indexOf(quote, 1) === -1) {
      report(`${key}: the quote ${quote} is never closed`);
      return;
    }
    const value = parse(content.trimStart())[key] ?? '';
    // eslint-disable-next-line no-control-regex -- the point is to refuse them
    if (/[\u0000-\u001f\u007f\ufffd]/.test(value)) report(`${key}: control characters, or not UTF-8`);
    else if (value === '') report(`${key} is empty: give it a value, or remove the line`);
    else if (found.has(key)) report(`${key} is given twice (first on line ${found.get(key)?.line ?? '?'})`);
    else found.set(key, { value, line });
  });
  return found;
}

const tooLong = (content: string) =>
  content.length > LONGEST_LINE ? `longer than ${LONGEST_LINE} characters` : undefined;
