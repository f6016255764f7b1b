/**
 * What ip(8), nft(8), fping(8), clients' lease files and probed servers say, spoilt: read as far as it makes sense, or refused in
 * words for people. A kernel that lies cannot make wanhook say what it may not.
 */
import fc from 'fast-check';
import { foreignRules, objectsIn, rulesetOf } from '../../src/doctor/foreign.ts';
import { parseJson } from '../../src/json.ts';
import { normalListing, parseIp6Batch, parseIpBatch, parseMainGateway } from '../../src/kernel/observe.ts';
import { parseMaps } from '../../src/kernel/memory.ts';
import { lineReader, readNftLine } from '../../src/monitor/kernel-lines.ts';
import { readCounters } from '../../src/monitor/passive-table.ts';
import { dnsQuery, readDns } from '../../src/monitor/probe/dns.ts';
import { arpAnswer } from '../../src/monitor/probe/gateway.ts';
import { readHttp } from '../../src/monitor/probe/http.ts';
import { readFping, readFpingOnce, readPing } from '../../src/monitor/probe/icmp.ts';
import { parseLeases } from '../../src/survey/leases.ts';
import { parseDefaults, parseDevices, parseIdle, parseManaged } from '../../src/survey/listings.ts';
import { parsePeer } from '../../src/survey/peers.ts';
import { expectPlain, holds, must, onlyClearErrors, WORLD_SHARE } from '../support/fuzz.ts';
import { OUTPUTS } from '../support/fuzz-outputs.ts';
import { asJson, edits, spoilJson, spoilLines, spoilText, type Edit } from '../support/fuzz-values.ts';
import { guardedWorld, playAll } from '../support/fuzz-worlds.ts';

const played = await playAll();

/** Every array by itself as JSON that is whole and means something else, or the text as a text. */
function spoilArrays(stdout: string, all: readonly Edit[], how: number): string {
  if (how === 0) return spoilText(stdout, all);
  const lines = stdout.split('\n').filter((line) => line !== '');
  for (const [at, what, piece] of all) {
    const n = at % lines.length;
    lines[n] = asJson(spoilJson(JSON.parse(lines[n] ?? '[]'), [[what, at, piece]]));
    if (how === 1) lines.splice(n, 1, '[ ]');
    if (lines[n] === '') lines[n] = 'null';
  }
  return `${lines.join('\n')}\n`;
}

const answersTo = (command: string) =>
  played.flatMap(({ told }) => told.filter((one) => one.command === command).map(({ stdout }) => stdout));
const spoiltAnswer = (command: string) =>
  fc
    .tuple(fc.constantFrom(...answersTo(command)), edits(4), fc.nat(6))
    .map(([stdout, all, how]) => spoilArrays(stdout, all, how));

holds('ip -j -batch', spoiltAnswer('ip -N -j -batch -'), (text) => {
  const found = onlyClearErrors(() => parseIpBatch(text));
  if (found === undefined) return;
  must(
    found.devices.every(({ name, mtu }) => typeof name === 'string' && typeof mtu === 'number'),
    'devices',
  );
  must(
    found.rules.every(({ pref, table = 0 }) => typeof pref === 'number' && typeof table === 'number'),
    'rules',
  );
});
holds('ip -6 -j -batch', spoiltAnswer('ip -6 -N -j -batch -'), (text) => {
  onlyClearErrors(() => parseIp6Batch(text));
});
holds('ip -j route show default', spoiltAnswer('ip -6 -N -j -batch -'), (text) => {
  onlyClearErrors(() => parseMainGateway(text));
});

/** A kernel that lies, from end to end: nothing may be said that may not, and no error is ours. */
const lies = fc.tuple(fc.constantFrom(...played.map(({ name }) => name)), edits(3), fc.nat(6), fc.nat(3), fc.nat(12));
holds(
  'a kernel that lies',
  lies,
  async ([name, all, how, which, times]) => {
    const { world, whole } = guardedWorld(played.find((one) => one.name === name)!.files);
    world.fake.addAddress('ppp0', '192.0.2.10', '192.0.2.254');
    const { runner } = world.fake;
    const run = runner.run.bind(runner);
    let left = times;
    runner.run = async (tool, argv, stdin, options) => {
      const outcome = await run(tool, argv, stdin, options);
      const isIt = [tool === 'ip' && argv.includes('-j'), tool === 'nft', tool === 'conntrack', true][which];
      if (isIt !== true || left-- <= 0) return outcome;
      const stdout = tool === 'ip' ? spoilArrays(outcome.stdout || '[]', all, how) : spoilLines(outcome.stdout, all);
      return {
        code: how === 2 ? 1 : outcome.code,
        stdout,
        stderr: how === 3 ? spoilText(outcome.stderr, all) : outcome.stderr,
      };
    };
    await world.hook('ip-up', { args: ['ppp0', '', '', '192.0.2.10', '192.0.2.254', 'dsl1'], env: {} });
    for (const argv of [['apply'], ['status'], ['plan'], ['clients'], ['pins']])
      world.errors.push((await world.command(...argv)).err.trim());
    whole();
  },
  WORLD_SHARE,
);

