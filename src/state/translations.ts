import {
  contains6,
  isLocalIpv6,
  isUsableIpv6,
  parsePrefix6,
  prefixOf6,
  showIpv6,
  showPrefix6,
  type Prefix6,
} from '../ipv6.ts';
import type { Config, Device, LinkStatus } from '../model.ts';

/**
 * NPT=yes (after RFC 6296, but by connection tracking): every prefix that the LAN has and this link has not, and what it
 * becomes there: the subnet of the delegated prefix that has the same number, if no host has an address in that; else the
 * next that is free. What finds no place is masqueraded.
 */
export function translationsOf(
  config: Config,
  { link, delegated = [], sources = [] }: LinkStatus,
  devices: readonly Device[],
  wans: readonly Device[],
): { inner: string; outer: string }[] {
  if (link.npt !== true || delegated.length === 0) return [];
  const outside = delegated.flatMap((text) => parsePrefix6(text) ?? []);
  const own = [...outside, ...sources.flatMap((text) => parsePrefix6(text) ?? [])];
  const lan = lanPrefixes(config, devices, wans);
  const taken = lan.filter((prefix) => own.some((one) => contains6(one, prefix)));
  return lan
    .filter((inner) => !taken.includes(inner))
    .flatMap((inner) => {
      const outer = place(inner, outside, taken);
      if (outer === undefined) return [];
      taken.push(outer);
      return [{ inner: showPrefix6(inner), outer: showPrefix6(outer) }];
    });
}

/** In order, each once; local ones first, for they stay when an ISP renumbers. */
function lanPrefixes({ lan }: Config, devices: readonly Device[], wans: readonly Device[]): Prefix6[] {
  const isLan = (device: Device) =>
    lan === 'any' ? device.name !== 'lo' && !wans.includes(device) : lan !== 'none' && lan.includes(device.name);
  const addresses = devices.filter(isLan).flatMap(({ addresses6 = [] }) => addresses6);
  const prefixes = addresses
    .filter(({ local, prefix }) => isUsableIpv6(local) && prefix <= 64)
    .map(({ local, prefix }) => prefixOf6(local, prefix));
  const byText = new Map(prefixes.map((prefix) => [showPrefix6(prefix), prefix]));
  const rank = ({ value }: Prefix6) => Number(!isLocalIpv6(showIpv6(value)));
  return [...byText.values()].toSorted((a, b) => rank(a) - rank(b) || (a.value < b.value ? -1 : 1));
}

/** Looked for in the first so many subnets. */
const MOST = 256;

function place(inner: Prefix6, outside: readonly Prefix6[], taken: readonly Prefix6[]): Prefix6 | undefined {
  const isFree = (one: Prefix6) => !taken.some((other) => contains6(one, other) || contains6(other, one));
  for (const { value, length } of outside.filter((outer) => outer.length <= inner.length)) {
    const rest = BigInt(128 - inner.length);
    const subnets = 1n << BigInt(inner.length - length);
    const number = (inner.value >> rest) % subnets;
    for (let n = 0n; n < subnets && n < MOST; n++) {
      const found = { value: value + (((number + n) % subnets) << rest), length: inner.length };
      if (isFree(found)) return found;
    }
  }
  return undefined;
}
