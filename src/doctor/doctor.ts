import type { ClientName, Facts, Finding } from './facts.ts';
import { judgeForeign } from './judge-foreign.ts';
import { judgeLines } from './judge-lines.ts';
import { judgeMachine } from './judge-machine.ts';

const RANK = { error: 0, warning: 1, note: 2 } as const;

/** Everything that is missing or dangerous, the worst first. Pure. */
export function findings(facts: Facts): Finding[] {
  const found = [...judgeMachine(facts), ...judgeLines(facts), ...judgeForeign(facts)];
  return found.toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}

/** As monitoring plugins have it: 0 well (or notes only), 1 warnings, 2 errors. */
export function exitCode(found: readonly Finding[]): 0 | 1 | 2 {
  if (found.some(({ severity }) => severity === 'error')) return 2;
  return found.some(({ severity }) => severity === 'warning') ? 1 : 0;
}

/** Who manages a link's device. */
export interface Managed {
  readonly link: string;
  readonly device: string | null;
  readonly clients: readonly ClientName[];
}

export function managed({ configuration, routing, clients, managers }: Facts): Managed[] {
  const device = new Map(routing?.statuses.map((status) => [status.link.name, status.device]));
  return (configuration.config?.links ?? []).map(({ name, device: configured }) => {
    const at = device.get(name) ?? configured;
    const named = [
      ...clients.filter((one) => one.device === at && at !== undefined).map(({ client, under = client }) => under),
      ...managers.filter((one) => one.device === at).map(({ client }) => client),
    ];
    return { link: name, device: at ?? null, clients: [...new Set(named)].toSorted() };
  });
}
