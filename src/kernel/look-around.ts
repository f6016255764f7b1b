import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../errors.ts';
import type { Runner } from './runner.ts';

/** A file as it is; undefined text: it is there, but cannot be read. */
export interface FoundFile {
  readonly path: string;
  readonly text: string | undefined;
}

/** What `wanhook init` looks at, in the words of those who say it. */
export interface Surveyed {
  /** `ip -j -d address show`, `ip -j -4 route show table main default`. */
  readonly addresses: string;
  readonly routes: string;
  readonly peers: readonly FoundFile[];
  readonly leases: readonly FoundFile[];
  /** nmcli's lists of devices and connections; undefined: NetworkManager is not here, or does not run. */
  readonly managed: string | undefined;
  readonly connections: string | undefined;
}

/** Debian's, Fedora's and Arch's places. */
const LEASES = [
  '/var/lib/dhcp',
  '/var/lib/dhclient',
  '/var/lib/dhcpcd',
  '/var/lib/dhcpcd5',
  '/run/systemd/netif/leases',
  '/var/lib/NetworkManager',
];
const PEERS = '/etc/ppp/peers';
/** Larger is no configuration, and no client keeps so many leases. */
const MOST_BYTES = 1024 * 1024;

/** Only looks; changes nothing. */
export async function lookAround(runner: Runner): Promise<Surveyed> {
  const ip = async (...argv: string[]) => (await runner.run('ip', argv)).stdout;
  const nmcli = async (...argv: string[]) => {
    // Not installed is as good as not running.
    const { code, stdout } = await runner.run('nmcli', argv).catch(() => ({ code: 1, stdout: '' }));
    return code === 0 ? stdout : undefined;
  };
  return {
    addresses: await ip('-j', '-d', 'address', 'show'),
    routes: await ip('-j', '-4', 'route', 'show', 'table', 'main', 'default'),
    peers: filesIn(PEERS),
    leases: LEASES.flatMap(filesIn).filter(({ path }) => path.includes('/netif/') || /\.leases?$/.test(path)),
    managed: await nmcli('-t', '-f', 'GENERAL.DEVICE,GENERAL.TYPE,GENERAL.CONNECTION,IP4.GATEWAY', 'device', 'show'),
    connections: await nmcli('-t', '-f', 'TYPE,DEVICE,NAME', 'connection', 'show'),
  };
}

function filesIn(directory: string): FoundFile[] {
  let names: string[];
  try {
    names = readdirSync(directory).toSorted();
  } catch (error) {
    return errorCode(error) === 'ENOENT' ? [] : [{ path: directory, text: undefined }];
  }
  return names.flatMap((name) => {
    const path = join(directory, name);
    try {
      const { size } = statSync(path);
      return statSync(path).isFile()
        ? [{ path, text: size > MOST_BYTES ? undefined : readFileSync(path, 'utf8') }]
        : [];
    } catch {
      return [{ path, text: undefined }];
    }
  });
}
