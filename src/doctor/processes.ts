import { isDeviceName } from '../checked.ts';
import type { ClientName, ClientProcess } from './facts.ts';

/** A process as /proc shows it. */
export interface ProcessLine {
  readonly pid: number;
  /** Its own word: anybody may call himself dhclient. */
  readonly argv: readonly string[];
  /** The file that it runs. */
  readonly exe: string;
  /** Its effective user. */
  readonly uid: number;
}

/**
 * Which DHCP or PPP clients run, and for which device. `pppDevices`: which device a pppd has, by pid
 * (/run/pppN.pid); its arguments do not tell.
 */
export function clientsOf(
  processes: readonly ProcessLine[],
  pppDevices: ReadonlyMap<number, string> = new Map(),
): ClientProcess[] {
  return processes.flatMap((process) => readOne(process, pppDevices).filter(({ client }) => isReally(client, process)));
}

/** Drop their rights, for a user of their own; all others stay root's. */
const OWN_USER: ReadonlySet<ClientName> = new Set(['dhcpcd', 'systemd-networkd']);
/** login.defs(5): SYS_UID_MAX. */
const LAST_SYSTEM_USER = 999;

/** No user's process that only calls itself so: somebody may believe us, and kill it. */
function isReally(client: ClientName, { exe, uid }: ProcessLine): boolean {
  // What a package's update has replaced runs on.
  const file = basename(exe.replace(/ \(deleted\)$/, ''));
  const fits = file === client || (client === 'udhcpc' && file === 'busybox');
  return fits && uid <= (OWN_USER.has(client) ? LAST_SYSTEM_USER : 0);
}

const basename = (path: string) => path.split('/').at(-1) ?? '';

type Make = (client: ClientName, device?: string, more?: Pick<ClientProcess, 'under' | 'family'>) => ClientProcess[];

function readOne({ pid, argv }: ProcessLine, pppDevices: ReadonlyMap<number, string>): ClientProcess[] {
  const [program = '', ...args] = argv;
  const name = basename(program);
  const one: Make = (client, device, more) => [{ client, pid, ...(device !== undefined && { device }), ...more }];
  const isUnder = (word: string) => args.some((arg) => arg.includes(word)) && { under: 'NetworkManager' as const };
  if (name === 'pppd') return one('pppd', pppDevices.get(pid), { ...isUnder('nm-pppd-plugin') });
  if (name === 'dhclient') {
    const more = { family: args.includes('-6') ? (6 as const) : (4 as const), ...isUnder('nm-dhcp') };
    const devices = deviceArguments(args);
    return devices.length === 0 ? one('dhclient', undefined, more) : devices.flatMap((d) => one('dhclient', d, more));
  }
  if (program.startsWith('dhcpcd:')) return dhcpcd(argv.join(' '), one);
  if (name === 'dhcpcd') return one('dhcpcd', deviceArguments(args)[0]);
  const isUdhcpc = name === 'udhcpc' || (name === 'busybox' && args[0] === 'udhcpc');
  if (isUdhcpc) return one('udhcpc', valueOf(args, '-i', '--interface') ?? 'eth0', { family: 4 });
  if (name === 'NetworkManager') return one('NetworkManager');
  if (name === 'systemd-networkd') return one('systemd-networkd');
  return [];
}

/** dhcpcd(8) renames itself: `dhcpcd: eth0 [ip4]`, `dhcpcd: [manager] [ip4]`, and helpers that are no clients. */
function dhcpcd(title: string, one: Make): ClientProcess[] {
  const [, word = ''] = /^dhcpcd: (\S+)/.exec(title) ?? [];
  if (/^\[(?:manager|master)\]$/.test(word)) return one('dhcpcd');
  const families = ([4, 6] as const).filter((family) => title.includes(` [ip${family}]`));
  const [family] = families;
  if (!isDeviceName(word) || family === undefined) return [];
  return one('dhcpcd', word, families.length === 1 ? { family } : {});
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
