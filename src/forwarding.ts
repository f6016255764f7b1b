import type { Sysctls } from './model.ts';

/** A switch of forwarding, and what the kernel sets by itself when it is turned, whoever had set it. */
export interface Forwarding {
  readonly key: string;
  readonly isEffect: (key: string) => boolean;
  /** What turning it off sets them to; turning it on sets the opposite. */
  readonly off: (devices: readonly string[]) => Sysctls;
}

const isForwarding = (key: string) => key.endsWith('/forwarding');

const each = (conf: string, devices: readonly string[]): Sysctls =>
  Object.fromEntries(['default', ...devices].map((name) => [`${conf}/${name}/forwarding`, '0'] as const));

const FORWARDING6 = 'net/ipv6/conf/all/forwarding';

export const FORWARDINGS: readonly Forwarding[] = [
  {
    // inet_forward_change() in net/ipv4/devinet.c
    key: 'net/ipv4/ip_forward',
    isEffect: (key) => key.startsWith('net/ipv4/conf/') && (isForwarding(key) || key.endsWith('/accept_redirects')),
    off: (devices) => ({ 'net/ipv4/conf/all/accept_redirects': '1', ...each('net/ipv4/conf', devices) }),
  },
  {
    // addrconf_fixup_forwarding() in net/ipv6/addrconf.c
    key: FORWARDING6,
    isEffect: (key) => isForwarding(key) && key.startsWith('net/ipv6/conf/') && !key.startsWith('net/ipv6/conf/all/'),
    off: (devices) => each('net/ipv6/conf', devices),
  },
];

/** Which switch a sysctl follows, if any. */
export const switchOf = (key: string): string | undefined => FORWARDINGS.find(({ isEffect }) => isEffect(key))?.key;

/** Does the kernel ignore routers there? A router hears them only where it is told so. */
export function isDeaf(device: string, now: Sysctls): boolean {
  const accepts = now[acceptRa(device)];
  return now[FORWARDING6] === '1' && accepts !== undefined && accepts !== '2';
}

export const acceptRa = (device: string): string => `net/ipv6/conf/${device}/accept_ra`;
