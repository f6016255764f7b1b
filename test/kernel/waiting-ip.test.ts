/** The ip(8) that run-hook.sh starts to look carries out what follows; whatever becomes of it, routing gets right. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { atRest, configure, install, overlayDirs, wanhook } from '../demo/router.ts';
import { createLab, type Lab } from '../support/lab.ts';

const STATE = '/run/wanhook';
const LOG = '/run/asked';

let lab: Lab;
beforeAll(async () => {
  lab = await createLab({ links: ['ppp', 'ppp'], overlay: overlayDirs() });
  await install(lab);
  for (const n of [0, 1]) await lab.lineUp(n);
  const keys = (n: number) => [`dsl${n}`, [`ID=${n + 1}`, `PPP_IPPARAM=dsl${n}`, 'PROBE=none']] as const;
  await configure(lab, Object.fromEntries([0, 1].map(keys)));
  await wanhook(lab, 'apply');
  await lab.rtr.sh('cp "$(readlink -f /usr/sbin/ip)" /run/ip.real');
});
afterAll(() => lab.destroy());
beforeEach(async () => {
  await hook('up', 1);
  await lab.lineHangup(0);
  await hook('down', 0);
  await lab.lineUp(0);
});
afterEach(async () => {
  await hook('up', 0);
  expect((await lab.rtr.run(['/usr/sbin/wanhook', 'plan'], { check: false })).stdout).toBe('');
});

const hook = (kind: 'up' | 'down', n: number) =>
  lab.rtr.sh(`env -i /etc/ppp/ip-${kind}.d/wanhook ppp${n} eth0 0 ${lab.lines[n]!.address} 192.0.2.254 dsl${n}`, {
    timeoutMs: 40_000,
  });

/** Every start of ip(8) is written down; `body` is what the one that looks does instead. */
async function instead(body: string, work: () => Promise<unknown>): Promise<string[]> {
  await lab.rtr.sh(
    `: >${LOG}; rm -f /run/once; cat >/run/ip; chmod 755 /run/ip; ip=$(readlink -f /usr/sbin/ip); mount --bind /run/ip $ip`,
    {
      stdin: `#!/bin/sh\necho "$*" >>${LOG}\ncase "$*" in '-N -j -batch -') ${body} ;; esac\nexec /run/ip.real "$@"\n`,
    },
  );
  try {
    await work();
  } finally {
    await atRest(lab);
    await lab.rtr.sh('umount -l "$(readlink -f /usr/sbin/ip)"'); // lazily: it may still be ending, or be meant to hang
  }
  return (await lab.rtr.sh(`cat ${LOG}`)).trim().split('\n');
}
/** The first time. */
const once = (body: string) => `[ -e /run/once ] || { : >/run/once; ${body}; }`;
const LOOK = '-N -j -batch -';
const BATCH = '-batch -';
const routes = () => lab.rtr.sh('ip route show table 20001; ip rule show pref 20300; ip nexthop show');
const lastEntry = async () =>
  JSON.parse((await lab.rtr.sh(`tail -n 1 ${STATE}/journal.jsonl`)).trim()) as { notes: string[] };

test('one process for the look and for what follows, up and down', async () => {
  expect(await instead(':', () => hook('up', 0))).toEqual([LOOK]);
  expect(await routes()).toContain('default dev ppp0');
  expect(await instead(':', () => hook('down', 0))).toEqual([LOOK]);
  expect(await lab.rtr.sh(`ls ${STATE} | grep -c look- || :`)).toBe('0\n');
});

test('it ends when the hook has returned, while scripts of the user’s go on', async () => {
  await lab.rtr.sh('rm -f /run/slow; cat >/etc/wanhook/events.d/50-slow; chmod 755 /etc/wanhook/events.d/50-slow', {
    stdin: '#!/bin/sh\necho $$ >/run/slow; exec sleep 20\n',
  });
  await hook('up', 0);
  await lab.rtr.sh(
    'for n in $(seq 50); do [ -s /run/slow ] && break; sleep 0.1; done; rm /etc/wanhook/events.d/50-slow',
  );
  const left = await lab.rtr.sh(`grep -lzx '[-]batch' /proc/[0-9]*/cmdline 2>/dev/null | wc -l; kill $(cat /run/slow)`);
  expect(left).toBe('0\n');
});

test('gone after its look: another one does the work', async () => {
  const started = await instead(once('head -n 7 | /run/ip.real "$@"; exit'), () => hook('up', 0));
  expect(started).toEqual([LOOK, BATCH]);
  expect(await routes()).toContain('default dev ppp0');
});

test('killed before it has looked: all is looked up again', async () => {
  const started = await instead(once('kill -9 $$'), () => hook('up', 0));
  expect(started).toEqual([LOOK, LOOK, BATCH]);
  expect(await routes()).toContain('default dev ppp0');
});

test('what it refuses is named, and decided anew', async () => {
  const refusing = `sed -u 's/^rule add/rule del/' | /run/ip.real "$@"; exit`;
  const started = await instead(once(refusing), () => hook('up', 0));
  expect(started).toEqual([LOOK, LOOK, BATCH]);
  expect((await lastEntry()).notes.join()).toMatch(/"ip rule add pref 20300 [^"]*" was refused: .*No such file/);
  expect(await routes()).toContain('default dev ppp0');
});

