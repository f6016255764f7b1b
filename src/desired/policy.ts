import { isLive, isRefusing } from '../liveness.ts';
import type { Config, LinkStatus, LinkUp, PolicyRule } from '../model.ts';
import { hex, linkMark } from './numbers.ts';
import { declarations, deviceSet, matches, oneOf, text, type Scope, type Six } from './policy-match.ts';

/** The user's rules as nft(8) text: what stands in chains of its own, and the lines that call them. */
export interface PolicyText {
  readonly declarations: readonly string[];
  readonly chains: readonly string[];
  /** They use the chain `refused`. */
  readonly refuses: boolean;
  /** Before and after the flow memory has had its turn. */
  readonly beforeRestore: Readonly<Record<Scope, readonly string[]>>;
  readonly afterRestore: Readonly<Record<Scope, readonly string[]>>;
  readonly forward: readonly string[];
  readonly postrouting: readonly string[];
}

/** What a rule does now, given which links are up. */
export type Decision = LinkUp | 'balance' | 'block';

/** The first of its links that is live, whatever its tier: the rule names it. */
export function decide({ use, otherwise }: PolicyRule, statuses: readonly LinkStatus[]): Decision {
  if (use === 'balance' || use === 'block') return use;
  const live = statuses.filter((status) => isLive(status));
  return use.map((name) => live.find(({ link }) => link.name === name)).find(Boolean) ?? otherwise;
}

/**
 * A connection's first packet gets the mark of its rule's link; from then on the flow memory keeps it. The text names
 * the link that is chosen now, so it changes, and is loaded anew, only when a rule's choice does. Until then, new
 * connections of a rule whose link has died fall through to the balance, or, with ELSE=block, are refused by device.
 * What is blocked is refused where its way out is known: nothing on the LAN, or to the router, is a rule's business.
 */
export function policies(
  config: Config,
  statuses: readonly LinkStatus[],
  statuses6: readonly LinkStatus[] | undefined,
): PolicyText {
  const four = policy(config, statuses);
  if (statuses6 === undefined) return four;
  const [a, b] = [gated(four, 'ipv4'), gated(policy(config, statuses6, '6'), 'ipv6')];
  const scopes = (of: 'beforeRestore' | 'afterRestore') => ({
    lan: [...a[of].lan, ...b[of].lan],
    own: [...a[of].own, ...b[of].own],
  });
  return {
    declarations: [...a.declarations, ...b.declarations],
    chains: [...a.chains, ...b.chains],
    refuses: a.refuses || b.refuses,
    beforeRestore: scopes('beforeRestore'),
    afterRestore: scopes('afterRestore'),
    forward: [...a.forward, ...b.forward],
    postrouting: [...a.postrouting, ...b.postrouting],
  };
}

/** The lines that call the chains, for packets of one family. */
function gated(text: PolicyText, family: 'ipv4' | 'ipv6'): PolicyText {
  const each = (lines: readonly string[]) => lines.map((line) => line.replace(/^ {2}/, `  meta nfproto ${family} `));
  const scopes = ({ lan, own }: PolicyText['beforeRestore']) => ({ lan: each(lan), own: each(own) });
  return {
    ...text,
    beforeRestore: scopes(text.beforeRestore),
    afterRestore: scopes(text.afterRestore),
    forward: each(text.forward),
    postrouting: each(text.postrouting),
  };
}

/** `six`: for IPv6, with chains of its own: there a rule may choose otherwise, for its links come and go by themselves. */
function policy(config: Config, statuses: readonly LinkStatus[], six: Six = ''): PolicyText {
  const rules = (config.rules ?? []).map((rule) => ({
    rule,
    decision: decide(rule, statuses),
    devices: devicesOf(rule, statuses),
    matches: { lan: matches(rule, 'lan', six, config.addressSets), own: matches(rule, 'own', six, config.addressSets) },
  }));
  const all = hex(config.markMask);
  const make = (name: string, scope: Scope, verdicts: Verdicts) => chain(`${name}${six}`, scope, rules, verdicts);
  const steer = { lan: make('policy_lan', 'lan', steered), own: make('policy_own', 'own', steered) };
  const moving: Verdicts = (decided) => moved(decided, six);
  const move = { lan: make('moving_lan', 'lan', moving), own: make('moving_own', 'own', moving) };
  const refuse = { lan: make('refuse_lan', 'lan', refused), own: make('refuse_own', 'own', refusedOwn) };
  const hold = make('hold_own', 'own', held);
  const call = (found: readonly string[], line: string) => (found.length === 0 ? [] : [`  ${line}`]);
  const taken = `meta mark & ${all} != 0 accept`;
  // Not the flows of a fail-closed link that is down: what ON_DOWN=block refuses, no rule lets out.
  const refusing = statuses.filter(isRefusing).map(({ link }) => link);
  const settled = ['0', ...refusing.map((link) => hex(linkMark(config, link).value))];
  const running = `ct mark & ${all} != ${oneOf(settled)} ct direction original`;
  return {
    declarations: declarations(config, six),
    chains: [
      ...moveChains(config, rules, six),
      ...[...Object.values(steer), ...Object.values(move), ...Object.values(refuse), hold].flat(),
    ],
    refuses: refuse.lan.length + refuse.own.length > 0,
    beforeRestore: {
      lan: call(move.lan, `${running} jump moving_lan${six}`),
      own: call(move.own, `${running} oifname @wan jump moving_own${six}`),
    },
    afterRestore: {
      lan: steer.lan.length === 0 ? [] : [`  ${taken}`, `  ct state new jump policy_lan${six}`, `  ${taken}`],
      own: [
        ...call(refuse.own, `oifname @wan ct state new jump refuse_own${six}`),
        ...(steer.own.length === 0 ? [] : [`  oifname @wan ct state new jump policy_own${six}`, `  ${taken}`]),
      ],
    },
    forward: call(refuse.lan, `iifname != @wan oifname @wan ct state new jump refuse_lan${six}`),
    postrouting: call(hold, `oifname @wan ct state new fib saddr type local jump hold_own${six}`),
  };
}

