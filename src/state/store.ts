import { join } from 'node:path';
import type { Config, LinkHealth, State } from '../model.ts';
import { readIfThere, writeAtomically } from './files.ts';
import { hasText, isObject, parseJson } from './json.ts';
import { EMPTY_STATE } from './record.ts';

/** The record and the memory of what we changed, in one file. Unreadable text is no reason to stop: the kernel remains. */
export function loadState(directory: string): { state: State; damaged?: string } {
  const path = join(directory, 'state.json');
  const text = readIfThere(path);
  if (text === undefined) return { state: EMPTY_STATE };
  const state = decodeState(text);
  return state === undefined
    ? { state: EMPTY_STATE, damaged: `${path} is damaged: going on with what the kernel holds` }
    : { state };
}

export function saveState(directory: string, state: State): void {
  writeAtomically(join(directory, 'state.json'), encodeState(state));
}

export function encodeState(state: State): string {
  return `${JSON.stringify({ version: 1, ...state })}\n`;
}

/** Undefined unless the text is a whole state of this version. */
function decodeState(text: string): State | undefined {
  const value = parseJson(text);
  if (!isObject(value) || value['version'] !== 1) return undefined;
  const { links, verdicts, sysctls, firewall, memory, stopped, failback, health, learned, told } = value;
  if (!isObject(links) || !Object.values(links).every(isRecord)) return undefined;
  if (!isObject(verdicts) || !Object.values(verdicts).every(isVerdict)) return undefined;
  if (!isObject(sysctls) || !Object.values(sysctls).every((memory) => hasText(memory, 'before', 'set')))
    return undefined;
  if (failback !== undefined && !(isObject(failback) && Object.values(failback).every(isFailback))) return undefined;
  if (health !== undefined && !(isObject(health) && Object.values(health).every(isHealth))) return undefined;
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
  };
  return { links, verdicts, sysctls, stopped, ...optional } as unknown as State;
}

const isMemory = (value: unknown) =>
  hasText(value, 'text') &&
  typeof value['mask'] === 'number' &&
  (value['base'] === undefined || (Array.isArray(value['base']) && value['base'].every(isLoad)));

const isLoad = (value: unknown) =>
  isObject(value) && ['id', 'weight', 'clients'].every((key) => typeof value[key] === 'number');

const isRecord = (value: unknown) =>
  hasText(value, 'source', 'device') &&
  Array.isArray(value['dns']) &&
  ['address', 'gateway'].every((key) => value[key] === undefined || typeof value[key] === 'string') &&
  (value['heldDown'] === undefined || hasText(value['heldDown'], 'source', 'cause')) &&
  (value['knownBy'] === undefined || isObject(value['knownBy']));

const isVerdict = (value: unknown) =>
  hasText(value, 'reason') && typeof value['up'] === 'boolean' && typeof value['since'] === 'number';

const isTexts = (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === 'string');
const isLearned = (value: unknown) =>
  isObject(value) &&
  isTexts(value['helpers']) &&
  (value['managedNeighbours'] === undefined || typeof value['managedNeighbours'] === 'boolean') &&
  isObject(value['names']) &&
  Object.values(value['names']).every(isTexts);

const isFailback = (value: unknown) =>
  isObject(value) && (value['backAt'] === undefined || typeof value['backAt'] === 'number');

const VERDICTS: readonly unknown[] = ['alive', 'degraded', 'dead'] satisfies LinkHealth['verdict'][];
const isHealth = (value: unknown) =>
  hasText(value, 'verdict', 'reason', 'device', 'address') &&
  VERDICTS.includes(value['verdict']) &&
  typeof value['since'] === 'number' &&
  (value['answers'] === undefined || value['answers'] === true) &&
  ['loss', 'rtt', 'jitter', 'heldUntil'].every((key) => value[key] === undefined || typeof value[key] === 'number');

const isTold = (value: unknown) =>
  isObject(value) &&
  isObject(value['links']) &&
  Object.values(value['links']).every((link) => hasText(link, 'condition')) &&
  (value['standing'] === undefined || typeof value['standing'] === 'number');

/** The last configuration without a problem: what hooks go on with while somebody is editing a broken one. */
export function saveGoodConfig(directory: string, config: Config): void {
  const path = join(directory, 'config.json');
  const text = `${JSON.stringify(config)}\n`;
  if (readIfThere(path) !== text) writeAtomically(path, text);
}

export function loadGoodConfig(directory: string): Config | undefined {
  const value = parseJson(readIfThere(join(directory, 'config.json')) ?? '');
  return isObject(value) && Array.isArray(value['links']) ? (value as unknown as Config) : undefined;
}
