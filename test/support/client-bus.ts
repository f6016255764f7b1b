/** A system bus of its own in a node of the lab: managers talk over one. */
import { existsSync } from 'node:fs';
import type { LabNode } from './lab-node.ts';

export async function startBus(node: LabNode): Promise<void> {
  await node.sh('mkdir -p /run/dbus');
  const bus = node.spawn(['dbus-daemon', '--system', '--nofork', '--nopidfile', '--print-address=1']);
  await bus.waitLine(/^unix:/);
}

/** The first of these that is there: distributions put what is no command in different places. */
export function firstOf(...paths: string[]): string {
  const found = paths.find((path) => existsSync(path));
  if (found === undefined)
    throw new Error(`none of ${paths.join(', ')} is there: test/run.sh installs what tests need`);
  return found;
}
