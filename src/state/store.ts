import { isBuiltIn, isDeviceName, isLineName, isUsableIpv4, parseIpv4 } from '../checked.ts';
import { delegatedPrefix, isUsableIpv6, parseIpv6, parsePrefix6 } from '../ipv6.ts';
import type { Condition, LinkHealth, State } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { hasText, isObject, parseJson } from '../json.ts';
import { EMPTY_STATE } from './record.ts';
import { isEventSource } from './source.ts';
import { recordPath, recordStamp } from './stamps.ts';

/** The record and the memory of what we changed, in one file. Unreadable text is no reason to stop: the kernel remains. */
export function loadState(directory: string): { state: State; damaged?: string } {
  const path = recordPath(directory);
  const text = readIfThere(path);
  if (text === undefined) return { state: EMPTY_STATE };
  const state = decodeState(text);
  return state === undefined
    ? { state: EMPTY_STATE, damaged: `${path} is damaged: going on with what the kernel holds` }
    : { state };
}

/** With what shows later that it is still the same; taken before it is read. */
export interface StampedState {
  readonly state: State;
  readonly damaged?: string;
  readonly stamp: string;
}

export function loadStamped(directory: string): StampedState {
  const stamp = recordStamp(directory);
  return { ...loadState(directory), stamp };
}

export function saveState(directory: string, state: State): void {
  writeAtomically(recordPath(directory), encodeState(state));
}

/** Member by member, in whatever order: most are handed on as they are, and the firewall's are long texts. */
export const isSameState = (one: State, other: State): boolean => isSame(one, other);

function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (!isObject(one) || !isObject(other)) return JSON.stringify(one) === JSON.stringify(other);
  // Hundreds of members: no list of both's names, only those that one of them lacks are looked at once more.
  for (const name of Object.keys(one)) if (!isSame(one[name], other[name])) return false;
  return Object.keys(other).every((name) => Object.hasOwn(one, name) || other[name] === undefined);
}

export function encodeState(state: State): string {
  return `${JSON.stringify({ version: 1, ...state })}\n`;
}

/** Undefined unless the text is a whole state of this version. */
function decodeState(text: string): State | undefined {
  const value = parseJson(text);
  if (!isObject(value) || value['version'] !== 1) return undefined;
  const { links, verdicts, sysctls, firewall, memory, stopped, failback, health, learned, told, v6 } = value;
  if (!isFamily(value) || (v6 !== undefined && !isFamily(v6))) return undefined;
  if (!isObject(sysctls) || !Object.keys(sysctls).every((key) => isSysctl(key, sysctls[key]))) return undefined;
  if (typeof stopped !== 'boolean') return undefined;
  if (firewall !== undefined && !hasText(firewall, 'text', 'listing')) return undefined;
  if (memory !== undefined && !isMemory(memory)) return undefined;
  if (learned !== undefined && !isLearned(learned)) return undefined;
  if (told !== undefined && !isTold(told)) return undefined;
  // Each part has just been checked against its type.
  const optional = {
    ...(learned !== undefined && { learned }),
    ...(firewall !== undefined && { firewall }),
    ...(memory !== undefined && { memory }),
    ...(failback !== undefined && { failback }),
    ...(health !== undefined && { health }),
    ...(told !== undefined && { told }),
    ...(v6 !== undefined && { v6 }),
  };
  return { links, verdicts, sysctls, stopped, ...optional } as unknown as State;
}

/** By names that no plain object has from the start: a link called `constructor` can be told from none by nobody. */
const each = (members: unknown, test: (value: unknown) => boolean): boolean =>
  isObject(members) && Object.keys(members).every((name) => !isBuiltIn(name) && test(members[name]));

/** What each family remembers by itself. */
function isFamily(value: unknown): boolean {
  if (!isObject(value)) return false;
  const { links, verdicts, failback, health } = value;
  return (
    each(links, isRecord) &&
    each(verdicts, isVerdict) &&
    (failback === undefined || each(failback, isFailback)) &&
    (health === undefined || each(health, isHealth))
  );
}

const isMemory = (value: unknown) =>
  hasText(value, 'text') &&
  typeof value['mask'] === 'number' &&
  (value['base'] === undefined || (Array.isArray(value['base']) && value['base'].every(isLoad)));

