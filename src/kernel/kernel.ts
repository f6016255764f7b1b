import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, explain, WanhookError } from '../errors.ts';
import { acceptRa } from '../forwarding.ts';
import type { EndedFlows, Op, Sysctls } from '../model.ts';
import { keptCondition } from './kept-check.ts';
import { openMemory, type Memory } from './memory.ts';
import { isAbsent } from './nft-words.ts';
import {
  OBSERVE_BATCH,
  OBSERVE_BATCH6,
  parseIp6Batch,
  parseIpBatch,
  parseMainGateway,
  type Ip6Observed,
  type IpObserved,
} from './observe.ts';
import {
  conntrackDeleteWords,
  familyOf,
  FIREWALL_DELETE,
  firewallTransaction,
  ipWords,
  MEMORY_DELETE,
  neighbourWords,
  socketKillWords,
} from './render.ts';
import { told, type Outcome, type Runner } from './runner.ts';
import { hasSockets } from './sockets.ts';
import { readSysctls } from './sysctls.ts';

type Tell = (op: Op) => void;

/** The only door to the kernel. */
export interface Kernel {
  /** Devices with those of their sysctls that netlink tells, and everything that carries our protocol number. */
  observe(): Promise<IpObserved>;
  /** The same for IPv6's rules and routes: a process more, so only where there is any. */
  observe6(): Promise<Ip6Observed>;
  /** Our nftables table as nft prints it (isSameListing compares two), or undefined if there is none. */
  listFirewall(): Promise<string | undefined>;
  /** Is the table `inet wanhook_kept` what was loaded with this text? Closely: see kept-check.ts. */
  isKept(text: string, closely: boolean): Promise<boolean>;
  /** What the table `inet wanhook_memory` remembers; undefined if there is no such table. */
  readonly memory: Memory;
  /** The gateways of other people's default routes in `main` by these devices. */
  mainGateways(devices: readonly string[]): Promise<Record<string, string>>;
  /** Keys are paths under /proc/sys; those that do not exist are left out. */
  readSysctls(keys: readonly string[]): Sysctls;
  /** Carry out the operations in order, telling each first; stops at the first refused. Returns what went wrong but did no harm. */
  apply(ops: readonly Op[], tell?: Tell): Promise<string[]>;
  /** A nftables transaction beside our table; `act` is for the message when it is refused. */
  transact(act: string, text: string): Promise<void>;
  /** A question that changes nothing; undefined if the kernel answers that there is none. */
  ask(tool: 'ip' | 'nft' | 'conntrack', argv: readonly string[]): Promise<string | undefined>;
}

/** The kernel said no to one operation; everything before it is done. */
export class RefusedError extends WanhookError {
  readonly refused: Op | undefined;
  /** How many operations of its batch were not carried out, the refused one among them. */
  readonly undone: number;
  constructor(message: string, refused: Op | undefined, undone: number) {
    super(message);
    this.refused = refused;
    this.undone = undone;
  }
}

export function createKernel(runner: Runner, procSys = '/proc/sys'): Kernel {
  return {
    observe: () => observe(runner),
    observe6: () => observe6(runner),
    listFirewall: () => listFirewall(runner),
    isKept: async (text, closely) => (await keptCondition(runner, text, closely)) === 'intact',
    memory: openMemory(runner),
    mainGateways: (devices) => mainGateways(runner, devices),
    readSysctls: (keys) => readSysctls(procSys, keys),
    async apply(ops, tell = () => undefined) {
      const warnings: string[] = [];
      for (const step of steps(ops)) {
        step.forEach(tell);
        warnings.push(...(await applyStep(runner, procSys, step, tell)));
      }
      return warnings;
    },
    async transact(act, text) {
      must(act, await runner.run('nft', ['-f', '-'], text));
    },
    async ask(tool, argv) {
      const outcome = await runner.run(tool, argv);
      return outcome.code === 0 ? outcome.stdout : undefined;
    },
  };
}

