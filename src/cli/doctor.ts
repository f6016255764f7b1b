import { loadConfig } from '../config/load.ts';
import type { Facts, Finding } from '../doctor/facts.ts';
import { exitCode, findings, managed } from '../doctor/doctor.ts';
import { fileText, lookAt, namesIn } from '../doctor/files.ts';
import * as gather from '../doctor/gather.ts';
import { runningClients } from '../doctor/running.ts';
import { inspectScripts } from '../kernel/scripts.ts';
import { preview, type World } from '../reconcile.ts';
import { loadTrial, trialNotice } from '../state/trial.ts';
import { columns } from './columns.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook doctor`: what is missing or dangerous on this machine, and how to mend it; changes nothing. */
export async function doctor(context: Context, common: Common, json: boolean): Promise<number> {
  const facts = await look(context, worldFor({ ...context, err: () => undefined }, common));
  const found = findings(facts);
  const links = managed(facts);
  if (json) context.out(`${JSON.stringify({ links, findings: found }, null, 2)}\n`);
  else context.out(words(links, found));
  return exitCode(found);
}

function words(links: ReturnType<typeof managed>, found: readonly Finding[]): string {
  const rows = links.map(({ link, device, clients }) => [link, device ?? '-', clients.join(', ') || 'nobody']);
  const table = rows.length === 0 ? '' : `${columns([['LINK', 'DEVICE', 'MANAGED BY'], ...rows])}\n`;
  const list = found.map(
    ({ severity, about, problem, mend }) => `${severity}: ${about}: ${problem}\n  mend: ${mend}\n`,
  );
  const count = (wanted: string) => found.filter(({ severity }) => severity === wanted).length;
  const sum = `${count('error')} errors, ${count('warning')} warnings, ${count('note')} notes\n`;
  return `${table}${list.join('')}${found.length === 0 ? 'nothing to complain of\n' : sum}`;
}

async function look(context: Context, world: World): Promise<Facts> {
  const { config, problems, warnings = [] } = loadConfig(context.configDirectory);
  const doors: gather.Doors = {
    // A tool that is missing is told of as such.
    ask: (tool, argv) => world.kernel.ask(tool, argv).catch(() => undefined),
    accepts: (lines) => context.sources.accepts(lines).catch(() => true),
  };
  const decision = config === undefined ? undefined : await preview(world, { lenient: true }).catch(() => undefined);
  const routing = decision && gather.routingOf(decision);
  const devices = (routing?.statuses ?? []).flatMap(({ device }) => device ?? []);
  const rpFilters = ['all', ...devices].map((device) => `net/ipv4/conf/${device}/rp_filter`);
  const numbers = world.kernel.readSysctls(['net/netfilter/nf_conntrack_count', 'net/netfilter/nf_conntrack_max']);
  const [count, max] = Object.values(numbers).map(Number);
  const manifest = gather.installed();
  const trial = trialNotice(loadTrial(world));
  return {
    now: world.now(),
    configuration: { problems, warnings, ...(config && { config }) },
    ...(routing && { routing }),
    tools: gather.tools(),
    node: nodeFact(),
    features: await gather.features(config, doors, decision?.state.learned),
    ...(manifest && { installed: manifest }),
    hiders: gather.hiders(),
    hooked: gather.hooked(),
    clients: runningClients(),
    managers: gather.managers(deviceIndexes()),
    pppOptions: gather.pppFiles(),
    sysctls: world.kernel.readSysctls(rpFilters),
    sysctlLines: gather.sysctlLines(),
    foreign: await gather.foreign(config, doors),
    ...(count !== undefined && max !== undefined && { conntrack: { count, max } }),
    services: services(context),
    ...(trial !== undefined && { trial }),
    refusedScripts: inspectScripts(context.scriptDirectory).refused,
  };
}

function nodeFact(): Facts['node'] {
  const path = process.execPath;
  const seen = lookAt(path);
  return { path, version: process.versions.node, ...(seen && { owner: seen.owner }) };
}

function deviceIndexes(): Map<string, string> {
  const devices = namesIn('/sys/class/net');
  return new Map(devices.map((name) => [(fileText(`/sys/class/net/${name}/ifindex`) ?? '').trim(), name]));
}

function services({ isWatched }: Context): Facts['services'] {
  const systemd = namesIn('/run/systemd').includes('system');
  const bootEnabled = namesIn('/etc/systemd/system/multi-user.target.wants').includes('wanhook.service');
  return { systemd, bootEnabled, monitorRuns: isWatched() };
}
