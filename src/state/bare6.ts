import { isLinkLocalIpv6 } from '../ipv6.ts';
import type { Device, DeviceAddress6, LinkConfig, LinkDown, LinkRecord, LinkVerdict } from '../model.ts';
import type { Place } from './live.ts';

/** Lines without IPv6: most, and with 60 of them to ask each for all that live6.ts asks takes a hook a millisecond. */

type OnLink = { readonly link: LinkConfig } & Place;

/** Is there nothing of IPv6 but what every device has, and is nothing remembered of any? */
export function isBare(
  { link, present: device }: OnLink,
  record: LinkRecord | undefined,
  verdict: LinkVerdict | undefined,
): boolean {
  const isKnown = verdict?.address !== undefined || verdict?.sources !== undefined || record?.prefixes !== undefined;
  if (isKnown || link.gateway6 !== undefined) return false;
  const { addresses6 = [] } = device ?? {};
  if (addresses6.length === 0) return true;
  // A dialled line's link-local address counts, and that there is any makes PREFIXES= count.
  return (
    !isDialled(device) && link.prefixes === undefined && addresses6.every(({ local }) => local.startsWith('fe80:'))
  );
}

export const isDialled = (device: Device | undefined): boolean =>
  device?.pointToPoint === true || device?.noArp === true;

/** What linkStatus6 says of such a line. */
export function bareStatus(
  { link, name, present: device }: OnLink,
  record: LinkRecord | undefined,
  verdict: LinkVerdict | undefined,
): LinkDown {
  const mtu = device?.mtu ?? verdict?.mtu;
  return {
    ...({ family: 6, link, up: false, present: device !== undefined } as const),
    pointToPoint: isDialled(device),
    reason: whyNot(name, device, record) ?? `${name} has no IPv6 address`,
    ...(name !== undefined && { device: name }),
    ...(mtu !== undefined && { mtu }),
  };
}

/** Why a line cannot carry IPv6, whatever addresses it has. */
export function whyNot(
  name: string | undefined,
  device: Device | undefined,
  record: LinkRecord | undefined,
): string | undefined {
  if (name === undefined) return 'waiting for its first event';
  const held = record?.heldDown;
  const isLinkLocal = ({ local }: DeviceAddress6) => local === record?.address && isLinkLocalIpv6(local);
  const isBack = held?.source === 'pppd' && device?.addresses6?.some(isLinkLocal) === true;
  if (held !== undefined && !isBack) return `taken down by ${held.source} (${held.cause})`;
  if (device === undefined) return `no device ${name}`;
  if (!device.up) return `${name} is administratively down`;
  return device.carrier ? undefined : `${name} has no carrier`;
}
