/** The router of the demo: its private places, the installation in them, and what wanhook has in its kernel. */
import path from 'node:path';
import type { Lab } from '../support/lab.ts';

/** This file's folder is test/demo in the sources and dist/test in the bundle: the checkout is above both. */
const CHECKOUT = path.resolve(import.meta.dirname, '../..');

/** Where installing writes; each is an overlay, private to the router. */
const SYSTEM_DIRS = ['/etc', '/usr/sbin', '/usr/lib', '/usr/share', '/var/lib'];

/** The checkout as well, because ./install.sh builds in it; not where it is private already, or has an odd name. */
export function overlayDirs(): string[] {
  const covered = SYSTEM_DIRS.some((dir) => CHECKOUT.startsWith(`${dir}/`));
  return covered || !/^[\w./-]+$/.test(CHECKOUT) ? SYSTEM_DIRS : [...SYSTEM_DIRS, CHECKOUT];
}

/**
 * The host's own hooks and an installed wanhook are invisible to this router. Deleting is safe only in the overlays,
 * so it asks first.
 */
const CLEAR = `for dir in /etc /usr/sbin /usr/lib /usr/share; do
  grep -q " $dir [^ ]* .* overlay lab-overlay " /proc/self/mountinfo || { echo "$dir is not private here" >&2; exit 1; }
done
rm -rf /etc/wanhook /etc/iproute2/rt_tables.d/wanhook.conf /usr/lib/wanhook /usr/sbin/wanhook /usr/share/man/man?/wanhook*
for dir in /etc/ppp/*.d /etc/dhcp/*.d; do
  if [ -d "$dir" ]; then find "$dir" -mindepth 1 -delete; fi
done
`;

/** `./install.sh --no-deps`, from this checkout; its last words. */
export async function install(lab: Pick<Lab, 'rtr'>): Promise<string> {
  await lab.rtr.sh(CLEAR);
  // What mktemp and npm leave behind belongs into the router's own /run.
  const env = { HOME: '/run', TMPDIR: '/run' };
  const { stdout } = await lab.rtr.run([path.join(CHECKOUT, 'install.sh'), '--no-deps'], { env });
  return /^verified: .*/m.exec(stdout)?.[0] ?? 'it verified nothing';
}

/** Runs the installed command; its output. */
export async function wanhook(lab: Lab, ...args: readonly string[]): Promise<string> {
  return (await lab.rtr.run(['/usr/sbin/wanhook', ...args])).stdout;
}

/**
 * Until nothing that a hook has left behind runs any more: a Node that is about to end, a run for what came meanwhile. Not
 * with a monitor, which stays.
 */
export async function atRest(lab: Pick<Lab, 'rtr'>): Promise<void> {
  await lab.rtr
    .sh(`for try in $(seq 200); do grep -qz '[l]ib/wanhook/' /proc/[0-9]*/cmdline 2>/dev/null || exit 0; sleep 0.05; done
    echo 'wanhook is still at work:'; grep -hz '[l]ib/wanhook/' /proc/[0-9]*/cmdline; exit 1`);
}

/** One file per line, as in README; all else is as installed. */
export async function configure(lab: Lab, links: Readonly<Record<string, readonly string[]>>): Promise<void> {
  for (const [name, keys] of Object.entries(links)) {
    await lab.rtr.run(['tee', `/etc/wanhook/links/${name}.env`], { stdin: `${keys.join('\n')}\n` });
  }
}

interface JournalEntry {
  readonly time: string;
  readonly cause: readonly string[];
  readonly changed: readonly string[];
  readonly notes: readonly string[];
  readonly error?: string;
}

/** The last entries of wanhook's journal, for the message of a failed scene: hooks say nothing to their daemons. */
export async function journalEnd(lab: Lab): Promise<string> {
  const { stdout } = await lab.rtr.run(['sh', '-c', 'tail -q -n 5 /run/wanhook/journal*'], { check: false });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => {
      const { time, cause, changed, notes, error } = JSON.parse(line) as JournalEntry;
      const more = [...notes, ...(error === undefined ? [] : [error])].map((text) => `; ${text}`).join('');
      return `${time} ${cause.join(', ')}: changes: ${changed.length}${more}`;
    })
    .join('\n');
}

/** Everything in this kernel that wanhook could have put there: what carries its mark, nft, and the sysctls. */
export async function routingState(lab: Lab): Promise<string> {
  return lab.rtr.sh(`ip -4 rule; ip -6 rule; ip nexthop; nft list ruleset
ip route show table all proto 201; ip -6 route show table all proto 201
cd /proc/sys/net/ipv4
grep -H . ip_forward ip_dynaddr fib_multipath_* conf/all/* conf/default/* conf/lan0/* conf/eth1/*`);
}

/** Packets that left by a line with an address that is not the line's own; the ISPs dropped them. */
export async function wrongSources(lab: Lab): Promise<{ count: number; flows: string }> {
  const counts = await Promise.all(lab.lines.map(({ index }) => lab.wrongSource(index)));
  const flows = await Promise.all(lab.lines.map(({ index }) => lab.wrongSourceFlows(index)));
  return { count: counts.reduce((sum, count) => sum + count, 0), flows: flows.flat().slice(0, 5).join(', ') };
}
