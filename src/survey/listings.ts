import { isDeviceName, isUsableIpv4 } from '../checked.ts';
import type { SeenDefault, SeenDevice, SeenIdle, SeenManaged } from './machine.ts';

/** What ip(8) and nmcli(1) list. */

type Entry = Readonly<Record<string, unknown>>;
const entries = (value: unknown): Entry[] =>
  Array.isArray(value) ? value.filter((each): each is Entry => typeof each === 'object' && each !== null) : [];
const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** `ip -j -d address show`. */
export function parseDevices(json: string): SeenDevice[] {
  return entries(parsed(json)).flatMap((entry) => {
    const name = textOf(entry['ifname']) ?? '';
    const info = entries([entry['linkinfo']])[0];
    const addresses = entries(entry['addr_info']).flatMap(({ family, local, prefixlen }) =>
      family === 'inet' && typeof local === 'string' && typeof prefixlen === 'number' ? [`${local}/${prefixlen}`] : [],
    );
    const kind = textOf(info?.['info_kind']) ?? textOf(entry['link_type']) ?? 'unknown';
    return isDeviceName(name) ? [{ name, index: Number(entry['ifindex']), kind, addresses }] : [];
  });
}

/** `ip -j -4 route show table main default`, the preferred first. */
export function parseDefaults(json: string): SeenDefault[] {
  const routes = entries(parsed(json)).filter(({ dst, type }) => dst === 'default' && type === undefined);
  return routes
    .flatMap((route) => {
      const hops = entries(route['nexthops']);
      return (hops.length === 0 ? [route] : hops).flatMap(({ dev, gateway }) => {
        const device = textOf(dev) ?? '';
        const via = textOf(gateway);
        if (!isDeviceName(device)) return [];
        const metric = typeof route['metric'] === 'number' ? route['metric'] : 0;
        const protocol = textOf(route['protocol']) ?? 'boot';
        return [{ device, metric, protocol, ...(via !== undefined && isUsableIpv4(via) && { gateway: via }) }];
      });
    })
    .toSorted((a, b) => a.metric - b.metric);
}

/** `nmcli -t -f GENERAL.DEVICE,GENERAL.TYPE,GENERAL.CONNECTION,IP4.GATEWAY device show`: one block a device. */
export function parseManaged(text: string): SeenManaged[] {
  return text.split(/\n{2,}/).flatMap((block) => {
    const value = (key: string) => unescaped(new RegExp(`^${key}:(.*)$`, 'm').exec(block)?.[1] ?? '');
    const [device, connection] = [value('GENERAL\\.DEVICE'), value('GENERAL\\.CONNECTION')];
    const gateway = value('IP4\\.GATEWAY');
    if (!isDeviceName(device) || connection === '' || connection === '--') return [];
    const type = value('GENERAL\\.TYPE');
    return [{ device, type, connection, ...(isUsableIpv4(gateway) && { gateway }) }];
  });
}

/** `nmcli -t -f TYPE,DEVICE,NAME connection show`: what dials, and has no device now. */
export function parseIdle(text: string): SeenIdle[] {
  return text.split('\n').flatMap((line) => {
    const [, type = '', device = '', name = ''] = /^([^:]*):((?:[^:\\]|\\.)*):(.*)$/.exec(line) ?? [];
    return /^(?:pppoe|gsm|cdma)$/.test(type) && (device === '' || device === '--')
      ? [{ type, name: unescaped(name) }]
      : [];
  });
}

/** nmcli puts a backslash before colons and backslashes. */
const unescaped = (text: string) => text.replaceAll(/\\(.)/g, '$1');
