import type { Decision } from '../decide.ts';
import { linkMark } from '../desired/numbers.ts';
import { pairKey } from '../desired/memory.ts';
import { sharingLinks } from '../desired/routing.ts';
import { nextLinks, loadsOf } from '../desired/clients.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { LinkConfig } from '../model.ts';
import { macsOf, placeOf } from './client-place.ts';
import type { Question } from './explain-question.ts';

/** What BALANCE=pair or client has to say about a connection that no rule has steered. */
type Choice =
  /** Without a link: an order that only the kernel knows. */
  | { readonly by: 'pin' | 'client'; readonly why: string; readonly link?: LinkConfig }
  /** Nothing that is remembered decides, and this is why. */
  | { readonly why: string; readonly by?: never; readonly link?: never };

/** Undefined: nothing, each connection for itself. */
export async function chosenBy(
  kernel: Kernel,
  report: Decision,
  question: Question,
  iif: string,
): Promise<Choice | undefined> {
  const { config, statuses } = report;
  if (statuses.some(({ device }) => device === iif)) return undefined;
  if (config.balance === 'pair') return pinOf(kernel, report, question, iif);
  return config.balance === 'client' && question.from !== undefined && iif !== 'lo'
    ? clientOf(kernel, report, question.from)
    : undefined;
}

async function pinOf(
  kernel: Kernel,
  { config, statuses }: Decision,
  { from, to, protocol, dport }: Question,
  iif: string,
): Promise<Choice | undefined> {
  const client = iif === 'lo' ? undefined : from;
  const { map, key } = pairKey(config, { client, server: to, protocol, port: dport });
  const found = (await kernel.memory.read([map])) ?? [];
  const pin = found.find((one) => one.key.join(' ') === key.join(' '));
  if (pin === undefined) return undefined;
  const link = config.links.find((one) => linkMark(config, one).value === pin.mark);
  const name = link?.name ?? 'a link that is no more';
  if (link === undefined || !sharingLinks(statuses).some((status) => status.link.id === link.id)) {
    return { why: `its pair is pinned to ${name}, which takes no connections: it is pinned anew` };
  }
  return { by: 'pin', why: `its pair is pinned to ${name} for ${pin.expires} s more`, link };
}

async function clientOf(kernel: Kernel, report: Decision, from: string): Promise<Choice> {
  const { config, bindings, statuses } = report;
  const { link, why } = placeOf(report, from, (await macsOf(kernel, config)).get(from));
  const isBound = bindings.client.has(from) || bindings.away.has(from);
  if (link !== undefined) {
    const found = isBound ? ((await kernel.memory.read(['client'])) ?? []) : [];
    const expires = found.find(({ key }) => key.join() === from)?.expires;
    const ago = expires === undefined ? '' : `; its last new connection was ${config.clientTimeout - expires} s ago`;
    return { by: 'client', why: `${why}${ago}`, link };
  }
  const sharing = sharingLinks(statuses).map((status) => status.link);
  const [next] = nextLinks(loadsOf(config, bindings, sharing), 1);
  const name = sharing.find(({ id }) => id === next)?.name ?? 'none';
  const unbound = isBound ? why : 'it has no link yet';
  return { by: 'client', why: `${unbound}; the one with the fewest clients for its weight, most likely ${name}` };
}
