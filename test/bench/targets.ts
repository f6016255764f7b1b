/** What wanhook wants to be, and whether it is. Pure. */
import type { Event, Who } from './event-router.ts';
import type { Results } from './report.ts';

type Row = readonly [target: string, got: string, met: string];

/** By how much a packet may cost more with 60 links than with 2, and still be called as dear. */
const FLAT = 1.1;

function row(target: string, got: number | null | undefined, most: number, unit = ''): Row {
  if (got === null || got === undefined || Number.isNaN(got)) return [target, 'not measured', '–'];
  return [target, `${Number(got.toFixed(2))}${unit}`, got <= most ? 'yes' : '**no**'];
}

export function targets({ events, outages, forward }: Results): Row[] {
  const find = (who: Who, event: Event | '64 hooks at once', links = 2) =>
    events.find((each) => each.who === who && each.event === event && each.links === links);
  const burst = find('wanhook', '64 hooks at once')?.timesOne;
  const many = (event: Event) => {
    const [two, sixty] = [find('wanhook', event), find('wanhook', event, 60)];
    return sixty?.timesNode === undefined ? null : sixty.timesNode.wall / (two?.timesNode?.wall ?? NaN);
  };
  const beside = (event: Event) => {
    const processes = find('wanhook', event)?.processes;
    return typeof processes === 'number' ? processes - 1 : null;
  };
  const hangUp = outages.find(({ who, scene }) => who === 'wanhook' && scene === 'hang-up');
  const monitored = find('with the monitor', 'up');
  const flat = (what: string, name = '60 links') =>
    forward.find((each) => each.what.startsWith(what) && each.name === name)?.timesTwo;
  const [firsts, kernels] = [flat('first'), flat('first', 'no wanhook, 60 links')];
  return [
    ...(['up', 'down'] as const).map((event) =>
      row(
        `hook with work to do (${event}) ≤ 1.75 × \`node -e 0\``,
        find('wanhook', event)?.timesNode?.wall,
        1.75,
        ' ×',
      ),
    ),
    row('no-op, the first after a change ≤ 1.5 × `node -e 0`', find('wanhook', 'no-op')?.timesNode?.wall, 1.5, ' ×'),
    row('no-op, again ≤ 1.5 × `node -e 0`', find('wanhook', 'no-op again')?.timesNode?.wall, 1.5, ' ×'),
    row('device not ours ≤ 0.3 × `node -e 0`', find('wanhook', 'not ours')?.timesNode?.wall, 0.3, ' ×'),
    ...(['up', 'down', 'no-op', 'no-op again'] as const).map((event) =>
      row(`processes beside Node (${event}), the shell that is the hook among them ≤ 3`, beside(event), 3),
    ),
    ...(['up', 'down', 'no-op', 'no-op again'] as const).map((event) =>
      row(`60 links (${event}) ≤ 1.5 × 2 links, wall, each ÷ \`node -e 0\``, many(event), 1.5, ' ×'),
    ),
    row('64 hooks at once ≤ 12 × one, until all have returned', burst?.wall, 12, ' ×'),
    row('64 hooks at once ≤ 12 × one, until the last change', burst?.applied, 12, ' ×'),
    row('with the monitor: hook (up) returns ≤ 5 ms', monitored?.wallMs, 5, ' ms'),
    row('with the monitor: applied (up) ≤ 15 ms', monitored?.appliedMs, 15, ' ms'),
    row('hang-up: new connections lost, LAN: 0', hangUp?.lan.lost, 0),
    row('hang-up: new connections lost, router: 0', hangUp?.rtr.lost, 0),
    row(`packets of established flows, 60 links ≤ ${FLAT} × 2 links`, flat('packets'), FLAT, ' ×'),
    row(`first packets of connections, 60 links ≤ ${FLAT} × 2 links`, firsts, FLAT, ' ×'),
    // A new connection walks through the nexthop group, with wanhook or without.
    row(
      `first packets of connections, 60 links ÷ 2 links ≤ ${FLAT} × the same without wanhook`,
      (firsts ?? NaN) / (kernels ?? NaN),
      FLAT,
      ' ×',
    ),
  ];
}
