import { isDeviceName, isHostName, isUsableIpv4, quoted } from '../checked.ts';
import { isCopy, pppOptions } from '../ppp-options.ts';
import type { SeenPeer } from './machine.ts';

/** A peers file; or, for what is no line of anybody's, why. User names and passwords are read over. */
export function parsePeer(name: string, text: string): SeenPeer | string {
  if (isCopy(name)) return 'a copy';
  const options = pppOptions(text);
  if (options.length === 0) return 'empty';
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (const { option, value } of options) {
    if (value === undefined) flags.add(option);
    else if (option === 'user' && value.startsWith('myusername@')) return 'Debian’s example, not filled in';
    else if (!/^(?:user|connect|name|remotename)$/.test(option)) values.set(option, value);
  }
  return peerOf(name, values, flags);
}

function peerOf(name: string, values: ReadonlyMap<string, string>, flags: ReadonlySet<string>): SeenPeer {
  const pty = values.get('pty') ?? '';
  const plugin = values.get('plugin') ?? '';
  const kind = kindOf(plugin, pty);
  const server = values.get('pptp_server') ?? /\bpptp\s+(?:-\S+\s+)*([^\s-]\S*)/.exec(pty)?.[1];
  const over = kind === 'PPPoE' ? (/\s-I\s*(\S+)/.exec(pty)?.[1] ?? cardOf(flags)) : undefined;
  const [ipparam, linkname] = [values.get('ipparam'), values.get('linkname')];
  return {
    name,
    kind,
    ...(ipparam !== undefined && { ipparam }),
    ...(linkname !== undefined && { linkname }),
    ...(over !== undefined && isDeviceName(over) && { over }),
    ...(server !== undefined && (isHostName(server) || isUsableIpv4(server)) && { server }),
    takesDefault: flags.has('defaultroute'),
    refusesDefault: flags.has('nodefaultroute'),
    replacesDefault: flags.has('replacedefaultroute'),
    redials: flags.has('persist'),
  };
}

function kindOf(plugin: string, pty: string): SeenPeer['kind'] {
  if (/pppoe\.so$/.test(plugin) || /\bpppoe\b/.test(pty)) return 'PPPoE';
  if (/pptp\.so$/.test(plugin) || /\bpptp\b/.test(pty)) return 'PPTP';
  return /l2tp\.so$/.test(plugin) ? 'L2TP' : 'ppp';
}

/** The plugin's card stands alone: `eth1`, or `nic-eth1` if its name looks like something else. */
function cardOf(flags: ReadonlySet<string>): string | undefined {
  const nic = [...flags].find((flag) => flag.startsWith('nic-'));
  return (
    nic?.slice('nic-'.length) ??
    [...flags].find((flag) => /^(?:wan|(?:en|eth|wl|br|bond|vlan|lan|wan)[\w.]*\d[\w.]*)$/.test(flag))
  );
}

/** For messages: a stranger's name. */
export const peerPath = (name: string) => `/etc/ppp/peers/${quoted(name).slice(1, -1)}`;
