import type { LinkEvent } from '../model.ts';

/** Who may say something of a line. */
const SOURCES: Readonly<Record<LinkEvent['source'], true>> = {
  pppd: true,
  dhclient: true,
  dhcpcd: true,
  udhcpc: true,
  networkmanager: true,
  networkd: true,
  ifupdown: true,
  cli: true,
};

export function isEventSource(value: unknown): value is LinkEvent['source'] {
  return typeof value === 'string' && Object.hasOwn(SOURCES, value);
}

/**
 * Who speaks after the fact, and perhaps late: they have taken the address away before they say `down`, so one that the
 * kernel shows has come since. pppd is not among them: another session may have got its unit.
 */
export const AFTER_THE_FACT: ReadonlySet<LinkEvent['source']> = new Set(['networkmanager', 'networkd', 'ifupdown']);

/** DHCP clients: a lease that has ended counts, be its address still there. */
export const LEASE_HOLDERS: ReadonlySet<LinkEvent['source']> = new Set(['dhclient', 'dhcpcd', 'udhcpc']);
