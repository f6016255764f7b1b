import { inSubnet, isLinkLocalIpv4, isUsableIpv4, subnetOf } from '../checked.ts';
import { isLive } from '../liveness.ts';
import type {
  Config,
  Device,
  Draft,
  LinkConfig,
  LinkDown,
  LinkRecord,
  LinkStatus,
  LinkUp,
  LinkVerdict,
  State,
} from '../model.ts';
import { gatewayCheck, sharedPrefixes } from './own-addresses.ts';
import { AFTER_THE_FACT, LEASE_HOLDERS } from './source.ts';

/** Gateways of default routes that others put into `main`, by device: the word of a client whose hook we missed. */
export type MainGateways = Readonly<Record<string, string>>;

/** What every configured link is worth now: the kernel's devices and addresses decide, the record fills the gaps. */
export function linkStatuses(
  config: Config,
  state: State,
  devices: readonly Device[],
  mainGateways: MainGateways,
): LinkStatus[] {
  const known = withHints(state, state.v6);
  const found = placed(config, known, devices)
    .filter(({ link }) => link.ipv4 !== false)
    .map((place) => {
      const { name } = place.link;
      return linkStatus(known.links[name], state.verdicts[name], place, mainGateways);
    });
  // Dialled lines have none, and nothing to be compared.
  if (!found.some((status) => status.up && status.gateway !== undefined)) return found;
  const whyNone = gatewayCheck(devices);
  const statuses = found.map((status) => possible(status, whyNone));
  const names = new Set(statuses.map(({ device }) => device));
  const shared = sharedPrefixes(devices.filter(({ name }) => names.has(name)));
  return statuses.map((status) => withSharedSubnet(status, shared));
}

/** Where a link is, or was last. */
export interface Place {
  readonly name: string | undefined;
  readonly present: Device | undefined;
}

/** Each link with its device. */
export function placed(
  config: Config,
  state: Pick<State, 'links' | 'verdicts'>,
  devices: readonly Device[],
): ({ readonly link: LinkConfig } & Place)[] {
  const owners = deviceOwners(config, state);
  const there = new Map(devices.map((device) => [device.name, device]));
  return config.links.map((link) => {
    const own = (name = '') => (owners.get(name) === link.name ? name : undefined);
    const [recorded, configured] = [own(state.links[link.name]?.device), own(link.device)];
    const present = there.get(recorded ?? '') ?? there.get(configured ?? '');
    // What only the last verdict remembers is a name for the firewall, not a sign of life: it may be anybody's by now.
    const name = present?.name ?? recorded ?? configured ?? own(state.verdicts[link.name]?.device);
    return { link, name, present };
  });
}

/**
 * A line has one device for both families: where only the other one's daemon has told which, that counts; and who takes a
 * line out by hand means all of it.
 */
export function withHints<T extends Pick<State, 'links'>>(own: T, other: Pick<State, 'links'> = { links: {} }): T {
  const links: Record<string, LinkRecord> = { ...own.links };
  for (const [name, { source, device, heldDown, knownBy }] of Object.entries(other.links)) {
    const byHand = heldDown?.source === 'cli' ? heldDown : undefined;
    const known = links[name];
    if (known === undefined) {
      const hint: Draft<LinkRecord> = { source, device, dns: [] };
      if (byHand !== undefined) hint.heldDown = byHand;
      if (knownBy !== undefined) hint.knownBy = knownBy;
      links[name] = hint;
    } else if (byHand !== undefined) links[name] = { ...known, heldDown: byHand };
  }
  return { ...own, links };
}

/** An address of another link's device in the same subnet, be that link up or not: `main` has a route by that device, too. */
function withSharedSubnet(status: LinkStatus, shared: ReturnType<typeof sharedPrefixes>): LinkStatus {
  if (!status.up || status.gateway === undefined) return status;
  const { device, address } = status;
  const prefix = shared(device, address);
  return prefix === undefined ? status : { ...status, sharedSubnet: subnetOf(address, prefix) };
}

/** The kernel would refuse a gateway that is our own address or no host's, and everything else in the same batch with it. */
function possible(status: LinkStatus, whyNone: ReturnType<typeof gatewayCheck>): LinkStatus {
  if (!status.up || status.gateway === undefined) return status;
  const why = whyNone(status.gateway);
  return why === undefined ? status : withoutLink(status, why);
}

