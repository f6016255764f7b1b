import { Command, CommanderError, Option } from 'commander';
import { EXIT, explain, ProblemsError, WanhookError } from '../errors.ts';
import { apply } from './apply.ts';
import { check } from './check.ts';
import { clients } from './clients.ts';
import type { Common, Context } from './context.ts';
import { event, type EventOptions } from './event.ts';
import { failback } from './failback.ts';
import { explainCommand } from './explain.ts';
import type { ExplainOptions } from './explain-question.ts';
import { log, type LogOptions } from './log.ts';
import { metrics } from './metrics.ts';
import { runForeground } from '../kernel/programs.ts';
import { flushPins, pins } from './pins.ts';
import { planCommand } from './plan.ts';
import { runScripts } from './run-scripts.ts';
import { status } from './status.ts';
import { stop } from './stop.ts';
import { confirm, rollback, tryIt, type TryOptions } from './try.ts';
import { use } from './use.ts';

const EXAMPLES = `
Examples:
  wanhook init                         which lines are there? proposes their files
  wanhook check                        is the configuration right?
  wanhook doctor                       is anything missing or dangerous on this machine?
  wanhook plan                         what would change, as commands you could paste
  wanhook try                          make it so, and go back in 60 s unless you confirm
  wanhook apply                        make it so (starts wanhook after "stop")
  wanhook status                       the links, their shares, and why one is down
  wanhook event down eth1              take a line out by hand; "event up eth1" puts it back
  wanhook explain --from 10.10.0.5 192.0.2.1:443     which link would this connection take, and why
  wanhook use lte -- curl -s https://example.org     one command over one link
  wanhook log --follow                 what happens, as it happens
  wanhook -v apply                     echo every change

Files: /etc/wanhook/wanhook.env, /etc/wanhook/links/NAME.env; state and journal in /run/wanhook.
Exit codes: 0 done or nothing to do, 1 failed, 2 usage or configuration, 3 "plan" found changes, 75 locked.
`;

/** Run one command line; the exit code. Every error becomes a message here. */
export async function runProgram(argv: readonly string[], context: Context): Promise<number> {
  let code: number = EXIT.done;
  const program = buildProgram(context, (result) => (code = result));
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    context.err(messageOf(error));
    return error instanceof WanhookError ? error.exitCode : EXIT.failed;
  }
}

function messageOf(error: unknown): string {
  if (error instanceof ProblemsError) return error.problems.length === 0 ? '' : `${error.message}\n`;
  return `wanhook: ${explain(error)}\n`;
}

