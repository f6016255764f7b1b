/**
 * Which client tells wanhook what, and what becomes of it: one cell, one test against the real daemon. docs/clients.md shows
 * this table (test/unit/docs-clients.test.ts).
 */
import { test } from 'vitest';

const EVENTS = ['up', 'renew', 'renumber', 'cable', 'down', 'crash', 'redial'] as const;
type ClientEvent = (typeof EVENTS)[number];

/** A daemon's words stand in backquotes. Absent: there is no such event. */
const TABLE = {
  dhclient: {
    up: '`BOUND`: up',
    renew: '`RENEW`: nothing to do',
    renumber: '`EXPIRE`, `BOUND`: down, up with the new address',
    cable: 'no hook: the monitor sees it',
    down: '`RELEASE`: down',
    crash: 'no hook; the address stays, and the line with it',
    redial: '`REBOOT`: up',
  },
  dhcpcd: {
    up: '`BOUND`: up',
    renew: '`RENEW`: nothing to do',
    renumber: '`NAK`, `BOUND`: down, up with the new address',
    cable: '`NOCARRIER`, `EXPIRE`: down; `REBOOT`: up',
    down: '`STOP`: down',
    crash: 'no hook; the address stays, and the line with it',
    redial: '`REBOOT`: up',
  },
  udhcpc: {
    up: '`deconfig`, `bound`: up',
    renew: '`renew`: nothing to do',
    renumber: '`nak`, `deconfig`, `bound`: down, up with the new address',
    cable: 'no hook: the monitor sees it',
    down: '`deconfig`: down',
    crash: 'no hook; the address stays, and the line with it',
    redial: '`deconfig`, `bound`: down, up',
  },
  ifupdown: {
    up: '`if-up.d`: up',
    renumber: '`if-post-down.d`, `if-up.d`: down, up with the new address',
    down: '`if-post-down.d`: down',
    redial: '`if-up.d`: up',
  },
  NetworkManager: {
    up: '`dhcp4-change`, `up`: up',
    renew: 'no hook: nothing to do',
    renumber: 'no hook (1.42): the monitor sees it',
    cable: '`down`: down; `up`: up',
    down: '`down`: down',
    crash: 'no hook; the address stays, and the line with it',
    redial: '`up`: up',
  },
  'systemd-networkd': {
    up: '`routable`, `configured`: up',
    renew: 'no hook: nothing to do',
    renumber: '`degraded`, `routable`, `configured`: down, up with the new address',
    cable: '`no-carrier`: down; `degraded`, `routable`: up',
    down: '`off`: down',
    crash: 'no hook; the address stays, and the line with it',
    redial: 'no hook: nothing to do',
  },
  'static address': {
    up: 'no hook: `wanhook apply`, or the monitor sees it',
    renumber: 'no hook: the monitor sees it',
    cable: 'no hook: the monitor sees it',
    down: 'no hook: the monitor sees it',
    redial: 'no hook: the monitor sees it',
  },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<ClientEvent, string>>>>>;

const EVENTS6 = ['up', 'renew', 'renumber', 'IPv6 lost', 'IPv4 lost', 'down'] as const;
type ClientEvent6 = (typeof EVENTS6)[number];

/** The same for DHCPv6, of a line that has both families. */
const TABLE6 = {
  dhcpcd: {
    up: '`BOUND6`: up, with the delegated prefix',
    renew: '`RENEW6`: nothing to do',
    renumber: '`BOUND6`: the new prefix, and the new address beside the old',
    'IPv6 lost': '`EXPIRE6`: IPv6 down, IPv4 stays',
    'IPv4 lost': '`NAK`: IPv4 down, IPv6 stays',
    down: '`RELEASE6`, `STOP`: down',
  },
  NetworkManager: {
    up: '`dhcp6-change`: up; no word of the delegated prefix',
    renew: 'no hook: nothing to do',
    renumber: 'no hook (1.42): the monitor sees it',
    'IPv6 lost': 'no hook: the monitor sees it; IPv4 stays',
    'IPv4 lost': 'no hook: the monitor sees it; IPv6 stays',
    down: '`down`: down',
  },
  'systemd-networkd': {
    up: '`configured`, or no hook: the monitor sees it; no word of the delegated prefix',
    renew: 'no hook: nothing to do',
    renumber: '`configured`, or no hook: the monitor sees it',
    'IPv6 lost': 'no hook: the monitor sees it; IPv4 stays',
    'IPv4 lost': 'no hook: the monitor sees it; IPv6 stays',
    down: '`off`: down',
  },
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<ClientEvent6, string>>>>>;

type TableClient = keyof typeof TABLE;
type TableClient6 = keyof typeof TABLE6;

type Cells<C extends TableClient> = Readonly<Record<keyof (typeof TABLE)[C], () => Promise<void>>>;
type Cells6<C extends TableClient6> = Readonly<Record<keyof (typeof TABLE6)[C], () => Promise<void>>>;

/** One test for each cell of a client's row, in the order of the columns: each begins where the last one ended. */
export function rowTests<C extends TableClient>(client: C, cells: Cells<C>): void {
  cellTests(EVENTS, TABLE[client], cells);
}

/** The same for its row in the table of DHCPv6. */
export function row6Tests<C extends TableClient6>(client: C, cells: Cells6<C>): void {
  cellTests(EVENTS6, TABLE6[client], cells);
}

function cellTests<E extends string>(
  events: readonly E[],
  row: Readonly<Partial<Record<E, string>>>,
  cells: Readonly<Partial<Record<E, () => Promise<void>>>>,
): void {
  for (const event of events) {
    const cell = cells[event];
    if (cell !== undefined) test(`${event}: ${row[event] ?? ''}`, cell);
  }
}

/** pppd needs a kernel with PPP: what becomes of its words is checked in the VM, by these scenarios. */
export const IN_VM: Readonly<Record<ClientEvent, readonly [words: string, scenario: string, says: string]>> = {
  up: ['`ip-up`: up', '30-steady', 'product_ready'],
  renew: ['`ip-down`, `ip-up`: down, up (redialled)', '42-drops-more', "course 'HUP, same address'"],
  renumber: ['`ip-down`, `ip-up`: down, up with the new address', '40-drops', "course 'server kill, new address'"],
  cable: ['`ip-down` after the LCP timeout: down; `ip-up`: up', '42-drops-more', "course 'LCP timeout'"],
  down: ['`ip-down`: down', '41-gone', 'ppp_hangup dsl1'],
  crash: ['no hook; the kernel takes the dead line out of the balance', '41-gone', "course 'kill -9'"],
  redial: ['`ip-up`, perhaps on another unit: up', '40-drops', "course 'HUP, unit taken'"],
};

/** The rows of docs/clients.md. */
export function tableRows(): string[][] {
  const row = (words: Readonly<Partial<Record<ClientEvent, string>>>) => EVENTS.map((event) => words[event] ?? '–');
  return [
    ['client', ...EVENTS],
    ['pppd', ...EVENTS.map((event) => IN_VM[event][0])],
    ...Object.entries(TABLE).map(([client, words]) => [client, ...row(words)]),
  ];
}

/** The rows of its table of DHCPv6. */
export function tableRows6(): string[][] {
  const rows = Object.entries(TABLE6).map(([client, words]) => [client, ...EVENTS6.map((event) => words[event])]);
  return [['DHCPv6 client', ...EVENTS6], ...rows];
}
