/** The lines of a random walk, and what their daemons say of them. */
import type { Random } from './world-random.ts';
import { PEER } from './world-steps.ts';

export interface WalkLine {
  readonly name: string;
  readonly kind: 'ppp' | 'dhcp';
  readonly id: number;
  /** Where it is, or was last. */
  device: string;
  address: string;
  /** Its device is there, up, has carrier and the address. */
  state: 'up' | 'gone' | 'down' | 'unplugged';
  /** The last word wanhook heard of it was a true one, and nobody took it out by hand. */
  known: boolean;
  /** The address that was said then. */
  told: string;
  /** Who manages it, of those that can. */
  client: string;
  /** Its router advertises itself. */
  advertised?: 'yes' | undefined;
}

const [CABLE_ROUTER, CABLE, CABLE2] = ['198.51.100.1', '198.51.100.2', '198.51.100.3'] as const;
export const UNITS = ['ppp0', 'ppp1', 'ppp7'];

export function startLines(): WalkLine[] {
  const gone = { state: 'gone', known: false, told: '', client: 'dhclient' } as const;
  return [
    { name: 'dsl1', kind: 'ppp', id: 1, device: 'ppp0', address: '192.0.2.11', ...gone },
    { name: 'dsl2', kind: 'ppp', id: 2, device: 'ppp1', address: '192.0.2.12', ...gone },
    { name: 'cable', kind: 'dhcp', id: 3, device: 'eth1', address: CABLE, ...gone },
    { name: 'cable2', kind: 'dhcp', id: 4, device: 'eth2', address: CABLE2, ...gone },
  ];
}

const linkKeys = ({ id, kind, name, device }: WalkLine) =>
  `ID=${id} ${kind === 'ppp' ? `PPP_IPPARAM=${name}` : `DEVICE=${device}`}`;
export const configure = (line: WalkLine, more = '') => `config links/${line.name}.env ${linkKeys(line)}${more}`;

/** What a client calls a lease, and its end. */
const CLIENTS: Readonly<Record<string, readonly [up: string, down: string]>> = {
  dhclient: ['BOUND', 'EXPIRE'],
  dhcpcd: ['BOUND', 'EXPIRE'],
  udhcpc: ['bound', 'deconfig'],
  networkmanager: ['up', 'down'],
  networkd: ['routable', 'off'],
  ifupdown: ['post-up', 'post-down'],
};
export const anyClient = (random: Random) => random.pick(['dhclient', ...Object.keys(CLIENTS)]);

/** The hook that goes with the line's state, as its daemon calls it. */
export function upHook(line: WalkLine, address = line.address, client = line.client): string {
  if (line.kind === 'ppp') return `ip-up ${line.device} ${address} ${PEER} ${line.name}`;
  return `${client} ${CLIENTS[client]![0]} ${line.device} ${address} ${CABLE_ROUTER}`;
}
export function downHook(line: WalkLine, address = line.address): string {
  if (line.kind === 'ppp') return `ip-down ${line.device} ${address} ${PEER} ${line.name}`;
  return `${line.client} ${CLIENTS[line.client]![1]} ${line.device} ${address}`;
}

export function newAddress(random: Random, { kind, id }: WalkLine): string {
  return kind === 'ppp' ? `192.0.2.${id * 60 + random.below(40)}` : `198.51.100.${id * 40 + random.below(40)}`;
}
