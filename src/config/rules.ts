import type { Addresses, Config, PolicyRule, Problem, RuleMatch } from '../model.ts';
import { readAssignments, type Assignments } from './dotenv.ts';
import type { ConfigFiles, NamedFile } from './parse.ts';
import { reportNever } from './families.ts';
import { RULE_KEYS, WITH_PORTS } from './rule-keys.ts';
import { parseSets } from './sets.ts';
import { reportShadows } from './shadows.ts';
import { readValues, type Values } from './values.ts';

/** A rule and where it stands. */
export interface PlacedRule {
  readonly path: string;
  readonly rule: PolicyRule;
}

/** The user's rules and the sets they name; problems are added to the others. Pure. */
export function parseRules(
  files: ConfigFiles,
  config: Config,
  problems: Problem[],
): Pick<Config, 'rules' | 'addressSets'> & { warnings: readonly Problem[] } {
  const warnings: Problem[] = [];
  const sets = parseSets(files.sets ?? [], problems);
  const links = new Set(files.links.map(({ name }) => name));
  const placed = (files.rules ?? []).flatMap((file) => {
    const rule = parseRule(file, links, new Set(files.sets?.map(({ name }) => name)), config, problems);
    return rule === undefined ? [] : [{ path: file.path, rule }];
  });
  // Of a set with a mistake in it nobody knows what it would hold.
  if (problems.length === 0) reportNever(placed, sets, problems);
  reportShadows(placed, sets, problems, warnings);
  if (placed.length === 0) return { warnings };
  const rules = placed.map(({ rule }) => rule);
  const named = new Set(rules.flatMap(({ match }) => [...(match.from?.sets ?? []), ...(match.to?.sets ?? [])]));
  const addressSets = Object.fromEntries(Object.entries(sets).filter(([name]) => named.has(name)));
  return { rules, ...(named.size > 0 && { addressSets }), warnings };
}

/** What `NN-name.env` may be called: the order is in the name, and the name goes into the firewall as a comment. */
const RULE_NAME = /^\d\d-[A-Za-z0-9][A-Za-z0-9_-]{0,40}$/;

function parseRule(
  file: NamedFile,
  links: ReadonlySet<string>,
  sets: ReadonlySet<string>,
  config: Config,
  problems: Problem[],
): PolicyRule | undefined {
  const { path, name } = file;
  const before = problems.length;
  if (!RULE_NAME.test(name)) {
    problems.push({ file: path, message: 'a rule is named by two digits, -, letters, digits, _ and -, then .env' });
  }
  const given = readAssignments(path, file.text, problems);
  const report = (key: string, message: string) => problems.push({ file: path, ...lineOf(given, key), message });
  for (const key of given.keys()) {
    if (Object.hasOwn(RULE_KEYS, key)) continue;
    report(key, `unknown key ${key}; known here: ${Object.keys(RULE_KEYS).join(', ')}`);
  }
  const values = readValues(RULE_KEYS, path, given, problems);
  reportContradictions(values, given, config, report);
  const { USE: use } = values;
  if (use === undefined && !given.has('USE')) report('USE', `USE is missing: expected ${RULE_KEYS.USE.expected}`);
  if (typeof use === 'object') {
    for (const link of use.filter((each) => !links.has(each))) {
      report('USE', `USE names no link: ${link}; there are ${[...links].join(', ')}`);
    }
  }
  const match = matchOf(values);
  for (const [key, side] of [
    ['FROM', match.from],
    ['TO', values.TO],
    ['SET', setsOf(values.SET)],
  ] as const) {
    for (const set of (side?.sets ?? []).filter((each) => !sets.has(each))) {
      report(key, `there is no file sets/${set}`);
    }
  }
  if (use === undefined || problems.length > before) return undefined;
  return { name, match, use, otherwise: values.ELSE ?? 'balance', sticky: values.STICKY ?? true };
}

type RuleValues = Values<typeof RULE_KEYS>;

const lineOf = (given: Assignments, key: string) => {
  const line = given.get(key)?.line;
  return line === undefined ? {} : { line };
};

/** What cannot be meant: a rule that could never match, or says what becomes of nothing. */
function reportContradictions(
  { PROTO, DPORT, SPORT, IIF, USE, ELSE, STICKY }: RuleValues,
  given: Assignments,
  config: Config,
  report: (key: string, message: string) => void,
): void {
  const portless = PROTO?.filter((protocol) => !WITH_PORTS.includes(protocol)) ?? [];
  if (portless.length > 0 && (DPORT !== undefined || SPORT !== undefined)) {
    report('PROTO', `PROTO=${given.get('PROTO')?.value ?? ''} has no ports: DPORT and SPORT could never match`);
  }
  const wans = config.links.map(({ device }) => device);
  for (const device of IIF?.filter((each) => wans.includes(each)) ?? []) {
    report('IIF', `IIF=${device} is a link: rules are for what comes from the LAN (its device) or the router (lo)`);
  }
  if (ELSE !== undefined && typeof USE === 'string') {
    report('ELSE', `ELSE says what happens when no link of USE is up, but USE=${USE} names none`);
  }
  if (STICKY !== undefined && typeof USE === 'string') {
    report('STICKY', `STICKY says what happens when another link of USE is chosen, but USE=${USE} names none`);
  }
}

function setsOf(names: readonly string[] | undefined): Addresses | undefined {
  return names && { four: [], six: [], sets: names };
}

function matchOf({ FROM, TO, SET, PROTO, SPORT, DPORT, IIF, DSCP }: RuleValues): RuleMatch {
  const { four = [], six = [], sets = [] } = TO ?? {};
  const to = SET === undefined ? TO : { four, six, sets: [...new Set([...sets, ...SET])] };
  // Ports without a protocol: those that people mean.
  const protocols = PROTO ?? (SPORT === undefined && DPORT === undefined ? undefined : [6, 17]);
  return {
    ...(FROM !== undefined && { from: FROM }),
    ...(to !== undefined && { to }),
    ...(protocols !== undefined && { protocols: protocols.toSorted((a, b) => a - b) }),
    ...(SPORT !== undefined && { sports: SPORT }),
    ...(DPORT !== undefined && { dports: DPORT }),
    ...(IIF !== undefined && { iifs: IIF }),
    ...(DSCP !== undefined && { dscps: DSCP.toSorted((a, b) => a - b) }),
  };
}
