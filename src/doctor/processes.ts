import { isDeviceName } from '../checked.ts';
import type { ClientName, ClientProcess } from './facts.ts';

/** A process as /proc shows it. */
export interface ProcessLine {
  readonly pid: number;
  readonly argv: readonly string[];
}

/**
 * Which DHCP or PPP clients run, and for which device. `pppDevices`: which device a pppd has, by pid
 * (/run/pppN.pid); its arguments do not tell.
 */
export function clientsOf(
  processes: readonly ProcessLine[],
  pppDevices: ReadonlyMap<number, string> = new Map(),
): ClientProcess[] {
  return processes.flatMap(({ pid, argv }): ClientProcess[] => {
    const [program = '', ...args] = argv;
    const name = program.split('/').at(-1) ?? '';
    const one = (client: ClientName, device?: string, under?: ClientName) => [
      { client, pid, ...(device !== undefined && { device }), ...(under && { under }) },
    ];
    if (name === 'pppd') {
      const under = args.some((word) => word.includes('nm-pppd-plugin')) ? 'NetworkManager' : undefined;
      return one('pppd', pppDevices.get(pid), under);
    }
    if (name === 'dhclient') {
      const under = args.some((word) => word.includes('nm-dhcp')) ? 'NetworkManager' : undefined;
      const devices = deviceArguments(args);
      return devices.length === 0
        ? one('dhclient', undefined, under)
        : devices.flatMap((d) => one('dhclient', d, under));
    }
    if (program.startsWith('dhcpcd:')) return dhcpcd(argv.join(' '), one);
    if (name === 'dhcpcd') return one('dhcpcd', deviceArguments(args)[0]);
    const isUdhcpc = name === 'udhcpc' || (name === 'busybox' && args[0] === 'udhcpc');
    if (isUdhcpc) return one('udhcpc', valueOf(args, '-i', '--interface') ?? 'eth0');
    if (name === 'NetworkManager') return one('NetworkManager');
    if (name === 'systemd-networkd') return one('systemd-networkd');
    return [];
  });
}

/** dhcpcd(8) renames itself: `dhcpcd: eth0 [ip4]`, `dhcpcd: [manager] [ip4]`, and helpers that are no clients. */
function dhcpcd(title: string, one: (client: ClientName, device?: string) => ClientProcess[]): ClientProcess[] {
  const [, word = ''] = /^dhcpcd: (\S+)/.exec(title) ?? [];
  if (/^\[(?:manager|master)\]$/.test(word)) return one('dhcpcd');
  return isDeviceName(word) && / \[(?:ip4|ip6)\]| \[ip4\]/.test(title) ? one('dhcpcd', word) : [];
}

/** dhclient(8): options with a value, then the devices. */
const WITH_VALUE = new Set([
  '-p',
  '-D',
  '-sf',
  '-lf',
  '-pf',
  '-cf',
  '-df',
  '-e',
  '-g',
  '-s',
  '-H',
  '-F',
  '-timeout',
  '-U',
]);
function deviceArguments(args: readonly string[]): string[] {
  return args.filter((word, n) => !word.startsWith('-') && !WITH_VALUE.has(args[n - 1] ?? '') && isDeviceName(word));
}

function valueOf(args: readonly string[], short: string, long: string): string | undefined {
  const n = args.findIndex((word) => word === short || word === long);
  if (n >= 0) return args[n + 1];
  return args.find((word) => word.startsWith(`${long}=`))?.slice(long.length + 1);
}
