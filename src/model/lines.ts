import type { LinkConfig } from './configuration.ts';

/** What the links are worth now. */

/** A device as the kernel shows it. */
export interface Device {
  readonly name: string;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly pointToPoint: boolean;
  /** It has no neighbours to ask for: a modem without Ethernet frames, a tunnel. */
  readonly noArp?: true;
  readonly mtu: number;
  readonly addresses: readonly DeviceAddress[];
  /** IPv6, with link-local ones; without those that may not be used yet, or never (a duplicate). */
  readonly addresses6?: readonly DeviceAddress6[];
}
export interface DeviceAddress {
  readonly local: string;
  readonly prefix: number;
  readonly peer?: string;
}
export interface DeviceAddress6 extends DeviceAddress {
  /** Not for new connections any more. */
  readonly deprecated?: true;
  /** One of RFC 8981's, which change every day. */
  readonly temporary?: true;
}

/**
 * A configured link and what it is worth now to one of the families. `device` and `mtu` may be known even while it is down.
 */
export type LinkStatus = LinkUp | LinkDown;
/** What IPv6 has besides. */
interface OfFamily {
  /** Absent: IPv4. */
  readonly family?: 6;
  /** What the device's own addresses are in: prefixes, or addresses that have none of their own. */
  readonly sources?: readonly string[];
  /** Prefixes delegated to us over this link. */
  readonly delegated?: readonly string[];
  /** NPT=yes: the LAN's other prefixes, and what each becomes on this link. */
  readonly translations?: readonly { readonly inner: string; readonly outer: string }[];
  /** A dialled line's: all that its device has, until a router is heard. */
  readonly linkLocal?: DeviceAddress;
}
export interface LinkUp extends OfFamily {
  readonly up: true;
  readonly link: LinkConfig;
  readonly device: string;
  readonly mtu: number;
  readonly address: string;
  readonly peer?: string;
  /** Absent: the device is point-to-point and needs none. */
  readonly gateway?: string;
  /** The gateway is outside the address's own prefix (a /32 from DHCP). */
  readonly onlink: boolean;
  /** IPv6: when its router ends to be one, unless it says that it goes on (epoch milliseconds). */
  readonly expires?: number;
  readonly noArp?: true;
  /** Its subnet (`192.0.2.0/24`), if another link has an address in there, too: `main` knows one device for both. */
  readonly sharedSubnet?: string;
  /** Up, but must not take traffic back from a worse tier: until then (epoch milliseconds), or until told to. */
  readonly waits?: { readonly until?: number };
  /** Judged dead. `lastResort`: takes traffic all the same, because all that are up are dead. */
  readonly dead?: { readonly reason: string; readonly lastResort?: true };
}
export interface LinkDown extends OfFamily {
  readonly up: false;
  readonly link: LinkConfig;
  readonly device?: string;
  /** The device exists: its sysctls are still ours to keep. */
  readonly present: boolean;
  /** Routed by its device when it is up: there is nobody to ask by ARP. */
  readonly pointToPoint: boolean;
  readonly mtu?: number;
  /** The last address it had; a fail-closed link keeps refusing it. */
  readonly address?: string;
  readonly reason: string;
  /** Only the gateway is missing: `main` may know it. */
  readonly lacksGateway?: true;
}
