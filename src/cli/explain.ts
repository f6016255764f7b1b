import { parseIpv4 } from '../checked.ts';
import { firstMatch } from '../desired/match.ts';
import { balanceTable, linkMark, linkTable } from '../desired/numbers.ts';
import { decide } from '../desired/policy.ts';
import { EXIT, WanhookError } from '../errors.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LinkConfig } from '../model.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
import { isObject, parseJson } from '../state/json.ts';
import { worldFor, type Common, type Context } from './context.ts';
import { text, type Answer } from './explain-answer.ts';
import { questionOf, type ExplainOptions, type Question } from './explain-question.ts';

/** `wanhook explain DEST[:PORT]`: what the kernel would do now with a new connection, and why. */
export async function explainCommand(
  context: Context,
  common: Common,
  destination: string,
  options: ExplainOptions,
): Promise<number> {
  const asked = questionOf(destination, options);
  const world = worldFor(context, common);
  const report = await preview(world, { lenient: true });
  if (report.state.stopped) throw new WanhookError('wanhook is stopped: nothing of ours decides');
  if (report.ops.length > 0) world.warn(`${report.ops.length} changes pending: see "wanhook plan"`);
  const answer = await answerTo(world.kernel, report, asked);
  context.out(options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text(answer));
  return EXIT.done;
}

async function answerTo(kernel: Kernel, report: Decision, question: Question): Promise<Answer> {
  const { config, statuses } = report;
  const iif = question.iif ?? (await inputOf(kernel, question.from));
  const base = { from: question.from ?? null, iif, to: question.to, rule: null, mark: null } as const;
  const plain = await routeTo(kernel, question, iif);
  const wans = linksOn(report, plain);
  if (plain === undefined || wans.length === 0) {
    const verdict = plain === undefined ? 'unreachable' : 'local';
    const why =
      plain === undefined ? 'the kernel has no route' : 'a route of its own in main or local: no link is asked';
    return { ...base, by: 'main', why, verdict, links: [], ...shown(report, plain) };
  }
  const running = await memoryOf(kernel, report, question);
  if (running !== undefined) {
    return steered(kernel, report, question, iif, running, {
      by: 'memory',
      why: 'this connection runs: it keeps its link',
    });
  }
  const rule = firstMatch(config, {
    from: question.from === undefined ? undefined : parseIpv4(question.from),
    to: parseIpv4(question.to) ?? 0,
    protocol: question.protocol,
    sport: question.sport,
    dport: question.dport,
    iif,
    dscp: question.dscp,
  });
  if (rule === undefined) {
    const bound = plain['table'] !== String(balanceTable(config));
    const why = bound ? 'it is bound to the address of a link' : 'no rule matches';
    return {
      ...base,
      by: bound ? 'source' : 'balance',
      why,
      verdict: bound ? 'link' : 'balance',
      links: wans,
      ...shown(report, plain),
    };
  }
  const decision = decide(rule, statuses);
  const names = typeof rule.use === 'string' ? rule.use : rule.use.join(', ');
  const ruled = { by: 'rule', rule: rule.name } as const;
  if (typeof decision !== 'string') {
    const why = `USE=${names}: the first that is up`;
    return steered(kernel, report, question, iif, decision.link, { ...ruled, why });
  }
  const why = decision === rule.use ? `USE=${names}` : `USE=${names}: none is up, ELSE=${decision}`;
  if (decision === 'block') return { ...base, ...ruled, why, verdict: 'refused', links: [], table: null, route: null };
  return { ...base, ...ruled, why, verdict: 'balance', links: wans, ...shown(report, plain) };
}

/** The kernel is asked again, with the link's mark: an empty table of a link that has just died falls through. */
async function steered(
  kernel: Kernel,
  report: Decision,
  question: Question,
  iif: string,
  link: LinkConfig,
  decided: Pick<Answer, 'by' | 'why'> & { readonly rule?: string },
): Promise<Answer> {
  const { value, mask } = linkMark(report.config, link);
  const route = await routeTo(kernel, question, iif, value);
  const links = linksOn(report, route);
  return {
    from: question.from ?? null,
    iif,
    to: question.to,
    rule: null,
    ...decided,
    verdict: route === undefined ? 'unreachable' : links.length > 1 ? 'balance' : 'link',
    links,
    mark: `0x${value.toString(16)}/0x${mask.toString(16)}`,
    ...shown(report, route),
  };
}

