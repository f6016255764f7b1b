/** What the demo says: headings, facts, and the verdict. Colour only on a terminal (https://no-color.org). */

/** What a scene found. No problems: it passed. */
export interface Finding {
  /** For the verdict: the scene in a few measured numbers. */
  readonly summary: string;
  /** What is not as it should be, with what was wanted. */
  readonly problems: readonly string[];
}

export interface Verdict extends Finding {
  readonly name: string;
  /** What wanhook noted meanwhile, where something is wrong. */
  readonly journal?: string;
  /** An earlier scene broke off. */
  readonly notRun?: true;
}

const plain = !process.stdout.isTTY || (process.env['NO_COLOR'] ?? '') !== '';
const BOLD = 1;
const RED = 31;
const GREEN = 32;

const painted = (text: string, code: number) => (plain ? text : `\x1b[${code}m${text}\x1b[0m`);

export const say = (text: string): boolean => process.stdout.write(`${text}\n`);
export const heading = (text: string): boolean => say(`\n${painted(text, BOLD)}`);

/** Plain lines under a heading; a text of several lines keeps its shape. */
export function tell(text: string, indent = ''): void {
  for (const line of text.trimEnd().split('\n')) say(line === '' ? '' : `   ${indent}${line}`);
}

export const ms = (value: number): string => `${Math.round(value)} ms`;
export const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;

const PASS = painted('PASS', GREEN);
const FAIL = painted('FAIL', RED);
/** Of one scene; the rest follows from the first ones more often than not. */
const MAX_PROBLEMS = 10;

const INDENT = ' '.repeat(6);

function sayProblems({ problems, journal = '' }: Verdict): void {
  for (const problem of problems.slice(0, MAX_PROBLEMS)) tell(`! ${problem}`, INDENT);
  if (problems.length > MAX_PROBLEMS) tell(`! … and ${problems.length - MAX_PROBLEMS} more`, INDENT);
  if (journal !== '') tell(`the end of wanhook's journal:\n${journal}`, INDENT);
}

/** One line for each scene, its problems below it, and the last word. Returns the exit code. */
export function sayVerdict(verdicts: readonly Verdict[], seconds: number): number {
  heading('Verdict');
  const width = Math.max(...verdicts.map(({ name }) => name.length));
  for (const verdict of verdicts) {
    const { name, summary, problems, notRun } = verdict;
    const word = notRun === true ? '----' : problems.length === 0 ? PASS : FAIL;
    tell(`${word}  ${name.padEnd(width)}  ${summary}`);
    sayProblems(verdict);
  }
  const passed = verdicts.filter(({ problems, notRun }) => problems.length === 0 && notRun !== true).length;
  const good = passed === verdicts.length;
  say(`\n${good ? PASS : FAIL}: ${passed} of ${verdicts.length} in ${seconds.toFixed(1)} s`);
  return good ? 0 : 1;
}
