/**
 * A tiny kernel at the seam where commands are run (src/kernel/runner.ts): it reads the `ip` lines that wanhook writes,
 * answers what wanhook asks, and refuses and forgets as Linux does. test/kernel/fake.test.ts runs one table of cases on
 * it and on the real one.
 *
 *   const kernel = createFakeKernel();
 *   kernel.addDevice('ppp0', { pointToPoint: true });
 *   await reconcile({ kernel: createKernel(kernel.runner, kernel.procSys), … });
 *   kernel.dump() → ['ip rule add pref 20000 lookup 254 …', …]
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Outcome, Runner } from '../../src/kernel/runner.ts';
import { ipBatch } from './fake-kernel-ip.ts';
import { findDevice, removeDevice, setCarrier } from './fake-kernel-link.ts';
import {
  forgetRule,
  memoryCheck,
  memoryDeletions,
  memoryList,
  memoryTable,
  memoryLoad,
  remember,
} from './fake-kernel-memory.ts';
import { forgetConnections, keptCheck, keptTable, killSockets, nftList, nftLoad } from './fake-kernel-nft.ts';
import { netconf } from './fake-kernel-netconf.ts';
import { show, show6, showDefaults } from './fake-kernel-show.ts';
import { bootedState, type FakeState } from './fake-kernel-state.ts';
import { noDevice, Refusal } from './fake-kernel-words.ts';
import { dumpLines, dumpLines6, type IpDump, READ_ALL, READ_ALL6 } from './world-dump.ts';
import { scratchDirectory } from './world-scratch.ts';

export interface DeviceOptions {
  readonly mtu?: number;
  readonly pointToPoint?: boolean;
}

export interface FakeKernel {
  readonly runner: Runner;
  /** What the runner does, at once; not counted, and `beforeEach` is not asked. */
  runSync(tool: string, argv: readonly string[], stdin?: string): Outcome;
  /** Stands for /proc/sys. */
  readonly procSys: string;
  /** Commands run so far. */
  readonly commands: () => number;
  /** Called before each command: may change the kernel, or throw in the tool's place. */
  beforeEach: (tool: string, argv: readonly string[], stdin: string) => void;
  addDevice(name: string, options?: DeviceOptions): void;
  removeDevice(name: string): void;
  setUp(name: string, up: boolean): void;
  setCarrier(name: string, plugged: boolean): void;
  addAddress(device: string, address: string, peer?: string): void;
  delAddress(device: string, address: string): void;
  hasDevice(name: string): boolean;
  addressesOf(device: string): string[];
  addressesOf6(device: string): string[];
  /** Any `ip` line, by anybody: true if the kernel took it. */
  ip(line: string): boolean;
  setSysctl(key: string, value: string): void;
  /** An established local TCP connection from this address. */
  addSocket(address: string): void;
  sockets(): readonly string[];
  /** A connection with this mark. */
  addConnection(mark: number): void;
  connections(): readonly number[];
  /** The table `inet wanhook` as loaded; text put there by a stranger. */
  firewall(): string | undefined;
  /** The script of `table inet wanhook_memory`. */
  memory(): string | undefined;
  /** Somebody's connection: `10.10.0.2 . 203.0.113.10 : 0x01000000` into a map of that table. */
  remember(map: string, element: string): void;
  /** Somebody deletes that chain's last rule. */
  forgetRule(chain: string): void;
  /** What a map of it holds, in that form. */
  remembered(map: string): string[];
  setFirewall(text: string | undefined): void;
  /** Itself as `ip …` lines: all, only ours (protocol 201), or only what others made. */
  dump(whose?: 'all' | 'ours' | 'others'): string[];
  /** All that is not ours, quickly, to compare. */
  others(): string;
  /** Remembers everything but sysctls; what it gives puts it all back, as often as wanted. */
  snapshot(): () => void;
  /** A copy that lives on its own, without what is ours. */
  cloneWithoutOurs(): FakeKernel;
}

const PER_DEVICE = ['rp_filter', 'ignore_routes_with_linkdown', 'arp_ignore', 'arp_announce'];
const GLOBAL = ['fib_multipath_hash_policy', 'ip_dynaddr', 'ip_forward'];
const PER_DEVICE6 = ['ignore_routes_with_linkdown', 'accept_ra', 'forwarding'];

