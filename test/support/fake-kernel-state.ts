/**
 * What the fake kernel holds, and what follows when a device, an address or a nexthop goes. Each consequence was seen on
 * Linux 6.18 and is held to it by test/kernel/fake.test.ts.
 */

import type { FakeRoute6 } from './fake-kernel-route6.ts';

export interface FakeAddress {
  readonly local: string;
  readonly prefix: number;
  readonly peer?: string;
}

export interface FakeDevice {
  readonly name: string;
  readonly index: number;
  readonly mtu: number;
  readonly pointToPoint: boolean;
  up: boolean;
  /** The cable is plugged: the device has carrier once it is up. */
  plugged: boolean;
  addresses: FakeAddress[];
  /** IPv6, without link-local ones but those that pppd gives. */
  addresses6: (FakeAddress & { readonly deprecated?: boolean })[];
}

export interface FakeRule {
  readonly pref: number;
  /** Address or prefix; absent: all. */
  readonly from?: string;
  /** `61000-61063` */
  readonly sport?: string;
  readonly to?: string;
  readonly not?: boolean;
  readonly iif?: string;
  readonly oif?: string;
  readonly mark?: number;
  readonly mask?: number;
  readonly table?: number;
  readonly goto?: number;
  readonly unreachable?: boolean;
  readonly nop?: boolean;
  readonly suppress?: number;
  /** Absent: somebody typed it. */
  readonly proto?: number;
}

export interface FakeRoute {
  readonly table: number;
  readonly dst: string;
  readonly type?: 'unreachable' | 'blackhole';
  readonly metric: number;
  readonly nhid?: number;
  readonly gateway?: string;
  readonly device?: string;
  readonly src?: string;
  readonly onlink: boolean;
  readonly proto?: number;
}

export interface FakeNexthop {
  readonly id: number;
  readonly device: string;
  readonly gateway?: string;
  readonly onlink: boolean;
  readonly proto?: number;
}

export interface FakeGroup {
  readonly id: number;
  members: readonly { readonly id: number; readonly weight: number }[];
  readonly proto?: number;
}

export interface FakeNeighbour {
  readonly address: string;
  readonly device: string;
  readonly permanent?: boolean;
  readonly proto?: number;
}

export interface FakeState {
  devices: FakeDevice[];
  rules: FakeRule[];
  rules6: FakeRule[];
  routes: FakeRoute[];
  routes6: FakeRoute6[];
  nexthops: FakeNexthop[];
  groups: FakeGroup[];
  /** Only those that somebody has asked for. */
  neighbours: FakeNeighbour[];
  /** Tables that have ever held a route: they stay, empty. */
  tables: Set<number>;
  tables6: Set<number>;
  nextIndex: number;
  /** `table inet wanhook` as loaded; and the rules of `table inet wanhook_kept`. */
  firewall: string | undefined;
  kept: string | undefined;
  /** The script `table inet wanhook_memory` was last loaded with, and what its maps hold: `KEY : MARK` by map. */
  memory: { text: string; readonly elements: Map<string, Map<string, string>> } | undefined;
  /** Local addresses of established TCP connections. */
  sockets: string[];
  /** Marks of connections. */
  connections: number[];
}

export const MAIN = 254;

export function bootedState(): FakeState {
  const lo = { name: 'lo', index: 1, mtu: 65536, pointToPoint: false, up: true, plugged: true };
  return {
    devices: [{ ...lo, addresses: [{ local: '127.0.0.1', prefix: 8 }], addresses6: [] }],
    rules6: [
      { pref: 0, table: 255 },
      { pref: 32766, table: MAIN },
    ],
    routes6: [],
    rules: [
      { pref: 0, table: 255 },
      { pref: 32766, table: MAIN },
      { pref: 32767, table: 253 },
    ],
    routes: [],
    nexthops: [],
    groups: [],
    neighbours: [],
    tables: new Set([MAIN, 255]),
    tables6: new Set([MAIN, 255]),
    nextIndex: 2,
    firewall: undefined,
    kept: undefined,
    memory: undefined,
    sockets: [],
    connections: [],
  };
}

export const hasCarrier = (device: FakeDevice) => device.up && device.plugged;

/** A nexthop leaves its groups and takes its routes with it; an empty group goes the same way. Nothing comes back. */
export function dropNexthop(state: FakeState, id: number): void {
  state.nexthops = state.nexthops.filter((nexthop) => nexthop.id !== id);
  state.routes = state.routes.filter((route) => route.nhid !== id);
  for (const group of state.groups) group.members = group.members.filter((member) => member.id !== id);
  for (const { id: empty } of state.groups.filter(({ members }) => members.length === 0)) dropGroup(state, empty);
}

export function dropGroup(state: FakeState, id: number): void {
  state.groups = state.groups.filter((group) => group.id !== id);
  state.routes = state.routes.filter((route) => route.nhid !== id);
}

/** Carrier lost: nexthop objects by the device go; routes stay and are marked `linkdown`. */
export function dropNexthopsBy(state: FakeState, device: string): void {
  for (const { id } of state.nexthops.filter((nexthop) => nexthop.device === device)) dropNexthop(state, id);
}

/** Carrier lost, down, or without an address: all but the permanent ones; and these too, unless it is the carrier. */
export function dropNeighboursBy(state: FakeState, device: string, permanent: boolean): void {
  state.neighbours = state.neighbours.filter((one) => one.device !== device || (one.permanent === true && !permanent));
}

/** Down or unregistered: nexthops and routes by the device go, in every table; rules stay. */
export function dropAllBy(state: FakeState, device: string): void {
  dropNeighboursBy(state, device, true);
  dropNexthopsBy(state, device);
  state.routes = state.routes.filter((route) => route.device !== device);
}

/**
 * `main` loses the routes with that source; other tables keep them (fib_sync_down_addr looks in one table). With the
 * device's last address its plain routes go everywhere; nexthop objects stay.
 */
export function dropAddress(state: FakeState, device: FakeDevice, local: string): void {
  device.addresses = device.addresses.filter((address) => address.local !== local);
  if (!isLocal(state, local)) {
    state.routes = state.routes.filter((route) => route.table !== MAIN || route.src !== local);
  }
  if (device.addresses.length > 0) return;
  state.routes = state.routes.filter((route) => route.device !== device.name);
  state.neighbours = state.neighbours.filter((one) => one.device !== device.name || one.address.includes(':'));
}

export function isLocal(state: FakeState, address: string): boolean {
  return state.devices.some(({ addresses }) => addresses.some(({ local }) => local === address));
}

function toNumber(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Is the gateway a neighbour on this device: in a connected subnet, or the peer? */
export function isNeighbour(device: FakeDevice, gateway: string): boolean {
  return (
    device.up &&
    device.addresses.some(({ local, prefix, peer }) => {
      const size = 2 ** (32 - prefix);
      return Math.floor(toNumber(gateway) / size) === Math.floor(toNumber(peer ?? local) / size);
    })
  );
}
