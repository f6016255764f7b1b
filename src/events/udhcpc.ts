import { quoted } from '../checked.ts';
import { Checks, type HookInput, type ParsedHook } from './hook-input.ts';
import { classlessPairs, leaseDown, leaseUp, type LeaseWords } from './lease.ts';

const WORDS: LeaseWords = {
  address: 'ip',
  mask: 'subnet',
  routers: 'router',
  classless: 'staticroutes',
  dns: 'dns',
  parseClassless: classlessPairs,
};

/** busybox udhcpc, after the distribution's script: argument 1 is what happened, the lease is in the environment. */
export function udhcpc({ args, env }: HookInput): ParsedHook {
  const action = args[0] ?? '';
  const checks = new Checks();
  if (action === '') checks.problems.push('argument 1 is missing: expected bound, renew, deconfig, …');
  const device = checks.device('variable interface', env['interface']);
  if (checks.problems.length > 0) return { problems: checks.problems };

  const plain = { source: 'udhcpc', device, cause: action } as const;
  if (action === 'bound' || action === 'renew') return leaseUp(plain, env, WORDS);
  if (action === 'deconfig') return leaseDown(plain);
  return { ignored: `${quoted(action)} changes nothing` };
}
