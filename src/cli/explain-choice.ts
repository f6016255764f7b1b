import type { Decision } from '../decide.ts';
import { linkMark } from '../desired/numbers.ts';
import { pairKey } from '../desired/memory.ts';
import { sharingLinks } from '../desired/routing.ts';
import { nextLinks, loadsOf } from '../desired/clients.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { Config, LinkConfig } from '../model.ts';
import { fixedPlace, macsOf, placeOf } from './client-place.ts';
import type { Question } from './explain-question.ts';

/** What BALANCE=pair or client has to say about a connection that no rule has steered. */
type Choice =
  /** Without a link: an order that only the kernel knows. */
  | { readonly by: 'pin' | 'client'; readonly why: string; readonly link?: LinkConfig }
  /** Nothing that is remembered decides, and this is why. */
  | { readonly why: string; readonly by?: never; readonly link?: never };

/** Undefined: nothing, each connection for itself. `isBound`: it has an address of a link. */
export async function chosenBy(
  kernel: Kernel,
  report: Decision,
  question: Question,
  iif: string,
  isBound: boolean,
): Promise<Choice | undefined> {
  const { config, statuses } = report;
  const { family, from } = question;
  if (statuses.some(({ device }) => device === iif)) return undefined;
  if (config.balance === 'pair') {
    if (family === 4) return pinOf(kernel, report, question, iif);
    return isBound && iif !== 'lo' ? undefined : pinOf6(kernel, config, question, iif);
  }
  if (config.balance !== 'client' || from === undefined || iif === 'lo') return undefined;
  return family === 4 ? clientOf(kernel, report, from) : clientOf6(kernel, report, from, isBound);
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

/** The kernel has no addresses to compare: desired/memory-script.ts. */
async function pinOf6(
  kernel: Kernel,
  config: Config,
  { from, to, protocol, dport }: Question,
  iif: string,
): Promise<Choice | undefined> {
  const client = iif === 'lo' ? undefined : from;
  const { map } = pairKey(config, { client, server: to, protocol, port: dport });
  const found = (await kernel.memory.read([`${map}6`])) ?? [];
  return found.length === 0 ? undefined : { why: 'its pair may be pinned to a link: IPv6 pairs are kept by hash only' };
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

/** As the chain `pick6` decides. */
async function clientOf6(
  kernel: Kernel,
  report: Decision,
  from: string,
  isBound: boolean,
): Promise<Choice | undefined> {
  const { config, statuses } = report;
  const fixed = fixedPlace(report, from, (await macsOf(kernel, config, 6)).get(from));
  if (fixed?.link !== undefined) return { by: 'client', why: fixed.why, link: fixed.link };
  if (isBound) return undefined;
  const found = ((await kernel.memory.read(['client6'])) ?? []).find(({ key }) => key.join() === from);
  const link = sharingLinks(statuses).find((status) => linkMark(config, status.link).value === found?.mark)?.link;
  if (found === undefined || link === undefined) {
    return { by: 'client', why: 'its address has no link yet: the next one in turn, by weight' };
  }
  return { by: 'client', why: `its address has been given ${link.name}, for ${found.expires} s more`, link };
}
