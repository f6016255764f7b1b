import { isDeviceName, isHostName, isUsableIpv4, quoted } from '../checked.ts';
import type { SeenPeer } from './machine.ts';

/** Options of pppd(8) and its plugins that take a word, which must not be taken for an option itself. */
const WITH_WORD = new Set(
  (
    'user password name remotename domain connect disconnect init welcome ipparam linkname plugin pty unit mtu mru ' +
    'holdoff maxfail idle maxconnect lcp-echo-interval lcp-echo-failure lcp-max-configure lcp-restart call file logfile ' +
    'ms-dns ms-wins ipcp-restart ipcp-max-configure child-timeout connect-delay active-filter pass-filter bsdcomp ' +
    'deflate escape asyncmap rp_pppoe_service rp_pppoe_ac rp_pppoe_sess pppoe-service pppoe-ac pppoe-mac host-uniq ' +
    'pptp_server pptp_client pptp_phone pppol2tp set'
  ).split(' '),
);

/** Words as pppd reads them: quotes, backslashes, and # to the end of the line. */
function wordsOf(text: string): string[] {
  const found = text.matchAll(/#[^\n]*|"((?:[^"\\]|\\[^])*)"|'([^']*)'|((?:[^\s"'\\#]|\\[^])(?:[^\s"'\\]|\\[^])*)/g);
  return [...found].flatMap(([, double, single, bare]) => {
    const word = double ?? single ?? bare;
    return word === undefined ? [] : [word.replaceAll(/\\([^])/g, '$1')];
  });
}

/** A peers file; or, for what is no line of anybody's, why. User names and passwords are read over. */
export function parsePeer(name: string, text: string): SeenPeer | string {
  if (/^\.|~$|\.(?:bak|save|orig|old|dpkg-\w+|rpm\w+)$|^README/.test(name)) return 'a copy';
  const words = wordsOf(text);
  const values = new Map<string, string>();
  const flags = new Set<string>();
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const value = words[at + 1];
    if (!WITH_WORD.has(word)) flags.add(word);
    else if (value !== undefined) {
      if (!/^(?:user|password|connect|name|remotename)$/.test(word)) values.set(word, value);
      if (word === 'user' && value.startsWith('myusername@')) return 'Debian’s example, not filled in';
      at++;
    }
  }
  if (words.length === 0) return 'empty';
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
