import { PROTO } from '../kernel/render.ts';

/**
 * `ip -j monitor` of iproute2 6.1 prints no JSON, so these are its plain lines, one an event (`-o`), each with its kind
 * in front (`label`). What we look at is what reconcile looks at: everything else must not wake it. A reader keeps the
 * flags that each device had last, for the kernel repeats a device for reasons that are none of ours.
 */
export const WATCH = {
  command: 'ip',
  argv: ['-N', '-o', 'monitor', 'label', 'link', 'address', 'route', 'rule', 'nexthop'],
} as const;

/** All: told only of what goes, nft 1.0.6 knows no set that came after it was started, and does not say whose elements went. */
export const WATCH_NFT = { command: 'nft', argv: ['monitor'] } as const;

/** What woke us, for the journal: `eth1 address`; undefined: nothing of ours. */
export type ReadLine = (line: string) => string | undefined;

const OURS = ` proto ${PROTO} `;

export function lineReader(): ReadLine {
  const devices = new Map<string, string>();
  const addresses6 = new Map<string, string>();
  return (line) => {
    const [, kind, deleted, rest = ''] = /^\[(\w+)\](Deleted )?(.*)$/.exec(line) ?? [];
    switch (kind) {
      case 'LINK':
        return readLink(devices, rest, deleted !== undefined);
      case 'ADDR':
        return readAddress(rest) ?? readAddress6(addresses6, rest, deleted !== undefined);
      case 'ROUTE':
      case 'RULE':
      case 'NEXTHOP':
        // What is signed and comes is what we have just made ourselves.
        if (`${rest} `.includes(OURS)) return deleted === undefined ? undefined : kind.toLowerCase();
        // Somebody's default may tell a gateway, or have taken the place of ours; what else others route is theirs.
        return kind === 'ROUTE' && rest.startsWith('default ') ? 'default route' : undefined;
      // A complaint: messages were lost (ENOBUFS), or it is about to end.
      default:
        return line === '' ? undefined : `ip monitor: ${line.slice(0, 200)}`;
    }
  };
}

/** `3: eth1@p1: <BROADCAST,UP,LOWER_UP> mtu 1500 …` */
function readLink(devices: Map<string, string>, rest: string, deleted: boolean): string | undefined {
  const [, device, flags = '', mtu = ''] = /^\d+: ([^\s:@]{1,15})(?:@[^\s:]*)?: <([^>]*)> mtu (\d+)/.exec(rest) ?? [];
  if (device === undefined) return undefined;
  const all = flags.split(',');
  const seen = [...['UP', 'LOWER_UP', 'POINTOPOINT'].filter((flag) => all.includes(flag)), mtu].join();
  const before = devices.get(device);
  if (deleted) devices.delete(device);
  else devices.set(device, seen);
  if (deleted) return `${device} gone`;
  return before === seen ? undefined : `${device} link`;
}

/** `3: eth1    inet 198.51.100.2/24 scope 0 eth1\       valid_lft forever preferred_lft forever` */
function readAddress(rest: string): string | undefined {
  const device = /^\d+: (\S{1,15})\s+inet /.exec(rest)?.[1];
  return device === undefined ? undefined : `${device} address`;
}

/**
 * `3: eth1    inet6 2001:db8::5/64 scope 0 dynamic mngtmpaddr \       valid_lft 100sec preferred_lft 50sec`. Every advertisement
 * says it again: only what is new, gone, or deprecated counts. Link-local ones (scope 253) tell nothing.
 */
function readAddress6(known: Map<string, string>, rest: string, deleted: boolean): string | undefined {
  const pattern = /^\d+: (\S{1,15})\s+inet6 (\S{1,45}) (?:peer \S+ )?scope 0 ([^\\]*)/;
  const [, device, address, flags = ''] = pattern.exec(rest) ?? [];
  if (device === undefined || address === undefined || /\b(?:tentative|dadfailed)\b/.test(flags)) return undefined;
  const key = `${device} ${address}`;
  const same = !deleted && known.get(key) === flags;
  if (deleted) known.delete(key);
  else known.set(key, flags);
  return same ? undefined : `${device} address`;
}

/** What is remembered of flows: not listed for every look, so such a change is worth a close one. */
export const KEPT_WORD = 'firewall of flows';

/**
 * `delete rule inet wanhook prerouting handle 17`. The elements of the two tables that remember flows are no rules of ours.
 * What we load ourselves is told, too, and looked at once.
 */
export const readNftLine: ReadLine = (line) => {
  const [, kind, table] =
    /^(?:add|insert|replace|delete) (\w+) inet (wanhook|wanhook_memory|wanhook_kept)(?: |$)/.exec(line) ?? [];
  if (table === 'wanhook') return 'firewall';
  if (table !== undefined) return kind === 'element' ? undefined : KEPT_WORD;
  // `flush set`: the line names none.
  return line.startsWith('W: Received event for an unknown set') ? 'firewall' : undefined;
};
