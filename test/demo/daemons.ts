/**
 * pppd and dhclient, as far as their hooks can tell: the same calls, arguments and environment as from the real
 * daemons (test/support/captures/), into the hooks that ./install.sh has installed in the router.
 */
import type { Lab } from '../support/lab.ts';

/** Debian's /etc/ppp/ip-up sets it; it is not there on a machine without the package ppp, so its part is played here. */
const PPP_PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';
const DHCLIENT_PATH = '/usr/sbin:/sbin:/bin:/usr/sbin:/usr/bin';

/** How dhclient-script(8) runs an exit hook; a status other than 0 would make dhclient decline the address. */
const RUN_HOOK = `exit_status=0
. /etc/dhcp/dhclient-exit-hooks.d/zz-wanhook
exit $?`;

/** Starts a hook and waits for it; how long it took, in ms. */
async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** `run-parts` over the hook's directory, as /etc/ppp/ip-up does for pppd. `address`: the line's when it differs. */
export function pppHook(
  lab: Lab,
  hook: 'ip-up' | 'ip-down',
  index: number,
  options: { readonly ipparam: string; readonly address?: string },
): Promise<number> {
  const { device, gateway: peer, ...line } = lab.lines[index]!;
  const address = options.address ?? line.address;
  const tty = 'eth0';
  const args = [device, tty, '0', address, peer, options.ipparam];
  const env = {
    ...{ PATH: PPP_PATH, PWD: '/', DEVICE: tty, UNIT: '0', PPPLOGNAME: 'root', ORIG_UID: '0', PPPD_PID: '863' },
    ...{ IPLOCAL: address, IPREMOTE: peer, PPP_IFACE: device, PPP_TTY: tty, PPP_TTYNAME: tty, PPP_SPEED: '0' },
    ...{ PPP_LOCAL: address, PPP_REMOTE: peer, PPP_IPPARAM: options.ipparam },
    ...(hook === 'ip-up' ? { IFNAME: device } : { CONNECT_TIME: '1', BYTES_SENT: '0', BYTES_RCVD: '0' }),
  };
  const argv = ['/usr/bin/run-parts', `/etc/ppp/${hook}.d`, ...args.map((arg) => `--arg=${arg}`)];
  return timed(() => lab.rtr.run(argv, { env, exactEnv: true }));
}

/** dhclient-script(8) with reason BOUND: it has set the address and a default route in `main`, then runs the exit hooks. */
export async function dhclientBound(lab: Lab, index: number): Promise<number> {
  const { device, address, gateway } = lab.lines[index]!;
  // wanhook must not mind it: DESIGN, "main suppress_prefixlength 0".
  await lab.rtr.run(['ip', 'route', 'add', 'default', 'via', gateway, 'dev', device]);
  const env = {
    ...{ PATH: DHCLIENT_PATH, PWD: '/', pid: '8990', reason: 'BOUND', interface: device },
    ...{ new_ip_address: address, new_subnet_mask: '255.255.255.0', new_routers: gateway },
    ...{ new_dhcp_server_identifier: gateway, new_dhcp_lease_time: '3600', new_dhcp_message_type: '5' },
  };
  return timed(() => lab.rtr.run(['/bin/sh', '-c', RUN_HOOK], { env, exactEnv: true }));
}
