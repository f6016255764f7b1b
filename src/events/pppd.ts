import { isUsableIpv4, parseIpv4, quoted } from '../checked.ts';
import { canonicalIpv6, isLinkLocalIpv6 } from '../ipv6.ts';
import type { LinkEvent } from '../model.ts';
import { Checks, lineName, resolvers, type HookInput, type ParsedHook } from './hook-input.ts';

/**
 * NetworkManager's pppd plugin passes its own D-Bus path as ipparam; it names no line.
 * (src/core/ppp/nm-ppp-manager.c, seen with 1.42)
 */
const NETWORK_MANAGER_PATH = '/org/freedesktop/';

/** Which line it is. Under `persist` the environment is stale, but a process keeps its ipparam and linkname. */
function identity({ args, env }: HookInput): Pick<LinkEvent, 'ipparam' | 'linkname'> {
  const given = args[5]?.startsWith(NETWORK_MANAGER_PATH) === true ? undefined : args[5];
  const ipparam = lineName(given);
  const linkname = lineName(env['LINKNAME']);
  return { ...(ipparam !== undefined && { ipparam }), ...(linkname !== undefined && { linkname }) };
}

/**
 * pppd(8) ip-up: `device tty speed local remote ipparam`. Only arguments are believed: the environment is stale
 * after a reconnect, and a member of group `dip` can set it. The peer's address is for display: a line is routed by
 * its device, and two lines may have the same peer.
 */
export function pppUp(input: HookInput): ParsedHook {
  const checks = new Checks();
  const device = checks.device('argument 1 (device)', input.args[0]);
  const address = checks.address('argument 4 (local address)', input.args[3]);
  const peer = input.args[4];
  if (peer !== undefined && peer !== '' && parseIpv4(peer) === undefined) {
    checks.problems.push(`argument 5 (remote address) is not an IPv4 address: ${quoted(peer)}`);
  }
  if (checks.problems.length > 0) return { problems: checks.problems };
  return {
    event: {
      source: 'pppd',
      kind: 'up',
      device,
      address,
      prefix: 32,
      ...(peer !== undefined && isUsableIpv4(peer) && { peer }),
      dns: resolvers([input.env['DNS1'], input.env['DNS2']]),
      ...identity(input),
      cause: 'ip-up',
    },
  };
}

/** pppd(8) ip-down: same arguments. An unusable address is left out: the recorded one counts. */
export function pppDown(input: HookInput): ParsedHook {
  const checks = new Checks();
  const device = checks.device('argument 1 (device)', input.args[0]);
  if (checks.problems.length > 0) return { problems: checks.problems };
  const address = input.args[3] ?? '';
  return {
    event: {
      source: 'pppd',
      kind: 'down',
      device,
      ...(isUsableIpv4(address) && { address }),
      dns: [],
      ...identity(input),
      cause: 'ip-down',
    },
  };
}

/**
 * pppd(8) ipv6-up and ipv6-down: both addresses are link-local, and pppd writes them its own way (`fe80::05c8:…`). They
 * tell which session it is; the line's addresses are the kernel's to tell.
 */
export function pppIpv6(cause: 'ipv6-up' | 'ipv6-down'): (input: HookInput) => ParsedHook {
  return (input) => {
    const checks = new Checks();
    const device = checks.device('argument 1 (device)', input.args[0]);
    if (checks.problems.length > 0) return { problems: checks.problems };
    const linkLocal = (value = '') => (isLinkLocalIpv6(value) ? canonicalIpv6(value) : undefined);
    const address = linkLocal(input.args[3]);
    const gateway = cause === 'ipv6-up' ? linkLocal(input.args[4]) : undefined;
    return {
      event: {
        ...{ source: 'pppd', kind: cause === 'ipv6-up' ? 'up' : 'down', family: 6, device, dns: [] },
        ...(address !== undefined && { address }),
        ...(gateway !== undefined && { gateway }),
        ...identity(input),
        cause,
      },
    };
  };
}
