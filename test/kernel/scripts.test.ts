/** The user's scripts, started by real hooks: in the background, in order, each event once, whatever is killed. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

describe('scripts in events.d', () => {
  let router: Router;
  beforeEach(async () => {
    router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  });
  afterEach(() => router.destroy());

  const script = (name: string, text: string) =>
    router.rtr.sh(
      `mkdir -p /etc/wanhook/events.d; chmod 755 /etc/wanhook/events.d
      cat >/etc/wanhook/events.d/${name}; chmod 755 /etc/wanhook/events.d/${name}`,
      { stdin: `#!/bin/sh\n${text}\n` },
    );
  const wrote = async () => (await router.rtr.sh('cat /run/out 2>/dev/null || :')).split('\n').filter(Boolean);
  const waiting = async () => Number(await router.rtr.sh('ls /run/wanhook/scripts 2>/dev/null | wc -l'));
  const runners = async () => (await router.rtr.sh("pgrep -f 'cjs run-script[s]' || :")).split('\n').filter(Boolean);
  /** Until the queue is empty and its runner gone. */
  async function settled(): Promise<void> {
    const end = Date.now() + 30_000;
    while ((await waiting()) > 0 || (await runners()).length > 0) {
      if (Date.now() > end) throw new Error(`still waiting: ${await waiting()}`);
      await sleep(50);
    }
  }

  test('nothing is started while events.d is empty; later scripts are not told what is old', async () => {
    await router.up(0);
    expect(await router.rtr.sh('ls /run/wanhook')).not.toMatch(/scripts/);
    await script('10-note', 'echo "$WANHOOK_EVENT $WANHOOK_LINK" >>/run/out');
    await router.up(1);
    await settled();
    expect(await wrote()).toEqual(['up line2']);
  });

  test('a hook does not wait: every event in order, with what is true then', async () => {
    await script(
      '10-note',
      'sleep 0.3; echo "$1 $2 $WANHOOK_DEVICE $WANHOOK_ADDRESS $WANHOOK_GATEWAY $WANHOOK_LINKS_UP $WANHOOK_SOURCE" >>/run/out',
    );
    await script('20-resolvers', 'echo "resolvers $WANHOOK_RESOLVERS" >>/run/out; exit 4');
    const started = Date.now();
    for (const index of [0, 2]) await router.up(index);
    await router.down(0);
    const took = Date.now() - started;
    expect(await wrote()).not.toContain('resolvers');
    await router.wanhook('event', 'down', 'eth1');
    await settled();
    console.log(`three hooks with slow scripts: ${took} ms`);
    const gateway = router.lines[2]!.gateway;
    expect((await wrote()).map((line) => line.replace(/ +/g, ' '))).toEqual([
      'up line1 ppp0 192.0.2.11 192.0.2.254 line1 pppd ip-up ppp0',
      'resolvers ',
      `up line3 eth1 198.51.100.2 ${gateway} line1 line3 dhclient BOUND eth1`,
      `resolvers ${gateway}`,
      'down line1 ppp0 192.0.2.11 line3 pppd ip-down ppp0',
      `resolvers ${gateway}`,
      'down line3 eth1 198.51.100.2 cli event down eth1',
      'resolvers ',
      'all-down cli event down eth1',
      'resolvers ',
    ]);
    expect((await router.syslog()).match(/20-resolvers: exit 4/g)).toHaveLength(5);
    const entries = (await router.journal()).filter(({ cause }) => cause[0]!.startsWith('script '));
    expect(entries.map(({ cause }) => cause[0])).toEqual([
      'script up line1',
      'script up line3',
      'script down line1',
      'script down line3',
      'script all-down',
    ]);
    expect(entries[0]).toMatchObject({ changed: ['10-note', '20-resolvers'].map((n) => `/etc/wanhook/events.d/${n}`) });
  });

  test('20-resolvers.example: resolv.conf by the lines that work; what another program writes stays', async () => {
    const example = new URL('../../etc/wanhook/events.d/20-resolvers.example', import.meta.url);
    await script('20-resolvers', readFileSync(example, 'utf8').replace('#!/bin/sh\n', ''));
    await router.rtr.sh("rm -f /etc/resolv.conf; printf 'search lan\\nnameserver 192.0.2.99\\n' >/etc/resolv.conf");
    const seen = async () => {
      await settled();
      return (await router.rtr.sh('cat /etc/resolv.conf')).replace(/^# by .*\n/gm, '# by\n');
    };
    await router.up(0);
    expect(await seen()).toBe('search lan\nnameserver 192.0.2.99\n');
    await router.up(2);
    expect(await seen()).toBe(`# by\nsearch lan\nnameserver ${router.lines[2]!.gateway}\n`);
    await router.rtr.sh('mv /etc/resolv.conf /etc/other; ln -s other /etc/resolv.conf; : >/etc/other');
    await router.down(0);
    expect(await seen()).toBe('');
    expect(await router.syslog()).toBe('');
  });

  test('a runner that is killed, and hooks that come at once: nothing is lost, nothing twice', async () => {
    await script('10-slow', 'echo "slow $1 $2" >>/run/out; [ "$2" = line1 ] && [ "$1" = up ] && exec sleep 300; :');
    await script('20-note', 'echo "$1 $2" >>/run/out');
    await router.up(0);
    while ((await wrote()).length === 0) await sleep(20);
    const [runner] = await runners();
    await router.rtr.sh(`kill -9 ${runner!}`);
    await Promise.all([router.up(1), router.up(2)]);
    await settled();
    const got = await wrote();
    expect(got.slice(0, 2)).toEqual(['slow up line1', 'up line1']);
    expect(got.slice(2).toSorted()).toEqual(['slow up line2', 'slow up line3', 'up line2', 'up line3']);
    const error = (await router.journal()).find(({ cause }) => cause[0] === 'script up line1')?.error;
    expect(error).toBe('10-slow was running when its runner was killed: not run again');
  });

  test('no descriptor of the daemon that called the hook, and none of ours', async () => {
    await script('10-look', 'exec ls -m /proc/self/fd');
    const hook = '/usr/lib/wanhook/ip-up.cjs ppp0 tty 0 192.0.2.11 192.0.2.254 line1';
    await router.lineUp(0);
    await router.rtr.run([
      'bash',
      '-c',
      `exec 7</etc/passwd 40</etc/passwd 200>/run/locked; flock 200; env -i ${process.execPath} ${hook}`,
    ]);
    await settled();
    // 3 is how ls holds the folder.
    expect((await router.journal()).at(-1)?.notes.at(-1)).toBe('10-look: | 0, 1, 2, 3');
  });
});