type Json = Readonly<Record<string, unknown>>;
const word = (value: unknown) => (typeof value === 'string' || typeof value === 'number' ? String(value) : undefined);

/** The device by which this address is reached: its packets come in by it. One of our own addresses: `lo`. */
async function inputOf(kernel: Kernel, from: string | undefined): Promise<string> {
  if (from === undefined) return 'lo';
  const route = firstObject(await kernel.ask('ip', ['-N', '-j', 'route', 'get', from]));
  return word(route?.['dev']) ?? 'lo';
}

async function routeTo(kernel: Kernel, question: Question, iif: string, mark?: number): Promise<Json | undefined> {
  const { to, from, protocol, sport, dport } = question;
  const words = [
    ...['route', 'get', 'fibmatch', to],
    ...(from === undefined ? [] : ['from', from]),
    ...(iif === 'lo' ? [] : ['iif', iif]),
    ...(mark === undefined ? [] : ['mark', String(mark)]),
    ...([6, 17].includes(protocol) ? ['ipproto', String(protocol)] : []),
    ...([6, 17].includes(protocol) && sport !== undefined ? ['sport', String(sport)] : []),
    ...([6, 17].includes(protocol) && dport !== undefined ? ['dport', String(dport)] : []),
  ];
  return firstObject(await kernel.ask('ip', ['-N', '-j', ...words]));
}

function firstObject(stdout: string | undefined): Json | undefined {
  const value = parseJson(stdout ?? '');
  const first: unknown = Array.isArray(value) ? value[0] : undefined;
  return isObject(first) ? first : undefined;
}

/** The links by which a route leaves, and their shares of what takes it. */
function linksOn({ statuses }: Decision, route: Json | undefined): Answer['links'] {
  const hops = Array.isArray(route?.['nexthops']) ? (route['nexthops'] as Json[]) : route === undefined ? [] : [route];
  const weights = hops.map((hop) => Number(hop['weight'] ?? 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return hops.flatMap((hop, n) => {
    const status = statuses.find(({ device }) => device !== undefined && device === hop['dev']);
    return status === undefined
      ? []
      : [{ name: status.link.name, share: Math.round((1000 * (weights[n] ?? 0)) / total) / 10 }];
  });
}

function shown({ config }: Decision, route: Json | undefined): Pick<Answer, 'table' | 'route'> {
  if (route === undefined) return { table: null, route: null };
  const table = word(route['table']) ?? '254';
  const own = config.links.find((link) => String(linkTable(config, link)) === table);
  const names: Readonly<Record<string, string>> = {
    '254': 'main',
    '255': 'local',
    [balanceTable(config)]: 'wan-balance',
  };
  const name = own === undefined ? names[table] : `wan-${own.name}`;
  const words = [
    word(route['dst']),
    ...['nhid', 'gateway', 'dev', 'prefsrc'].flatMap((key) => {
      const value = word(route[key]);
      return value === undefined ? [] : [{ nhid: 'nhid', gateway: 'via', dev: 'dev', prefsrc: 'src' }[key], value];
    }),
  ];
  return { table: name === undefined ? table : `${table} (${name})`, route: words.join(' ') };
}

/** With both ports it may be a connection that runs: what conntrack remembers of it decides. */
async function memoryOf(kernel: Kernel, { config }: Decision, question: Question): Promise<LinkConfig | undefined> {
  const { from, to, protocol, sport, dport } = question;
  if (sport === undefined || dport === undefined) return undefined;
  const ends = [
    ...(from === undefined ? [] : ['-s', from]),
    '-d',
    to,
    '--sport',
    String(sport),
    '--dport',
    String(dport),
  ];
  const found = await kernel.ask('conntrack', ['-L', '-f', 'ipv4', '-p', String(protocol), ...ends]);
  const mark = (Number(/\bmark=(\d+)/.exec(found ?? '')?.[1] ?? 0) & config.markMask) >>> 0;
  return mark === 0 ? undefined : config.links.find((link) => linkMark(config, link).value === mark);
}