/** The same link, down for this reason. */
export function withoutLink(status: LinkUp, reason: string): LinkDown {
  const { link, device, mtu, address, gateway, family, sources, delegated, translations } = status;
  return {
    ...{ up: false, link, device, mtu, address, present: true, pointToPoint: gateway === undefined, reason },
    ...(family && { family }),
    ...(sources && { sources }),
    ...(delegated && { delegated }),
    ...(translations && { translations }),
  };
}

/**
 * Which link a device belongs to: a device carries one line. Units move, so dsl2 may come up on the ppp0 that was dsl1's:
 * a recorded event outweighs the configured DEVICE, and that what we remember of a line that is gone.
 */
function deviceOwners(config: Config, { links, verdicts }: Pick<State, 'links' | 'verdicts'>): Map<string, string> {
  const owners = new Map<string, string>();
  const claim = (deviceOf: (link: LinkConfig) => string | undefined) => {
    for (const link of config.links) {
      const device = deviceOf(link);
      if (device !== undefined && !owners.has(device)) owners.set(device, link.name);
    }
  };
  claim(({ name }) => links[name]?.device);
  claim(({ device }) => device);
  claim(({ name }) => verdicts[name]?.device);
  return owners;
}

function linkStatus(
  record: LinkRecord | undefined,
  verdict: LinkVerdict | undefined,
  { link, name, present: device }: { readonly link: LinkConfig } & Place,
  mainGateways: MainGateways,
): LinkStatus {
  const mtu = device?.mtu ?? verdict?.mtu;
  const address = device === undefined ? undefined : addressOf(device, record);
  const last = address?.local ?? record?.address ?? verdict?.address;
  const down = (reason: string): LinkDown => ({
    up: false,
    link,
    ...(name !== undefined && { device: name }),
    present: device !== undefined,
    pointToPoint: device?.pointToPoint === true || record?.source === 'pppd',
    ...(mtu !== undefined && { mtu }),
    ...(last !== undefined && { address: last }),
    reason,
  });
  if (name === undefined) return down('waiting for its first event');
  const held = heldDown(record, address?.local);
  if (held?.source === 'pppd' && address !== undefined) {
    // Another session has got the unit: the device is not ours to rule, mark or masquerade.
    return { up: false, link, present: false, pointToPoint: true, reason: `${name} is another line's by now` };
  }
  if (held !== undefined) return down(`taken down by ${held.source} (${held.cause})`);
  if (device === undefined) return down(`no device ${name}`);
  if (!device.up) return down(`${name} is administratively down`);
  if (!device.carrier) return down(`${name} has no carrier`);
  if (address === undefined) return down(`${name} has no IPv4 address`);
  const { local, prefix, peer } = address;
  const found: Draft<LinkUp> = { up: true, link, device: device.name, mtu: device.mtu, address: local, onlink: false };
  if (device.noArp === true) found.noArp = true;
  const gateway = gatewayOf(link, record, device, local, prefix, mainGateways);
  if (gateway === UNNEEDED) {
    if (peer !== undefined) found.peer = peer;
    return found;
  }
  if (gateway === undefined) {
    return {
      ...down(`no gateway known on ${name}: none came with the address; set GATEWAY=, or IPV4=no`),
      lacksGateway: true,
    };
  }
  return { ...found, gateway, onlink: !inSubnet(gateway, local, prefix) };
}

/**
 * How long a `down` holds. By hand: until `up`. A DHCP client's ends with its address: it may leave that in place. pppd's
 * does not end because another session takes the same unit: only with the line's own address the line is back. A manager's
 * was believed because there was no address, and ends with any.
 */
function heldDown(record: LinkRecord | undefined, address: string | undefined): LinkRecord['heldDown'] {
  const held = record?.heldDown;
  const another = address !== undefined && address !== record?.address;
  const back = address !== undefined && !another;
  if (held === undefined || (held.source === 'pppd' && back)) return undefined;
  const over = LEASE_HOLDERS.has(held.source) ? another : AFTER_THE_FACT.has(held.source) && (another || back);
  return over ? undefined : held;
}

