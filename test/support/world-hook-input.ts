/** What a hook is started with, from a few words: `networkd routable eth1 198.51.100.2 198.51.100.1`. */
import type { HookInput } from '../../src/events/hook-input.ts';

type Words = readonly [what: string, device: string, address: string | undefined, router: string | undefined];

/** A lease, as ISC's dhclient and dhcpcd tell it. */
function lease([reason, device, address, router]: Words): HookInput {
  const which = /^(?:BOUND|RENEW|REBIND|REBOOT|TIMEOUT)6?$/.test(reason) ? 'new' : 'old';
  if (reason.endsWith('6')) {
    const prefix = address === undefined ? {} : { [`${which}_ip6_prefix`]: address };
    return { args: [], env: { reason, interface: device, ...prefix } };
  }
  return {
    args: [],
    env: {
      reason,
      interface: device,
      ...(address !== undefined && { [`${which}_ip_address`]: address, [`${which}_subnet_mask`]: '255.255.255.0' }),
      ...(router !== undefined && { [`${which}_routers`]: router }),
    },
  };
}

const CLIENTS: Readonly<Record<string, (words: Words) => HookInput>> = {
  dhclient: lease,
  dhcpcd: lease,
  udhcpc: ([action, device, ip, router]) => ({
    args: [action],
    env: { interface: device, ip, subnet: '255.255.255.0', router },
  }),
  networkmanager: ([action, device, address, router]) => ({
    args: [device, action],
    env: {
      DEVICE_IP_IFACE: device,
      IP4_ADDRESS_0: address === undefined ? undefined : `${address}/24 ${router ?? '0.0.0.0'}`,
      IP4_GATEWAY: router,
    },
  }),
  networkd: ([STATE, IFACE, IP_ADDRS, router]) => ({
    args: [],
    env: { STATE, IFACE, IP_ADDRS, json: JSON.stringify({ Gateway: router === undefined ? [] : [router] }) },
  }),
  ifupdown: ([PHASE, IFACE, IF_ADDRESS, IF_GATEWAY]) => ({
    args: [],
    env: {
      PHASE,
      IFACE,
      ADDRFAM: 'inet',
      METHOD: IF_ADDRESS === undefined ? 'dhcp' : 'static',
      IF_ADDRESS,
      IF_GATEWAY,
    },
  }),
};

/** pppd's: device, local, remote, ipparam; `-` stands for an empty argument. */
export function hookInput(name: string, words: readonly string[]): HookInput {
  const client = CLIENTS[name];
  if (client !== undefined) return client([words[0] ?? '', words[1] ?? '', words[2], words[3]]);
  const [device = '', local = '', remote = '', ipparam = ''] = words.map((word) => (word === '-' ? '' : word));
  return { args: [device, '/dev/pts/0', '115200', local, remote, ipparam], env: {} };
}
