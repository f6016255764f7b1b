import { isHostName, isUsableIpv4 } from '../checked.ts';
import { canonicalIpv6, isUsableIpv6 } from '../ipv6.ts';
import type { Band, ProbeSettings, ProbeTarget } from '../model.ts';
import { integer, words, yesNo, type Key } from './key.ts';

/** Each target of a link may need a port of its own for every round that is under way: see PROBE_PORTS. */
const MOST_TARGETS = 8;

const port = integer(1, 65_535);

const TARGET =
  /^(icmp|tcp|dns|https?):\/\/(?:([\d.]+)|\[([\da-fA-F:.]+)\])(?::(\d{1,5}))?(\/[\w.~!$&'()*+;=:@%/?-]{0,200})?$/;

/** No port can follow, so brackets are not needed. */
const BARE_ECHO6 = /^icmp:\/\/([\da-fA-F.]*:[\da-fA-F:.]*)$/;

/** One target; its address must be one that an answer can come from. Names would need a resolver that may be dead. */
function parseTarget(text: string): ProbeTarget | undefined {
  if (text === 'gateway') return { text, kind: text };
  const [, kind, in4 = '', in6 = '', portText, path] = TARGET.exec(text.replace(BARE_ECHO6, 'icmp://[$1]')) ?? [];
  const address = isUsableIpv4(in4) ? in4 : isUsableIpv6(in6) ? canonicalIpv6(in6) : undefined;
  if (address === undefined) return undefined;
  const given = portText === undefined ? undefined : port.parse(portText);
  if (portText !== undefined && given === undefined) return undefined;
  switch (kind) {
    case 'icmp':
      return given === undefined && path === undefined ? { text, kind, address } : undefined;
    case 'tcp':
      return given !== undefined && path === undefined ? { text, kind, address, port: given } : undefined;
    case 'dns': {
      const name = path?.slice(1) ?? '';
      return given === undefined && isHostName(name) ? { text, kind, address, name } : undefined;
    }
    case 'http':
    case 'https':
      return { text, kind, address, port: given ?? (kind === 'http' ? 80 : 443), path: path ?? '/' };
    default:
      return undefined;
  }
}

const probe: Key<readonly ProbeTarget[]> = {
  expected:
    `none, or at most ${MOST_TARGETS} different ones of gateway, icmp://A, tcp://A:PORT, dns://A/NAME, http://A[:PORT]/PATH, ` +
    'https://A[:PORT]/PATH with an address for A, IPv6 as in tcp://[2001:db8::1]:443, separated by spaces or commas',
  parse: (text) => {
    if (text === 'none') return [];
    const found = words(text).flatMap((word) => parseTarget(word) ?? []);
    const different = new Set(found.map((target) => target.text));
    return different.size === words(text).length && found.length <= MOST_TARGETS ? found : undefined;
  },
};

/** Seconds, with up to three decimals, as milliseconds. */
const seconds = (low: number, high: number): Key<number> => ({
  expected: `seconds from ${low} to ${high}, such as 0.5`,
  parse: (text) => {
    const value = /^\d{1,5}(?:\.\d{1,3})?$/.test(text) ? Number(text) : -1;
    return value >= low && value <= high ? Math.round(value * 1000) : undefined;
  },
});

const band = (what: string, high: number): Key<Band | 'off'> => ({
  expected: `off, or ENTER/LEAVE in ${what} from 1 to ${high}, LEAVE not above ENTER`,
  parse: (text) => {
    if (text === 'off') return text;
    const [enter, leave] = text.split('/').map((part) => integer(1, high).parse(part));
    if (enter === undefined || leave === undefined || leave > enter) return undefined;
    return text.split('/').length === 2 ? { enter, leave } : undefined;
  },
});

const percent = band('percent', 100);
const milliseconds = band('milliseconds', 60_000);

/** Keys of `links/NAME.env` about probes and verdicts. */
export const PROBE_KEYS = {
  PROBE: probe,
  PROBE_NEED: integer(1, MOST_TARGETS),
  PROBE_INTERVAL: seconds(0.1, 3600),
  PROBE_TIMEOUT: seconds(0.1, 60),
  DOWN_AFTER: integer(1, 100),
  UP_AFTER: integer(1, 1000),
  FAST: yesNo,
  LOSS_DEGRADED: percent,
  LOSS_DOWN: percent,
  LATENCY_DEGRADED: milliseconds,
  LATENCY_DOWN: milliseconds,
  JITTER_DEGRADED: milliseconds,
  JITTER_DOWN: milliseconds,
  FLAP_PENALTY: integer(0, 100_000),
  FLAP_SUPPRESS: integer(1, 1_000_000),
  FLAP_REUSE: integer(1, 1_000_000),
  FLAP_HALF_LIFE: integer(1, 86_400),
};

/** Three networks that have nothing to do with each other, none of them an Internet provider's. */
const DEFAULT_TARGETS: readonly ProbeTarget[] = ['1.1.1.1', '8.8.8.8', '9.9.9.9'].map((address) => ({
  text: `icmp://${address}`,
  kind: 'icmp',
  address,
}));

/** FAST=yes: dead within 3 × 200 + 300 ms. */
export const FAST_TIMES = { intervalMs: 200, timeoutMs: 300 };

export const PROBE_DEFAULTS: ProbeSettings = {
  targets: DEFAULT_TARGETS,
  // With 20 % of packets lost, three in a row fail once in a month; if two of three had to answer, once in 30 minutes.
  need: 1,
  intervalMs: 2000,
  // Longer than a full modem's queue: slow is not dead.
  timeoutMs: 2000,
  downAfter: 3,
  upAfter: 5,
  degraded: { loss: { enter: 20, leave: 10 }, latency: { enter: 500, leave: 300 }, jitter: { enter: 200, leave: 100 } },
  // A busy line may be slow, but it does not lose half of everything for a minute.
  down: { loss: { enter: 50, leave: 20 } },
  // The third death within two minutes holds it back for five.
  flap: { penalty: 1000, suppress: 2500, reuse: 1400, halfLifeMs: 300_000 },
};