test('one that hangs with the work is ended, and another one does it', async () => {
  const hanging = 'head -n 7 | /run/ip.real "$@"; exec sleep 60';
  const began = performance.now();
  await instead(once(`echo $$ >/run/hanging; ${hanging}`), () => hook('up', 0));
  expect(performance.now() - began).toBeLessThan(12_000);
  expect((await lastEntry()).notes.join()).toContain('was stopped after 5 s');
  expect(await lab.rtr.sh('kill -0 $(cat /run/hanging) 2>/dev/null || echo gone')).toBe('gone\n');
});

test('a pipe that nobody opens once more: another one does the work', async () => {
  await withScript(FILE_FOR_PIPE(8), async () => {
    expect(await instead(':', () => hook('up', 0))).toEqual([LOOK, BATCH]);
  });
});

/** While run-hook.sh is as sed(1) makes it with `edit`. */
async function withScript(edit: string, work: () => Promise<unknown>): Promise<void> {
  const script = '/usr/lib/wanhook/run-hook.sh';
  await lab.rtr.sh(`cp -p ${script} /run/kept.sh; sed -i '${edit}' ${script}; ! cmp -s /run/kept.sh ${script}`);
  try {
    await work();
  } finally {
    await lab.rtr.sh(`cp -p /run/kept.sh ${script}`);
  }
}
/** As in a shell whose here-documents are files. */
const FILE_FOR_PIPE = (fd: number) => `s|-p /proc/self/fd/${fd}|-f /proc/self/fd/${fd}|`;

/** While `body` is what run-hook.sh starts for Node. */
async function withNode(body: string, work: () => Promise<unknown>): Promise<void> {
  await lab.rtr.sh('cat >/run/node; chmod 755 /run/node', { stdin: `#!/bin/sh\n${body}\n` });
  await withScript('s|^node=/.*|node=/run/node|', work);
}

test('the hook returns when Node has said that all is done, and does not wait for its end', async () => {
  const began = performance.now();
  await withNode(`${process.execPath} "$@"; echo $? $$ >/run/lingering; exec sleep 20`, () => hook('up', 0));
  expect(performance.now() - began).toBeLessThan(10_000);
  expect(await routes()).toContain('default dev ppp0');
  expect(await lab.rtr.sh('read -r status pid </run/lingering; kill $pid && echo $status')).toBe('0\n');
});

test('a Node that ends without that word has failed: its event is kept, and told', async () => {
  await withNode(`${process.execPath} -e 0; exit 3`, () => hook('up', 0));
  expect(await routes()).not.toContain('default dev ppp0');
  expect(await lab.rtr.sh('ls /run/wanhook/hooks | wc -l')).toBe('1\n');
});

test('and that is noticed at once, whoever still looks', async () => {
  await lab.rtr.sh('ip -6 addr replace 2001:db8:5::1/128 dev lo nodad');
  const began = performance.now();
  const hanging = `: ;; '-6 -N -j -batch -') echo $$ >/run/hanging; exec sleep 20`;
  await instead(hanging, () => withNode(`${process.execPath} -e 0; sleep 0.5; exit 3`, () => hook('up', 0)));
  expect(performance.now() - began).toBeLessThan(10_000);
  await lab.rtr.sh('kill $(cat /run/hanging); ip -6 addr del 2001:db8:5::1/128 dev lo');
});

test('where its word cannot be heard, its end is waited for', async () => {
  await withScript(FILE_FOR_PIPE(7), () => hook('up', 0));
  expect(await routes()).toContain('default dev ppp0');
});

test('a Node that does not know the option is started without', async () => {
  await withNode(
    `echo "$1" >>/run/options\ncase $1 in --no-rehash*) exit 9 ;; esac\nexec ${process.execPath} "$@"`,
    () => hook('up', 0),
  );
  expect(await lab.rtr.sh('cat /run/options')).toBe('--no-rehash-snapshot\n--preserve-symlinks-main\n');
  expect(await routes()).toContain('default dev ppp0');
});

test('a device whose name is no UTF-8, and one that ip(8) warns of: no other process all the same', async () => {
  await lab.rtr.sh(`ip link add "$(printf 'v\\374\\374')" type veth peer name odd; mkdir -p /etc/iproute2
    cp -p /etc/iproute2/rt_tables /run/tables; echo 'not a table' >>/etc/iproute2/rt_tables`);
  expect(await instead(':', () => hook('up', 0))).toEqual([LOOK]);
  expect(await routes()).toContain('default dev ppp0');
  await lab.rtr.sh('ip link del odd; cp -p /run/tables /etc/iproute2/rt_tables');
});

test('no room for what it lists: another one looks, and nobody waits for long', async () => {
  await lab.rtr.sh('mkdir -p /run/kept; cp -a /run/wanhook/. /run/kept/');
  for (const size of ['4k', '8k', '16k', '32k', '64k', '128k']) {
    await lab.rtr.sh(`mount -t tmpfs -o mode=700,size=${size} small /run/wanhook; cp -a /run/kept/names /run/wanhook/`);
    const began = performance.now();
    await hook('up', 0);
    expect(performance.now() - began, size).toBeLessThan(4_000);
    await atRest(lab);
    await lab.rtr.sh('umount /run/wanhook');
  }
});

test('an option that a stranger has written is none', async () => {
  await lab.rtr
    .sh(`echo 'require("fs").writeFileSync("/run/strange","")' >/run/strange.cjs; cp -p ${STATE}/names /run/names.kept
    printf '%s\n--require=/run/strange.cjs\n' "$(head -n 1 ${STATE}/names)" >${STATE}/names`);
  await hook('up', 0);
  expect(await lab.rtr.sh('ls /run/strange 2>&1 || :')).toContain('No such file');
});
