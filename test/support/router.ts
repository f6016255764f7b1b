/**
 * wanhook in the lab's router, as installed there: its configuration, its hooks called as pppd and dhclient call
 * them, its command, and what it wrote. Lines go up and down *with* their daemon's part and its hook.
 *
 *   const router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
 *   await router.up(0); … await router.down(0); … await router.destroy();
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { normalListing } from '../../src/kernel/observe.ts';
import { listingInOrder } from './fake-kernel-nft.ts';
import type { Kind } from './faults-gate.ts';
import type { JournalEntry } from '../../src/journal.ts';
import type { RunResult } from './lab-process.ts';
import { createLab, type Lab, type LabOptions } from './lab.ts';

/** The keys of one `links/NAME.env`. */
export type LinkKeys = Readonly<Record<string, string | number>>;

export interface RouterOptions extends LabOptions {
  /** Per line: added to its default keys (ID, and DEVICE or PPP_IPPARAM). */
  readonly keys?: readonly LinkKeys[];
  /** Run in the router before anything of wanhook. */
  readonly before?: string;
  /** Hooks begin as the shims in /etc do, with run-hook.sh; else with their bundle. */
  readonly shell?: boolean;
}

export interface PppArguments {
  readonly device?: string;
  readonly address?: string;
  readonly ipparam?: string;
}

export interface Router extends Lab {
  /** The daemon gives the line its device and address, then runs its hook. */
  up(index: number, options?: { readonly address?: string }): Promise<void>;
  /** The daemon hangs up (ppp) or gives its lease back (dhcp), then runs its hook. */
  down(index: number): Promise<void>;
  /** Only the hook, as pppd calls it. Throws unless it exits 0 in silence, as every hook must. */
  ppp(hook: 'ip-up' | 'ip-down', index: number, given?: PppArguments): Promise<void>;
  /** Only the hook, as dhclient-script calls it. `env` replaces what the reason usually carries. */
  dhclient(reason: string, index: number, env?: Readonly<Record<string, string>>): Promise<void>;
  /** A hook with exactly these arguments and this environment. */
  hook(name: string, args: readonly string[], env: Readonly<Record<string, string>>): Promise<void>;
  /** The command; never throws. */
  wanhook(...argv: readonly string[]): Promise<RunResult>;
  /** The command, which must exit 0; gives its standard output. */
  must(...argv: readonly string[]): Promise<string>;
  /** What `wanhook plan` prints, after checking that its exit code fits. */
  plan(): Promise<string[]>;
  journal(): Promise<JournalEntry[]>;
  /** What reached logger(1). */
  syslog(): Promise<string>;
  /** Writes /etc/wanhook anew: one file per link, named line1, line2, … */
  configure(links: readonly LinkKeys[], main?: LinkKeys): Promise<void>;
  /** Everything that routing and filtering depend on, as text: to compare before and after. */
  snapshot(): Promise<string>;
  /** Puts a shell script in a tool's place (`$REAL` is the tool itself); undefined puts the tool back. */
  fake(tool: 'ip' | 'nft' | 'conntrack', script: string | undefined): Promise<void>;
  /** The n-th command that wanhook starts from now on goes wrong so; undefined: none any more. */
  strike(kind: Kind | undefined, at?: number): Promise<void>;
  /** Source and destination of packets that reached an ISP with another line's address. Must always be empty. */
  strays(): Promise<string[]>;
}

const HOOKS = path.resolve(import.meta.dirname, '../../dist/hooks');
const LOAD = path.resolve(import.meta.dirname, '../../src/lean/load.cjs');
const SHELL = path.resolve(import.meta.dirname, '../../hooks/run-hook.sh');
const INSTALLED = '/usr/lib/wanhook';
const PATH = '/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin';

export const lineName = (index: number) => `line${index + 1}`;

/** Debian's ip-up wrapper gives PATH and PPP_*; pppd itself the rest. */
function pppEnv(args: readonly string[]): Record<string, string> {
  const [device, tty, speed, local, remote, ipparam] = args as [string, string, string, string, string, string];
  return {
    PATH,
    PPP_IFACE: device,
    PPP_TTY: tty,
    PPP_SPEED: speed,
    PPP_LOCAL: local,
    PPP_REMOTE: remote,
    PPP_IPPARAM: ipparam,
    IFNAME: device,
    IPLOCAL: local,
    IPREMOTE: remote,
    DEVICE: tty,
    PPPD_PID: '4711',
    ORIG_UID: '0',
    SPEED: speed,
  };
}

/**
 * Rules in their order; routes sorted, because the kernel lists a redialled line's after the others'; and without those
 * to IPv6 link-local addresses, which come when duplicate address detection is done.
 */
