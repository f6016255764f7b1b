import type { Answer } from './ask.ts';
import type { ProbedLink } from './round.ts';

/** Whom the target `gateway` stands for; undefined: the line has nobody to name. */
export const gatewayAddress = ({ gateway, peer }: ProbedLink): string | undefined => gateway ?? peer;

/** linux/if_arp.h: the neighbour has told its address, and has not stopped answering. */
const ATF_COM = 0x2;

/** /proc/net/arp: is the neighbour known to be there? Undefined: nobody has asked for it. */
export function arpAnswer(table: string, address: string, device: string): boolean | undefined {
  for (const line of table.split('\n')) {
    const [ip, , flags, , , on] = line.split(/\s+/);
    if (ip === address && on === device) return (Number(flags) & ATF_COM) !== 0;
  }
  return undefined;
}

/**
 * Many gateways answer no echo. While one never has, ARP decides: the kernel asks again by itself, for we keep sending
 * to it. A PPP peer has no ARP: of one that never answered nothing can be said (undefined), and pppd's own LCP echo
 * watches it.
 */
export function gatewayAnswer(echo: Answer, everAnswered: boolean, arp: boolean | undefined): Answer | undefined {
  if (echo.ok || everAnswered || echo.unsent === true) return echo;
  if (arp === undefined) return undefined;
  return arp ? { ok: true } : { ok: false, why: 'answers neither echo nor ARP' };
}
