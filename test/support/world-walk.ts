/**
 * Random walks: what may happen to a router with two PPPoE lines and two cables in one subnet, in any order, as steps of
 * world-steps.ts. The walk itself knows only what is true of the lines, not what wanhook makes of it.
 */
import { createRandom, type Random } from './world-random.ts';
import { PEER } from './world-steps.ts';
import { OURS, TABLES, THEIRS } from './world-strangers.ts';
import {
  anyClient,
  configure,
  downHook,
  newAddress,
  startLines,
  UNITS,
  upHook,
  type WalkLine,
} from './world-walk-lines.ts';

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

/** Bring the line up; the hook follows, or (rarely) is lost. */
function comeUp(walker: Walker, line: WalkLine): void {
  const { random, steps, options } = walker;
  if (line.state === 'up') return;
  if (line.state === 'unplugged') steps.push(`line ${line.device} carrier on`);
  if (options.moves && line.kind === 'ppp' && line.state === 'gone') {
    const taken = walker.lines.filter((other) => other.state !== 'gone').map(({ device }) => device);
    line.device = random.pick(UNITS.filter((unit) => !taken.includes(unit)));
  }
  if (random.below(2) === 0) line.address = newAddress(walker.random, line);
  steps.push(`line ${line.device} up ${line.address}`);
  line.state = 'up';
  line.known = false;
  line.client = anyClient(random);
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
  const old = newAddress(walker.random, line);
  const choices: (() => string)[] = [
    () => upHook(line),
    () => upHook(line, old),
    // The same line, managed twice.
    () => upHook(line, line.address, anyClient(random)),
    () => `ipv6-up ${line.device} - - ${line.name}`,
    () => 'ip-up ppp9 10.0.0.9 10.0.0.1 vpn',
  ];
  // Late, about an address that the line had; a lease that ends is believed if its address is the recorded one.
  if (line.kind === 'ppp' && line.known) choices.push(() => downHook(line, old));
  if (line.kind === 'ppp' && line.state === 'up' && line.known) choices.push(() => downHook(line));
  const said = random.pick(choices)();
  steps.push(said);
  if (said.startsWith('ip-up') && !said.includes('vpn')) heard(walker, line, said.split(' ')[2]);
  // It names the unit, and no address.
  else if (said.startsWith('ipv6-up') && line.state !== 'up') heard(walker, line);
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
      line.address = newAddress(walker.random, line);
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
    ` WEIGHT=5 PREFIXES=2001:db8:a${line.id}:100::/56,2001:db8:b${line.id}::/48`,
    ' TIER=2',
    ' ON_DOWN=block',
    ' MSS=1400',
    ' MASQUERADE=no',
    '',
    ' WEIGHT=5 TIER=3',
    ' IPV6=no',
    ' NPT=yes',
    ' METERED=yes',
    ' FAILBACK=delay:30',
    ' FAILBACK=manual TIER=2',
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
    ' BALANCE=client',
    ' BALANCE=pair',
    ' ON_DOWN=block BALANCE=client REBALANCE=return',
    ' FAILBACK=delay:30',
    ' LAST_RESORT=block',
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

/** What wanhook does is interrupted, or is done while it does something else. */
function complicate(walker: Walker, line: WalkLine): void {
  const { random, steps, lines } = walker;
  const step = steps.at(-1) ?? '';
  const dice = random.below(10);
  if (dice > 1 || /^(?:config|line|stranger|the state|monitor|wanhook event)/.test(step)) return;
  if (dice === 0) {
    steps[steps.length - 1] =
      `struck ${random.pick(['die', 'die', 'fail', 'broken', 'hang'])} ${random.below(90)} ${step}`;
    // The event may not have got as far as the disk.
    line.known = false;
    return;
  }
  const other = lines.find(({ state, device }) => state === 'up' && device !== line.device);
  if (other === undefined) return;
  steps[steps.length - 1] = `together ${step} | ${upHook(other)} | ${random.pick(['wanhook apply', upHook(other)])}`;
  heard(walker, other);
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
    const [dice, before] = [random.below(108), steps.length];
    if (dice >= 100) advertise(walker, line);
    else if (dice < 30) comeUp(walker, line);
    else if (dice < 44) goDown(walker, line);
    else if (dice < 56) sayNonsense(walker, line);
    else if (dice < 58) lie(walker, line);
    else if (dice < 70) disturb(walker, line);
    else if (dice < 77) steps.push(`stranger ${random.pick(THEIRS)}`);
    else if (dice < 84) steps.push(`stranger ${random.pick(OURS)}`);
    else if (dice < 86) steps.push(random.pick(['stranger drops the firewall', `stranger nft ${random.pick(TABLES)}`]));
    else if (dice < 91) reconfigure(walker, line);
    else if (dice < 94) byHand(walker);
    else if (dice < 98)
      steps.push(`monitor ${line.name} ${random.pick(['dead', 'dead', 'alive', 'dead IPv6', 'alive IPv6'])}`);
    else if (dice < 99) {
      steps.push('the state is lost');
      walker.lostState = true;
      for (const each of lines) each.known = false;
    } else steps.push('wanhook apply');
    if (steps.length > before) complicate(walker, line);
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