const isLoad = (value: unknown) =>
  isObject(value) && ['id', 'weight', 'clients'].every((key) => typeof value[key] === 'number');

/** Absent, or a text that passes the test. */
const maybe = (value: unknown, test: (text: string) => boolean) =>
  value === undefined || (typeof value === 'string' && test(value));
const isAddress = (text: string) => parseIpv4(text) !== undefined || parseIpv6(text) !== undefined;
const isSource = (value: unknown) => value === 'kernel' || isEventSource(value);

const isRecord = (value: unknown) =>
  hasText(value, 'device') &&
  isSource(value['source']) &&
  maybe(value['device'], isDeviceName) &&
  isTexts(value['dns'], isUsableIpv4) &&
  maybe(value['address'], isAddress) &&
  maybe(value['gateway'], isAddress) &&
  (value['prefixes'] === undefined || isTexts(value['prefixes'], (text) => delegatedPrefix(text) === text)) &&
  (value['leaseStart'] === undefined || Number.isSafeInteger(value['leaseStart'])) &&
  (value['heldDown'] === undefined || (hasText(value['heldDown'], 'cause') && isSource(value['heldDown']['source']))) &&
  (value['knownBy'] === undefined || isLineKey(value['knownBy']));

const isLineKey = (value: unknown) =>
  ['ipparam', 'linkname', 'device'].some((key) => hasText(value, key) && maybe(value[key], isLineName));

/** It will be written into rules. */
const isSource6 = (text: string) =>
  isUsableIpv6(text) || (parsePrefix6(text) !== undefined && isUsableIpv6(text.replace(/\/.*/, '')));

const isVerdict = (value: unknown) =>
  hasText(value, 'reason') &&
  typeof value['up'] === 'boolean' &&
  typeof value['since'] === 'number' &&
  maybe(value['device'], isDeviceName) &&
  maybe(value['address'], isAddress) &&
  (value['sources'] === undefined || isTexts(value['sources'], isSource6)) &&
  (value['mtu'] === undefined || typeof value['mtu'] === 'number');

/** It will be written to a file below /proc/sys: nothing that leads out of there. */
const isSysctl = (key: string, memory: unknown) =>
  isObject(memory) &&
  isSysctlValue(memory['before']) &&
  isSysctlValue(memory['set']) &&
  /^net(?:\/[\w:@-][\w.:@-]*)+$/.test(key);
const isSysctlValue = (value: unknown) => typeof value === 'string' && /^[\w\t -]{1,64}$/.test(value);

const isTexts = (value: unknown, test: (text: string) => boolean = () => true) =>
  Array.isArray(value) && value.every((one) => typeof one === 'string' && test(one));

const isLearned = (value: unknown) =>
  isObject(value) &&
  isTexts(value['helpers']) &&
  (value['managedNeighbours'] === undefined || typeof value['managedNeighbours'] === 'boolean') &&
  each(value['names'], (addresses) => isTexts(addresses, isUsableIpv4));

const isFailback = (value: unknown) =>
  isObject(value) && (value['backAt'] === undefined || typeof value['backAt'] === 'number');

const VERDICTS: readonly unknown[] = ['alive', 'degraded', 'dead'] satisfies LinkHealth['verdict'][];
const isHealth = (value: unknown) =>
  hasText(value, 'verdict', 'reason', 'device', 'address') &&
  VERDICTS.includes(value['verdict']) &&
  maybe(value['device'], isDeviceName) &&
  maybe(value['address'], isAddress) &&
  typeof value['since'] === 'number' &&
  (value['answers'] === undefined || value['answers'] === true) &&
  ['loss', 'rtt', 'jitter', 'heldUntil'].every((key) => value[key] === undefined || typeof value[key] === 'number');

const CONDITIONS: readonly unknown[] = ['up', 'degraded', 'dead', 'down'] satisfies Condition[];
const isTold = (value: unknown) =>
  isObject(value) &&
  each(value['links'], isToldLink) &&
  (value['standing'] === undefined || typeof value['standing'] === 'number');

const isToldLink = (value: unknown) =>
  isObject(value) &&
  CONDITIONS.includes(value['condition']) &&
  (value['ipv6'] === undefined || maybe(value['ipv6'], (text) => /^[a-z]+(?: [0-9a-f:./-]+)*$/.test(text))) &&
  maybe(value['device'], isDeviceName) &&
  maybe(value['address'], isAddress);
