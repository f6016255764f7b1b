import { delegation } from './prefixes.ts';
import { AFTER_THE_FACT } from './source.ts';
import type { Config, Device, FamilyState, LineKey, LinkConfig, LinkEvent, LinkRecord, State } from '../model.ts';

export const EMPTY_STATE: State = { links: {}, verdicts: {}, sysctls: {}, stopped: false };
export const EMPTY_FAMILY: FamilyState = { links: {}, verdicts: {} };

/** What recording an event did, for the journal. */
export interface Recorded {
  readonly state: State;
  /** Why the event was not believed. */
  readonly ignored?: string;
}

/**
 * Which link an event speaks of: by ipparam, then linkname, then device, so that a moved unit number does not matter.
 * A link that declares an ipparam or linkname is not found by its device under another one: a VPN client's ppp0 is not
 * our DSL line only because that line is down and its unit number was free.
 */
export function findLink(
  config: Config,
  event: Pick<LinkEvent, 'source' | 'device' | 'ipparam' | 'linkname' | 'family' | 'prefixes'>,
  links: State['links'] = {},
) {
  const named = (key: 'pppIpparam' | 'pppLinkname', value: string | undefined) =>
    value === undefined ? undefined : config.links.find((link) => link[key] === value);
  const isOtherLine = (link: LinkConfig) =>
    (event.ipparam !== undefined && link.pppIpparam !== undefined) ||
    (event.linkname !== undefined && link.pppLinkname !== undefined);
  // A DHCPv6 client on a dialled line knows nothing but its device.
  const isRecorded = ({ name }: LinkConfig) => links[name]?.device === event.device;
  const isGuest = (event.family === 6 || event.prefixes !== undefined) && event.source !== 'pppd';
  return (
    named('pppIpparam', event.ipparam) ??
    named('pppLinkname', event.linkname) ??
    config.links.find((link) => link.device === event.device && !isOtherLine(link)) ??
    (isGuest ? config.links.find(isRecorded) : undefined)
  );
}

/**
 * Fold one event into the record. The event is a hint: a `down` for an address that is not the recorded one, or from
 * another device, is late and ignored; so is pppd's `down` while the kernel shows the address on a device that is up,
 * because pppd takes the address away before it runs ip-down (only a redial, or `demand`, puts one there again). Managers
 * do the same, and theirs may come when the device is up again; so may what dhcpcd says of the carrier.
 */
export function recordEvent(state: State, event: LinkEvent, config: Config, devices: readonly Device[]): Recorded {
  const link = findLink(config, event, state.links);
  if (link === undefined) return { state, ignored: `${event.device} is no link of ours` };
  if (event.kind === 'check') return { state: withPrefixes(state, event, link) };
  const { links } = event.family === 6 ? (state.v6 ?? EMPTY_FAMILY) : state;
  const shown = event.family === 6 ? devices.map(inIpv6) : devices;
  const known = links[link.name];
  const late =
    takenOver(state, event, config, devices, link) ?? staleUp(event, known, shown) ?? staleDown(event, known, shown);
  if (late !== undefined) return { state, ignored: late };
  if (isOfDevice(event) && known?.source !== 'dhcpcd') return { state };
  const said = event.kind === 'up' ? upRecord(event, known) : downRecord(event, known);
  const record: LinkRecord = { ...said, ...delegation(event, known), ...lineKey(link, event, state) };
  const kept = keep(state, event.family, link.name, record);
  return { state: event.source === 'cli' && event.kind === 'up' ? letGo6(kept, link.name) : kept };
}

/** By hand a line is up for both families. */
function letGo6(state: State, name: string): State {
  const { heldDown, ...free } = state.v6?.links[name] ?? {};
  if (state.v6 === undefined || heldDown === undefined) return state;
  return { ...state, v6: { ...state.v6, links: { ...state.v6.links, [name]: free as LinkRecord } } };
}

/** As IPv6 has it: pppd tells the link-local address of a session. */
const inIpv6 = (device: Device): Device => ({ ...device, addresses: device.addresses6 ?? [] });

