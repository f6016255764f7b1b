/** The fake kernel of the unit tests against the real one: same refusals, same rules, nexthops and routes, same JSON. */
import { execFileSync, spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { KERNEL_CASES, SCENE } from '../support/fake-kernel-cases.ts';
import { playCase, type Played, refusalOf, SIX } from '../support/fake-kernel-play.ts';
import { type IpDump, parseDump, READ_ALL, READ_ALL6 } from '../support/world-dump.ts';

/** The scene's own lines as `ip` ones: a device is one end of a cable, and the other end is its carrier. */
function toIp(line: string): string[] {
  const [what, name = '', state] = line.split(' ');
  if (what === 'carrier') return [`link set peer-${name} ${state === 'on' ? 'up' : 'down'}`];
  if (what !== 'device') return [line];
  if (state === 'gone') return [`link del ${name}`];
  return [`link add name ${name} type veth peer name peer-${name}`, `link set peer-${name} up`];
}

/** `ip -batch` for each run of lines of one family. */
function batches(lines: readonly string[], word: string, rest: string): string {
  const groups: string[][] = [];
  for (const line of lines) {
    const last = groups.at(-1);
    if (last?.[0] !== undefined && SIX.test(last[0]) === SIX.test(line)) last.push(line);
    else groups.push([line]);
  }
  return groups
    .map((group) => {
      const family = SIX.test(group[0] ?? '') ? '-6 ' : '';
      const text = group.map((line) => line.replace(SIX, '')).join('\n');
      return `ip ${family}-batch - <<'${word}'${rest}\n${text}\n${word}\n`;
    })
    .join('');
}

/** What the kernel tells of itself, without what it makes on its own and what only veth has. */
function comparable([devices, rules, routes, nexthops]: IpDump) {
  const bare = devices
    .filter(({ ifname }) => !String(ifname).startsWith('peer-'))
    .map(({ ifname, flags, mtu, addr_info: all }) => {
      const v4 = (all as Record<string, unknown>[]).filter(({ family }) => family === 'inet');
      const addresses = v4.map(({ local, address, prefixlen, scope, label }) => [
        local,
        address,
        prefixlen,
        scope,
        label,
      ]);
      return { ifname, flags: (flags as string[]).filter((flag) => flag !== 'M-DOWN'), mtu, addresses };
    });
  // The order of routes is the kernel's tree; nobody relies on it.
  const made = routes.filter(({ protocol, table }) => protocol !== '2' && table !== '255');
  return { devices: bare, rules, nexthops, routes: made.map((route) => JSON.stringify(route)).toSorted() };
}

/** Prefixes of its own the kernel routes by itself. */
function comparable6([rules, routes]: IpDump) {
  const made = routes.filter(({ protocol, table }) => protocol !== '2' && table !== '255');
  return { rules, routes: made.map((route) => JSON.stringify(route)).toSorted() };
}

/** One case in a network namespace of its own. */
function playReal(given: readonly string[], when: readonly string[]): Played {
  const script = `
ip link set lo up
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
${batches(given.flatMap(toIp), 'GIVEN', ' >&2 || exit 99')}sleep 0.02
${batches(when.flatMap(toIp), 'WHEN', '')}echo "code $?" >&2
sleep 0.02
ip -N -j -batch - <<'READ'
${READ_ALL.join('\n')}
READ
printf '\f'
ip -6 -N -j -batch - <<'READ'
${READ_ALL6.join('\n')}
READ`;
  const { stdout, stderr, status } = spawnSync('unshare', ['-n', 'sh', '-c', script], { encoding: 'utf8', cwd: '/' });
  if (status !== 0) throw new Error(stderr);
  const [four = '', six = ''] = stdout.split('\f');
  return { refusal: refusalOf(stderr), dump: parseDump(four), dump6: parseDump(six) };
}

test('the tools and the kernel are ones the fake was measured on', () => {
  expect(execFileSync('ip', ['-V'], { encoding: 'utf8' })).toMatch(/iproute2-[6-9]/);
});

test.each(KERNEL_CASES)('$name', ({ given = [], when, want, older }) => {
  const real = playReal([...SCENE, ...given], when);
  const fake = playCase([...SCENE, ...given], when);
  const said = real.refusal === older ? want : real.refusal;
  expect({ real: said, fake: fake.refusal }).toEqual({ real: want ?? '', fake: want ?? '' });
  expect(comparable(fake.dump)).toEqual(comparable(real.dump));
  expect(comparable6(fake.dump6)).toEqual(comparable6(real.dump6));
});
