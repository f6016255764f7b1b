import { parseIpv4, quoted } from '../checked.ts';
import { linkMark } from '../desired/numbers.ts';
import { PAIR_MAPS, PAIR_MAPS6 } from '../desired/memory.ts';
import { EXIT, WanhookError } from '../errors.ts';
import { forgetCommand, type Remembered } from '../kernel/memory.ts';
import { parseIpv6 } from '../ipv6.ts';
import type { Config } from '../model.ts';
import type { World } from '../reconcile.ts';
import { loadGoodConfig } from '../state/good-config.ts';
import { trialConfig } from '../state/trial.ts';
import { columns } from './columns.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** One remembered pair as `pins --json` prints it. */
interface Pin {
  readonly family: 4 | 6;
  /** Address, or `router` for the router's own connections. Null: of an IPv6 pair the kernel keeps only a hash. */
  readonly client: string | null;
  /** Null: as above. */
  readonly server: string | null;
  /** `tcp/443` where PAIR_BY_PORT tells ports apart; null, too, where only a hash is kept. */
  readonly port: string | null;
  /** The link's name; its mark if there is no such link any more. */
  readonly link: string;
  /** Seconds. */
  readonly expires: number;
}

/** `wanhook pins`: which pairs are remembered on which link. */
export async function pins(context: Context, common: Common, json: boolean): Promise<number> {
  const world = worldFor(context, common);
  const found = (await readPins(world)).map(({ pin }) => pin);
  if (json) context.out(`${JSON.stringify(found, null, 2)}\n`);
  else if (found.length === 0) context.out('no pairs are remembered\n');
  else context.out(inWords(found));
  return EXIT.done;
}

function inWords(found: readonly Pin[]): string {
  const rows = found.flatMap(({ client, server, port, link, expires }) =>
    client === null || server === null ? [] : [[client, server, port ?? 'any', link, `${expires} s`]],
  );
  const table = rows.length === 0 ? '' : columns([['CLIENT', 'SERVER', 'PORT', 'LINK', 'EXPIRES'], ...rows]);
  const six = found.filter(({ family }) => family === 6).map(({ link }) => link);
  const counts = [...new Set(six)].toSorted().map((name) => `${six.filter((link) => link === name).length} on ${name}`);
  if (counts.length === 0) return table;
  return `${table}IPv6 pairs, whose addresses the kernel does not keep: ${counts.join(', ')}\n`;
}

/** `wanhook pins flush [FILTER]`: running connections stay where they are, the next ones choose anew. */
export async function flushPins(context: Context, common: Common, filter: string | undefined): Promise<number> {
  const world = worldFor(context, common);
  const matches = parseFilter(filter, configOf(world));
  const count = await world.alone(async () => {
    const found = (await readPins(world)).filter(({ pin }) => matches(pin));
    found.forEach(({ element }) => world.echo(forgetCommand(element)));
    await world.kernel.memory.forget(found.map(({ element }) => element));
    return found.length;
  });
  context.out(`${count ?? 0} pairs forgotten\n`);
  return EXIT.done;
}

/** A link's name, a client, or client>server; `router` is a client too. */
function parseFilter(filter: string | undefined, config: Config | undefined): (pin: Pin) => boolean {
  if (filter === undefined) return () => true;
  if (config?.links.some(({ name }) => name === filter) === true) return ({ link }) => link === filter;
  const [client = '', server, ...more] = filter.split('>').map((word) => word.trim());
  const isClient = client === ROUTER || parseIpv4(client) !== undefined;
  if ([client, server].some((word) => word !== undefined && parseIpv6(word) !== undefined)) {
    const message = 'IPv6 pairs are known by a hash of their addresses: name a link, or nothing to forget all';
    throw new WanhookError(message, { exitCode: EXIT.usage });
  }
  if (!isClient || more.length > 0 || (server !== undefined && parseIpv4(server) === undefined)) {
    const message = `${quoted(filter)} is no link's name, client address, or client>server (quote the ">")`;
    throw new WanhookError(message, { exitCode: EXIT.usage });
  }
  return (pin) => pin.client === client && (server === undefined || pin.server === server);
}

const ROUTER = 'router';

async function readPins(world: World): Promise<{ pin: Pin; element: Remembered }[]> {
  const { memory } = world.kernel;
  // IPv6's are there only where there is IPv6.
  const found = [await memory.read(Object.keys(PAIR_MAPS)), await memory.read(PAIR_MAPS6)];
  const elements = found.flatMap((all) => all ?? []);
  const config = configOf(world);
  return elements
    .map((element) => ({ element, pin: pinOf(element, config) }))
    .toSorted((a, b) => order(a.pin.client, b.pin.client) || order(a.pin.server, b.pin.server));
}

const order = (a: string | null, b: string | null) => (parseIpv4(a ?? '') ?? -1) - (parseIpv4(b ?? '') ?? -1);

function pinOf(element: Remembered, config: Config | undefined): Pin {
  const { map, key, expires } = element;
  const isOwn = map.startsWith('own');
  const shared = { link: linkOf(element, config), expires };
  if ((PAIR_MAPS6 as readonly string[]).includes(map))
    return { family: 6, client: isOwn ? ROUTER : null, server: null, port: null, ...shared };
  const [client = '', server = '', protocol, port] = isOwn ? [ROUTER, ...key] : key;
  return { family: 4, client, server, port: protocol === undefined ? null : `${protocol}/${port ?? ''}`, ...shared };
}

function linkOf({ mark }: Remembered, config: Config | undefined): string {
  const link = config?.links.find((one) => linkMark(config, one).value === mark)?.name;
  return link ?? `0x${mark.toString(16)}`;
}

/** The configuration in force: what `apply` last took, even while somebody is editing. */
function configOf(world: World): Config | undefined {
  return trialConfig(world) ?? loadGoodConfig(world.stateDirectory) ?? world.loadConfig().config;
}