/** The commands and their options; `done` is told the exit code. */
export function buildProgram(context: Context, done: (code: number) => void): Command {
  const program = new Command('wanhook')
    .description('Keeps the routing of a Linux box with several Internet lines right, whichever of them are up.')
    .version(context.version, '-V, --version')
    .option('-v, --verbose', 'echo every change as the command it is')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(see wanhook --help)')
    .exitOverride()
    .configureOutput({ writeOut: context.out, writeErr: context.err });
  const common = (): Common => ({ verbose: program.opts<{ verbose?: boolean }>().verbose === true });
  const asRoot = (run: () => Promise<number>) => async () => {
    if (!context.isRoot) throw new WanhookError('this needs root: try it with sudo', { exitCode: EXIT.usage });
    done(await run());
  };

  const statusCommand = program.command('status').description('the links and their shares, and why one is down');
  statusCommand
    .option('--json', 'for programs')
    .action(() => asRoot(() => status(context, common(), statusCommand.opts<{ json?: boolean }>().json === true))());
  program
    .command('plan')
    .description('what "apply" would change, as commands to paste; exit code 3 if anything')
    .action(asRoot(() => planCommand(context, common())));
  program
    .command('apply')
    .description('bring the kernel to what configuration and lines ask for')
    .action(asRoot(() => apply(context, common())));
  const initCommand = program
    .command('init')
    .description('look at this machine, and propose a file for every Internet line that it seems to have');
  initCommand.option('--yes', 'write them without asking').action(() =>
    asRoot(async () => {
      const { init } = await import('./init.ts');
      return init(context, common(), initCommand.opts<{ yes?: boolean }>().yes === true);
    })(),
  );
  const tryCommand = program
    .command('try')
    .description('"apply" what you have edited, and go back by itself unless you confirm it in time');
  tryCommand
    .option('--confirm <seconds>', 'how long to wait for "wanhook confirm", or Enter at this terminal', '60')
    .action(() => asRoot(() => tryIt(context, common(), tryCommand.opts<TryOptions>()))());
  program
    .command('confirm')
    .description('keep what "try" has applied')
    .action(asRoot(() => confirm(context, common())));
  const rollbackCommand = program.command('rollback').description('take back what "try" has applied, at once');
  rollbackCommand
    .addOption(new Option('--due', 'when its time is over').hideHelp())
    .action(() => asRoot(() => rollback(context, common(), rollbackCommand.opts<{ due?: boolean }>().due === true))());
  program
    .command('stop')
    .description('remove everything that is ours, restore sysctls; hooks only take notes until "apply"')
    .action(asRoot(() => stop(context, common())));
  program
    .command('check')
    .description('check the configuration, and nothing else')
    .action(() => done(check(context)));
  const doctorCommand = program
    .command('doctor')
    .description('what is missing or dangerous on this machine, and how to mend it; exit code 1 warnings, 2 errors');
  doctorCommand.option('--json', 'for programs').action(() =>
    asRoot(async () => {
      const { doctor } = await import('./doctor.ts');
      return doctor(context, common(), doctorCommand.opts<{ json?: boolean }>().json === true);
    })(),
  );
  const explainIt = program
    .command('explain')
    .description('which rule, mark, table and link a new connection would take now, and why');
  explainIt
    .argument('<dest[:port]>', 'its destination')
    .option('--from <address>', 'its source; without it, or with an address of this router: the router’s own')
    .option('--iif <device>', 'the device it comes in by; default: by which its source is reached')
    .option('--proto <protocol>', 'tcp (default), udp, icmp, … or a number')
    .option('--sport <port>', 'its source port; a connection that runs is found by both ports')
    .option('--dscp <number>', 'its DSCP, 0 to 63')
    .option('--json', 'for programs')
    .action((destination: string) =>
      asRoot(() => explainCommand(context, common(), destination, explainIt.opts<ExplainOptions>()))(),
    );
  program
    .command('use')
    .description('run a command whose connections all leave by this link; as who called sudo; its exit code')
    .usage('LINK -- COMMAND [ARGUMENT...]')
    .argument('<link>')
    .argument('<command...>')
    .action((link: string, argv: string[]) => asRoot(() => use(context, common(), link, argv))());
  program
    .command('monitor')
    .description('stay, and watch the kernel and the lines: a dead one takes no connections until it is well again')
    .action(asRoot(async () => (await import('./monitor.ts')).monitor(context, common())));
  const eventCommand = program
    .command('event')
    .description('say by hand what a hook says: a device came up or went down');
  eventCommand
    .addArgument(eventCommand.createArgument('<kind>').choices(['up', 'down']))
    .argument('<device>', 'ppp0, eth1, …')
    .addOption(new Option('--address <address>', 'the IPv4 address the line gave'))
    .addOption(new Option('--gateway <gateway>', 'its gateway, for a line that is not point-to-point'))
    .addOption(new Option('--ipparam <name>', 'pppd’s ipparam, if that names the line'))
    .action((kind: 'up' | 'down', device: string) =>
      asRoot(() => event(context, common(), kind, device, eventCommand.opts<EventOptions>()))(),
    );
  const failbackCommand = program
    .command('failback')
    .description('links that wait (FAILBACK=delay or manual) take traffic again at once: all, or these')
    .argument('[links...]', 'their names')
    .addOption(new Option('--due', 'only those whose delay is over').hideHelp())
    .action((links: readonly string[]) =>
      asRoot(() => failback(context, common(), links, failbackCommand.opts<{ due?: boolean }>().due === true))(),
    );
  const pinsCommand = program.command('pins').description('pairs of client and server, and the link they stay on');
  pinsCommand
    .option('--json', 'for programs')
    .action(() => asRoot(() => pins(context, common(), pinsCommand.opts<{ json?: boolean }>().json === true))());
  const clientsCommand = program.command('clients').description('which link every LAN client has, and why');
  clientsCommand
    .option('--json', 'for programs')
    .action(() => asRoot(() => clients(context, common(), clientsCommand.opts<{ json?: boolean }>().json === true))());
  pinsCommand
    .command('flush')
    .description('forget all pairs, or those that match; running connections stay')
    .argument('[filter]', 'a link’s name, a client’s address, or "client>server"')
    .action((filter?: string) => asRoot(() => flushPins(context, common(), filter))());
  // The shell front has answered that before Node starts; here it is for --help, and for "wanhook -v health".
  const healthCommand = program
    .command('health')
    .description('exit code 0 if a link works (--any, the default), if all do, or if this one does; 1 if not');
  healthCommand
    .argument('[link]', 'its name')
    .option('--any', 'one is enough')
    .option('--all', 'all must')
    .action((link?: string) => {
      const asked = healthCommand.opts<{ all?: boolean }>().all === true ? '--all' : (link ?? '--any');
      return asRoot(() => runForeground(['/usr/lib/wanhook/health.sh', asked], {}))();
    });
  const logCommand = program.command('log').description('what was done and why: the journal; with -v every command');
  logCommand
    .option('-f, --follow', 'go on with what comes')
    .option('-n, --lines <number>', 'how many of the last entries (20)')
    .option('--json', 'one JSON object a line')
    .action(() => asRoot(() => log(context, common(), logCommand.opts<LogOptions>()))());
  const metricsCommand = program.command('metrics').description('what "status" knows, for Prometheus');
  metricsCommand
    .option('--write', 'to METRICS_FILE, as the monitor does')
    .action(() =>
      asRoot(() => metrics(context, common(), metricsCommand.opts<{ write?: boolean }>().write === true))(),
    );
  program
    .command('completion', { hidden: true })
    .argument('<shell>')
    .action(async (shell: string) => {
      const { completion } = await import('./completion.ts');
      context.out(completion(shell, program));
    });
  program.command('run-scripts', { hidden: true }).action(asRoot(() => runScripts(context, common())));
  return program;
}
