import { linkMark } from '../desired/numbers.ts';
import { EXIT, WanhookError } from '../errors.ts';
import { useTable, useTableDelete, type Carries } from '../desired/one-link.ts';
import { devicesOf } from '../desired/routing6.ts';
import { runForeground } from '../kernel/programs.ts';
import type { LinkConfig, Use } from '../model.ts';
import type { Decision } from '../decide.ts';
import { preview, type World } from '../reconcile.ts';
import { readIfThere } from '../state/files.ts';
import { allUses, endedUses, forgetUse, isEmpty, makeUse } from '../state/uses.ts';
import { worldFor, type Common, type Context } from './context.ts';

/** `wanhook use LINK -- COMMAND…`: whatever the command and its children open leaves by this link. Its exit code. */
export async function use(context: Context, common: Common, name: string, argv: readonly string[]): Promise<number> {
  const world = worldFor(context, common);
  const report = await preview(world, { lenient: true });
  const { link, carries } = liveLink(report, name);
  const directory = world.stateDirectory;
  await endUses(world, endedUses(directory));
  const { use: mine, enter, leave } = makeUse(directory, context.pid, name);
  try {
    const devices = devicesOf(report.statuses, report.statuses6);
    const text = useTable(mine, report.config, linkMark(report.config, link).value, devices, carries);
    await world.kernel.transact('mark what the command sends', text);
    enter();
    return await runForeground(asCaller(argv, context.callerEnv), ownEnv(context.callerEnv));
  } finally {
    leave();
    // What the command left running in the background keeps its link; the next `use`, or `stop`, tidies up after it.
    if (isEmpty(mine)) await endUses(world, [mine]);
  }
}

/** All of them, for `wanhook stop`: what still runs goes on like any other program. */
export async function stopUses(world: World): Promise<void> {
  await endUses(world, allUses(world.stateDirectory));
}

async function endUses(world: World, uses: readonly Use[]): Promise<void> {
  for (const each of uses) {
    await world.kernel.transact(`take away the table of "wanhook use ${each.link}"`, useTableDelete(each));
    forgetUse(world.stateDirectory, each);
  }
}

/** By either family; what it has not is refused to the command. */
function liveLink(report: Decision, name: string): { link: LinkConfig; carries: Carries } {
  const link = report.config.links.find((each) => each.name === name);
  if (link === undefined) {
    const names = report.config.links.map((each) => each.name).join(', ');
    throw new WanhookError(`there is no link "${name}"; there are ${names}`, { exitCode: EXIT.usage });
  }
  if (report.state.stopped) throw new WanhookError('wanhook is stopped: "wanhook apply" starts it');
  const [four, six] = [report.statuses, report.statuses6].map((all) => all.find((status) => status.link.name === name));
  const carries = { ipv4: four?.up === true, ipv6: six?.up === true };
  const down = [four, six].find((status) => status?.up === false);
  if (!carries.ipv4 && !carries.ipv6) throw new WanhookError(`link "${name}" is down: ${down?.reason ?? ''}`);
  return { link, carries };
}

type Env = Readonly<Record<string, string>>;

/** Under sudo, the command runs as who called sudo, with all of that user's groups: only the marking needs root. */
function asCaller(argv: readonly string[], { SUDO_UID: uid, SUDO_GID: gid }: Env): string[] {
  if (uid === undefined || gid === undefined || !/^\d+$/.test(uid) || !/^\d+$/.test(gid) || uid === '0')
    return [...argv];
  return ['/usr/bin/setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--init-groups', '--', ...argv];
}

/** sudo's HOME and USER are root's. */
function ownEnv(env: Env): Env {
  const { SUDO_UID: uid, SUDO_USER: user } = env;
  if (uid === undefined || uid === '0') return env;
  const entry = readIfThere('/etc/passwd')
    ?.split('\n')
    .map((line) => line.split(':'))
    .find((fields) => fields[2] === uid);
  const [name = user, , , , , home] = entry ?? [];
  return {
    ...env,
    ...(home !== undefined && { HOME: home }),
    ...(name !== undefined && { USER: name, LOGNAME: name }),
  };
}
