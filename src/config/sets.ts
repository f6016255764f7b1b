import { quoted } from '../checked.ts';
import type { AddressRanges, Problem } from '../model.ts';
import { byFamily, parseAnyRange, type AnyRange } from '../ranges.ts';
import type { NamedFile } from './parse.ts';
import { isSetName } from './rule-keys.ts';

/** Entries in all sets together: every event reads and lists them, 1000 cost a hook some 40 ms (README, "Rules"). */
const MOST_ENTRIES = 4_096;
/** A file with more wrong lines than this is not a set at all. */
const MOST_PROBLEMS = 20;

/** `sets/NAME`: an address, a prefix or a range a line; `#` begins a comment. Strict, and bounded. */
export function parseSets(files: readonly NamedFile[], problems: Problem[]): Record<string, AddressRanges> {
  let left = MOST_ENTRIES;
  const sets: Record<string, AddressRanges> = {};
  for (const file of files) {
    if (!isSetName(file.name)) {
      const message = 'a set is named by a letter, then letters, digits, _ and -, at most 31, without an ending';
      problems.push({ file: file.path, message });
      continue;
    }
    const entries = parseSet(file, problems);
    left -= entries.length;
    if (left < 0) {
      problems.push({ file: file.path, message: `too many: all sets together may hold ${MOST_ENTRIES} entries` });
      break;
    }
    sets[file.name] = byFamily(entries);
  }
  return sets;
}

function parseSet({ path, text }: NamedFile, problems: Problem[]): AnyRange[] {
  const found: AnyRange[] = [];
  let wrong = 0;
  for (const [index, content] of text.split(/\r?\n/).entries()) {
    const word = content.replace(/#.*/, '').trim();
    if (word === '') continue;
    const range = parseAnyRange(word);
    if (range !== undefined) found.push(range);
    else if (wrong++ < MOST_PROBLEMS) {
      const message = `${quoted(word)} is no address, prefix without host bits, or range A-B`;
      problems.push({ file: path, line: index + 1, message });
    }
    if (found.length > MOST_ENTRIES) break;
  }
  if (wrong > MOST_PROBLEMS) problems.push({ file: path, message: `and ${wrong - MOST_PROBLEMS} lines more` });
  if (found.length === 0 && wrong === 0) {
    problems.push({ file: path, message: 'is empty: a rule that names it would never match' });
  }
  return found;
}
