/**
 * Random walks: what may happen to a router with two PPPoE lines and two cables in one subnet, in any order, as steps of
 * world-steps.ts. The walk itself knows only what is true of the lines, not what wanhook makes of it.
 */
import { createRandom, type Random } from './world-random.ts';
import { PEER } from './world-steps.ts';
import { OURS, THEIRS } from './world-strangers.ts';

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
  /** Its router advertises itself. */
  advertised?: 'yes' | undefined;
}

export interface Walk {
  readonly steps: readonly string[];
  readonly lines: readonly WalkLine[];
  /** Some hook lied about which line it is: then the record may rightly be wrong. */
  readonly lies: boolean;
  /** state.json was lost: what sysctls were before is forgotten. */
  readonly lostState: boolean;
}

export interface WalkOptions {
  readonly length: number;
  /** May a PPP line redial on another unit? */
  readonly moves: boolean;
}

const [CABLE_ROUTER, CABLE, CABLE2] = ['198.51.100.1', '198.51.100.2', '198.51.100.3'] as const;
const UNITS = ['ppp0', 'ppp1', 'ppp7'];

function startLines(): WalkLine[] {
  return [
    { name: 'dsl1', kind: 'ppp', id: 1, device: 'ppp0', address: '192.0.2.11', state: 'gone', known: false, told: '' },
    { name: 'dsl2', kind: 'ppp', id: 2, device: 'ppp1', address: '192.0.2.12', state: 'gone', known: false, told: '' },
    { name: 'cable', kind: 'dhcp', id: 3, device: 'eth1', address: CABLE, state: 'gone', known: false, told: '' },
    { name: 'cable2', kind: 'dhcp', id: 4, device: 'eth2', address: CABLE2, state: 'gone', known: false, told: '' },
  ];
}

interface Walker {
  readonly random: Random;
  readonly lines: WalkLine[];
  readonly options: WalkOptions;
  readonly steps: string[];
  /** Links without a file, or with a wrong one: hooks of those, or of all, may be missed. */
  readonly amiss: Set<WalkLine>;
  lies: boolean;
  lostState: boolean;
}

const linkKeys = ({ id, kind, name, device }: WalkLine) =>
  `ID=${id} ${kind === 'ppp' ? `PPP_IPPARAM=${name}` : `DEVICE=${device}`}`;
const configure = (line: WalkLine, more = '') => `config links/${line.name}.env ${linkKeys(line)}${more}`;

/** The hook that goes with the line's state, as its daemon calls it. */
function upHook(line: WalkLine, address = line.address): string {
  return line.kind === 'ppp'
    ? `ip-up ${line.device} ${address} ${PEER} ${line.name}`
    : `dhclient BOUND ${line.device} ${address} ${CABLE_ROUTER}`;
}
function downHook(line: WalkLine, address = line.address): string {
  return line.kind === 'ppp'
    ? `ip-down ${line.device} ${address} ${PEER} ${line.name}`
    : `dhclient EXPIRE ${line.device} ${address}`;
}

/** Bring the line up; the hook follows, or (rarely) is lost. */
function comeUp(walker: Walker, line: WalkLine): void {
  const { random, steps, options } = walker;
  if (line.state === 'up') return;
  if (line.state === 'unplugged') steps.push(`line ${line.device} carrier on`);
  if (options.moves && line.kind === 'ppp' && line.state === 'gone') {
    const taken = walker.lines.filter((other) => other.state !== 'gone').map(({ device }) => device);
    line.device = random.pick(UNITS.filter((unit) => !taken.includes(unit)));
  }
  if (random.below(2) === 0) line.address = newAddress(walker, line);
  steps.push(`line ${line.device} up ${line.address}`);
  line.state = 'up';
  line.known = false;
  if (random.below(6) > 0) {
    steps.push(upHook(line));
    heard(walker, line);
  }
}

/**
 * The hook has told where the line is; at the cost of whoever was known on that unit before. A late hook of a session that
 * is gone is believed only if the unit's address does not tell that it is another's.
 */
function heard({ lines, amiss }: Walker, line: WalkLine, said = line.address): void {
  const others = lines.filter((other) => other !== line && other.device === line.device);
  const there = line.state === 'up';
  for (const other of others) other.known &&= !there && other.told === other.address;
  if (!there) return;
  line.known = amiss.size === 0;
  line.told = said;
}

