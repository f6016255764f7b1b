import { baseFor, loadsOf, NO_BINDINGS, type Bindings } from './desired/clients.ts';
import { sharingLinks } from './desired/routing.ts';
import { explain } from './errors.ts';
import type { Config, Desired, LinkLoad, LinkStatus, Observed, State } from './model.ts';
import type { Decision, Surroundings } from './decide.ts';
import { loadClients, saveClients } from './state/clients.ts';

/** The part of a run that is about pairs and clients (desired/memory.ts, desired/client-memory.ts). */

interface ObservedMemory {
  /** The table is there. */
  readonly exists: boolean;
  /** These bindings are not in the kernel, or not any more. */
  readonly saved?: boolean;
  /** Who is where; before there is a table, who was where when it was last seen. */
  readonly bindings: Bindings;
}

/** Looked for only where there may be something: a router that shares by flow starts no process for it. */
export async function observeMemory(
  world: Surroundings,
  config: Config,
  state: State,
  notes: string[],
): Promise<ObservedMemory> {
  try {
    return await look(world, config, state);
  } catch (error) {
    // Stopping must work without nft, too: then there is no table to take away.
    if (!state.stopped) throw error;
    notes.push(explain(error));
    return { exists: false, bindings: NO_BINDINGS };
  }
}

async function look(world: Surroundings, config: Config, state: State): Promise<ObservedMemory> {
  const { memory, firewall } = state;
  const { kernel, libraryDirectory } = world;
  const nothing = { exists: false, bindings: NO_BINDINGS };
  const holdsClients = memory?.base !== undefined;
  if (config.balance !== 'client' && !holdsClients) {
    const mayExist = config.balance === 'pair' || memory !== undefined || firewall === undefined;
    return mayExist ? { ...nothing, exists: await kernel.memory.exists() } : nothing;
  }
  const mask = memory?.mask ?? config.markMask;
  const found = await kernel.memory.read(['client', 'away']);
  if (found === undefined) {
    const exists = await kernel.memory.exists();
    return { exists, saved: true, bindings: { ...NO_BINDINGS, client: loadClients(libraryDirectory) } };
  }
  const idOf = (mark: number) => mark / ((mask & -mask) >>> 0);
  const entries = (of: string) =>
    new Map(found.flatMap(({ map, key, mark }) => (map === of ? [[key.join(), idOf(mark)]] : [])));
  return { exists: true, bindings: { client: entries('client'), away: entries('away') } };
}

/** Its rules are taken for what we loaded: to look would mean to read all that it remembers (see kernel/memory.ts). */
export function memoryInKernel({ memory }: State, { exists }: ObservedMemory): Pick<Observed, 'memory'> {
  return exists ? { memory: memory?.text ?? { changed: true } } : {};
}

export function clientBase(
  config: Config,
  { memory }: State,
  statuses: readonly LinkStatus[],
  { bindings }: ObservedMemory,
): readonly LinkLoad[] {
  if (config.balance !== 'client') return [];
  const sharing = sharingLinks(statuses).map(({ link }) => link);
  return baseFor(memory?.base, loadsOf(config, bindings, sharing));
}

/** Before anything is taken away, so that `stop` and a reboot lose nobody. That it cannot be saved stops no routing. */
export function keepBindings(
  world: Surroundings & { readonly warn: (message: string) => void },
  { client }: Bindings,
): void {
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

/** Remembered only once it is loaded. */
export function rememberMemory({ ops, memory }: Decision, { memory: before, ...state }: State): State {
  const now = ops.some(({ op }) => op === 'memory-load')
    ? memory
    : ops.some(({ op }) => op === 'memory-delete')
      ? undefined
      : before;
  return now === undefined ? state : { ...state, memory: now };
}
