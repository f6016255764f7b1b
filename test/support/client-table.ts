/**
 * Which client tells wanhook what, and what becomes of it: one cell, one test against the real daemon. docs/clients.md shows
 * this table (test/unit/docs-clients.test.ts).
 */
import { test } from 'vitest';

export const EVENTS = ['up', 'renew', 'renumber', 'cable', 'down', 'crash', 'redial'] as const;
export type ClientEvent = (typeof EVENTS)[number];

/** A daemon's words stand in backquotes. Absent: there is no such event. */
export const TABLE = {
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
} as const satisfies Readonly<Record<string, Readonly<Partial<Record<ClientEvent, string>>>>>;

export type TableClient = keyof typeof TABLE;

type Cells<C extends TableClient> = Readonly<Record<keyof (typeof TABLE)[C], () => Promise<void>>>;

/** One test for each cell of a client's row, in the order of the columns: each begins where the last one ended. */
export function rowTests<C extends TableClient>(client: C, cells: Cells<C>): void {
  const row: Readonly<Partial<Record<ClientEvent, string>>> = TABLE[client];
  const tests: Readonly<Partial<Record<ClientEvent, () => Promise<void>>>> = cells;
  for (const event of EVENTS) {
    const cell = tests[event];
    if (cell !== undefined) test(`${event}: ${row[event] ?? ''}`, cell);
  }
}

/** As in docs/clients.md. */
export function markdownTable(): string {
  const rows = Object.entries<Readonly<Partial<Record<ClientEvent, string>>>>(TABLE);
  const cells = (words: readonly string[]) => `| ${words.join(' | ')} |\n`;
  return [
    cells(['client', ...EVENTS]),
    cells(['---', ...EVENTS.map(() => '---')]),
    ...rows.map(([client, row]) => cells([client, ...EVENTS.map((event) => row[event] ?? '–')])),
  ].join('');
}