interface Decided {
  readonly rule: PolicyRule;
  readonly decision: Decision;
  /** Of all its links, up or not: where its connections may leave. */
  readonly devices: readonly string[];
  /** The words of its match, once for each set it names; empty: it is not about packets from there. */
  readonly matches: Readonly<Record<Scope, readonly string[][]>>;
}

function devicesOf({ use }: PolicyRule, statuses: readonly LinkStatus[]): string[] {
  const devices = statuses.filter(({ link }) => use.includes(link.name)).flatMap(({ device }) => device ?? []);
  return typeof use === 'string' ? [] : devices;
}

/** What a rule's line says after its match; none: this chain has nothing to say, and later rules must not either. */
type Verdicts = (decided: Decided) => string[];

const isLink = (decision: Decision): decision is LinkUp => typeof decision !== 'string';
const steered: Verdicts = ({ decision }) => (isLink(decision) ? [`goto use_${decision.link.id}`] : []);
const moved = ({ decision, rule }: Decided, six: Six) =>
  isLink(decision) && !rule.sticky ? [`goto move${six}_${decision.link.id}`] : [];
/** Also by a link that has just died, before the reconcile that follows: its packets must not leave by others. */
const refused: Verdicts = ({ decision, rule, devices }) => {
  if (decision === 'block') return ['goto refused'];
  return isLink(decision) && rule.otherwise === 'block' ? [`oifname ${deviceSet(devices)} return`, 'goto refused'] : [];
};
/** The router's own packets get their way out only after `output`: those of a link that has just died are held back. */
const refusedOwn: Verdicts = ({ decision }) => (decision === 'block' ? ['goto refused'] : []);
const held: Verdicts = ({ decision, rule, devices }) =>
  isLink(decision) && rule.otherwise === 'block' ? [`oifname != ${deviceSet(devices)} drop`] : [];

/** A chain in which the first rule that matches decides; without lines, if no rule has anything to say in it. */
function chain(name: string, scope: Scope, rules: readonly Decided[], verdicts: Verdicts): string[] {
  const said = rules.map((decided) => ({ ...decided, words: verdicts(decided) }));
  const last = said.findLastIndex(({ words, matches: found }) => words.length > 0 && found[scope].length > 0);
  const lines = said.slice(0, last + 1).flatMap(({ rule, words, matches: found }) => {
    const ends = words.at(-1)?.startsWith('goto') === true ? words : [...words, 'return'];
    return found[scope].flatMap((match) =>
      ends.map((end) => `  ${[...match, end].join(' ')} comment ${text(rule.name)}`),
    );
  });
  return lines.length === 0 ? [] : [` chain ${name} {`, ...lines, ' }'];
}

/** STICKY=no: the connection's memory changes, and the restore that follows obeys it. */
function moveChains(config: Config, rules: readonly Decided[], six: Six): string[] {
  const here = rules.filter(({ matches: found }) => found.lan.length + found.own.length > 0);
  const links = here.flatMap(({ rule, decision }) => (isLink(decision) && !rule.sticky ? [decision.link] : []));
  const keep = hex(~config.markMask);
  return [...new Set(links)]
    .toSorted((a, b) => a.id - b.id)
    .map((link) => {
      const { value } = linkMark(config, link);
      return ` chain move${six}_${link.id} { ct mark set ct mark & ${keep} | ${hex(value)}; }`;
    });
}
