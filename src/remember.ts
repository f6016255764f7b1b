import { clientMemory } from './desired/client-memory.ts';
import { baseFor, loadsOf, NO_BINDINGS, type Bindings } from './desired/clients.ts';
import { sharingLinks } from './desired/routing.ts';
import { explain } from './errors.ts';
import type { Config, Desired, LinkLoad, LinkStatus, Observed, State } from './model.ts';
import type { Decision, Known, Surroundings } from './decide.ts';
import type { Kernel } from './kernel/kernel.ts';
import type { Condition } from './kernel/memory-check.ts';
import { loadClients, saveClients } from './state/clients.ts';

/** The part of a run that is about pairs and clients (desired/memory.ts, desired/client-memory.ts). */

interface ObservedMemory {
  readonly condition: Condition;
  /** Its marks are of another MARK_MASK: nobody can use what is in it. */
  readonly outdated?: true;
  /** These bindings are not in the kernel, or not any more. */
  readonly saved?: boolean;
  /** Who is where; before there is a table, who was where when it was last seen. */
  readonly bindings: Bindings;
}

const ABSENT: ObservedMemory = { condition: 'absent', bindings: NO_BINDINGS };

/**
 * Looked for only where there may be something: a hook that shares by flow starts no process for it. A command does: whoever
 * was killed before he could write down what he had loaded has left it there, also when BALANCE is another by now.
 */
export async function observeMemory(
  world: Surroundings,
  { config, state, closely = false }: Pick<Known, 'config' | 'state' | 'closely'>,
  notes: string[],
): Promise<ObservedMemory> {
  try {
    const { balance } = config;
    if (balance === 'client' || state.memory?.base !== undefined)
      return await lookAtClients(world, config, state, closely);
    const mayExist = closely || balance === 'pair' || state.memory !== undefined || state.firewall === undefined;
    if (!mayExist) return ABSENT;
    return { ...ABSENT, condition: await look(world.kernel, state, closely), ...outdated(config, state) };
  } catch (error) {
    // Stopping must work without nft, too: then there is no table to take away.
    if (!state.stopped) throw error;
    const why = explain(error);
    if (!notes.includes(why)) notes.push(why);
    return ABSENT;
  }
}

async function look({ memory: table }: Kernel, { memory }: State, closely: boolean): Promise<Condition> {
  if (memory !== undefined) return table.condition(memory.text, closely);
  return (await table.exists()) ? 'changed' : 'absent';
}

const outdated = ({ markMask }: Config, { memory }: State): { outdated?: true } =>
  memory !== undefined && memory.mask !== markMask ? { outdated: true } : {};

async function lookAtClients(
  { kernel, libraryDirectory, warn }: Surroundings,
  config: Config,
  state: State,
  closely: boolean,
): Promise<ObservedMemory> {
  const mask = state.memory?.mask ?? config.markMask;
  // With `never` nobody is away: one process less.
  const found = await kernel.memory.read(config.rebalance === 'never' ? ['client'] : ['client', 'away']);
  const condition = await look(kernel, state, closely);
  if (found === undefined) {
    const { clients, damaged } = loadClients(libraryDirectory);
    if (damaged !== undefined) warn(damaged);
    return { condition, saved: true, bindings: { ...NO_BINDINGS, client: clients } };
  }
  const idOf = (mark: number) => mark / ((mask & -mask) >>> 0);
  const entries = (of: string) =>
    new Map(found.flatMap(({ map, key, mark }) => (map === of ? [[key.join(), idOf(mark)]] : [])));
  const old = outdated(config, state);
  const bindings = { client: entries('client'), away: entries('away') };
  return { condition, bindings, ...old, saved: old.outdated === true };
}

export function memoryInKernel({ memory }: State, { condition, outdated }: ObservedMemory): Pick<Observed, 'memory'> {
  if (condition === 'absent') return {};
  if (outdated === true) return { memory: { outdated: true } };
  return { memory: condition === 'intact' && memory !== undefined ? memory.text : { changed: true } };
}

/** How the links were loaded when the order of the next clients was made; as they are now, if the table is to be loaded. */
export function clientBase(
  config: Config,
  { memory }: State,
  statuses: readonly LinkStatus[],
  { bindings, condition }: ObservedMemory,
  statuses6: readonly LinkStatus[],
): readonly LinkLoad[] {
  if (config.balance !== 'client') return [];
  const sharing = sharingLinks(statuses).map(({ link }) => link);
  const now = loadsOf(config, bindings, sharing);
  const base = baseFor(memory?.base, now);
  // A table that is loaded begins its order anew, whatever it was loaded for.
  const isLoaded = condition === 'intact' && memory?.text === clientMemory(config, statuses, base, statuses6);
  return isLoaded ? base : now;
}

/** Before anything is taken away, so that `stop` and a reboot lose nobody. That it cannot be saved stops no routing. */
export function keepBindings(world: Surroundings, { client }: Bindings): void {
  if (client.size === 0) return;
  try {
    saveClients(world.libraryDirectory, client);
  } catch (error) {
    world.warn(explain(error));
  }
}

export function memoryRecord(config: Config, { memory }: Desired, base: readonly LinkLoad[]): State['memory'] {
  if (memory === undefined) return undefined;
  return { text: memory, mask: config.markMask, ...(config.balance === 'client' && { base }) };
}

/** Remembered only once it is loaded; forgotten when it is gone, also if whoever took it away could not write that down. */
export function rememberMemory({ ops, memory }: Decision, { memory: before, ...state }: State): State {
  // Stopped without nft, nobody has looked: it may be there.
  const isGone = ops.some(({ op }) => op === 'memory-delete') || (memory === undefined && !state.stopped);
  const now = ops.some(({ op }) => op === 'memory-load') ? memory : isGone ? undefined : before;
  return now === undefined ? state : { ...state, memory: now };
}