function newAddress({ random }: Walker, { kind, id }: WalkLine): string {
  return kind === 'ppp' ? `192.0.2.${id * 60 + random.below(40)}` : `198.51.100.${id * 40 + random.below(40)}`;
}

function goDown(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  if (line.state === 'gone') return;
  if (line.state === 'unplugged') steps.push(`line ${line.device} carrier on`);
  steps.push(`line ${line.device} hangs up`);
  line.state = 'gone';
  line.advertised = undefined;
  // kill -9: no hook.
  if (random.below(3) > 0) steps.push(downHook(line));
}

/** A hook that says what is not, or no longer, so. It must not change what wanhook makes of a living line. */
function sayNonsense(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  const old = newAddress(walker, line);
  const choices: (() => string)[] = [
    () => upHook(line),
    () => upHook(line, old),
    () => `ipv6-up ${line.device} - - ${line.name}`,
    () => 'ip-up ppp9 10.0.0.9 10.0.0.1 vpn',
  ];
  // Late, about an address that the line had; a lease that ends is believed if its address is the recorded one.
  if (line.kind === 'ppp' && line.known) choices.push(() => downHook(line, old));
  if (line.kind === 'ppp' && line.state === 'up' && line.known) choices.push(() => downHook(line));
  const said = random.pick(choices)();
  steps.push(said);
  if (said.startsWith('ip-up') && !said.includes('vpn')) heard(walker, line, said.split(' ')[2]);
}

function lie(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  const other = random.pick(walker.lines.filter(({ kind }) => kind === 'ppp'));
  walker.lies = true;
  const said = [
    `ip-up ${line.device} ${line.address} ${PEER} ${other.name}`,
    `ip-down ${line.device} ${line.address} ${PEER} ${other.name}`,
    `dhclient EXPIRE ${line.device}`,
    `dhclient BOUND ${line.device} ${other.address} 203.0.113.1`,
    `ip-up ${line.device} 127.0.0.1 ${PEER} ${other.name}`,
    `dhclient FAIL eth1`,
  ];
  steps.push(random.pick(said));
}

function disturb(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  if (line.state === 'down' || line.state === 'unplugged') {
    if (line.state === 'unplugged') steps.push(`line ${line.device} carrier on`);
    steps.push(`line ${line.device} up ${line.address}`);
    line.state = 'up';
  } else if (line.state === 'up') {
    const what = random.below(3);
    if (what === 0) {
      line.address = newAddress(walker, line);
      steps.push(`line ${line.device} has ${line.address}`);
    } else {
      line.state = what === 1 ? 'down' : 'unplugged';
      if (what === 1) line.advertised = undefined;
      steps.push(`line ${line.device} ${what === 1 ? 'down' : 'carrier off'}`);
    }
  }
}

/** IPv6 comes and goes by itself, and mostly nobody is told. */
function advertise(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  if (line.state !== 'up') return;
  const what = random.below(4);
  if (what === 0) steps.push(`line ${line.device} advertises off`);
  else if (what < 3) steps.push(`line ${line.device} advertises 2001:db8:a${line.id}::${random.below(3) + 2}`);
  if (what < 3) line.advertised = what === 0 ? undefined : 'yes';
  if (random.below(2) === 0) return;
  const { device, kind, id, name } = line;
  const prefix = ['', ` 2001:db8:a${id}:${random.below(2) + 1}00::/56`][random.below(2)] ?? '';
  const hooks = kind === 'ppp' ? [`ipv6-up ${device} fe80::2 fe80::1 ${name}`] : [];
  steps.push(random.pick([...hooks, `dhclient BOUND6 ${device}${prefix}`, `dhclient EXPIRE6 ${device}${prefix}`]));
}

