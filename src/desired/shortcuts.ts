import type { Config, LinkConfig, Rule } from '../model.ts';
import { hasSocketProbes, linkMark, pref } from './numbers.ts';

/** With so many links the rules cost a packet next to nothing (measured: 8 links cost what 2 do). */
const FEW = 7;
/** Mark rules stand together by so many IDs. */
const BLOCK = 8;

const many = ({ links }: Config) => links.length > FEW;
const blockOf = ({ id }: Pick<LinkConfig, 'id'>) => Math.floor(id / BLOCK);

/** Where a link's mark rule stands: all at one pref, or with many links each block at its own. */
export function markPref(config: Config, link: Pick<LinkConfig, 'id'>): number {
  return pref(config, 'mark') + (many(config) ? blockOf(link) : 0);
}

/**
 * The kernel walks through rules one by one, for every forwarded packet: with 60 links it would look at 180 of them
 * (8 % of a packet's cost, 25 % of that of a connection's first). So before each kind of rules for the links, one leads
 * past it whom it does not concern: forwarded packets are bound to no device and do not have our addresses, and first
 * packets usually have no mark. Who has one is led to its block. Who takes no jump, or finds no target, goes on with the
 * next rule: nothing else changes.
 * The targets never change: the kernel does not tell apart two rules that differ in their target alone (EEXIST).
 */
export function shortcuts(config: Config, family?: 6): Rule[] {
  if (!many(config)) return [];
  const [marks, sources, landing] = [
    pref(config, 'mark') - 1,
    pref(config, 'source') - 1,
    pref(config, 'resolver') - 1,
  ];
  // Rules for probes come before main, and concern what we send ourselves.
  const past: Rule[] = config.links.some((link) => hasSocketProbes(family === 6 ? link.probe6 : link.probe))
    ? [{ pref: pref(config, 'probe') - 1, notFromRouter: true, goto: pref(config, 'main') }]
    : [];
  return [
    ...past,
    { pref: pref(config, 'oif') - 1, notFromRouter: true, goto: marks },
    { pref: marks, fwmark: { value: 0, mask: config.markMask }, goto: sources },
    ...blockJumps(config, marks),
    { pref: sources, notFromRouter: true, goto: landing },
    { pref: landing, type: 'nop' },
  ];
}

/** The first block follows at once. */
function blockJumps(config: Config, at: number): Rule[] {
  const within = linkMark(config, { id: BLOCK - 1 }).value;
  const blocks = [...new Set(config.links.map(blockOf))].filter((block) => block > 0).toSorted((a, b) => a - b);
  return blocks.map((block) => {
    const first = { id: block * BLOCK };
    const { value, mask } = linkMark(config, first);
    return { pref: at, fwmark: { value, mask: (mask & ~within) >>> 0 }, goto: markPref(config, first) };
  });
}
