import { isDeviceName, isHostName, isLineName, isMac, isUsableIpv4, parseIpv4 } from '../checked.ts';
import type { Config, ConntrackHelper, LinkConfig } from '../model.ts';
import { PROBE_DEFAULTS, PROBE_KEYS } from './probe-keys.ts';
import { canonicalIpv6, isGatewayIpv6, isUsableIpv6, parseRange6, showIpv6, showRange6 } from '../ipv6.ts';
import { integer, oneOf, words, yesNo, type Key } from './key.ts';
import { prefixes } from './prefixes.ts';

const device: Key<string> = {
  expected: 'a device name such as ppp0 or eth1 (at most 15 characters)',
  parse: (text) => (isDeviceName(text) ? text : undefined),
};

const lineNameKey: Key<string> = {
  expected: 'letters, digits and _ . : @ / + - (at most 64)',
  parse: (text) => (isLineName(text) ? text : undefined),
};

/** TCP's minimum MSS (RFC 9293, 536) up to a jumbo frame's. */
const mss: Key<number | 'auto' | 'off'> = {
  expected: 'auto, off, or bytes from 536 to 9000',
  parse: (text) => (text === 'auto' || text === 'off' ? text : integer(536, 9000).parse(text)),
};

const markMask: Key<number> = {
  expected: 'a contiguous run of 1 to 31 bits in hexadecimal, such as 0x3f000000',
  parse: (text) => {
    const value = /^0x[0-9a-fA-F]{1,8}$/.test(text) ? Number(text) : 0;
    return /^1+0*$/.test(value.toString(2)) && value !== 0xffffffff ? value : undefined;
  },
};

/** node_exporter reads *.prom, and nothing else, in its directory. */
const metricsFile: Key<string> = {
  expected: 'none, or the absolute path of a file *.prom, of letters, digits and . _ @ + -',
  parse: (text) => {
    const isPath = /^(?:\/[A-Za-z0-9_.@+-]+)+\.prom$/.test(text) && !text.split('/').includes('..');
    return isPath || text === 'none' ? text : undefined;
  },
};

const lan: Key<Config['lan']> = {
  expected: 'any, none, or device names separated by spaces or commas',
  parse: (text) => {
    if (text === 'any' || text === 'none') return text;
    const names = text.split(/[\s,]+/);
    return names.every(isDeviceName) ? names : undefined;
  },
};

/** A day at most: a line that is to stay out longer is `manual`. */
const failback: Key<LinkConfig['failback']> = {
  expected: 'immediate, manual, or delay:SECONDS with 1 to 86400 seconds',
  parse: (text) => {
    if (text === 'immediate' || text === 'manual') return text;
    return text.startsWith('delay:') ? integer(1, 86_400).parse(text.slice('delay:'.length)) : undefined;
  },
};

const tunnelServer: Key<string> = {
  expected: 'an IPv4 address a server can have, or its name',
  parse: (text) => (isUsableIpv4(text) || isHostName(text) ? text : undefined),
};

const tunnelOver: Key<readonly string[] | 'balance'> = {
  expected: 'balance, or names of links separated by spaces or commas',
  parse: (text) => (text === 'balance' ? text : text === '' ? undefined : words(text)),
};

const HELPERS = ['ftp', 'irc', 'pptp', 'sip', 'tftp'] as const satisfies readonly ConntrackHelper[];
const helpers: Key<readonly ConntrackHelper[]> = {
  expected: `none, or some of ${HELPERS.join(', ')}, separated by spaces or commas`,
  parse: (text) => {
    if (text === 'none') return [];
    const given = words(text);
    return given.every((word) => HELPERS.some((helper) => helper === word))
      ? HELPERS.filter((helper) => given.includes(helper))
      : undefined;
  },
};

/** Sorted, so that the order in which they are given changes nothing. */
const ports: Key<readonly number[]> = {
  expected: 'none, or port numbers from 1 to 65535, at most 64, separated by spaces or commas',
  parse: (text) => {
    if (text === 'none') return [];
    const found = words(text).map((word) => integer(1, 65_535).parse(word));
    if (found.length > 64 || found.includes(undefined)) return undefined;
    return [...new Set(found.filter((port) => port !== undefined))].toSorted((a, b) => a - b);
  },
};

/** A week: after that the pair is nobody's memory any more. */
const LONGEST_PAIR = 604_800;

