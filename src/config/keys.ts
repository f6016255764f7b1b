import { isDeviceName, isHostName, isLineName, isUsableIpv4 } from '../checked.ts';
import type { Config, ConntrackHelper, LinkConfig } from '../model.ts';

/** How one key's text becomes a value; `undefined` means "not that", and `expected` says what would be. */
export interface Key<T> {
  readonly expected: string;
  readonly parse: (text: string) => T | undefined;
}

const integer = (low: number, high: number): Key<number> => ({
  expected: `a whole number from ${low} to ${high}`,
  parse: (text) => (/^\d{1,10}$/.test(text) && Number(text) >= low && Number(text) <= high ? Number(text) : undefined),
});

const oneOf = <T extends string>(...words: T[]): Key<T> => ({
  expected: words.join(' or '),
  parse: (text) => words.find((word) => word === text),
});

const yesNo: Key<boolean> = {
  expected: 'yes or no',
  parse: (text) => (text === 'yes' ? true : text === 'no' ? false : undefined),
};

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

const words = (text: string) => text.split(/[\s,]+/);

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

/** `links/NAME.env`; each may also stand in `wanhook.env` as the default for all links. */
export const LINK_KEYS = {
  ID: integer(1, 63),
  DEVICE: device,
  PPP_IPPARAM: lineNameKey,
  PPP_LINKNAME: lineNameKey,
  GATEWAY: {
    expected: 'an IPv4 address a gateway can have',
    parse: (text: string) => (isUsableIpv4(text) ? text : undefined),
  } satisfies Key<string>,
  WEIGHT: integer(1, 255),
  TIER: integer(1, 9),
  METERED: yesNo,
  FAILBACK: failback,
  ON_DOWN: oneOf('failover', 'block'),
  MASQUERADE: yesNo,
  TUNNEL_SERVER: tunnelServer,
  TUNNEL_OVER: tunnelOver,
  MSS: mss,
};

/** `wanhook.env` only. Bases leave room for 63 tables, the group at +999, and prefs up to +900 before main (32766). */
export const GLOBAL_KEYS = {
  BALANCE: oneOf('flow'),
  MARK_MASK: markMask,
  TABLE_BASE: integer(256, 2_000_000_000),
  PREF_BASE: integer(1, 31_000),
  LAN: lan,
  HELPERS: helpers,
};

/** After Tailscale (5200–5299), before pbr (~30000) and main (32766); clear of tables 52, 51820 and 1–255. */
export const GLOBAL_DEFAULTS: Omit<Config, 'links'> = {
  balance: 'flow',
  // Clear of Tailscale and pbr (0xff0000), mwan3 (0x3f00), wg-quick (0xca6c) and the low bits users take.
  markMask: 0x3f000000,
  tableBase: 20000,
  prefBase: 20000,
  lan: 'any',
  helpers: [],
};

export const LINK_DEFAULTS: Omit<LinkConfig, 'name' | 'id'> = {
  weight: 1,
  tier: 1,
  metered: false,
  failback: 'immediate',
  onDown: 'failover',
  masquerade: true,
  mss: 'auto',
};