/** The recorded address if the device still has it, else another one a line can have. */
function addressOf(device: Device, record: LinkRecord | undefined) {
  return (
    device.addresses.find(({ local }) => local === record?.address) ??
    device.addresses.find(({ local }) => isUsableIpv4(local) && !isLinkLocalIpv4(local))
  );
}

const UNNEEDED = Symbol('point-to-point: no gateway needed');

/** PPP is routed by its device. Elsewhere: configured, recorded (if it fits the address), or what `main` has. */
function gatewayOf(
  link: LinkConfig,
  record: LinkRecord | undefined,
  device: Device,
  local: string,
  prefix: number,
  mainGateways: MainGateways,
): string | typeof UNNEEDED | undefined {
  const recorded = record?.gateway;
  const fits = recorded !== undefined && (record?.address === local || inSubnet(recorded, local, prefix));
  const gateway = link.gateway ?? (fits ? recorded : undefined);
  if (gateway !== undefined) return gateway;
  const byDevice = record?.source === 'pppd' || (record?.source === 'kernel' && record.address === local);
  const isPpp = device.pointToPoint || byDevice || hasPeer(device, local);
  return isPpp ? UNNEEDED : mainGateways[device.name];
}

function hasPeer(device: Device, local: string): boolean {
  return device.addresses.some((address) => address.local === local && address.peer !== undefined);
}

/** Devices whose gateway only `main` can tell; asking costs a walk through it, so it is asked for these alone. */
export function devicesWithoutGateway(statuses: readonly LinkStatus[]): string[] {
  return statuses.flatMap((status) => {
    return !status.up && status.lacksGateway === true && status.device !== undefined ? [status.device] : [];
  });
}

/** The verdicts to remember: `since` moves only when a link goes up, goes down, dies, or changes its reason. */
export function verdictsOf(statuses: readonly LinkStatus[], before: State['verdicts'], now: number): State['verdicts'] {
  return Object.fromEntries(
    statuses.map((status) => {
      const { name } = status.link;
      const old = before[name];
      const live: boolean = isLive(status);
      const dead = status.up && !live;
      const reason = live ? 'up' : status.up ? `dead: ${status.dead?.reason ?? ''}` : status.reason;
      const sameKind = old?.up === status.up && (old.dead === true) === dead;
      const same = sameKind && (status.up ? old.address === status.address : old.reason === reason);
      if (same && live && isAsBefore(old, status, reason)) return [name, old];
      const verdict: Draft<LinkVerdict> = { up: status.up, since: same ? old.since : now, reason };
      if (status.device !== undefined) verdict.device = status.device;
      if (status.mtu !== undefined) verdict.mtu = status.mtu;
      if (status.address !== undefined) verdict.address = status.address;
      if (status.sources !== undefined) verdict.sources = status.sources;
      if (dead) verdict.dead = dead;
      // Never seen up: there is nothing to end.
      if (!live && (old === undefined || (sameKind && old.flowsEnded === true))) verdict.flowsEnded = true;
      return [name, verdict];
    }),
  );
}

/** Then it is the same object, and need not be compared. */
function isAsBefore(
  { reason, device, mtu, sources, flowsEnded }: LinkVerdict,
  status: LinkStatus,
  now: string,
): boolean {
  const isPlain = sources === undefined && status.sources === undefined && flowsEnded === undefined;
  return isPlain && reason === now && device === status.device && mtu === status.mtu;
}

/** Links that have gone down or died since their connections were last ended; a link never seen up has none. */
export function owedEnds(statuses: readonly LinkStatus[], before: State['verdicts']): Set<string> {
  const owed = statuses.filter((status) => {
    const old = before[status.link.name];
    const ended = old?.flowsEnded === true && old.up === status.up;
    return !isLive(status) && old !== undefined && !ended;
  });
  return new Set(owed.map(({ link }) => link.name));
}

/** The verdicts once those flows have been ended. */
export function flowsEnded(verdicts: State['verdicts'], names: ReadonlySet<string>): State['verdicts'] {
  const marked = Object.entries(verdicts).map(([name, verdict]) => {
    return [name, names.has(name) ? { ...verdict, flowsEnded: true as const } : verdict] as const;
  });
  return Object.fromEntries(marked);
}