const RULES_AND_MORE = `
ip=/usr/sbin/ip.real
$ip -N -4 rule show; $ip -N -6 rule show
{ $ip -N -o -4 route show table all; $ip -N -o -6 route show table all; } |
  grep -Ev '^([0-9]+ )?(fe80|ff00):' | LC_ALL=C sort
$ip -N nexthop show
/usr/sbin/nft.real -s list ruleset
cd /proc/sys/net
find ipv4 ipv6 -type f -perm -400 ! -name flush ! -name tcp_fastopen_key ! -name stable_secret | LC_ALL=C sort | xargs grep -s .
`;

/** Syslog is a file; there is no daemon in the lab. */
const LOGGER = `#!/bin/sh
{ printf '%s: ' "$*"; cat; } >>/run/syslog
`;

/**
 * All that tests replace or break. /usr/bin too: /usr/sbin/ip is a symlink to it, and a test that wrote through it
 * would write to the host's own.
 */
const OVERLAY = ['/etc', '/usr/sbin', '/usr/bin', '/usr/lib', '/usr/share', '/var/lib'];

export async function createRouter(options: RouterOptions): Promise<Router> {
  if (!existsSync(`${HOOKS}/wanhook.cjs`)) throw new Error(`no ${HOOKS}/wanhook.cjs: run "npm run build" first`);
  const lab = await createLab({ overlay: OVERLAY, ...options });
  try {
    const router = routerIn(lab, options.shell === true);
    await lab.rtr.sh(
      `mkdir -p ${INSTALLED}/hooks; cp ${HOOKS}/*.cjs ${INSTALLED}/; cp ${HOOKS}/*.cjs ${LOAD} ${INSTALLED}/hooks/
      sed 's|@NODE@|${process.execPath}|' ${SHELL} >${INSTALLED}/run-hook.sh
      for tool in ip nft conntrack; do
        cp -a "$(readlink -f /usr/sbin/$tool)" /usr/sbin/$tool.real
        cp -a --remove-destination /usr/sbin/$tool.real /usr/sbin/$tool
      done
      cat >/usr/sbin/logger; chmod 755 /usr/sbin/logger\n${options.before ?? ''}`,
      { stdin: LOGGER },
    );
    await router.configure(lab.lines.map((_, index) => linkKeys(lab, index, options.keys?.[index])));
    return router;
  } catch (cause) {
    await lab.destroy();
    throw new Error('cannot install wanhook in the lab', { cause });
  }
}

function linkKeys(lab: Lab, index: number, keys: LinkKeys = {}): LinkKeys {
  const { kind, device } = lab.lines[index]!;
  const identity = kind === 'ppp' ? { PPP_IPPARAM: lineName(index) } : { DEVICE: device };
  return { ID: index + 1, ...identity, ...keys };
}

/** Moved into place, never written in place. */
function fakeTool(tool: string, script: string | undefined): string {
  const file = `/usr/sbin/${tool}`;
  if (script === undefined) return `cp -a --remove-destination ${file}.real ${file}`;
  const text = `#!/bin/bash\nREAL=${file}.real\n${script}\n`;
  return `cat >${file}.new <<'FAKE'\n${text}FAKE\nchmod 755 ${file}.new; mv ${file}.new ${file}`;
}

/** What the tool in its place does when its turn has come; a number counts the commands of all tools. */
const STRUCK: Readonly<Record<Kind, (at: number) => string>> = {
  die: (at) => `if [ $n = ${at} ]; then kill -9 $PPID; exit 1; fi\nexec "$REAL" "$@"`,
  fail: (at) =>
    `if [ $n = ${at} ]; then echo 'RTNETLINK answers: Cannot allocate memory' >&2; exit 1; fi\nexec "$REAL" "$@"`,
  broken: (at) =>
    `if [ $n -ge ${at} ]; then echo 'RTNETLINK answers: Cannot allocate memory' >&2; exit 1; fi\nexec "$REAL" "$@"`,
  // Its time limit is for others to wait for: killed, when all of it is done.
  hang: (at) => `"$REAL" "$@"; code=$?\nif [ $n = ${at} ]; then kill -9 $$; fi\nexit $code`,
};

