import { quoted } from '../checked.ts';
import { Checks, type HookInput, type ParsedHook } from './hook-input.ts';
import { classlessOctets, leaseDown, leaseUp, type LeaseWords } from './lease.ts';

const UP = new Set(['BOUND', 'REBOOT', 'RENEW', 'REBIND']);
const DOWN = new Set(['EXPIRE', 'FAIL', 'RELEASE', 'STOP']);
const CHECK = new Set(['BOUND6', 'RENEW6', 'REBIND6', 'EXPIRE6', 'RELEASE6', 'STOP6']);

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
  if (CHECK.has(reason) || reason === 'TIMEOUT') return { event: { ...plain, kind: 'check', dns: [] } };
  return { ignored: `reason ${quoted(reason)} changes nothing` };
}
