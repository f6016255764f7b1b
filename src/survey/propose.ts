import { isBuiltIn, isLineName, isUsableIpv4 } from '../checked.ts';
import type { Config } from '../model.ts';
import type { Machine, SeenDefault, SeenDevice, SeenPeer } from './machine.ts';
import { peerPath } from './peers.ts';

/** A link's file that `wanhook init` would write. */
export interface ProposedLink {
  readonly name: string;
  readonly text: string;
}

export interface Proposal {
  readonly links: readonly ProposedLink[];
  /** LAN devices. */
  readonly lan: readonly string[];
  /** What was found and is no new link, and what could not be made out. */
  readonly notes: readonly string[];
  /** What is to be done by hand, in this order. */
  readonly next: readonly string[];
}

type Identity = Readonly<Record<string, string>>;

/** A line, before it has an ID and a name that nobody else has. */
interface Candidate {
  readonly name: string;
  readonly keys: Identity;
  /** Where it was found. */
  readonly from: string;
}

/** Kinds of devices that carry no Internet line of their own. */
const NO_LINE = /^(?:loopback|wireguard|tun|ipip|gre|gretap|sit|ip6tnl|vti|vxlan|dummy|none)$/;
/** Bridges of virtual machines and containers. */
const INNER = /^(?:docker|virbr|lxcbr|lxdbr|br-[0-9a-f]{12}|veth|podman|cni)/;

/** Pure: what a machine looks like, and the links that are already configured → the links that are missing. */
export function propose(machine: Machine, existing: readonly Known[]): Proposal {
  const notes: string[] = [...machine.unclear];
  const next: string[] = [];
  const dialled = peerLinks(machine, existing, notes, next);
  const wired = deviceLinks(machine, existing, notes);
  const candidates = [...dialled, ...wired];
  for (const { name, type } of machine.idle) {
    notes.push(`NetworkManager's connection "${name}" (${type}) is not up: bring it up, then run "wanhook init" again`);
  }
  const links = numbered(candidates, existing);
  const lan = lanDevices(machine, candidates, existing);
  return { links, lan, notes, next };
}

/** What matters here of a link that is configured. */
export type Known = Pick<Config['links'][number], 'id' | 'name' | 'device' | 'pppIpparam' | 'pppLinkname'>;

function peerLinks(
  { peers, devices }: Machine,
  existing: readonly Known[],
  notes: string[],
  next: string[],
): Candidate[] {
  const taken = new Set<string>();
  return peers.flatMap((peer) => {
    const path = peerPath(peer.name);
    const named = namesOf(peer);
    if (named === undefined) {
      notes.push(`${path}: neither its ipparam nor its name can name a link: give it an ipparam of letters and digits`);
      return [];
    }
    const [key = '', value = ''] = Object.entries(named.keys)[0] ?? [];
    const known = existing.find(({ pppIpparam, pppLinkname }) =>
      key === 'PPP_IPPARAM' ? pppIpparam === value : pppLinkname === value,
    );
    if (known !== undefined) {
      notes.push(`${path}: is link ${known.name} already`);
      return [];
    }
    if (taken.has(value)) {
      notes.push(`${path}: has the same ipparam or linkname as another peers file: give it one of its own`);
      return [];
    }
    taken.add(value);
    const edit = [
      ...(named.toAdd ? [`add "ipparam ${value}"`] : []),
      ...(peer.replacesDefault ? ['remove "replacedefaultroute"'] : []),
      ...(peer.refusesDefault ? [] : ['add "nodefaultroute"']),
      ...(peer.redials ? [] : ['add "persist" and "maxfail 0"']),
    ];
    if (edit.length > 0) next.push(`in ${path}: ${edit.join(', ')}; then redial: poff ${peer.name}; pon ${peer.name}`);
    if (peer.over !== undefined && !devices.some(({ name }) => name === peer.over)) {
      notes.push(`${path}: its device ${peer.over} is not there`);
    }
    if (peer.kind === 'L2TP') notes.push(`${path}: L2TP: add TUNNEL_SERVER=, the server's name, to the link`);
    const over = peer.over === undefined ? '' : ` over ${peer.over}`;
    const server = peer.server === undefined ? {} : { TUNNEL_SERVER: peer.server };
    return [{ name: peer.name, keys: { ...named.keys, ...server }, from: `${path} (${peer.kind}${over})` }];
  });
}

/** How its hooks will name it; `toAdd`: once its file says so. */
function namesOf({ name, ipparam, linkname }: SeenPeer): { keys: Identity; toAdd: boolean } | undefined {
  if (ipparam !== undefined && isLineName(ipparam)) return { keys: { PPP_IPPARAM: ipparam }, toAdd: false };
  if (linkname !== undefined && isLineName(linkname)) return { keys: { PPP_LINKNAME: linkname }, toAdd: false };
  return isLineName(name) ? { keys: { PPP_IPPARAM: name }, toAdd: true } : undefined;
}

