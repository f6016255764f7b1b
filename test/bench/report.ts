/** What was measured, as Markdown and as charts. Pure. */
import type { EventRow } from './events.ts';
import type { ForwardRow } from './forwarding.ts';
import type { CommandRow, Loss, OutageRow } from './outages.ts';
import type { Chart } from './svg.ts';
import { targets } from './targets.ts';

export interface Machine {
  readonly date: string;
  readonly command: string;
  readonly kernel: string;
  readonly cpu: string;
  readonly cores: number;
  readonly mhz: number;
  readonly memoryMib: number;
  readonly node: string;
  /** Of the last minute, before and after: more than 1 or 2 at the beginning means that others were at work. */
  readonly load: readonly [before: number, after: number];
  readonly seconds: number;
}
export interface Results {
  readonly machine: Machine;
  readonly events: readonly EventRow[];
  readonly outages: readonly OutageRow[];
  readonly commands: readonly CommandRow[];
  readonly forward: readonly ForwardRow[];
  readonly missing: readonly string[];
}

const table = (heads: readonly string[], rows: readonly (readonly (string | number)[])[]) =>
  [heads, heads.map((_, n) => (n === 0 ? '---' : '--:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');

const ms = (value: number | null) => (value === null ? '–' : value < 10 ? value.toFixed(1) : value.toFixed(0));
const x = (value: number | undefined) => (value === undefined || Number.isNaN(value) ? '–' : `${value.toFixed(2)}×`);

function eventTable(rows: readonly EventRow[]): string {
  const heads = [
    'links',
    'who',
    'event',
    'wall ms',
    'applied ms',
    'CPU ms',
    'monitor’s CPU ms',
    'peak MiB',
    'processes',
  ];
  const ratios = ['wall ÷ node', 'CPU ÷ node', 'wall ÷ script', 'CPU ÷ script'];
  return table(
    [...heads, ...ratios],
    rows.map((row) => [
      ...[row.links, row.who, row.event, ms(row.wallMs), ms(row.appliedMs), ms(row.cpuMs), ms(row.monitorCpuMs)],
      ...[row.peakMib, row.processes ?? '–', x(row.timesNode?.wall), x(row.timesNode?.cpu)],
      ...[x(row.timesScript?.wall), x(row.timesScript?.cpu)],
    ]),
  );
}

const commandTable = (rows: readonly CommandRow[]) =>
  table(
    ['command', 'wall ms', 'CPU ms', 'peak MiB', 'processes', 'wall ÷ node', 'CPU ÷ node'],
    rows.map(({ command, wallMs, cpuMs, peakMib, processes, timesNode }) => [
      ...[`\`${command}\``, ms(wallMs), ms(cpuMs), peakMib, processes ?? '–', x(timesNode.wall), x(timesNode.cpu)],
    ]),
  );

function lossCells({ lost, sent, worksMs }: Loss, lookedMs: number): string[] {
  const over = worksMs === null ? `not within ${(lookedMs / 1000).toFixed(1)} s` : worksMs > 0 ? `${worksMs} ms` : '0';
  return [`${lost} of ${sent}`, lost === 0 ? '0' : over];
}

const outageTable = (rows: readonly OutageRow[]) =>
  table(
    ['what happens', 'who', 'LAN: lost', 'all work after', 'router: lost', 'all work after'],
    rows
      .toSorted((a, b) => scenes(rows).indexOf(a.scene) - scenes(rows).indexOf(b.scene))
      .map((row) => [row.scene, row.who, ...lossCells(row.lan, row.lookedMs), ...lossCells(row.rtr, row.lookedMs)]),
  );

const scenes = (rows: readonly OutageRow[]) => [...new Set(rows.map(({ scene }) => scene))];

const forwardTable = (rows: readonly ForwardRow[]) =>
  table(
    ['what', 'router', 'thousand packets/s', 'CPU ns each', '÷ no wanhook', '÷ 2 links'],
    rows.map(({ what, name, thousandPerS, cpuNs, timesNone, timesTwo }) => [
      ...[what, name, thousandPerS, cpuNs, x(timesNone), x(timesTwo ?? undefined)],
    ]),
  );

export function markdown(results: Results): string {
  const { machine, missing } = results;
  const where = `${machine.date}, \`${machine.command}\`, ${machine.seconds} s; Linux ${machine.kernel}, ${machine.cores} cores (${machine.cpu}, ${machine.mhz} MHz), ${machine.memoryMib} MiB, Node ${machine.node}; load of the machine before ${machine.load[0]}, after ${machine.load[1]}`;
  const busy = machine.load[0] > 1 ? ' **Others were at work: believe the ratios, not the milliseconds.**' : '';
  const sections: readonly (readonly [string, string])[] = [
    ['Targets', table(['target', 'got', 'met'], targets(results))],
    ['An event', eventTable(results.events)],
    ['Commands, two lines', commandTable(results.commands)],
    ['A line goes', outageTable(results.outages)],
    ['Forwarding', forwardTable(results.forward)],
  ];
  const parts = sections.map(([head, text]) => `### ${head}\n\n${text}`);
  const absent = missing.map((packages) => `Not installed: \`apt-get install ${packages}\`.\n\n`).join('');
  return `Measured ${where}.${busy}\n\n${absent}${parts.join('\n\n')}\n`;
}

export function charts({ events, outages, forward }: Results): Chart[] {
  const ours = (who: string) => !who.startsWith('write-ups') && who !== 'node -e 0';
  const atTwo = events.filter(({ links, event }) => links === 2 && !event.startsWith('64'));
  const ups = events.filter(({ event }) => event === 'up');
  const hangUps = outages.filter(({ scene }) => scene === 'hang-up');
  const flows = forward.filter(({ what }) => what.startsWith('packets'));
  const cpu = (row: EventRow) => Math.round(row.cpuMs + (row.monitorCpuMs ?? 0));
  return [
    {
      title: 'One hook, two links: wall time, as a multiple of node -e 0',
      bars: atTwo.flatMap(({ who, event, timesNode }) =>
        timesNode === undefined ? [] : [{ label: `${who}: ${event}`, value: timesNode.wall, ours: ours(who) }],
      ),
      line: 1,
    },
    {
      title: 'One hook, two links: CPU, all processes and the monitor’s, ms',
      bars: atTwo.map((row) => ({ label: `${row.who}: ${row.event}`, value: cpu(row), ours: ours(row.who) })),
    },
    {
      title: 'A line comes up, by number of links: wall time, ms',
      bars: ups.map(({ who, links, wallMs }) => ({ label: `${who}: ${links}`, value: wallMs, ours: ours(who) })),
    },
    {
      title: 'A line hangs up: new connections lost, LAN and router',
      bars: hangUps.map(({ who, lan, rtr }) => ({
        ...{ label: who, value: lan.lost + rtr.lost, ours: who.startsWith('wanhook') },
        ...(lan.worksMs === null && { text: `${lan.lost + rtr.lost}, and on` }),
      })),
    },
    {
      title: 'A forwarded packet of an established flow: CPU, as a multiple of no wanhook',
      bars: flows.map(({ name, timesNone }) => ({
        label: name,
        value: timesNone,
        ours: !name.startsWith('no wanhook'),
      })),
    },
  ];
}
