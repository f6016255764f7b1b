import { isLinkLocalIpv4, isUsableIpv4, quoted } from '../checked.ts';
import { Checks, resolvers, type HookInput, type ParsedHook } from './hook-input.ts';
import { isGateway } from './lease.ts';

/**
 * `configured`, too: where IPv6 came first, the device is routable already when DHCP is done, and routable once more is no
 * news. IPv4 that is lost while IPv6 stays gives no event at all.
 */
const UP = new Set(['routable', 'configured']);
const DOWN = new Set(['degraded', 'no-carrier', 'off']);

/**
 * networkd-dispatcher: no arguments. The state is what it was when the change came; addresses and gateway are read later,
 * when the script's turn has come, and so count for more: "degraded" may arrive with the new address there.
 */
export function networkd({ env }: HookInput): ParsedHook {
  const state = env['STATE'] ?? '';
  const checks = new Checks();
  if (state === '') checks.problems.push('variable STATE is missing: expected routable, degraded, no-carrier, off');
  const device = checks.device('variable IFACE', env['IFACE']);
  if (checks.problems.length > 0) return { problems: checks.problems };
  if (!UP.has(state) && !DOWN.has(state)) return { ignored: `state ${quoted(state)} changes nothing` };

  const plain = { source: 'networkd', device, cause: state, dns: [] } as const;
  const address = words(env['IP_ADDRS']).find((one) => isUsableIpv4(one) && !isLinkLocalIpv4(one));
  if (address === undefined) return { event: { ...plain, kind: DOWN.has(state) ? 'down' : 'check' } };
  if (DOWN.has(state) && state !== 'degraded') return { event: { ...plain, kind: 'check' } };

  const status = parseStatus(env['json'] ?? '');
  if (status === undefined) {
    return { problems: [`variable json is not networkctl's status of ${device}: ${quoted(env['json'] ?? '')}`] };
  }
  const gateway = listIn(status, 'Gateway').find((one) => isGateway(one, address));
  const dns = resolvers(listIn(status, 'DNS'));
  return { event: { ...plain, kind: 'up', address, ...(gateway !== undefined && { gateway }), dns } };
}

const words = (text = '') => text.split(/\s+/).filter((word) => word !== '');

function parseStatus(json: string): object | undefined {
  try {
    const status: unknown = JSON.parse(json);
    return typeof status === 'object' && status !== null ? status : undefined;
  } catch {
    return undefined;
  }
}

/** networkctl puts the maker's name behind a gateway: `192.0.2.1 (Example Ltd)`. */
function listIn(status: object, key: string): string[] {
  const list: unknown = Object.entries(status).find(([name]) => name === key)?.[1];
  const texts = Array.isArray(list) ? list.filter((one) => typeof one === 'string') : [];
  return texts.flatMap((text) => words(text).slice(0, 1));
}
