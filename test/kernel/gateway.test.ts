/** A gateway that is silent for a while; no monitor: the kernel alone. */
import { expect, test } from 'vitest';
import { createRouter } from '../support/router.ts';

test('a modem that was off gets its share back, because the kernel keeps asking for it', async () => {
  const router = await createRouter({ links: ['dhcp', 'dhcp'], keys: [{ PROBE: 'none' }, { PROBE: 'none' }] });
  try {
    for (const { index } of router.lines) await router.up(index);
    await router.must('apply');
    // Known to be there for 15 to 45 s otherwise; and asked again every second instead of every five.
    await router.rtr
      .sh(`cd /proc/sys/net/ipv4/neigh/eth1; echo 1000 >base_reachable_time_ms; echo 1 >delay_first_probe_time
      echo 1000 >interval_probe_time_ms; echo 300 >retrans_time_ms; ip neigh show dev eth1`);
    const used = async () =>
      Object.keys((await router.share({ from: 'lan', count: 30, timeoutMs: 300 })).sources).sort();
    expect(await used()).toEqual(['198.18.1.2', '198.51.100.2']);
    await router.isps[0]!.run(['nft', '-f', '-'], {
      stdin: 'table netdev off {\n chain arriving {\n type filter hook ingress device line priority 0\n drop\n }\n}\n',
    });
    const at = Date.now();
    const lookups = async () => (await router.rtr.sh('ip neigh show dev eth1')).includes('FAILED');
    while (!(await lookups()) && Date.now() - at < 30_000)
      await router.share({ from: 'lan', count: 4, timeoutMs: 200 });
    const gone = Date.now() - at;
    expect(await used(), 'the kernel leaves it out by itself').toEqual(['198.18.1.2']);
    await router.isps[0]!.sh('nft delete table netdev off');
    const back = Date.now();
    while ((await used()).length < 2) expect(Date.now() - back).toBeLessThan(20_000);
    console.log(`left out after ${gone} ms, its share back after ${Date.now() - back} ms`);
    expect(await router.plan()).toEqual([]);
    await router.must('stop');
    expect(await router.rtr.sh('ip neigh show proto 201')).toBe('');
  } finally {
    await router.destroy();
  }
});
