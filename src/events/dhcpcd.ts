import { quoted } from '../checked.ts';
import { Checks, type HookInput, type ParsedHook } from './hook-input.ts';
import { classlessPairs, leaseDown, leaseUp, type LeaseWords } from './lease.ts';
import { delegatedPrefixes } from './prefixes.ts';

const UP = new Set(['BOUND', 'RENEW', 'REBIND', 'REBOOT', 'TIMEOUT', 'STATIC', 'INFORM']);
/** NOCARRIER: address and default route are still there, and an EXPIRE may follow; but there is no line. */
const DOWN = new Set(['EXPIRE', 'NAK', 'STOP', 'RELEASE', 'DEPARTED', 'NOCARRIER']);
const UP6 = new Set(['BOUND6', 'RENEW6', 'REBIND6', 'REBOOT6']);
const DOWN6 = new Set(['EXPIRE6', 'RELEASE6', 'STOP6']);
/** STOPPED: with `persistent`, Debian's default, the address stays. The kernel knows. */
const CHECK = new Set(['ROUTERADVERT', 'DELEGATED6', 'INFORM6', 'IPV4LL', 'CARRIER', 'RECONFIGURE', 'STOPPED']);

const WORDS: LeaseWords = {
  address: 'new_ip_address',
  mask: 'new_subnet_mask',
  routers: 'new_routers',
  classless: 'new_classless_static_routes',
  dns: 'new_domain_name_servers',
  parseClassless: classlessPairs,
};

/** dhcpcd-run-hooks(8), sourced: everything is in the environment. `if_up` and `if_down` are not believed: they lie. */
export function dhcpcd({ env }: HookInput): ParsedHook {
  const reason = env['reason'] ?? '';
  const checks = new Checks();
  if (reason === '') checks.problems.push('variable reason is missing: expected BOUND, RENEW, EXPIRE, …');
  const device = checks.device('variable interface', env['interface']);
  if (checks.problems.length > 0) return { problems: checks.problems };

  const plain = { source: 'dhcpcd', device, cause: reason } as const;
  if (UP.has(reason)) return leaseUp(plain, env, WORDS);
  if (DOWN.has(reason)) return leaseDown(plain, env['old_ip_address']);
  const check = { ...plain, kind: 'check', dns: [] } as const;
  if (UP6.has(reason)) return { event: { ...check, ...newPrefixes(env) } };
  if (DOWN6.has(reason)) return { event: { ...check, prefixes: [] } };
  if (CHECK.has(reason)) return { event: check };
  return { ignored: `reason ${quoted(reason)} changes nothing` };
}

/** A lease that had prefixes and has none any more says that they are gone; one that never had any says nothing. */
function newPrefixes(env: HookInput['env']): { prefixes?: string[] } {
  const had = Object.keys(env).some((name) => /^old_dhcp6_ia_pd\d+_prefix\d+$/.test(name) && env[name] !== '');
  const prefixes = delegatedPrefixes(
    Object.entries(env).flatMap(([name, value]) => {
      const isPrefix = /^new_dhcp6_ia_pd\d+_prefix\d+$/.test(name) && value !== undefined && value !== '';
      return isPrefix ? [`${value}/${env[`${name}_length`] ?? ''}`] : [];
    }),
  );
  return prefixes.length > 0 || had ? { prefixes } : {};
}
