/**
 * Hostile environments and arguments, for every hook there is: recorded ones, spoilt. Whatever comes, there is an event that
 * may go into rules, or one line of words about why there is none.
 */
import fc from 'fast-check';
import { isIP } from 'node:net';
import type { HookInput, ParsedHook } from '../../src/events/hook-input.ts';
import { parseHook, type HookName } from '../../src/events/hooks.ts';
import type { LinkEvent } from '../../src/model.ts';
import { readDropped } from '../../src/state/dropped.ts';
import { decodeEvent } from '../../src/state/inbox.ts';
import { expectPlain, holds, must } from '../support/fuzz.ts';
import { edits, spoilEnv, spoilText, spoilWords } from '../support/fuzz-values.ts';
import { captureFolders, capturesIn, readCapture } from '../support/world-captures.ts';

/** Recorded calls of each hook; pppd's are of every client that uses pppd, by their file's name. */
const FOLDER: Readonly<Record<HookName, RegExp>> = {
  'ip-up': /^(?:pppd|pptp|xl2tpd)-/,
  'ip-down': /^(?:pppd|pptp|xl2tpd)-/,
  'ipv6-up': /^(?:pppd|xl2tpd)-/,
  'ipv6-down': /^(?:pppd|xl2tpd)-/,
  dhclient: /^dhclient-/,
  dhcpcd: /^dhcpcd-/,
  udhcpc: /^udhcpc-/,
  networkmanager: /^networkmanager-/,
  networkd: /^networkd-/,
  ifupdown: /^ifupdown-/,
};
const HOOKS = Object.keys(FOLDER) as HookName[];
const isPppd = (hook: string) => /^ip/.test(hook);

function recorded(hook: HookName): HookInput[] {
  return captureFolders()
    .filter((folder) => FOLDER[hook].test(folder))
    .flatMap((folder) => capturesIn(folder).map((name) => [folder, name] as const))
    .filter(([, name]) => !isPppd(hook) || name.split('.')[0] === hook)
    .map(([folder, name]) => readCapture(folder, name));
}

/** A NUL ends a word: neither an argument nor a variable holds one. */
const spoilt = (hook: HookName) =>
  fc.tuple(fc.constantFrom(...recorded(hook)), edits(3), edits(5)).map(([{ args, env }, onArgs, onEnv]) => ({
    args: spoilWords(args, onArgs),
    env: spoilEnv(env, onEnv),
  }));

/** By other words than the code's own. */
function expectSound(event: LinkEvent): void {
  const {
    device,
    cause,
    ipparam,
    linkname,
    address,
    gateway,
    peer,
    prefix = 0,
    dns,
    prefixes = [],
    leaseStart = 0,
  } = event;
  const family = event.family ?? 4;
  must(/^[A-Za-z0-9_][A-Za-z0-9_.:@-]{0,14}$/.test(device), 'device');
  must(/^[A-Za-z][A-Za-z0-9-]{1,20}$/.test(cause), 'cause');
  must(
    [ipparam, linkname].every((name) => name === undefined || /^[\w.:@/+-]{1,64}$/.test(name)),
    'line',
  );
  must(
    [address, gateway, peer].every((one) => one === undefined || isSomebodys(one, family)),
    'address',
  );
  must(Number.isInteger(prefix) && prefix >= 0 && prefix <= 32, 'prefix');
  must(dns.length <= 8 && dns.every((one) => isSomebodys(one, 4)), 'dns');
  must(prefixes.length <= 16 && prefixes.every(isPrefix), 'prefixes');
  must(Number.isSafeInteger(leaseStart), 'leaseStart');
}

const isSomebodys = (address: string, family: number) =>
  isIP(address) === family && !/^(?:0|127|22[4-9]|2[3-9]\d)\.|^::|^ff/i.test(address);

function isPrefix(text: string): boolean {
  const [start = '', length] = text.split('/');
  return isSomebodys(start, 6) && Number(length) >= 16 && Number(length) <= 64;
}

function expectHarmless(parsed: ParsedHook): void {
  if ('ignored' in parsed) expectPlain(parsed.ignored);
  else if ('problems' in parsed) {
    must(parsed.problems.length > 0, 'a problem');
    parsed.problems.forEach((problem) => expectPlain(problem));
  } else {
    expectSound(parsed.event);
    // What one hook writes for another to read is read as it was.
    const text = JSON.stringify(parsed.event);
    must(JSON.stringify(decodeEvent(text)) === text, 'what is written is read');
  }
}

for (const hook of HOOKS) {
  holds(`hook ${hook}`, spoilt(hook), (input) => expectHarmless(parseHook(hook, input)));
}

/** What run-hook.sh drops, and what somebody else may have dropped. */
const dropped = fc
  .tuple(fc.constantFrom(...HOOKS), fc.nat(), edits(3), fc.option(fc.nat(300)))
  .map(([hook, which, all, count]) => {
    const calls = recorded(hook);
    const { args, env } = calls[which % calls.length]!;
    const pairs = Object.entries(env).map(([key, value]) => `${key}=${value ?? ''}`);
    return spoilText([hook, String(count ?? args.length), ...args, ...pairs, ''].join('\0'), all);
  });
holds('a dropped hook', dropped, (text) => {
  const read = readDropped(text);
  if (read !== undefined) expectHarmless(parseHook(read.hook, read.input));
});
