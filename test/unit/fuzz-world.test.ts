/**
 * Hostile hooks from end to end: what daemons say, spoilt, on worlds of every kind; and every line that then goes to ip(8),
 * nft(8) and the others is held against a strict grammar. No file of another name, no message but for people.
 */
import fc from 'fast-check';
import { isIP } from 'node:net';
import { expect, test } from 'vitest';
import type { HookInput } from '../../src/events/hook-input.ts';
import { isHook, parseHook } from '../../src/events/hooks.ts';
import { holds, must, WORLD_SHARE } from '../support/fuzz.ts';
import { whyNotSaid } from '../support/fuzz-grammar.ts';
import { edits, spoilEnv, spoilWords } from '../support/fuzz-values.ts';
import { guardedWorld, playAll } from '../support/fuzz-worlds.ts';
import { captureFolders, capturesIn, readCapture } from '../support/world-captures.ts';
import type { TestWorld } from '../support/world.ts';

const SOURCE: readonly (readonly [folder: RegExp, hook: (capture: string) => string])[] = [
  [/^(?:pppd|pptp|xl2tpd)-/, (capture) => capture.split('.')[0] ?? ''],
  [/^dhclient-/, () => 'dhclient'],
  [/^dhcpcd-/, () => 'dhcpcd'],
  [/^udhcpc-/, () => 'udhcpc'],
  [/^networkmanager-/, () => 'networkmanager'],
  [/^networkd-/, () => 'networkd'],
  [/^ifupdown-/, () => 'ifupdown'],
];
const calls = captureFolders().flatMap((folder) => {
  const hookOf = SOURCE.find(([pattern]) => pattern.test(folder))![1];
  return capturesIn(folder)
    .map((name) => ({ hook: hookOf(name), folder, name }))
    .filter(({ hook }) => isHook(hook));
});

/** As recorded, but for a line of this world: whatever names a device or a line names one of ours. */
function onOurs({ args, env }: HookInput, device: string, line: string): HookInput {
  const named = (key: string) => /^(?:interface|IFACE|DEVICE_IP_IFACE|DEVICE_IFACE|IFNAME)$/.test(key);
  const ours = Object.entries(env).map(([key, value]) => [key, named(key) && value !== '' ? device : value] as const);
  const isPpp = args.length > 4;
  return {
    args: isPpp ? [device, ...args.slice(1, 5), line] : args.length === 2 ? [device, args[1]!] : args,
    env: Object.fromEntries(ours),
  };
}

const hostile = fc
  .tuple(fc.constantFrom(...calls), fc.constantFrom('ppp0', 'ppp1', 'eth1', 'eth2'), edits(2), edits(3), fc.nat(5))
  .map(([call, device, onArgs, onEnv, line]) => ({ ...call, device, onArgs, onEnv, line }));

/** The kernel has the address by the time of the hook, if it is one that a kernel takes. */
function giveAddress(world: TestWorld, hook: string, input: HookInput): void {
  const said = parseHook(hook, input);
  if (!('event' in said) || said.event.kind !== 'up') return;
  const { device, address = '' } = said.event;
  if (!world.fake.hasDevice(device) || isIP(address) !== 4) return;
  world.fake.ip(`addr add ${address}${device.startsWith('ppp') ? ' peer 192.0.2.254' : '/24'} dev ${device}`);
}

const played = await playAll();
const names = played.map(({ name }) => name);
holds(
  'hooks, from end to end',
  fc.tuple(fc.constantFrom(...names), fc.array(hostile, { minLength: 1, maxLength: 5 })),
  async ([name, all]) => {
    const { files } = played.find((one) => one.name === name)!;
    const { world, whole } = guardedWorld(files);
    await world.apply();
    const lines = world.loadConfig().config?.links.map(({ pppIpparam = '' }) => pppIpparam) ?? [];
    for (const { hook, folder, name: capture, device, onArgs, onEnv, line } of all) {
      const ours = onOurs(readCapture(folder, capture), device, lines[line % lines.length] ?? '');
      const input = { args: spoilWords(ours.args, onArgs), env: spoilEnv(ours.env, onEnv) };
      giveAddress(world, hook, input);
      await world.hook(hook, input);
    }
    await world.apply();
    const { code, out } = await world.command('status');
    must(code <= 1 && !/[\p{Cc}]/u.test(out.replaceAll('\n', '')), 'status');
    whole();
    must((await world.plan()).length === 0, 'a second apply does nothing');
  },
  WORLD_SHARE * 2,
);

test('the grammar refuses what may not be said', () => {
  const batch = (line: string) => whyNotSaid('ip', ['-batch', '-'], `${line}\n`);
  const script = (text: string) => whyNotSaid('nft', ['-f', '-'], `${text}\n`);
  expect(batch('rule add pref 20300 from 192.0.2.1 lookup 20001 protocol 201')).toBeUndefined();
  for (const line of [
    'rule flush',
    'rule add pref 20300 from 192.0.2.1 lookup 20001',
    'rule add pref 20300 from 192.0.2.256 lookup 20001 protocol 201',
    'rule add pref 20300 from 192.0.2.1 lookup 20001 protocol 201\nroute flush table main',
    'route replace default dev ppp0;reboot table 20001 proto 201',
    'link del ppp0',
  ]) {
    expect(batch(line), line).toBeDefined();
  }
  expect(script('table inet wanhook {\n set wan { type ifname; elements = { "ppp0" }; }\n}')).toBeUndefined();
  for (const text of [
    'flush ruleset',
    'table inet wanhook {\n}\nflush ruleset',
    'table inet wanhook {\n}\ntable inet other { }',
    'table inet wanhook {\n set wan { type ifname; elements = { "ppp0", "x"; flush ruleset } }\n}',
    'table inet wanhook {\n chain input { evil }\n}',
    'table inet wanhook {\n include "/etc/passwd"\n}',
    'table inet wanhook {',
  ]) {
    expect(script(text), text).toBeDefined();
  }
  expect(whyNotSaid('nft', ['flush', 'ruleset'], '')).toBeDefined();
  expect(
    whyNotSaid('ip', ['neigh', 'replace', '192.0.2.1', 'dev', '-batch', 'managed', 'protocol', '201'], ''),
  ).toBeDefined();
});
