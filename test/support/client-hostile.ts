/** What a hostile DHCP server sends through every client, raw from the wire. */
import { expect, test } from 'vitest';
import type { ClientLab } from './client-lab.ts';
import type { DhcpOffer } from './dhcp-server-run.ts';

const hex = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const SHELL = `x;$(touch /run/pwned)\`touch /run/pwned\`\n|touch /run/pwned&\u001b[31m\xff'"`;

export interface Hostile {
  readonly name: string;
  readonly offer: Partial<DhcpOffer>;
  /** What line 1 is then. */
  readonly want: string | RegExp;
  /** Over how many lines new connections leave. */
  readonly lanes: 1 | 2;
}

const UP = 'up eth1 198.51.100.2 via 198.51.100.1';

const HOSTILE: readonly Hostile[] = [
  {
    name: 'shell, control bytes and newlines in every text',
    offer: {
      options: Object.fromEntries([12, 15, 17, 67].map((code) => [code, hex(SHELL)])),
    },
    want: UP,
    lanes: 2,
  },
  { name: 'no mask', offer: { options: { 1: '' } }, want: UP, lanes: 2 },
  { name: 'a /32, its gateway outside', offer: { mask: '255.255.255.255' }, want: UP, lanes: 2 },
  {
    name: 'classless routes, which overrule the router',
    offer: { router: '198.51.100.200', options: { 121: '00c6336401' } },
    want: UP,
    lanes: 2,
  },
  { name: 'our own address for a router', offer: { router: '198.51.100.2' }, want: /^down: /, lanes: 1 },
  { name: 'loopback for a router', offer: { router: '127.0.0.1' }, want: /^down: /, lanes: 1 },
  { name: 'a loopback address', offer: { address: '127.0.0.77', router: '198.51.100.1' }, want: /^down: /, lanes: 1 },
  { name: 'a multicast address', offer: { address: '224.0.0.5', router: '198.51.100.1' }, want: /^down: /, lanes: 1 },
];

/** `again`: the client lets go of what it has and asks anew; resolves when it has told all that it will tell. */
export function hostileTests(lab: () => ClientLab, again: () => Promise<void>, skip: readonly string[] = []): void {
  const cases = HOSTILE.filter(({ name }) => !skip.includes(name));
  test.each(cases)('hostile: $name', async ({ offer, want, lanes }) => {
    await lab().server.offer(offer);
    await again();
    const got = await lab().line();
    if (typeof want === 'string') expect(got).toBe(want);
    else expect(got).toMatch(want);
    expect(await lab().lanes()).toBe(lanes);
    expect(await lab().rtr.sh('ls /run')).not.toContain('pwned');
  });
}
