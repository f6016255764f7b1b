import type { Config, LinkLocal, LinkStatus, Sysctls } from '../model.ts';
import { isInUse6 } from './routing6.ts';

/** Documentation/networking/ip-sysctl.rst; keys are paths under /proc/sys (a device name may hold a dot). */
export function sysctls(config: Config, statuses: readonly LinkStatus[]): Sysctls {
  const found: Record<string, string> = {
    // Choose a link per connection (addresses, protocol, ports), not per pair of addresses.
    'net/ipv4/fib_multipath_hash_policy': '1',
    // A connect in progress follows a new address: 2–3 s instead of a 12 s timeout after a redial.
    'net/ipv4/ip_dynaddr': '1',
  };
  if (config.lan !== 'none') found['net/ipv4/ip_forward'] = '1';
  for (const status of statuses) {
    if (status.device === undefined || (!status.up && !status.present)) continue;
    const own = `net/ipv4/conf/${status.device}`;
    // Loose: an answer may come in on a line that the balance would not choose for its source.
    found[`${own}/rp_filter`] = '2';
    // Must be set before the carrier goes: a route by a dead device must not win.
    found[`${own}/ignore_routes_with_linkdown`] = '1';
    if (status.up ? status.gateway === undefined : status.pointToPoint) continue;
    // Two lines in one subnet must not answer ARP for each other (arp_filter=1 makes it worse).
    found[`${own}/arp_ignore`] = '1';
    found[`${own}/arp_announce`] = '2';
  }
  return found;
}

/** Nothing, where there is no IPv6. In this order: forwarding makes the kernel forget routers of devices that do not say 2. */
export function sysctls6(config: Config, statuses: readonly LinkStatus[]): Sysctls {
  if (!isInUse6(statuses)) return {};
  // By ports, too: not every host of a LAN gives its flows labels.
  const found: Record<string, string> = { 'net/ipv6/fib_multipath_hash_policy': '1' };
  for (const status of statuses) {
    if (status.device === undefined || (!status.up && !status.present)) continue;
    const own = `net/ipv6/conf/${status.device}`;
    found[`${own}/ignore_routes_with_linkdown`] = '1';
    if (config.lan !== 'none') found[`${own}/accept_ra`] = '2';
  }
  if (config.lan !== 'none') found['net/ipv6/conf/all/forwarding'] = '1';
  return found;
}

/** Whose routers have to be asked for once they may be heard (plan.ts). */
export function unheard(statuses: readonly LinkStatus[]): LinkLocal[] {
  return statuses.flatMap((status) => {
    if (status.device === undefined || status.linkLocal === undefined) return [];
    const { local, peer } = status.linkLocal;
    return [{ device: status.device, local, ...(peer !== undefined && { peer }) }];
  });
}