async function observe(runner: Runner): Promise<IpObserved> {
  const outcome = await runner.run('ip', ['-N', '-j', '-batch', '-'], `${OBSERVE_BATCH.join('\n')}\n`);
  // An ip(8) that was built without netconf, which is the last and only spares reading files.
  const isAllButLast = failedAt(outcome) === OBSERVE_BATCH.length - 1;
  if (outcome.code !== 0 && !isAllButLast) {
    // An old iproute2 does not know the word, an old kernel not the message.
    const old = /nexthop.*unknown|not supported|Invalid argument/i.test(outcome.stderr);
    throw new WanhookError(
      old
        ? `this system has no nexthop objects (Linux 5.3 and iproute2 5.3 or later are needed): ${told(outcome)}`
        : `cannot read rules and routes: ip: ${told(outcome)}`,
    );
  }
  return parseIpBatch(outcome.stdout);
}

async function observe6(runner: Runner): Promise<Ip6Observed> {
  const outcome = await runner.run('ip', ['-6', '-N', '-j', '-batch', '-'], `${OBSERVE_BATCH6.join('\n')}\n`);
  if (outcome.code !== 0) throw new WanhookError(`cannot read IPv6 rules and routes: ip: ${told(outcome)}`);
  return parseIp6Batch(outcome.stdout);
}

async function listFirewall(runner: Runner): Promise<string | undefined> {
  const outcome = await runner.run('nft', ['-s', 'list', 'table', 'inet', 'wanhook']);
  if (outcome.code === 0) return outcome.stdout;
  if (isAbsent(outcome)) return undefined;
  throw new WanhookError(`cannot list the table "inet wanhook": nft: ${told(outcome)}`);
}

async function mainGateways(runner: Runner, devices: readonly string[]): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const device of devices) {
    const argv = ['-4', '-N', '-j', 'route', 'show', 'default', 'dev', device, 'table', 'main'];
    const outcome = await runner.run('ip', argv);
    const gateway = outcome.code === 0 ? parseMainGateway(outcome.stdout) : undefined;
    if (gateway !== undefined) found[device] = gateway;
  }
  return found;
}

/** Neighbouring `ip` operations travel in one batch: a process costs more than the work. */
function steps(ops: readonly Op[]): Op[][] {
  const found: Op[][] = [];
  for (const op of ops) {
    const last = found.at(-1);
    const fits = (first: Op) =>
      ipWords(first) !== undefined &&
      ipWords(op) !== undefined &&
      familyOf(first) === familyOf(op) &&
      'linkLocal' in first === 'linkLocal' in op;
    if (last?.[0] !== undefined && fits(last[0])) last.push(op);
    else found.push([op]);
  }
  return found;
}

async function applyStep(runner: Runner, procSys: string, step: readonly Op[], tell: Tell): Promise<string[]> {
  const [op] = step;
  switch (op?.op) {
    case 'sysctl-set':
      return setSysctl(procSys, op.key, op.value);
    case 'firewall-load':
      return loadFirewall(runner, op, tell);
    case 'firewall-delete':
      return must('delete the table "inet wanhook"', await runner.run('nft', ['-f', '-'], FIREWALL_DELETE));
    case 'memory-load':
      return must('load the table "inet wanhook_memory"', await runner.run('nft', ['-f', '-'], op.text));
    case 'memory-delete':
      return must('delete the table "inet wanhook_memory"', await runner.run('nft', ['-f', '-'], MEMORY_DELETE));
    case 'neighbour-replace':
    case 'neighbour-del':
      return changeNeighbour(runner, neighbourWords(op.op, op.neighbour));
    case 'address-del':
      return askForRouters(runner, procSys, op.linkLocal.device, step);
    case 'conntrack-delete':
      return forgetConnections(runner, op.mark);
    case 'socket-kill':
      return killSockets(runner, join(procSys, '../net'), op.address);
    default:
      return ipBatch(runner, step);
  }
}

/** Additions that are refused: the table is not what it seems, and is loaded whole. */
async function loadFirewall(
  runner: Runner,
  { text, added }: Extract<Op, { op: 'firewall-load' }>,
  tell: Tell,
): Promise<[]> {
  if (added !== undefined) {
    if ((await runner.run('nft', ['-f', '-'], added)).code === 0) return [];
    tell({ op: 'firewall-load', text });
  }
  return must('load the table "inet wanhook"', await runner.run('nft', ['-f', '-'], firewallTransaction(text)));
}

