/**
 * What happens to a router, one step a line: the language of test/scenarios/ and of the random walks.
 *
 *   config links/dsl.env ID=1 DEVICE=ppp0      the file is written; without keys it is removed
 *   line ppp0 up 192.0.2.11                    as its daemon brings it up: device, address, no hook
 *   line ppp0 hangs up                         ppp: the device is gone; eth: its addresses are
 *   line eth1 has 198.51.100.9                 another address, and no hook
 *   line ppp0 down | line ppp0 carrier off|on
 *   line eth1 advertises 2001:db8:a::2        the address the kernel makes of its router's advertisement; `off`: withdrawn
 *   ip-up ppp0 192.0.2.11 192.0.2.254 dsl      the hook as pppd calls it: device, local, remote, ipparam
 *   dhclient BOUND eth1 198.51.100.2 198.51.100.1     reason, device, address, router; other clients likewise
 *   dhclient BOUND6 eth1 2001:db8:a:100::/56          reason, device, prefix
 *   wanhook apply | wanhook stop | wanhook event down eth1
 *   monitor dsl dead | monitor dsl alive    the monitor's verdict on a link that is up
 *   monitor dsl dead IPv6                   on its IPv6
 *   stranger rule add pref 5 lookup 100        somebody's ip command
 *   stranger drops the firewall
 *   stranger nft delete table inet wanhook      somebody's nft command
 *   the state is lost
 *   together ip-up … | wanhook apply            at the same time
 *   struck die 17 ip-up …                       at its 17th operation it is killed (die), or that one fails (fail), or all
 *                                               from there on (broken), or it takes too long (hang)
 */
import type { HookInput } from '../../src/events/hook-input.ts';
import type { Kind } from './faults-gate.ts';
import type { LinkHealth } from '../../src/model.ts';
import { hookInput } from './world-hook-input.ts';

/** The world that steps act on: the fake one, or the lab's router. */
export interface Steps {
  configure(file: string, keys: readonly string[]): Promise<void> | void;
  lineUp(device: string, address: string): Promise<void> | void;
  hangUp(device: string): Promise<void> | void;
  renumber(device: string, address: string): Promise<void> | void;
  advertise(device: string, address: string | undefined): Promise<void> | void;
  adminDown(device: string): Promise<void> | void;
  carrier(device: string, on: boolean): Promise<void> | void;
  hook(name: string, input: HookInput): Promise<void>;
  apply(): Promise<unknown>;
  stop(): Promise<unknown>;
  judge(link: string, verdict: LinkHealth['verdict'], family?: 6): Promise<unknown>;
  command(...argv: readonly string[]): Promise<unknown>;
  stranger(line: string): Promise<void> | void;
  dropFirewall(): Promise<void> | void;
  loseState(): Promise<void> | void;
  nft(line: string): Promise<void> | void;
  struck(kind: Kind, at: number, work: () => Promise<void>): Promise<void>;
}

export const PEER = '192.0.2.254';

export async function playStep(on: Steps, step: string): Promise<void> {
  const [first = '', ...words] = step.split(' ');
  if (step === 'stranger drops the firewall') return on.dropFirewall();
  if (step === 'the state is lost') return on.loseState();
  switch (first) {
    case 'config':
      return on.configure(words[0] ?? '', words.slice(1));
    case 'line':
      return playLine(on, step, words);
    case 'monitor':
      await on.judge(words[0] ?? '', words[1] as LinkHealth['verdict'], words[2] === 'IPv6' ? 6 : undefined);
      return;
    case 'together':
      await Promise.all(
        words
          .join(' ')
          .split(' | ')
          .map((each) => playStep(on, each)),
      );
      return;
    case 'struck':
      return on.struck(words[0] as Kind, Number(words[1]), () => playStep(on, words.slice(2).join(' ')));
    case 'stranger':
      if (words[0] === 'nft') return on.nft(words.slice(1).join(' '));
      return on.stranger(words.join(' '));
    case 'wanhook':
      if (words[0] === 'apply') await on.apply();
      else if (words[0] === 'stop') await on.stop();
      else await on.command(...words);
      return;
    default:
      return on.hook(first, hookInput(first, words));
  }
}

function playLine(on: Steps, step: string, [device = '', what, ...rest]: string[]): Promise<void> | void {
  if (what === 'up') return on.lineUp(device, rest[0] ?? '');
  if (what === 'hangs') return on.hangUp(device);
  if (what === 'has') return on.renumber(device, rest[0] ?? '');
  if (what === 'advertises') return on.advertise(device, rest[0] === 'off' ? undefined : rest[0]);
  if (what === 'down') return on.adminDown(device);
  if (what === 'carrier') return on.carrier(device, rest[0] === 'on');
  throw new Error(`no such step: ${step}`);
}

/** The kernel's own routes from advertisements stand side by side at one metric; `ip route add` refuses that. */
export const metricOf = (device: string): string => `10${device.startsWith('ppp') ? 2 : 3}${device.at(-1) ?? '0'}`;
