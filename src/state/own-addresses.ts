import { inSubnet, isNoHost, parseIpv4 } from '../checked.ts';
import type { Device } from '../model.ts';

/**
 * Every link is compared with every address of this router. With 60 links that are 3,600 pairs, which took a hook 20 ms: so
 * first what is asked is whether any pair can be worth a look.
 */

interface OwnAddress {
  readonly device: string;
  readonly local: string;
  readonly prefix: number;
}

const addressesOf = (devices: readonly Device[]): OwnAddress[] =>
  devices.flatMap(({ name, addresses }) => addresses.map(({ local, prefix }) => ({ device: name, local, prefix })));

/** Why a gateway is none; undefined: it may be one. */
export function gatewayCheck(devices: readonly Device[]): (gateway: string) => string | undefined {
  const addresses = addressesOf(devices);
  const locals = new Set(addresses.map(({ local }) => local));
  const prefixes = [...new Set(addresses.map(({ prefix }) => prefix))];
  return (gateway) => {
    if (locals.has(gateway)) return `its gateway ${gateway} is this router's own address`;
    // Of most it is clear by the length of the prefix alone.
    const isSuspect = prefixes.some((prefix) => isNoHost(gateway, gateway, prefix));
    if (!isSuspect || !addresses.some(({ local, prefix }) => isNoHost(gateway, local, prefix))) return undefined;
    return `its gateway ${gateway} is the address of a network or its broadcast address`;
  };
}

/** For an address of a device: its prefix length, if an address of another of these devices is in the same subnet. */
export function sharedPrefixes(wans: readonly Device[]): (device: string, address: string) => number | undefined {
  const addresses = addressesOf(wans);
  const size = 2 ** (32 - Math.min(32, ...addresses.map(({ prefix }) => prefix)));
  const place = (address: string) => Math.floor((parseIpv4(address) ?? -1) / size);
  // Who does not meet another within the shortest prefix of all meets him in none.
  const near = new Map<number, OwnAddress[]>();
  for (const one of addresses) {
    const at = place(one.local);
    const others = near.get(at);
    if (others === undefined) near.set(at, [one]);
    else others.push(one);
  }
  return (device, address) => {
    const found = near.get(place(address)) ?? [];
    const own = found.find((one) => one.device === device && one.local === address);
    if (own === undefined || own.prefix === 32) return undefined;
    // Of two prefixes the shorter one tells whether they overlap.
    const meets = ({ local, prefix }: OwnAddress) => inSubnet(local, address, Math.min(prefix, own.prefix));
    return found.some((one) => one.device !== device && meets(one)) ? own.prefix : undefined;
  };
}