function must(act: string, outcome: Outcome): [] {
  if (outcome.code !== 0) throw new WanhookError(`cannot ${act}: ${told(outcome)}`);
  return [];
}

const batchLine = (op: Op | undefined) => (op === undefined ? '' : (ipWords(op) ?? []).join(' '));
const batchText = (ops: readonly Op[]) => `${ops.map(batchLine).join('\n')}\n`;

/** Without `-4`, which would make the kernel refuse a nexthop group; everything else there is IPv4 by default. */
async function ipBatch(runner: Runner, ops: readonly Op[]): Promise<[]> {
  const family = ops[0] !== undefined && familyOf(ops[0]) === 6 ? ['-6'] : [];
  const outcome = await runner.run('ip', [...family, '-batch', '-'], batchText(ops));
  if (outcome.code === 0) return [];
  const at = failedAt(outcome);
  throw new RefusedError(
    `"${['ip', ...family, batchLine(ops[at]) || '-batch'].join(' ')}" was refused: ${told(outcome)}`,
    ops[at],
    ops.length - Math.max(0, at),
  );
}

/** "Command failed -:3": batch mode stops there, so everything before it is done. -1: nobody knows. */
function failedAt({ stderr }: Pick<Outcome, 'stderr'>): number {
  return Number(/Command failed -:(\d+)/.exec(stderr)?.[1] ?? 0) - 1;
}

/** A sysctl that cannot be set (a container's read-only /proc/sys) is told, but does not keep routing from working. */
function setSysctl(procSys: string, key: string, value: string): string[] {
  try {
    writeFileSync(join(procSys, key), value);
    return [];
  } catch (error) {
    // The device went away between looking and writing.
    if (errorCode(error) === 'ENOENT') return [];
    return [`cannot set sysctl ${key} to ${value}: ${errorCode(error) ?? String(error)}`];
  }
}

/**
 * Without CONFIG_INET_DIAG_DESTROY ss(8) says so, or nothing, and without ss nobody does: the connections then end by their
 * own timeouts. Nothing is wrong with routing, so nobody is told.
 */
async function killSockets(runner: Runner, procNet: string, address: string): Promise<[]> {
  if (!hasSockets(procNet, address)) return [];
  try {
    await runner.run('ss', socketKillWords(address));
  } catch {
    // Not there, or too slow.
  }
  return [];
}

/** Routing works without, and the next run tries again. */
async function changeNeighbour(runner: Runner, argv: readonly string[]): Promise<[]> {
  await runner.run('ip', argv);
  return [];
}

/** Routing works without: the router speaks by itself, sooner or later. Not heard all the same: nobody is asked. */
async function askForRouters(runner: Runner, procSys: string, device: string, ops: readonly Op[]): Promise<string[]> {
  const key = acceptRa(device);
  if (readSysctls(procSys, [key])[key] !== '2') return [];
  const outcome = await runner.run('ip', ['-6', '-batch', '-'], batchText(ops));
  if (outcome.code === 0) return [];
  // Taken away, and not given back: pppd's address must not be lost.
  const lost = ops[failedAt(outcome)];
  if (lost?.op === 'address-add') await runner.run('ip', ['-6', ...(ipWords(lost) ?? [])]);
  return [`cannot ask for an IPv6 router on ${device}: ip: ${told(outcome)}`];
}

/** That there are none is exit code 1. Connections that cannot be ended hang: worth telling, but routing is right. */
async function forgetConnections(runner: Runner, mark: EndedFlows): Promise<string[]> {
  const argv = conntrackDeleteWords(mark);
  const act = `cannot end the connections of a dead link, "conntrack ${argv.join(' ')}"`;
  try {
    const { code, stderr } = await runner.run('conntrack', argv, '', { discard: true });
    const none = code === 0 || /\b0 flow entries have been deleted/.test(stderr);
    return none ? [] : [`${act}: ${told({ code, stderr })}`];
  } catch (error) {
    return [`${act}: ${explain(error)}`];
  }
}
