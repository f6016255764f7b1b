import { probePorts } from '../../desired/numbers.ts';
import type { ProbeSettings } from '../../model.ts';
import { FIREWALL, type SocketTarget } from './ask.ts';
import { eatenByTarget } from './eaten.ts';
import type { Kit, Later } from './kit.ts';
import type { ProbedLink } from './round.ts';
import type { OpenRound } from './rounds.ts';

/** How many of a link's ports are tried, when somebody has one. */
const TRIES = 3;

/** A link's targets that are asked by sockets of this process. */
export interface BySocket {
  readonly targets: readonly string[];
  ask(round: OpenRound, pending: Later): void;
}

export function bySocket(kit: Kit, link: ProbedLink, { targets, timeoutMs }: ProbeSettings): BySocket {
  const [first, last] = probePorts(link);
  const eaten = eatenByTarget(kit, link, FIREWALL);
  let next = first;
  const freshPort = () => {
    const port = next;
    // In turn: a far end that has not heard of the end of a connection gets the same port as late as possible.
    next = next === last ? first : next + 1;
    return port;
  };
  const asked = targets.filter((target): target is SocketTarget => target.kind !== 'icmp' && target.kind !== 'gateway');
  const ask = (round: OpenRound, target: SocketTarget, pending: Later, tries: number) => {
    const from = { address: link.address, port: freshPort() };
    const stop = kit.ask(target, from, timeoutMs, (answer) => {
      pending.delete(stop);
      if (answer !== 'port taken') {
        const again = () => ({ address: link.address, port: freshPort() });
        round.take(target.text, eaten.explain(target, again, answer));
      } else if (tries > 1) ask(round, target, pending, tries - 1);
      else round.take(target.text, undefined);
    });
    pending.add(stop);
  };
  return {
    targets: asked.map(({ text }) => text),
    ask: (round, pending) => asked.forEach((target) => ask(round, target, pending, TRIES)),
  };
}