export function createFakeKernel(state: FakeState = bootedState()): FakeKernel {
  const procSys = scratchDirectory('proc-sys');
  let commands = 0;
  const setSysctl = (key: string, value: string) => writeFileSync(join(procSys, key), `${value}\n`);
  const configure = (name: string) => {
    mkdirSync(join(procSys, 'net/ipv4/conf', name), { recursive: true });
    PER_DEVICE.forEach((key) => setSysctl(`net/ipv4/conf/${name}/${key}`, '0'));
    mkdirSync(join(procSys, 'net/ipv6/conf', name), { recursive: true });
    PER_DEVICE6.forEach((key) => setSysctl(`net/ipv6/conf/${name}/${key}`, key === 'accept_ra' ? '1' : '0'));
  };
  state.devices.forEach(({ name }) => configure(name));
  GLOBAL.forEach((key) => setSysctl(`net/ipv4/${key}`, '0'));
  ['all', 'default'].forEach((name) => mkdirSync(join(procSys, 'net/ipv6/conf', name), { recursive: true }));
  ['fib_multipath_hash_policy', 'conf/all/forwarding', 'conf/default/forwarding'].forEach((key) =>
    setSysctl(`net/ipv6/${key}`, '0'),
  );

  const must = (line: string) => {
    const { code, stderr } = ipBatch(state, line);
    if (code !== 0) throw new Refusal(`ip ${line}: ${stderr}`);
  };
  const readAll = () => READ_ALL.map((command) => show(state, command)) as IpDump;

  const readAll6 = () => READ_ALL6.map((command) => show6(state, command)) as [IpDump[1], IpDump[2]];

  const kernel: FakeKernel = {
    procSys,
    runner: {
      run: (tool, argv, stdin = '') =>
        new Promise((resolve) => {
          commands++;
          kernel.beforeEach(tool, argv, stdin);
          resolve(kernel.runSync(tool, argv, stdin));
        }),
    },
    runSync: (tool, argv, stdin = '') => runTool(state, [tool, ...argv].join(' '), argv, stdin, procSys),
    commands: () => commands,
    beforeEach: () => undefined,
    addDevice: (name, { mtu = 1500, pointToPoint = false } = {}) => {
      if (kernel.hasDevice(name)) throw new Error(`the device ${name} is there already`);
      const index = state.nextIndex++;
      state.devices.push({ name, index, mtu, pointToPoint, up: false, plugged: true, addresses: [], addresses6: [] });
      configure(name);
    },
    removeDevice: (name) => {
      removeDevice(state, findDevice(state, name));
      rmSync(join(procSys, 'net/ipv4/conf', name), { recursive: true });
      rmSync(join(procSys, 'net/ipv6/conf', name), { recursive: true });
    },
    setUp: (name, up) => must(`link set ${name} ${up ? 'up' : 'down'}`),
    setCarrier: (name, plugged) => setCarrier(state, findDevice(state, name), plugged),
    addAddress: (device, address, peer) =>
      must(`addr add ${address} ${peer === undefined ? '' : `peer ${peer} `}dev ${device}`),
    delAddress: (device, address) => {
      const found = findDevice(state, device).addresses.find(({ local }) => local === address);
      const peer = found?.peer === undefined ? '' : ` peer ${found.peer}`;
      must(`addr del ${address}/${found?.prefix ?? 32}${peer} dev ${device}`);
    },
    hasDevice: (name) => state.devices.some((device) => device.name === name),
    addressesOf6: (device) => findDevice(state, device).addresses6.map(({ local }) => local),
    addressesOf: (device) => findDevice(state, device).addresses.map(({ local }) => local),
    ip: (line) => {
      if (line.startsWith('-6 ')) return ipBatch(state, line.slice('-6 '.length), true).code === 0;
      const device = /^link del (\S+)$/.exec(line)?.[1];
      if (device === undefined) return ipBatch(state, line).code === 0;
      if (!kernel.hasDevice(device)) return false;
      kernel.removeDevice(device);
      return true;
    },
    setSysctl,
    addSocket: (address) => state.sockets.push(address),
    sockets: () => state.sockets,
    addConnection: (mark) => state.connections.push(mark),
    connections: () => state.connections,
    firewall: () => (state.firewall === undefined ? undefined : state.firewall + (state.kept ?? '')),
    memory: () => state.memory?.text,
    remember: (map, element) => remember(state, map, element),
    forgetRule: (chain) => forgetRule(state, chain),
    remembered: (map) => [...(state.memory?.elements.get(map) ?? [])].map(([key, mark]) => `${key} : ${mark}`),
    setFirewall: (text) => (state.firewall = text),
    dump: (whose = 'all') => [...dumpLines(readAll(), whose), ...dumpLines6(readAll6(), whose)],
    others: () => JSON.stringify(withoutOurs(state)),
    snapshot: () => {
      const kept = structuredClone(state);
      return () => void Object.assign(state, structuredClone(kept));
    },
    cloneWithoutOurs: () => createFakeKernel(structuredClone(withoutOurs(state))),
  };
  return kernel;
}

