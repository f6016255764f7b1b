import { join } from 'node:path';
import type { Decision } from './decide.ts';
import { pictureOf, toldOf, type Picture } from './desired/picture.ts';
import { transitions, variables } from './desired/transitions.ts';
import { explain } from './errors.ts';
import type { State } from './model.ts';
import { readIfThere, writeAtomically } from './state/files.ts';
import { isSameState } from './state/store.ts';
import type { Variables } from './state/script-queue.ts';

/** What those outside are told after every reconcile: the user's scripts, and whoever asks `wanhook health`. */
export interface Outside {
  readonly stateDirectory: string;
  /** Hand events to the user's scripts, and see that queued ones are worked off; notes for the journal. */
  readonly tell: (events: readonly Variables[]) => readonly string[];
  readonly warn: (message: string) => void;
}

interface Told {
  /** To be saved: told again if this run is killed before. */
  readonly state: State;
  /** For the journal. */
  readonly events: readonly string[];
  readonly notes: readonly string[];
}

/** When, and what set it off. */
interface Context {
  readonly time: string;
  readonly source: string;
}

/** Last of all: routing is right by now, and stays so if this fails. What could not be told is told by the next run. */
export function tellOutside(world: Outside, decision: Decision, context: Context): Told {
  try {
    return decision.state.stopped ? tellStopped(world, decision) : tellChanges(world, decision, context);
  } catch (error) {
    const message = `cannot tell scripts and "wanhook health": ${explain(error)}`;
    world.warn(message);
    return { state: decision.state, events: [], notes: [message] };
  }
}

/** Is there no news, and is it all written down? */
export function isTold({ stateDirectory }: Pick<Outside, 'stateDirectory'>, decision: Decision): boolean {
  const { picture, found, state } = newsOf(decision);
  if (found.length > 0 || !isSameState(state, decision.state)) return false;
  return readIfThere(healthPath(stateDirectory)) === healthText(picture);
}

/** What has happened since outsiders were told, and the state once they have been. */
function newsOf({ config, statuses, statuses6, state }: Decision) {
  const picture = pictureOf(config, statuses, state, statuses6);
  return { picture, found: transitions(state.told, picture), state: { ...state, told: toldOf(picture, state.told) } };
}

/** By somebody's word: no news. */
function tellStopped(world: Outside, { state }: Decision): Told {
  saveHealth(world.stateDirectory, 'stopped\n');
  return { state, events: [], notes: [] };
}

function tellChanges(world: Outside, decision: Decision, context: Context): Told {
  const { picture, found, state } = newsOf(decision);
  saveHealth(world.stateDirectory, healthText(picture));
  const notes = world.tell(found.map((transition) => variables(transition, picture, context)));
  const events = found.map(
    ({ event, link, reason }) => `${event}${link === undefined ? '' : ` ${link.name}`}: ${reason}`,
  );
  return { state, events, notes };
}

/** For health.sh, which must not start Node every second: one line a link. */
function healthText({ links }: Picture): string {
  return links.map(({ name, condition, device = '-' }) => `link ${name} ${condition} ${device}\n`).join('');
}

const healthPath = (directory: string) => join(directory, 'health');

function saveHealth(directory: string, text: string): void {
  const path = healthPath(directory);
  if (readIfThere(path) !== text) writeAtomically(path, text);
}