/** What a link's file may have, and `wanhook.env` as the default for all links. */
export const COMMON_LINK_KEYS = {
  ID: integer(1, 63),
  DEVICE: device,
  PPP_IPPARAM: lineNameKey,
  PPP_LINKNAME: lineNameKey,
  GATEWAY: {
    expected: 'an IPv4 address a gateway can have',
    parse: (text: string) => (isUsableIpv4(text) ? text : undefined),
  } satisfies Key<string>,
  GATEWAY6: {
    expected: 'an IPv6 address a gateway can have, such as fe80::1',
    parse: (text: string) => (isGatewayIpv6(text) ? canonicalIpv6(text) : undefined),
  } satisfies Key<string>,
  IPV4: yesNo,
  IPV6: yesNo,
  WEIGHT: integer(1, 255),
  TIER: integer(1, 9),
  METERED: yesNo,
  FAILBACK: failback,
  ON_DOWN: oneOf('failover', 'block'),
  MASQUERADE: yesNo,
  NPT: yesNo,
  TUNNEL_SERVER: tunnelServer,
  TUNNEL_OVER: tunnelOver,
  MSS: mss,
  ...PROBE_KEYS,
};

/** `links/NAME.env`. Two links never have the same prefix: there is no default for all. */
export const LINK_KEYS = { ...COMMON_LINK_KEYS, PREFIXES: prefixes };

const client: Key<string> = {
  expected: 'an address, a prefix such as 192.168.1.64/26 or fd00:1::/64, or a MAC address',
  parse: (text) => {
    if (isMac(text)) return text.toLowerCase();
    if (text.includes(':')) {
      const range = /^[^-]+$/.test(text) ? parseRange6(text) : undefined;
      return range !== undefined && isUsableIpv6(showIpv6(range[0])) ? showRange6(range) : undefined;
    }
    const [, address = '', length] = /^([\d.]+)(?:\/(\d{1,2}))?$/.exec(text) ?? [];
    if (!isUsableIpv4(address)) return undefined;
    if (length === undefined) return address;
    const bits = integer(1, 32).parse(length);
    return bits !== undefined && (parseIpv4(address) ?? 1) % 2 ** (32 - bits) === 0 ? text : undefined;
  },
};

const linkName: Key<string> = {
  expected: 'the name of a link',
  parse: (text) => (isLineName(text) ? text : undefined),
};

/** `clients/NAME.env`. */
export const CLIENT_KEYS = { CLIENT: client, LINK: linkName };

/** `wanhook.env` only. Bases leave room for 63 tables, the group at +999, and prefs up to +900 before main (32766). */
export const GLOBAL_KEYS = {
  BALANCE: oneOf('flow', 'pair', 'client'),
  PAIR_TIMEOUT: integer(1, LONGEST_PAIR),
  PAIR_BY_PORT: ports,
  CLIENT_TIMEOUT: integer(60, 30 * 86_400),
  REBALANCE: oneOf('never', 'return', 'gradual'),
  REBALANCE_QUIET: integer(1, 86_400),
  MARK_MASK: markMask,
  TABLE_BASE: integer(256, 2_000_000_000),
  PREF_BASE: integer(1, 31_000),
  LAN: lan,
  HELPERS: helpers,
  LAST_RESORT: oneOf('keep', 'block'),
  EVENT_TIMEOUT: integer(1, 3600),
  METRICS_FILE: metricsFile,
};

/** After Tailscale (5200–5299), before pbr (~30000) and main (32766); clear of tables 52, 51820 and 1–255. */
export const GLOBAL_DEFAULTS: Omit<Config, 'links'> = {
  balance: 'flow',
  // The write-ups' ipset timeout (mwan3: 600).
  pairTimeout: 1200,
  pairByPort: [],
  // A day: whoever comes home every evening finds his link again.
  clientTimeout: 86_400,
  rebalance: 'never',
  rebalanceQuiet: 600,
  clients: [],
  // Clear of Tailscale and pbr (0xff0000), mwan3 (0x3f00), wg-quick (0xca6c) and the low bits users take.
  markMask: 0x3f000000,
  tableBase: 20000,
  prefBase: 20000,
  lan: 'any',
  helpers: [],
  lastResort: 'keep',
  eventTimeout: 30,
};

export const LINK_DEFAULTS: Omit<LinkConfig, 'name' | 'id'> = {
  weight: 1,
  tier: 1,
  metered: false,
  failback: 'immediate',
  onDown: 'failover',
  masquerade: true,
  mss: 'auto',
  probe: PROBE_DEFAULTS,
};