function routerIn(lab: Lab, shell: boolean): Router {
  const { rtr } = lab;
  const run = (file: string, args: readonly string[], env: Readonly<Record<string, string>>) =>
    rtr.run([process.execPath, `${INSTALLED}/${file}.cjs`, ...args], { exactEnv: true, env, check: false });
  const begin: typeof run = (name, args, env) =>
    rtr.run(['/bin/sh', `${INSTALLED}/run-hook.sh`, name, ...args], { exactEnv: true, env, check: false });

  const hook: Router['hook'] = async (name, args, env) => {
    const { code, stdout, stderr } = await (shell ? begin : run)(name, args, env);
    if (code !== 0 || stdout + stderr !== '') {
      throw new Error(`the hook ${name} exited ${code} and printed "${stdout}${stderr}"`);
    }
  };
  const ppp: Router['ppp'] = (name, index, given = {}) => {
    const line = lab.lines[index]!;
    const { device = line.device, address = line.address, ipparam = lineName(index) } = given;
    const args = [device, '/dev/pts/7', '115200', address, line.gateway, ipparam];
    return hook(name, args, pppEnv(args));
  };
  const dhclient: Router['dhclient'] = (reason, index, env) => {
    const { device, address, gateway } = lab.lines[index]!;
    const which = /^(BOUND|RENEW|REBIND|REBOOT)$/.test(reason) ? 'new' : 'old';
    const lease = { ip_address: address, subnet_mask: '255.255.255.0', routers: gateway, domain_name_servers: gateway };
    const usual = Object.fromEntries(Object.entries(lease).map(([key, value]) => [`${which}_${key}`, value]));
    return hook('dhclient', [], { PATH, reason, interface: device, pid: '815', ...(env ?? usual) });
  };
  const wanhook: Router['wanhook'] = (...argv) => run('wanhook', argv, { PATH, HOME: '/root', TERM: 'dumb' });
  const read = (file: string) => rtr.sh(`cat ${file} 2>/dev/null || :`);

  return {
    ...lab,
    hook,
    ppp,
    dhclient,
    wanhook,
    up: async (index, given) => {
      const { kind, device } = lab.lines[index]!;
      await lab.lineUp(index, given);
      if (kind === 'ppp') return ppp('ip-up', index);
      // dhclient-script leaves its own default in `main`; the last client to come wins.
      await rtr.sh(`ip route replace default via ${lab.lines[index]!.gateway} dev ${device}`);
      return dhclient('BOUND', index);
    },
    down: async (index) => {
      await lab.lineHangup(index);
      await (lab.lines[index]!.kind === 'ppp' ? ppp('ip-down', index) : dhclient('RELEASE', index));
    },
    must: async (...argv) => {
      const { code, stdout, stderr } = await wanhook(...argv);
      if (code !== 0) throw new Error(`wanhook ${argv.join(' ')} exited ${code}: ${stderr}${stdout}`);
      return stdout;
    },
    plan: async () => {
      const { code, stdout, stderr } = await wanhook('plan');
      const lines = stdout.split('\n').filter((line) => line !== '');
      if (code !== (lines.length === 0 ? 0 : 3)) throw new Error(`wanhook plan exited ${code}: ${stderr}${stdout}`);
      return lines;
    },
    journal: async () =>
      (await read('/run/wanhook/journal.jsonl'))
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as JournalEntry),
    syslog: () => read('/run/syslog'),
    configure: async (links, main = { LAN: 'lan0' }) => {
      const text = (keys: LinkKeys) => Object.entries(keys).map(([key, value]) => `${key}=${value}\n`);
      const write = (file: string, keys: LinkKeys) => `cat >${file} <<'KEYS'\n${text(keys).join('')}KEYS\n`;
      await rtr.sh(
        ['rm -rf /etc/wanhook/links; mkdir -p /etc/wanhook/links\n', write('/etc/wanhook/wanhook.env', main)]
          .concat(links.map((keys, index) => write(`/etc/wanhook/links/${lineName(index)}.env`, keys)))
          .join(''),
      );
    },
    snapshot: async () => {
      // What was added later is listed later.
      const listing = (table: string) => `${listingInOrder(normalListing(table)).replace('{', '{\n')}\n}\n`;
      return (await rtr.sh(RULES_AND_MORE)).replace(/^table inet wanhook \{\n[^]*?^\}\n/m, listing);
    },
    fake: async (tool, script) => {
      await rtr.sh(fakeTool(tool, script));
    },
    strike: async (kind, at = 0) => {
      const script = kind && `n=$(($(cat /run/struck 2>/dev/null) + 1)); echo $n >/run/struck\n${STRUCK[kind](at)}`;
      await rtr.sh('rm -f /run/struck');
      const tools = ['ip', 'nft', 'conntrack'].map((tool) => fakeTool(tool, script));
      await rtr.sh(tools.join('\n'));
    },
    strays: async () => {
      const seen = await Promise.all(
        lab.lines.map(async ({ index, address }) => {
          // The ISP learns a new address a moment after the router has it: that is its own line, not a stray.
          const flows = await lab.wrongSourceFlows(index);
          return flows.filter((flow) => !flow.startsWith(`${address} > `));
        }),
      );
      return seen.flat();
    },
  };
}
