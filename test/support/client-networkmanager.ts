/** NetworkManager with line 1 for its only device, on a bus of its own. */
import { firstOf, startBus } from './client-bus.ts';
import type { ClientLab } from './client-lab.ts';
import type { ProcessHandle } from './lab-process.ts';

const UUID = '11111111-2222-3333-4444-555555555555';

/** /sys read-only: there is no udev to wait for. `ipv6`: what its connection says of IPv6. */
export const networkManagerConfig = (ipv6: string): string => `mount -o remount,ro /sys
rm -rf /etc/NetworkManager/conf.d/* /usr/lib/NetworkManager/conf.d/*
cat >/etc/NetworkManager/NetworkManager.conf <<'END'
[main]
plugins=keyfile
dhcp=internal
dns=none
auth-polkit=false
no-auto-default=*
[keyfile]
unmanaged-devices=except:interface-name:eth1
[connectivity]
enabled=false
END
umask 077
cat >/etc/NetworkManager/system-connections/wan.nmconnection <<'END'
[connection]
id=wan one $(touch /run/pwned)
uuid=${UUID}
type=ethernet
interface-name=eth1
autoconnect=true
[ipv4]
method=auto
[ipv6]
${ipv6}
END`;

export interface NetworkManager {
  /** It brings the line up by itself. */
  start(): Promise<ProcessHandle>;
  /** The connection, up or down. */
  con(to: 'up' | 'down'): Promise<unknown>;
  nmcli(...args: string[]): Promise<unknown>;
}

/** Its bus, and its dispatcher, which runs the hooks; NetworkManager itself is started by the test. */
export async function addNetworkManager(lab: ClientLab): Promise<NetworkManager> {
  await startBus(lab.rtr);
  lab.rtr.spawn([firstOf('/usr/libexec/nm-dispatcher', '/usr/lib/NetworkManager/nm-dispatcher'), '--persist']);
  const nmcli = (...args: string[]) => lab.rtr.run(['nmcli', ...args]);
  return {
    start: () => Promise.resolve(lab.rtr.spawn(['NetworkManager', '--no-daemon'])),
    con: (to) => nmcli('con', to, UUID),
    nmcli,
  };
}