function deviceLinks(machine: Machine, existing: readonly Known[], notes: string[]): Candidate[] {
  const { devices, defaults, leases, managed, peers } = machine;
  const withRoute = defaults.map(({ device }) => device);
  const withLease = leases.filter(({ router, device }) => router !== undefined || withRoute.includes(device));
  const withGateway = managed.filter(({ gateway }) => gateway !== undefined);
  const names = new Set([...withRoute, ...withLease.map(({ device }) => device), ...withGateway.map((m) => m.device)]);
  return [...names].flatMap((name) => {
    const device = devices.find((each) => each.name === name);
    const known = existing.find((link) => link.device === name);
    if (device === undefined) {
      notes.push(`${name}: has a DHCP lease, but is not there now: if it is a line, plug it in and run this again`);
    } else if (known !== undefined) notes.push(`${name}: is link ${known.name} already`);
    else if (device.kind === 'ppp' && peers.length > 0) {
      notes.push(`${name}: is up, and one of the lines of /etc/ppp/peers: its number may be another next time`);
    } else if (NO_LINE.test(device.kind)) notes.push(`${name}: has a default route, but is a tunnel (${device.kind})`);
    else return wiredLink(device, machine, notes);
    return [];
  });
}

/** A device that leads out: who gives it its gateway? */
function wiredLink({ name, kind }: SeenDevice, machine: Machine, notes: string[]): Candidate[] {
  const routes = machine.defaults.filter(({ device }) => device === name);
  const lease = machine.leases.find(({ device }) => device === name);
  const manager = machine.managed.find(({ device }) => device === name);
  const gateways = new Set(routes.flatMap(({ gateway }) => gateway ?? []));
  const gateway = [...gateways][0] ?? lease?.router ?? manager?.gateway;
  if (gateways.size > 1) notes.push(`${name}: has default routes over ${[...gateways].join(' and ')}: a line has one`);
  if (kind === 'ppp') {
    notes.push(`${name}: no peers file names this line: should it come back as another pppN, it is not found`);
    return [{ name, keys: { DEVICE: name }, from: words(`${name} (ppp)`, routes) }];
  }
  // NetworkManager knows the gateway, by DHCP or not, and leaves it in `main`.
  const isDynamic = lease !== undefined || manager !== undefined || routes.some(({ protocol }) => protocol === 'dhcp');
  if (isDynamic) {
    if (lease?.expired === true) notes.push(`${name}: its lease (${lease.client}) has expired: is the line up?`);
    const by = manager === undefined ? lease?.client : `NetworkManager's "${manager.connection}"`;
    const client = by === undefined ? 'by DHCP' : `by ${by}`;
    return [{ name, keys: { DEVICE: name }, from: words(`${name}, ${client}`, routes) }];
  }
  if (gateway === undefined) {
    notes.push(`${name}: has a default route without a gateway and no DHCP lease: if it is a line, write its file`);
    return [];
  }
  notes.push(`${name}: no DHCP lease was found, so it is taken for static; if a DHCP client runs, remove GATEWAY=`);
  return [{ name, keys: { DEVICE: name, GATEWAY: gateway }, from: words(`${name}, static`, routes) }];
}

function words(what: string, routes: readonly SeenDefault[]): string {
  const [route] = routes;
  if (route === undefined) return `${what}, no default route now`;
  const via = route.gateway === undefined ? '' : ` via ${route.gateway}`;
  return `${what}, default route${via}${route.metric === 0 ? '' : ` metric ${route.metric}`}`;
}

/** IDs and names that nobody has; the first candidates get the lowest. */
function numbered(candidates: readonly Candidate[], existing: readonly Known[]): ProposedLink[] {
  const ids = new Set(existing.map(({ id }) => id));
  const names = new Set(existing.map(({ name }) => name));
  return candidates.map(({ name: wanted, keys, from }) => {
    let id = 1;
    while (ids.has(id)) id++;
    ids.add(id);
    const plain = wanted.replaceAll(/[^A-Za-z0-9_-]/g, '-').replace(/^[^A-Za-z0-9]+/, '') || 'line';
    let name = plain.slice(0, 15);
    for (let more = 2; names.has(name) || isBuiltIn(name); more++) name = `${plain.slice(0, 12)}-${more}`;
    names.add(name);
    const lines = Object.entries({ ID: String(id), ...keys, WEIGHT: '1' }).map(([key, value]) => `${key}=${value}\n`);
    return { name, text: `# wanhook init: ${from}\n${lines.join('')}` };
  });
}

/** RFC 1918 and 6598: what a LAN has; a line behind somebody else's router has it, too, but leads out. */
function isPrivate(address: string): boolean {
  return isUsableIpv4(address) && /^(?:10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.)/.test(address);
}

function lanDevices(machine: Machine, candidates: readonly Candidate[], existing: readonly Known[]): string[] {
  const lines = new Set([
    ...candidates.flatMap(({ keys }) => keys['DEVICE'] ?? []),
    ...existing.flatMap(({ device }) => device ?? []),
    ...machine.defaults.map(({ device }) => device),
    ...machine.peers.flatMap(({ over }) => over ?? []),
  ]);
  return machine.devices
    .filter(({ name, kind }) => !lines.has(name) && kind !== 'ppp' && !NO_LINE.test(kind) && !INNER.test(name))
    .filter(({ addresses }) => addresses.some((address) => isPrivate(address.split('/')[0] ?? '')))
    .map(({ name }) => name);
}
