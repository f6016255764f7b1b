import { quoted } from '../checked.ts';
import { Checks, resolvers, type HookInput, type ParsedHook } from './hook-input.ts';
import { namedGateway } from './lease.ts';

/** Only with these the variables are of now: after `reapply` they are those of the last activation. */
const UP = new Set(['up', 'dhcp4-change']);
const CHECK = new Set(['dhcp6-change', 'reapply', 'connectivity-change']);

/**
 * NetworkManager-dispatcher(8): `device action`; the first address counts. With pppd below, `DEVICE_IP_IFACE` is the ppp
 * device, and argument 1 may be the network card under it.
 */
export function networkManager({ args, env }: HookInput): ParsedHook {
  const action = args[1] ?? '';
  const name = env['DEVICE_IP_IFACE'] ?? '';
  // It speaks of NetworkManager's own choice among all lines.
  if (name === '' && args[0] === '' && action !== '') return { ignored: `${quoted(action)} is of no device` };
  const checks = new Checks();
  const device = name === '' ? checks.device('argument 1 (device)', args[0]) : checks.device('DEVICE_IP_IFACE', name);
  if (action === '') checks.problems.push('argument 2 is missing: expected up, down, dhcp4-change, …');
  if (checks.problems.length > 0) return { problems: checks.problems };

  const plain = { source: 'networkmanager', device, cause: action, dns: [] } as const;
  if (action === 'down') return { event: { ...plain, kind: 'down' } };
  const said = env['IP4_ADDRESS_0'] ?? '';
  // dhcp4-change comes once before `up`, without any address; a line may have IPv6 alone.
  if (CHECK.has(action) || (UP.has(action) && said === '')) return { event: { ...plain, kind: 'check' } };
  if (!UP.has(action)) return { ignored: `${quoted(action)} changes nothing` };

  const [address, prefix] = addressOf(said, checks);
  const gateway = namedGateway('variable IP4_GATEWAY', env['IP4_GATEWAY'], address, checks);
  if (checks.problems.length > 0) return { problems: checks.problems };
  const dns = resolvers((env['IP4_NAMESERVERS'] ?? '').split(/\s+/));
  return { event: { ...plain, kind: 'up', address, prefix, ...(gateway !== undefined && { gateway }), dns } };
}

/** `192.0.2.17/24 192.0.2.1`: address, prefix, and a gateway, which IP4_GATEWAY tells as well. */
function addressOf(said: string, checks: Checks): [address: string, prefix: number] {
  const [address = '', prefix = ''] = (said.split(' ')[0] ?? '').split('/');
  checks.address('variable IP4_ADDRESS_0', address);
  if (!/^\d{1,2}$/.test(prefix) || Number(prefix) > 32) {
    checks.problems.push(`variable IP4_ADDRESS_0 has no prefix length: ${quoted(said)}`);
  }
  return [address, Number(prefix)];
}
