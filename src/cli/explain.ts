import { parseIpv4 } from '../checked.ts';
import { firstMatch } from '../desired/match.ts';
import { balanceTable, linkMark } from '../desired/numbers.ts';
import { decide } from '../desired/policy.ts';
import { isInUse6 } from '../desired/routing6.ts';
import { EXIT, WanhookError } from '../errors.ts';
import { parseIpv6 } from '../ipv6.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LinkConfig, PolicyRule } from '../model.ts';
import type { Decision } from '../decide.ts';
import { preview } from '../reconcile.ts';
import { worldFor, type Common, type Context } from './context.ts';
import { text, type Answer } from './explain-answer.ts';
import { chosenBy } from './explain-choice.ts';
import { questionOf, type ExplainOptions, type Question } from './explain-question.ts';
import { inputOf, linksOn, routeTo, shown, type Json } from './explain-route.ts';

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
  const seen = asked.family === 6 ? { ...report, statuses: report.statuses6 } : report;
  const answer = await answerTo(world.kernel, seen, asked);
  context.out(options.json === true ? `${JSON.stringify(answer, null, 2)}\n` : text(answer));
  return EXIT.done;
}

/** `statuses` as the question's family has them. */
async function answerTo(kernel: Kernel, report: Decision, question: Question): Promise<Answer> {
  const { config, statuses } = report;
  const iif = question.iif ?? (await inputOf(kernel, question.from));
  const base = { from: question.from ?? null, iif, to: question.to, rule: null, mark: null } as const;
  const plain = await routeTo(kernel, question, iif);
  const wans = linksOn(report, plain);
  const isOurs = question.family === 4 || isInUse6(statuses);
  if (plain === undefined || wans.length === 0 || !isOurs) {
    const verdict = plain === undefined ? 'unreachable' : 'local';
    const why =
      plain === undefined
        ? 'the kernel has no route'
        : isOurs
          ? 'a route of its own in main or local: no link is asked'
          : 'no link has IPv6: nothing of ours decides';
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
    from: numberOf(question.from),
    to: numberOf(question.to) ?? 0,
    protocol: question.protocol,
    sport: question.sport,
    dport: question.dport,
    iif,
    dscp: question.dscp,
  });
  const decision = rule === undefined ? 'balance' : decide(rule, statuses);
  const by = { rule: rule?.name ?? null, said: rule === undefined ? [] : [usedBy(rule, decision)] };
  const ruled = { by: 'rule', rule: by.rule, why: by.said.join() } as const;
  if (typeof decision !== 'string') return steered(kernel, report, question, iif, decision.link, ruled);
  if (decision === 'block') return { ...base, ...ruled, verdict: 'refused', links: [], table: null, route: null };
  return { ...base, ...(await shared(kernel, report, question, iif, plain, by)) };
}

const numberOf = (address = '') => parseIpv4(address) ?? parseIpv6(address);

/** No rule steers it: what is remembered of its pair or client, the address it is bound to, or the balance. */
async function shared(
  kernel: Kernel,
  report: Decision,
  question: Question,
  iif: string,
  plain: Json,
  { rule, said }: { readonly rule: string | null; readonly said: readonly string[] },
): Promise<Omit<Answer, 'from' | 'iif' | 'to' | 'mark'>> {
  const bound = plain['table'] !== String(balanceTable(report.config));
  const choice = await chosenBy(kernel, report, question, iif, bound);
  const why = [...said, ...(choice === undefined ? [] : [choice.why])].join('; ');
  if (choice?.link !== undefined) {
    return steered(kernel, report, question, iif, choice.link, { by: choice.by, rule, why });
  }
  const source = iif === 'lo' ? 'it is bound to the address of a link' : 'its address is out of a prefix of the link';
  return {
    by: choice?.by ?? (rule !== null ? 'rule' : bound ? 'source' : 'balance'),
    rule,
    why: why !== '' ? why : bound ? source : 'no rule matches',
    verdict: bound ? 'link' : 'balance',
    links: linksOn(report, plain),
    ...shown(report, plain),
  };
}

function usedBy({ use }: PolicyRule, decision: ReturnType<typeof decide>): string {
  const names = typeof use === 'string' ? use : use.join(', ');
  if (typeof decision !== 'string') return `USE=${names}: the first that is up`;
  return decision === use ? `USE=${names}` : `USE=${names}: none is up, ELSE=${decision}`;
}

/** The kernel is asked again, with the link's mark: an empty table of a link that has just died falls through. */
async function steered(
  kernel: Kernel,
  report: Decision,
  question: Question,
  iif: string,
  link: LinkConfig,
  decided: Pick<Answer, 'by' | 'why'> & { readonly rule?: string | null },
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

/** With both ports it may be a connection that runs: what conntrack remembers of it decides. */
async function memoryOf(kernel: Kernel, { config }: Decision, question: Question): Promise<LinkConfig | undefined> {
  const { family, from, to, protocol, sport, dport } = question;
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
  const found = await kernel.ask('conntrack', ['-L', '-f', `ipv${family}`, '-p', String(protocol), ...ends]);
  const mark = (Number(/\bmark=(\d+)/.exec(found ?? '')?.[1] ?? 0) & config.markMask) >>> 0;
  return mark === 0 ? undefined : config.links.find((link) => linkMark(config, link).value === mark);
}