function reconfigure(walker: Walker, line: WalkLine): void {
  const { random, steps } = walker;
  const keys = [
    ' WEIGHT=5',
    ' TIER=2',
    ' ON_DOWN=block',
    ' MSS=1400',
    ' MASQUERADE=no',
    '',
    ' WEIGHT=5 TIER=3',
    ' IPV6=no',
    ' NPT=yes',
  ];
  const main = [
    '',
    ' LAN=none',
    ' MARK_MASK=0xff0',
    ' TABLE_BASE=30000',
    ' PREF_BASE=1000',
    ' ON_DOWN=block WEIGHT=9',
    ' PROBE=dns://203.0.113.9/a.b',
    ' IPV6=no',
  ];
  const what = random.below(8);
  if (what === 0 || what === 2) {
    walker.amiss.add(line);
    line.known = false;
  } else if (what !== 1) walker.amiss.delete(line);
  if (what === 0) steps.push(`config links/${line.name}.env`);
  else if (what === 1) steps.push(`config wanhook.env${random.pick(main)}`);
  else if (what === 2) steps.push(configure(line, ' WEIGHT=none'));
  else steps.push(configure(line, random.pick(keys)));
  if (random.below(2) === 0 && what !== 2) steps.push('wanhook apply');
}

function byHand(walker: Walker): void {
  const { random, steps, lines } = walker;
  const [, , cable] = lines;
  const said = random.pick(['stop', 'apply', 'event down eth1', 'event up eth1']);
  steps.push(`wanhook ${said}`);
  if (said === 'event down eth1' && cable) cable.known = false;
}

export function walk(seed: number, options: WalkOptions): Walk {
  const random = createRandom(seed);
  const walker: Walker = {
    random,
    lines: startLines(),
    options,
    steps: [],
    amiss: new Set(),
    lies: false,
    lostState: false,
  };
  const { steps, lines } = walker;
  lines.forEach((line) => steps.push(configure(line)));
  steps.push('wanhook apply');
  while (steps.length < options.length) {
    const line = random.pick(lines);
    const dice = random.below(108);
    if (dice >= 100) advertise(walker, line);
    else if (dice < 30) comeUp(walker, line);
    else if (dice < 44) goDown(walker, line);
    else if (dice < 56) sayNonsense(walker, line);
    else if (dice < 58) lie(walker, line);
    else if (dice < 70) disturb(walker, line);
    else if (dice < 77) steps.push(`stranger ${random.pick(THEIRS)}`);
    else if (dice < 84) steps.push(`stranger ${random.pick(OURS)}`);
    else if (dice < 86) steps.push('stranger drops the firewall');
    else if (dice < 91) reconfigure(walker, line);
    else if (dice < 94) byHand(walker);
    else if (dice < 98) steps.push(`monitor ${line.name} ${random.pick(['dead', 'dead', 'alive'])}`);
    else if (dice < 99) {
      steps.push('the state is lost');
      walker.lostState = true;
      for (const each of lines) each.known = false;
    } else steps.push('wanhook apply');
  }
  // Whoever was editing is done.
  steps.push(...lines.map((line) => configure(line, line.id === 2 ? ' WEIGHT=3' : '')), 'config wanhook.env');
  return { steps, lines, lies: walker.lies, lostState: walker.lostState };
}

/**
 * Not only the same as a fresh apply's, but right: a living line that wanhook heard of has its route, a dead one has none.
 * An unknown session may be taken for another line's, for its unit is all that tells them apart.
 */
export function untruths({ lines, lies }: Walk, ours: readonly string[]): string[] {
  if (lies) return [];
  const allKnown = lines.every(({ state, known, address, told }) => state === 'gone' || (known && address === told));
  return lines.flatMap(({ id, name, device, address, state, known, kind, advertised }) => {
    const six = ours.some(
      (line) => line.startsWith('ip -6 route') && line.includes(` via fe80::1 dev ${device} table 2000${id} `),
    );
    if (kind === 'dhcp' && state === 'up' && known && advertised === 'yes' && !six) return [`${name}: no IPv6 route`];
    const route = ours.find((line) => line.startsWith('ip route') && line.includes(` table 2000${id} `)) ?? 'no route';
    const right = route.includes(` dev ${device} src ${address} `);
    if (state === 'up' && known && !right) return [`${name} is up on ${device} with ${address}: ${route}`];
    const dead = state !== 'up' && (allKnown || state !== 'gone');
    return dead && route !== 'no route' ? [`${name} is ${state}: ${route}`] : [];
  });
}