function withoutOurs(state: FakeState): FakeState {
  const theirs = <T extends { readonly proto?: number }>(items: T[]) => items.filter(({ proto }) => proto !== 201);
  const { rules, rules6, routes, routes6, nexthops, groups, neighbours } = state;
  return {
    ...state,
    rules: theirs(rules),
    rules6: theirs(rules6),
    routes: theirs(routes),
    routes6: theirs(routes6),
    nexthops: theirs(nexthops),
    groups: theirs(groups),
    neighbours: theirs(neighbours),
    firewall: undefined,
    kept: undefined,
    memory: undefined,
  };
}

function runTool(state: FakeState, command: string, argv: readonly string[], stdin: string, procSys: string): Outcome {
  const gateways = /^ip -4 -N -j route show default dev (\S+) table main$/.exec(command)?.[1];
  if (gateways !== undefined) {
    const known = state.devices.some(({ name }) => name === gateways);
    if (!known) return { code: 1, stdout: '', stderr: `${noDevice(gateways).message}\n` };
    return { code: 0, stdout: `${JSON.stringify(showDefaults(state, gateways))}\n`, stderr: '' };
  }
  if (command === 'ip -N -j -batch -') {
    const arrays = stdin.split('\n').filter((line) => line !== '');
    const answer = (line: string) => (line === 'netconf show' ? netconf(state, procSys) : show(state, line));
    return { code: 0, stdout: arrays.map((line) => `${JSON.stringify(answer(line))}\n`).join(''), stderr: '' };
  }
  if (command === 'ip -6 -N -j -batch -') {
    const arrays = stdin.split('\n').filter((line) => line !== '');
    return { code: 0, stdout: arrays.map((line) => `${JSON.stringify(show6(state, line))}\n`).join(''), stderr: '' };
  }
  if (command === 'ip -6 -batch -') return ipBatch(state, stdin, true);
  if (command === 'ip -batch -') return ipBatch(state, stdin);
  if (command.startsWith('ip neigh ')) return ipBatch(state, argv.join(' '));
  if (/^conntrack -D -f ipv[46] -m /.test(command)) return forgetConnections(state, argv);
  if (command === 'nft -f -') return memoryLoad(state, stdin) ?? nftLoad(state, stdin);
  if (command === 'nft -s list table inet wanhook') return nftList(state);
  if (command === 'nft -c add chain inet wanhook_memory prerouting') return memoryCheck(state);
  if (command === 'nft -c -f -') return memoryDeletions(state, stdin);
  if (command === 'nft -c add chain inet wanhook_kept refused') return keptCheck(state);
  if (command === 'nft -t list table inet wanhook_kept') return keptTable(state);
  if (command === 'nft -t list table inet wanhook_memory') return memoryTable(state);
  if (command.startsWith('nft list map inet wanhook_memory ')) return memoryList(state, argv.at(-1) ?? '');
  if (/^ss -K -H -n -t -[46] src /.test(command)) return killSockets(state, argv);
  throw new Error(`the fake kernel has no such command: ${command}`);
}
