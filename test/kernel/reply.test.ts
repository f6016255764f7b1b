/** A line has its address back, and not yet its hook: what came in by it is not answered by another line. */
import { expect, test } from 'vitest';
import { createRouter } from '../support/router.ts';

test('the router’s answers wait for the hook', async () => {
  const router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  try {
    for (const line of [0, 1, 2]) await router.up(line);
    await router.serve('rtr', { tcp: [7100] });
    const hold = await router.startHold({
      from: 'net',
      to: ['192.0.2.12'],
      port: 7100,
      count: 4,
      ms: 20_000,
      timeoutMs: 3000,
    });
    await router.lineHangup(1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    await router.lineUp(1);
    await new Promise((resolve) => setTimeout(resolve, 1200));
    expect(await router.strays()).toEqual([]);
    await router.ppp('ip-up', 1);
    await new Promise((resolve) => setTimeout(resolve, 3500));
    expect(await hold.stop()).toMatchObject({ survived: 4, broken: 0 });
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});
