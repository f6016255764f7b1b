import { prefixOfMask, quoted } from '../checked.ts';
import { Checks, type HookInput, type ParsedHook } from './hook-input.ts';
import { namedGateway } from './lease.ts';

/**
 * interfaces(5), scripts in if-up.d and if-post-down.d: no arguments, once per family. Only `static` comes with an address;
 * any other method has a daemon that tells for itself, or the kernel knows. Before the address is taken away (if-down.d)
 * the line still works, and ifdown may yet fail.
 */
export function ifupdown({ env }: HookInput): ParsedHook {
  const phase = env['PHASE'] ?? '';
  if (env['IFACE'] === '--all') return { ignored: 'all devices are done: each has told for itself' };
  const checks = new Checks();
  if (phase === '') checks.problems.push('variable PHASE is missing: expected post-up or post-down');
  const device = checks.device('variable IFACE', env['IFACE']);
  if (checks.problems.length > 0) return { problems: checks.problems };
  if (phase !== 'post-up' && phase !== 'post-down') return { ignored: `phase ${quoted(phase)} changes nothing` };

  const plain = { source: 'ifupdown', device, cause: phase, dns: [] } as const;
  if (env['ADDRFAM'] !== 'inet') return { event: { ...plain, kind: 'check' } };
  if (phase === 'post-down') return { event: { ...plain, kind: 'down' } };
  if (env['METHOD'] !== 'static') return { event: { ...plain, kind: 'check' } };

  const [address = '', length = ''] = (env['IF_ADDRESS'] ?? '').split('/');
  checks.address('variable IF_ADDRESS', address);
  const prefix = prefixOf(length === '' ? (env['IF_NETMASK'] ?? '') : length, checks);
  const gateway = namedGateway('variable IF_GATEWAY', env['IF_GATEWAY'], address, checks);
  if (checks.problems.length > 0) return { problems: checks.problems };
  const said = { address, ...(prefix !== undefined && { prefix }), ...(gateway !== undefined && { gateway }) };
  return { event: { ...plain, kind: 'up', ...said } };
}

/** A netmask or its length, as the administrator wrote it. */
function prefixOf(said: string, checks: Checks): number | undefined {
  if (said === '') return undefined;
  const prefix = /^\d{1,2}$/.test(said) && Number(said) <= 32 ? Number(said) : prefixOfMask(said);
  if (prefix === undefined) checks.problems.push(`variable IF_NETMASK is no netmask: ${quoted(said)}`);
  return prefix;
}