type Kind = keyof typeof OUTPUTS;
const lines = (kind: Kind) =>
  fc.tuple(fc.constantFrom(...OUTPUTS[kind]), edits(3)).map(([text, all]) => spoilText(text, all));
const texts = (kind: Kind) =>
  fc
    .tuple(fc.constantFrom(...OUTPUTS[kind]), edits(4), fc.boolean())
    .map(([text, all, byLines]) => (byLines ? spoilLines : spoilText)(text, all));

holds('ip monitor', fc.array(lines('monitor'), { maxLength: 6 }), (all) => {
  const read = lineReader();
  for (const line of all) must((read(line) ?? '').length < 300, 'short');
});
holds('nft monitor', lines('nftMonitor'), (line) => must((readNftLine(line) ?? '').length < 60, 'short'));
holds('fping and ping', lines('echo'), (line) => {
  for (const found of [readFping(line), readPing(line, '192.0.2.1'), readFpingOnce(line)]) {
    if (found === undefined) continue;
    must(/^[\da-fA-F.:]+$/.test(found.target), 'a target');
    must(found.rttMs === undefined || !Number.isNaN(found.rttMs) || /\d\.\d*\.|^\.|\.\./.test(line), 'a time');
  }
});
holds('/proc/net/arp', texts('arp'), (text) => void arpAnswer(text, '192.0.2.1', 'eth1'));
holds('nft list map', texts('maps'), (text) => {
  const maps = parseMaps(text);
  must(
    maps.every(({ map, expires }) => /^\w+$/.test(map) && !Number.isNaN(expires)),
    'maps',
  );
});
holds('nft -j list counters', texts('counters'), (text) => {
  const found = readCounters(text);
  must(
    [...(found?.values() ?? [])].every(({ answers, begun }) => Number.isFinite(answers + begun)),
    'counters',
  );
});
holds('nft list table', texts('listing'), (text) => must(normalListing(text).length <= text.length + 100, 'a listing'));
const json = (kind: Kind) =>
  fc
    .tuple(fc.constantFrom(...OUTPUTS[kind]), edits(4), fc.nat(5))
    .map(([text, all, how]) => (how === 0 ? spoilText(text, all) : asJson(spoilJson(JSON.parse(text), all))));
holds('nft -j list ruleset', json('ruleset'), (text) => {
  onlyClearErrors(() => rulesetOf(text));
});
holds('counters as JSON', json('counters'), (text) => {
  const found = readCounters(text);
  must(
    [...(found?.values() ?? [])].every(({ answers, begun }) => Number.isFinite(answers + begun)),
    'counters',
  );
});
holds('ip -j rule show', json('rules'), (text) => void foreignRules(objectsIn(parseJson(text)), '201'));

holds(
  'a resolver’s answer',
  fc.tuple(fc.uint8Array({ maxLength: 600 }), fc.nat(65_535), fc.boolean()),
  ([bytes, id, whole]) => {
    const message = whole ? Buffer.concat([dnsQuery(id, 'example.net'), bytes]) : Buffer.from(bytes);
    if (message.length > 3 && whole) message[2] = bytes[0] ?? 0;
    const found = readDns(message, id);
    if (found?.why !== undefined) expectPlain(found.why, 40);
  },
);
holds('a web server’s answer', texts('http'), (text) => {
  const found = readHttp(text, '/generate_204');
  if (found?.why !== undefined) expectPlain(found.why, 400);
});

const DEVICES = [{ name: 'eth1', index: 3, kind: 'ether', addresses: [] }];
const PATHS = ['/var/lib/dhcp/dhclient.leases', '/run/systemd/netif/leases/3', '/var/lib/dhcpcd/eth1.lease'];
PATHS.push('/var/lib/NetworkManager/internal-11111111-2222-3333-4444-555555555555-eth1.lease');
holds('lease files', fc.tuple(fc.constantFrom(...PATHS), texts('leases')), ([path, text]) => {
  const found = parseLeases({ path, text }, DEVICES, Date.now());
  must(
    found.every(({ device, router = '192.0.2.1' }) => /^[\w.:@-]{1,15}$/.test(device) && /^[\d.]+$/.test(router)),
    'leases',
  );
});
holds('pppd’s peers', texts('peers'), (text) => {
  const peer = parsePeer('dsl', text);
  must(!JSON.stringify(peer).includes('SECRET'), 'no password is kept');
});
holds('what init asks ip and nmcli', texts('nmcli'), (text) => {
  parseManaged(text);
  parseIdle(text);
});
holds('what init asks ip', json('rules'), (text) => {
  parseDevices(text);
  parseDefaults(text);
});
