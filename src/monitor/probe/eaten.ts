import type { Answer, Local, SocketTarget } from './ask.ts';
import type { Kit } from './kit.ts';
import type { ProbedLink } from './round.ts';

type Line = Pick<ProbedLink, 'id' | 'family'>;

/**
 * Does this machine's own firewall eat what we ask? A ping and a datagram are told so (EPERM). A TCP connection is not: the
 * kernel takes its lost SYN for one of the network's, and a `reject` looks like the far end's. So the packets of one more
 * question are counted before every other rule and behind every other: none arrived there means that one of those ate it.
 * No other table is touched. If we are killed meanwhile, the next question takes our table away.
 */
function eaten(
  kit: Kit,
  { id, family, target, from }: Line & { readonly target: SocketTarget; readonly from: Local },
  told: (isEaten: boolean) => void,
): void {
  const table = `inet wanhook_asked${family ?? ''}_${id}`;
  const ip = `ip${family ?? ''}`;
  const asSent = `${ip} saddr ${from.address} ${ip} daddr ${target.address} th sport ${from.port}`;
  // The user's own NAT may have changed all that meanwhile; what is not tracked, it cannot change.
  const asAsked = `ct original ${ip} saddr ${from.address} ct original ${ip} daddr ${target.address} ct original proto-src ${from.port}`;
  const chain = (hook: string, priority: number, ...matches: string[]) => {
    const rules = matches.map((match) => `add rule ${table} ${hook} meta l4proto { tcp, udp } ${match} counter`);
    return [`add chain ${table} ${hook} { type filter hook ${hook} priority ${priority}; }`, ...rules].join('; ');
  };
  const remove = `add table ${table}; delete table ${table}`;
  const add = `${remove}; add table ${table}; ${chain('output', FIRST, asSent)}; ${chain('postrouting', LAST, asAsked, `ct state untracked ${asSent}`)}`;

  const look = () =>
    nft(kit, ['list', 'table', ...table.split(' ')], (text) => {
      const seen = packetsOf(text);
      nft(kit, [remove], () => told((seen.get('output') ?? 0) > 0 && seen.get('postrouting') === 0));
    });
  nft(kit, [add], (_, ok) => {
    if (!ok) told(false);
    else kit.ask(target, from, WAIT_MS, look);
  });
}

/** Of the same hook: nobody is before the one, or behind the other. */
const FIRST = -2_000_000_000;
const LAST = 2_000_000_000;

/** What we ask goes out at once: no answer is waited for. */
const WAIT_MS = 50;

function nft(kit: Kit, words: readonly string[], done: (text: string, ok: boolean) => void): void {
  const lines: string[] = [];
  kit.spawn('nft', words, {
    line: (line) => lines.push(line),
    end: (why) => done(lines.join('\n'), why === 'exit code 0'),
  });
}

function packetsOf(listing: string): Map<string, number> {
  const chains = [...listing.matchAll(/chain (\w+) \{([^]*?)\n\s*\}/g)];
  const sum = (rules: string) =>
    [...rules.matchAll(/\bcounter packets (\d+)/g)].reduce((all, [, packets]) => all + Number(packets), 0);
  return new Map(chains.map(([, name = '', rules = '']) => [name, sum(rules)]));
}

/** For so long it is believed, and not asked again: it costs three processes. */
const BELIEVED_MS = 10_000;

/** What is known of a link's targets. */
export interface Eaten {
  /** A failure that may be our own firewall's: what it was, if that is known; it is found out for the next time. */
  explain(target: SocketTarget, from: () => Local, answer: Answer): Answer;
}

export function eatenByTarget(kit: Kit, { id, family }: Line, firewall: Answer): Eaten {
  const known = new Map<string, { readonly isEaten: boolean; readonly until: number }>();
  let busy = false;
  return {
    explain: (target, from, answer) => {
      if (answer.ok || answer.unsent === true) {
        if (answer.ok) known.delete(target.text);
        return answer;
      }
      const before = known.get(target.text);
      if (before !== undefined && before.until > kit.monotonic()) return before.isEaten ? firewall : answer;
      if (!busy) {
        busy = true;
        eaten(kit, { id, ...(family && { family }), target, from: from() }, (isEaten) => {
          busy = false;
          known.set(target.text, { isEaten, until: kit.monotonic() + BELIEVED_MS });
        });
      }
      // What was so until now is so until we know better.
      return before?.isEaten === true ? firewall : answer;
    },
  };
}
