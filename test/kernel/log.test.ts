/** `wanhook log --follow` as people use it: over a rotation, and into a pipe whose reader goes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

describe('wanhook log', () => {
  let router: Router;
  const command = [process.execPath, '/usr/lib/wanhook/wanhook.cjs', 'log', '--follow'];
  beforeAll(async () => {
    router = await createRouter({ links: ['ppp'] });
    await router.up(0);
  });
  afterAll(() => router.destroy());

  test('--follow: what is there, then what comes, each once', async () => {
    const log = router.rtr.spawn([...command, '-n', '1']);
    await log.waitLine(/pppd ip-up ppp0: up line1/);
    await router.down(0);
    await log.waitLine(/pppd ip-down ppp0: down line1: .*; all-down: no link works \(\d+ commands?, \d+ ms\)$/);
    await router.rtr.sh('mv /run/wanhook/journal.jsonl /run/wanhook/journal.jsonl.1');
    await router.up(0);
    await log.waitLine(/pppd ip-up ppp0: up line1: .*; back: works again: line1/);
    await log.kill('SIGINT');
    expect(log.lines).toHaveLength(3);
    expect(log.stderr()).toBe('');
  });

  test('its reader goes: it ends, and says nothing', async () => {
    const script = `timeout 30 ${command.join(' ')} | head -n 1; echo "exit \${PIPESTATUS[0]}"`;
    const log = router.rtr.spawn(['bash', '-c', script]);
    await log.waitLine(/line1/);
    // It notices when it has something to say.
    await router.down(0);
    await router.up(0);
    expect(await log.waitLine(/^exit/, 10_000)).toBe('exit 0');
    expect(log.stderr()).toBe('');
  });
});
