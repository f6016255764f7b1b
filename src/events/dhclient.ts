import { quoted } from '../checked.ts';
import { delegatedPrefix } from '../ipv6.ts';
import type { LinkEvent } from '../model.ts';
import { Checks, type HookInput, type ParsedHook } from './hook-input.ts';
import { classlessOctets, leaseDown, leaseUp, type LeaseWords } from './lease.ts';

const UP = new Set(['BOUND', 'REBOOT', 'RENEW', 'REBIND']);
const DOWN = new Set(['EXPIRE', 'FAIL', 'RELEASE', 'STOP']);
const UP6 = new Set(['BOUND6', 'RENEW6', 'REBIND6']);
const DOWN6 = new Set(['EXPIRE6', 'RELEASE6', 'STOP6']);

const WORDS: LeaseWords = {
  address: 'new_ip_address',
  mask: 'new_subnet_mask',
  routers: 'new_routers',
  classless: 'new_rfc3442_classless_static_routes',
  dns: 'new_domain_name_servers',
  parseClassless: classlessOctets,
  // Seen with 4.4.3.
  prefixWithoutMask: 32,
};

/** dhclient-script(8) as a sourced exit hook: everything is in the environment; a NAK arrives as EXPIRE. */
export function dhclient({ env }: HookInput): ParsedHook {
  const reason = env['reason'] ?? '';
  const checks = new Checks();
  if (reason === '') checks.problems.push('variable reason is missing: expected BOUND, RENEW, EXPIRE, …');
  const device = checks.device('variable interface', env['interface']);
  if (checks.problems.length > 0) return { problems: checks.problems };

  const plain = { source: 'dhclient', device, cause: reason } as const;
  // TIMEOUT: the server is silent but the old lease may still work; dhclient-script tries it and says so.
  if (UP.has(reason) || (reason === 'TIMEOUT' && env['exit_status'] === '0')) return leaseUp(plain, env, WORDS);
  if (DOWN.has(reason) || (reason === 'TIMEOUT' && env['exit_status'] !== undefined && env['exit_status'] !== '')) {
    return leaseDown(plain, env['old_ip_address']);
  }
  if (UP6.has(reason) || DOWN6.has(reason)) return lease6(env, { ...plain, kind: 'check', family: 6, dns: [] });
  if (reason === 'TIMEOUT') return { event: { ...plain, kind: 'check', dns: [] } };
  return { ignored: `reason ${quoted(reason)} changes nothing` };
}

/**
 * DHCPv6: a call for every address and every prefix, with nothing of the others. Addresses are the kernel's to tell, the
 * gateway is the router advertisement's. A client that was killed has not said which prefixes are gone: those of its
 * successor's first answer have the same start.
 */
function lease6(env: HookInput['env'], event: LinkEvent): ParsedHook {
  const isUp = UP6.has(event.cause);
  const given = (isUp ? env['new_ip6_prefix'] : env['old_ip6_prefix']) ?? '';
  if (given === '') return { event };
  const prefix = delegatedPrefix(given);
  if (prefix !== undefined) {
    const start = event.cause === 'BOUND6' && /^\d{1,12}$/.test(env['new_starts'] ?? '') && Number(env['new_starts']);
    const leaseStart = start !== false && { leaseStart: start };
    return { event: { ...event, prefixes: [prefix], prefixesAre: isUp ? 'added' : 'removed', ...leaseStart } };
  }
  return {
    problems: [`variable ${isUp ? 'new' : 'old'}_ip6_prefix is no prefix an ISP can delegate: ${quoted(given)}`],
  };
}