/** What was delegated over the link. Its IPv6 needs no other record: the kernel's addresses decide. */
function withPrefixes(state: State, event: LinkEvent, link: LinkConfig): State {
  const { prefixes, source, device } = event;
  if (prefixes === undefined) return state;
  const known = state.v6?.links[link.name];
  const line = { device, ...lineKey(link, event, state) };
  return keep(state, 6, link.name, { source, dns: [], ...line, ...known, ...delegation(event, known) });
}

/** A line has one device, and a device one line, in both families: the newest word wins over what a lost `down` left. */
function keep(state: State, family: 6 | undefined, name: string, record: LinkRecord): State {
  const { device } = record;
  const without = (links: State['links'], isOwn: boolean) =>
    Object.fromEntries(
      Object.entries(links).filter(([other, known]) =>
        other === name ? isOwn || known.device === device : known.device !== device,
      ),
    );
  const links = without(family === 6 ? state.links : { ...state.links, [name]: record }, family !== 6);
  if (family !== 6 && state.v6 === undefined) return { ...state, links };
  const v6 = state.v6 ?? EMPTY_FAMILY;
  return {
    ...state,
    links,
    v6: { ...v6, links: without(family === 6 ? { ...v6.links, [name]: record } : v6.links, family === 6) },
  };
}

/** Does the event say, of a link that is up, what is recorded already? Then most likely nothing is to be done. */
export function isRepeat(state: State, event: LinkEvent, config: Config): boolean {
  const name = findLink(config, event, state.links)?.name ?? '';
  const { links, verdicts } = event.family === 6 ? (state.v6 ?? EMPTY_FAMILY) : state;
  const known = links[name];
  const same = known?.device === event.device && known.address === event.address && known.heldDown === undefined;
  return verdicts[name]?.up === true && (event.kind === 'check' || (event.kind === 'up' && same));
}

/**
 * The unit has moved on to another line: a late word of the one that had it must not touch the one that has it now.
 * A `down` never does; an `up` does unless the kernel shows that the other is there and this one is not.
 */
function takenOver(
  state: State,
  event: LinkEvent,
  config: Config,
  devices: readonly Device[],
  link: LinkConfig,
): string | undefined {
  const recordsOf = ({ name }: LinkConfig) =>
    [state.links[name], state.v6?.links[name]].filter((record) => record?.device === event.device);
  const other = config.links.find((each) => each.name !== link.name && recordsOf(each).length > 0);
  if (other === undefined) return undefined;
  const device = devices.find(({ name }) => name === event.device);
  const shown = [...(device?.addresses ?? []), ...(device?.addresses6 ?? [])].map(({ local }) => local);
  const has = (address: string | undefined) => address !== undefined && shown.includes(address);
  const isThere = recordsOf(other).some((record) => has(record?.address));
  const isLate = event.kind === 'down' || (isThere && !has(event.address));
  return isLate ? `late: ${event.device} carries ${other.name} by now` : undefined;
}

/** By what the event named the link; of a guest on a line that is known by another name, by that, if it is known at all. */
function lineKey(link: LinkConfig, event: LinkEvent, { links }: State): { knownBy?: LineKey } {
  const { ipparam, linkname, device } = event;
  if (ipparam !== undefined && link.pppIpparam === ipparam) return { knownBy: { ipparam } };
  if (linkname !== undefined && link.pppLinkname === linkname) return { knownBy: { linkname } };
  const known = links[link.name];
  if (known?.device === device && known.knownBy !== undefined) return { knownBy: known.knownBy };
  return link.device === device || known?.device !== device ? { knownBy: { device } } : {};
}

/**
 * Each record with the link it is about: files are renamed and swapped, and `DEVICE=` changes, while lines are up. What
 * is about no link any more is dropped: its device must not carry another line's traffic.
 */
export function rehomeRecords(config: Config, state: State): State {
  const rehomed = (links: State['links']) =>
    Object.fromEntries(
      Object.entries(links).flatMap(([name, record]) => {
        const owner = ownerOf(config, name, record);
        return owner === undefined ? [] : [[owner.name, record] as const];
      }),
    );
  const { v6 } = state;
  return { ...state, links: rehomed(state.links), ...(v6 && { v6: { ...v6, links: rehomed(v6.links) } }) };
}

