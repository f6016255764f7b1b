import { isUsableIpv4, parseIpv4, prefixOfMask, quoted } from '../checked.ts';
import { delegatedPrefix } from '../ipv6.ts';
import type { LinkEvent } from '../model.ts';
import { Checks, resolvers, type HookInput, type ParsedHook } from './hook-input.ts';

type Env = HookInput['env'];

const UP = new Set(['BOUND', 'REBOOT', 'RENEW', 'REBIND']);
const DOWN = new Set(['EXPIRE', 'FAIL', 'RELEASE', 'STOP']);
const UP6 = new Set(['BOUND6', 'RENEW6', 'REBIND6']);
const DOWN6 = new Set(['EXPIRE6', 'RELEASE6', 'STOP6']);

/** dhclient-script(8) as a sourced exit hook: everything is in the environment; a NAK arrives as EXPIRE. */
export function dhclient(input: HookInput): ParsedHook {
  const { env } = input;
  const reason = env['reason'] ?? '';
  const checks = new Checks();
  if (reason === '') checks.problems.push('variable reason is missing: expected BOUND, RENEW, EXPIRE, …');
  const device = checks.device('variable interface', env['interface']);
  if (checks.problems.length > 0) return { problems: checks.problems };

  const plain = { source: 'dhclient', device, dns: [], cause: reason } as const;
  // TIMEOUT: the server is silent but the old lease may still work; dhclient-script tries it and says so.
  if (UP.has(reason) || (reason === 'TIMEOUT' && env['exit_status'] === '0')) return leaseUp(device, reason, env);
  if (DOWN.has(reason) || (reason === 'TIMEOUT' && env['exit_status'] !== undefined && env['exit_status'] !== '')) {
    const address = env['old_ip_address'] ?? '';
    return { event: { ...plain, kind: 'down', ...(isUsableIpv4(address) && { address }) } };
  }
  if (UP6.has(reason) || DOWN6.has(reason)) return lease6(input.env, { ...plain, kind: 'check', family: 6 });
  if (reason === 'TIMEOUT') return { event: { ...plain, kind: 'check' } };
  return { ignored: `reason ${quoted(reason)} changes nothing` };
}

/**
 * DHCPv6: a call for every address and every prefix, with nothing of the others. Addresses are the kernel's to tell, the
 * gateway is the router advertisement's.
 */
function lease6(env: Env, event: LinkEvent): ParsedHook {
  const isUp = UP6.has(event.cause);
  const given = (isUp ? env['new_ip6_prefix'] : env['old_ip6_prefix']) ?? '';
  if (given === '') return { event };
  const prefix = delegatedPrefix(given);
  if (prefix !== undefined) return { event: { ...event, prefixes: isUp ? [prefix] : [] } };
  return {
    problems: [`variable ${isUp ? 'new' : 'old'}_ip6_prefix is no prefix an ISP can delegate: ${quoted(given)}`],
  };
}

function leaseUp(device: string, reason: string, env: Env): ParsedHook {
  const checks = new Checks();
  const address = checks.address('variable new_ip_address', env['new_ip_address']);
  const mask = env['new_subnet_mask'];
  // Without a mask dhclient-script configures a /32 (seen with 4.4.3).
  const prefix = mask === undefined || mask === '' ? 32 : prefixOfMask(mask);
  if (prefix === undefined) {
    checks.problems.push(`variable new_subnet_mask is not a contiguous netmask: ${quoted(mask ?? '')}`);
  }
  const gateway = gatewayOf(env, address, checks);
  if (checks.problems.length > 0 || prefix === undefined) return { problems: checks.problems };
  const event: LinkEvent = {
    source: 'dhclient',
    kind: 'up',
    device,
    address,
    prefix,
    ...(gateway !== undefined && { gateway }),
    dns: resolvers((env['new_domain_name_servers'] ?? '').split(/\s+/)),
    cause: reason,
  };
  return { event };
}

/** RFC 3442: a client that was given classless routes must ignore the router option. */
function gatewayOf(env: Env, address: string, checks: Checks): string | undefined {
  const classless = env['new_rfc3442_classless_static_routes'];
  if (classless !== undefined && classless !== '') {
    const routes = parseClasslessRoutes(classless);
    if (routes !== undefined) {
      return routes.find((route) => route.prefix === 0 && isGateway(route.gateway, address))?.gateway;
    }
    checks.problems.push(
      `variable new_rfc3442_classless_static_routes is not a list of routes in octets: ${quoted(classless)}`,
    );
    return undefined;
  }
  const routers = (env['new_routers'] ?? '').split(/\s+/).filter((router) => router !== '');
  const gateway = routers.find((router) => isGateway(router, address));
  if (gateway === undefined && routers.length > 0) {
    checks.problems.push(`variable new_routers has no usable gateway: ${quoted(routers.join(' '))}`);
  }
  return gateway;
}

function isGateway(gateway: string, ownAddress: string): boolean {
  return isUsableIpv4(gateway) && gateway !== ownAddress;
}

/** dhclient prints option 121 as decimal octets: prefix length, the prefix's significant octets, the gateway. */
function parseClasslessRoutes(text: string): { prefix: number; gateway: string }[] | undefined {
  const octets = text.trim().split(/\s+/);
  const routes: { prefix: number; gateway: string }[] = [];
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
