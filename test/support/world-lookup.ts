/** Where packets to the Internet go by the fake kernel's rules and routes: what must be right at every moment. */
import type { FakeKernel } from './fake-kernel.ts';
import { READ_ALL, READ_ALL6 } from './world-dump.ts';

type Json = Readonly<Record<string, unknown>>;

interface Family {
  readonly rules: readonly Json[];
  readonly routes: readonly Json[];
}

/** What a packet has that rules ask for. */
interface Packet {
  readonly from?: string;
  readonly mark?: number;
}

const UNREACHABLE = '7';
const MAIN = '254';

function familyOf(fake: FakeKernel, six: boolean): Family {
  const argv = [...(six ? ['-6'] : []), '-N', '-j', '-batch', '-'];
  const commands = six ? READ_ALL6 : READ_ALL.filter((command) => /^r/.test(command));
  const { stdout } = fake.runSync('ip', argv, commands.join('\n'));
  const [rules = [], routes = []] = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json[]);
  return { rules, routes };
}

function matches(rule: Json, { from, mark = 0 }: Packet): boolean {
  if (['iif', 'oif', 'sport_start', 'dst'].some((key) => rule[key] !== undefined)) return false;
  const { src = 'all', srclen, fwmark, fwmask = 0xffffffff } = rule;
  const isFrom = src === 'all' || (srclen === undefined && src === from);
  const isMark = fwmark === undefined || (mark & Number(fwmask)) >>> 0 === Number(fwmark);
  return (isFrom && isMark) !== (rule['not'] !== undefined);
}

/** The devices of the default route that is found, or `nothing` or `refused`. */
function lookup({ rules, routes }: Family, packet: Packet): string[] {
  let skipTo = 0;
  for (const rule of rules) {
    if (Number(rule['priority']) < skipTo || !matches(rule, packet) || rule['nop'] !== undefined) continue;
    if (rule['goto'] !== undefined) skipTo = Number(rule['goto']);
    if (rule['action'] === UNREACHABLE) return ['refused'];
    if (rule['table'] === undefined || rule['suppress_prefixlen'] !== undefined) continue;
    const inTable = routes.filter(({ table = MAIN, dst }) => table === rule['table'] && dst === 'default');
    const [best] = inTable.filter(isAlive).toSorted((a, b) => Number(a['metric'] ?? 0) - Number(b['metric'] ?? 0));
    if (best === undefined) continue;
    if (best['type'] !== undefined) return ['refused'];
    const hops = best['nexthops'] as Json[] | undefined;
    return hops?.map(({ dev }) => String(dev)) ?? [String(best['dev'])];
  }
  return ['nothing'];
}

const isAlive = ({ flags }: Json) => !(flags as string[] | undefined)?.includes('linkdown');

/** For a new connection, for each address of the router's, and for each mark that a rule knows. */
export type Ways = ReadonlyMap<string, readonly string[]>;

export function waysOf(fake: FakeKernel): Ways {
  const devices = JSON.parse(fake.runSync('ip', ['-N', '-j', '-batch', '-'], 'address show').stdout) as Json[];
  const all = devices.flatMap(({ addr_info }) => addr_info as { family: string; local: string }[]);
  const ways = new Map<string, readonly string[]>();
  for (const six of [false, true]) {
    const family = familyOf(fake, six);
    const addresses = all.filter((address) => (address.family === 'inet6') === six).map(({ local }) => local);
    const marks = new Set(family.rules.flatMap(({ fwmark }) => (fwmark === undefined ? [] : [Number(fwmark)])));
    const name = six ? 'IPv6 ' : '';
    ways.set(`${name}new`, lookup(family, {}));
    for (const from of addresses) ways.set(`${name}from ${from}`, lookup(family, { from }));
    for (const mark of marks) ways.set(`${name}mark ${mark}`, lookup(family, { mark }));
  }
  return ways;
}

/** Ways that are neither as before nor as they are to become. */
export function wrongWays(before: Ways, after: Ways, now: Ways): string[] {
  return [...now].flatMap(([packet, devices]) => {
    const [was, will] = [before.get(packet), after.get(packet)];
    // Nobody has that mark any more, or yet.
    if (was === undefined || will === undefined) return [];
    const both = [...was, ...will];
    // Where nothing is to be found, a refusal is as good.
    const isRight = (device: string) => both.includes(device) || (device === 'refused' && both.includes('nothing'));
    const wrong = devices.filter((device) => !isRight(device));
    return wrong.length === 0 ? [] : [`${packet} goes to ${wrong.join()}; before ${was.join()}, after ${will.join()}`];
  });
}