function ownerOf({ links }: Config, name: string, { knownBy, device }: LinkRecord): LinkConfig | undefined {
  if (knownBy === undefined) {
    return links.find((link) => link.name === name && (link.device === undefined || link.device === device));
  }
  if ('ipparam' in knownBy) return links.find(({ pppIpparam }) => pppIpparam === knownBy.ipparam);
  if ('linkname' in knownBy) return links.find(({ pppLinkname }) => pppLinkname === knownBy.linkname);
  return links.find((link) => link.device === knownBy.device);
}

/**
 * dhcpcd says these of a device, whatever it has got there: perhaps IPv6 and prefixes only. Of a line that is not its own
 * the kernel tells as much, and also when it is back.
 */
function isOfDevice({ source, kind, cause, address }: LinkEvent): boolean {
  return source === 'dhcpcd' && kind === 'down' && address === undefined && ['NOCARRIER', 'DEPARTED'].includes(cause);
}

/** Is this address on this device, and the device up? */
function isShown(devices: readonly Device[], name: string, address: string | undefined): boolean {
  const device = devices.find((one) => one.name === name);
  return device?.up === true && address !== undefined && device.addresses.some(({ local }) => local === address);
}

/** An `up` that the kernel does not show, while it shows what we have recorded since. */
function staleUp(event: LinkEvent, known: LinkRecord | undefined, devices: readonly Device[]): string | undefined {
  if (event.kind !== 'up' || event.address === undefined || known?.heldDown !== undefined) return undefined;
  const late = !isShown(devices, event.device, event.address) && isShown(devices, known?.device ?? '', known?.address);
  return late ? `late: the link is on ${known?.device ?? ''} with ${known?.address ?? ''} by now` : undefined;
}

function staleDown(event: LinkEvent, known: LinkRecord | undefined, devices: readonly Device[]): string | undefined {
  if (event.kind !== 'down') return undefined;
  if (known !== undefined && known.device !== event.device) {
    return `late: the link is on ${known.device} by now, not ${event.device}`;
  }
  if (event.address !== undefined && known?.address !== undefined && known.address !== event.address) {
    return `late: the link has address ${known.address} by now, not ${event.address}`;
  }
  const address = event.address ?? known?.address;
  const alive = isShown(devices, event.device, address);
  const isBack = isOfDevice(event) && devices.some(({ name, carrier }) => name === event.device && carrier);
  const isLate = alive && (event.source === 'pppd' || AFTER_THE_FACT.has(event.source) || isBack);
  return isLate ? `late: ${event.device} is up with ${address ?? 'its address'}` : undefined;
}

/** A client goes on with the lease it has: no reason to use a line that somebody has taken out by hand. */
const CONTINUES = new Set(['RENEW', 'REBIND', 'renew', 'dhcp4-change']);

function upRecord(event: LinkEvent, known: LinkRecord | undefined): LinkRecord {
  // By hand nobody repeats what the line's own daemon said: `event up eth1` only ends `event down eth1`.
  const byHand = event.source === 'cli' && known?.device === event.device;
  const after = repeatsPppd(event, known);
  const said = byHand || after ? known : undefined;
  const { address = said?.address, gateway = said?.gateway } = after ? {} : event;
  return {
    source: said?.source ?? event.source,
    device: event.device,
    ...(address !== undefined && { address }),
    ...(gateway !== undefined && { gateway }),
    dns: said?.dns ?? event.dns,
    ...(known?.heldDown?.source === 'cli' && CONTINUES.has(event.cause) && { heldDown: known.heldDown }),
  };
}

/** NetworkManager says after pppd, which it has started, what pppd said, and adds the peer as gateway: the route would flap. */
function repeatsPppd({ source, device, address }: LinkEvent, known: LinkRecord | undefined): boolean {
  const same = known?.device === device && known.address === address;
  return source === 'networkmanager' && known?.source === 'pppd' && same;
}

function downRecord(event: LinkEvent, known: LinkRecord | undefined): LinkRecord {
  const base: LinkRecord = known ?? { source: event.source, device: event.device, dns: [] };
  return { ...base, heldDown: { source: event.source, cause: event.cause } };
}
