import { quoted } from '../checked.ts';
import { dhclient } from './dhclient.ts';
import { dhcpcd } from './dhcpcd.ts';
import type { HookInput, ParsedHook } from './hook-input.ts';
import { ifupdown } from './ifupdown.ts';
import { networkd } from './networkd.ts';
import { networkManager } from './networkmanager.ts';
import { pppDown, pppIpv6, pppUp } from './pppd.ts';
import { udhcpc } from './udhcpc.ts';

/** What each hook was told, by the name under which the shims in /etc call run-hook.sh. */
const HOOKS = {
  'ip-up': pppUp,
  'ip-down': pppDown,
  'ipv6-up': pppIpv6('ipv6-up'),
  'ipv6-down': pppIpv6('ipv6-down'),
  dhclient,
  dhcpcd,
  udhcpc,
  networkmanager: networkManager,
  networkd,
  ifupdown,
} as const satisfies Record<string, (input: HookInput) => ParsedHook>;

export type HookName = keyof typeof HOOKS;

export function isHook(name: string): name is HookName {
  return Object.hasOwn(HOOKS, name);
}

/** Any hook understands any other's words, too: whoever has the lock takes what all of them have dropped. */
export function parseHook(hook: string, input: HookInput): ParsedHook {
  if (!isHook(hook)) return { problems: [`no hook is called ${quoted(hook)}`] };
  return HOOKS[hook](input);
}
