import { isUsableIpv4, parseIpv4, prefixOfMask, quoted } from '../checked.ts';
import type { LinkEvent } from '../model.ts';
import { Checks, resolvers, type HookInput, type ParsedHook } from './hook-input.ts';

type Env = HookInput['env'];

/** One line of a daemon's event, whatever it was about. */
type Plain = Pick<LinkEvent, 'source' | 'device' | 'cause'>;

/** How a DHCP client names what the server gave: variables, and how it writes option 121. */
export interface LeaseWords {
  readonly address: string;
  readonly mask: string;
  readonly routers: string;
  readonly classless: string;
  readonly dns: string;
  readonly parseClassless: (text: string) => readonly ClasslessRoute[] | undefined;
  /** What the client configures without a mask, if it is known. */
  readonly prefixWithoutMask?: number;
}
export interface ClasslessRoute {
  readonly prefix: number;
  readonly gateway: string;
}

/** `up` with the lease that the environment tells of. */
export function leaseUp(plain: Plain, env: Env, words: LeaseWords): ParsedHook {
  const checks = new Checks();
  const address = checks.address(`variable ${words.address}`, env[words.address]);
  const mask = env[words.mask] ?? '';
  const prefix = mask === '' ? words.prefixWithoutMask : prefixOfMask(mask);
  if (mask !== '' && prefix === undefined) {
    checks.problems.push(`variable ${words.mask} is not a contiguous netmask: ${quoted(mask)}`);
  }
  const gateway = gatewayOf(env, address, words, checks);
  if (checks.problems.length > 0) return { problems: checks.problems };
  return {
    event: {
      ...plain,
      kind: 'up',
      address,
      ...(prefix !== undefined && { prefix }),
      ...(gateway !== undefined && { gateway }),
      dns: resolvers((env[words.dns] ?? '').split(/\s+/)),
    },
  };
}

/** `down`; an address nobody can have is left out: the recorded one counts. */
export function leaseDown(plain: Plain, address = ''): ParsedHook {
  return { event: { ...plain, kind: 'down', dns: [], ...(isUsableIpv4(address) && { address }) } };
}

/** RFC 3442: a client that was given classless routes must ignore the router option. */
function gatewayOf(env: Env, address: string, words: LeaseWords, checks: Checks): string | undefined {
  const classless = env[words.classless];
  if (classless !== undefined && classless !== '') {
    const routes = words.parseClassless(classless);
    if (routes !== undefined) {
      return routes.find((route) => route.prefix === 0 && isGateway(route.gateway, address))?.gateway;
    }
    checks.problems.push(`variable ${words.classless} is not a list of classless routes: ${quoted(classless)}`);
    return undefined;
  }
  const routers = (env[words.routers] ?? '').split(/\s+/).filter((router) => router !== '');
  const gateway = routers.find((router) => isGateway(router, address));
  if (gateway === undefined && routers.length > 0) {
    checks.problems.push(`variable ${words.routers} has no usable gateway: ${quoted(routers.join(' '))}`);
  }
  return gateway;
}

/** May this be the way out for who has that address? */
export function isGateway(gateway: string, ownAddress: string): boolean {
  return isUsableIpv4(gateway) && gateway !== ownAddress;
}

/** A gateway as an administrator or a manager names it; `none` and 0.0.0.0: there is none. */
export function namedGateway(where: string, said: string | undefined, address: string, checks: Checks) {
  if (said === undefined || ['', 'none', '0.0.0.0'].includes(said)) return undefined;
  if (isGateway(said, address)) return said;
  checks.problems.push(`${where} is no usable gateway: ${quoted(said)}`);
  return undefined;
}

/** dhclient prints option 121 as decimal octets: prefix length, the prefix's significant octets, the gateway. */
export function classlessOctets(text: string): ClasslessRoute[] | undefined {
  const octets = text.trim().split(/\s+/);
  const routes: ClasslessRoute[] = [];
  for (let at = 0; at < octets.length;) {
    const prefix = Number(octets[at]);
    if (!/^\d{1,2}$/.test(octets[at] ?? '') || prefix > 32) return undefined;
    const start = at + 1 + Math.ceil(prefix / 8);
    const gateway = octets.slice(start, start + 4).join('.');
    const destination = octets.slice(at + 1, start);
    if (parseIpv4(gateway) === undefined) return undefined;
    if (!destination.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) <= 255)) return undefined;
    routes.push({ prefix, gateway });
    at = start + 4;
  }
  return routes;
}

/** dhcpcd and udhcpc print it as `203.0.113.0/24 192.0.2.1` and so on. */
export function classlessPairs(text: string): ClasslessRoute[] | undefined {
  const parts = text.trim().split(/\s+/);
  const routes: ClasslessRoute[] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const destination = /^([\d.]+)\/(\d{1,2})$/.exec(parts[at] ?? '');
    const gateway = parts[at + 1] ?? '';
    const prefix = Number(destination?.[2]);
    if (destination === null || parseIpv4(destination[1] ?? '') === undefined || prefix > 32) return undefined;
    if (parseIpv4(gateway) === undefined) return undefined;
    routes.push({ prefix, gateway });
  }
  return routes;
}
