import { isDeviceName, isUsableIpv4 } from '../checked.ts';
import type { SeenDevice, SeenLease } from './machine.ts';

/** Lease files of DHCP clients: dhclient(8), dhcpcd(8), systemd-networkd, NetworkManager. */
export interface LeaseFile {
  readonly path: string;
  readonly text: string;
}

/** The last lease that a file has for each device. Files that are none of these say nothing. */
export function parseLeases({ path, text }: LeaseFile, devices: readonly SeenDevice[], now: number): SeenLease[] {
  const file = path.slice(path.lastIndexOf('/') + 1);
  if (/\/netif\/leases\//.test(path)) {
    const device = devices.find(({ index }) => String(index) === file)?.name;
    return device === undefined ? [] : [leaseOf(device, 'systemd-networkd', /^ROUTER=(\S+)/m.exec(text)?.[1])];
  }
  if (path.includes('/NetworkManager/')) {
    const device = /^(?:internal|dhclient|dhcpcd)6?-[0-9a-f-]{36}-(.+)\.lease$/.exec(file)?.[1];
    const router = /^ROUTER=(\S+)/m.exec(text)?.[1] ?? /option routers ([\d.]+)/.exec(text)?.[1];
    return named(device, 'NetworkManager', router);
  }
  // A DHCP packet as it came; the file's name is all that is needed. Of a wireless network that follows, too.
  if (path.includes('/dhcpcd')) {
    const stem = /^(?:dhcpcd-)?(.+)\.lease$/.exec(file)?.[1] ?? '';
    const device = devices.find(({ name }) => stem === name || stem.startsWith(`${name}-`))?.name;
    return named(device, 'dhcpcd', undefined);
  }
  return dhclientLeases(text, now);
}

function named(device: string | undefined, client: string, router: string | undefined): SeenLease[] {
  return device !== undefined && isDeviceName(device) ? [leaseOf(device, client, router)] : [];
}

/** Several routers are separated by commas or spaces; the first is the default gateway. */
function leaseOf(device: string, client: string, routers: string | undefined, expired = false): SeenLease {
  const router = routers?.split(/[\s,]/)[0];
  return { device, client, expired, ...(router !== undefined && isUsableIpv4(router) && { router }) };
}

/** dhclient.leases(5): later ones supersede earlier ones. */
function dhclientLeases(text: string, now: number): SeenLease[] {
  const found = new Map<string, SeenLease>();
  for (const part of text.split('\n}').slice(0, -1)) {
    const [, body = ''] = /^lease \{\n([^]*)$/m.exec(part) ?? [];
    const device = /^\s*interface "([^"]+)";/m.exec(body)?.[1];
    if (device === undefined || !isDeviceName(device)) continue;
    const [, year = '', month = '', day = '', time = ''] =
      /^\s*expire \d (\d+)\/(\d+)\/(\d+) ([\d:]+);/m.exec(body) ?? [];
    const expired = year !== '' && Date.parse(`${year}-${month}-${day}T${time}Z`) < now;
    found.set(device, leaseOf(device, 'dhclient', /^\s*option routers ([^;]+);/m.exec(body)?.[1], expired));
  }
  return [...found.values()];
}
