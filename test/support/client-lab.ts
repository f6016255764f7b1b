/**
 * A router whose line 1 is in the hands of a real client: all hooks as install.sh puts them, a DHCP server at its ISP, and a
 * static line 2 that must never notice. What a hook was told is in a log, also if it changed nothing.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertBuilt } from './built.ts';
import { startDhcpServer, type DhcpServer } from './dhcp-server-run.ts';
import { startMonitor } from './router-monitor.ts';
import { createRouter, type Router } from './router.ts';

export interface ClientLab extends Router {
  readonly server: DhcpServer;
  /** Hooks that have ended, in order: `dhcpcd BOUND eth1`. */
  hooks(): Promise<string[]>;
  /** Does it, waits until a hook with these words has ended that had not before, and gives all that have. */
  until(hook: RegExp, act: () => Promise<unknown>, limitMs?: number): Promise<string[]>;
  /** Does it while the monitor runs, waits until line 1 (or what else is asked) is this, and gives the hooks that ran. */
  watched(line: string, act: () => Promise<unknown>, ask?: () => Promise<string>): Promise<string[]>;
  /** The commands that wanhook ran meanwhile. */
  changes(act: () => Promise<unknown>): Promise<string[]>;
  /** Line 1 in short words: `up eth1 198.51.100.2 via 198.51.100.1`, `down: …`. And nothing is left to be done. */
  line(): Promise<string>;
  /** New connections from the LAN all complete; by how many lines they left. */
  lanes(): Promise<number>;
}

const ROOT = path.resolve(import.meta.dirname, '../..');

/** Says when a hook has ended, and about what it was. */
const LOGGED = `#!/bin/sh
# Started anew by the real one, it is not the hook any more.
[ -n "\${hook-}" ] || exec /bin/sh /usr/lib/wanhook/run-hook.real "$@"
(. /usr/lib/wanhook/run-hook.real)
case $hook in
  networkmanager) said="$2 $1" ;;
  udhcpc) said="$1 $interface" ;;
  networkd) said="$STATE $IFACE" ;;
  ifupdown) said="$PHASE $IFACE" ;;
  *) said="\${reason-$1} \${interface-}" ;;
esac
echo "$hook $said" >>/run/hooks.log
exit 0
`;

export async function createClientLab(before = ''): Promise<ClientLab> {
  assertBuilt();
  const router = await createRouter({
    links: ['dhcp', 'dhcp'],
    overlay: ['/etc', '/usr/sbin', '/usr/bin', '/usr/lib', '/usr/libexec', '/usr/share', '/var/lib'],
    keys: [{ PROBE: 'none' }, { PROBE: 'none', GATEWAY: '198.18.1.1' }],
    before: `rm -f /usr/share/man/man?/wanhook*
      ${ROOT}/install.sh --all --no-deps --distro debian >/run/install.log 2>&1 || { cat /run/install.log >&2; exit 1; }
      mv /usr/lib/wanhook/run-hook.sh /usr/lib/wanhook/run-hook.real
      cat >/usr/lib/wanhook/run-hook.sh <<'LOGGED'\n${LOGGED}LOGGED
      chmod 755 /usr/lib/wanhook/run-hook.sh; : >/run/hooks.log\n${before}`,
  });
  try {
    const server = await startDhcpServer(router, 0);
    await router.lineUp(1);
    await router.must('apply');
    return clientLab(router, server);
  } catch (cause) {
    await router.destroy();
    throw new Error('cannot create a lab with a client', { cause });
  }
}

/** That all take the same of two lines is as likely as a one in eight million. */
const COUNT = 24;

/** What a hook has dropped for another hook's run is done when nothing lies there and nobody runs. */
const SETTLED =
  'until [ -z "$(ls /run/wanhook/hooks 2>/dev/null)" ] && [ ! -s /run/wanhook/runner ]; do sleep 0.05; done';

/** A client's lease may have to run out first. */
const WATCHED_MS = 15_000;

interface Status {
  readonly links: readonly { state: string; device?: string; address?: string; gateway?: string; reason?: string }[];
}

function clientLab(router: Router, server: DhcpServer): ClientLab {
  const line = async () => {
    const { links } = JSON.parse(await router.must('status', '--json')) as Status;
    const left = await router.plan();
    if (left.length > 0) throw new Error(`wanhook has left something to do: ${left.join('; ')}`);
    const { state, device, address, gateway, reason } = links[0]!;
    if (state !== 'up') return `${state}: ${reason ?? ''}`;
    return `up ${device ?? ''} ${address ?? ''} via ${gateway ?? 'device'}`;
  };
  const hooks = async () => (await router.rtr.sh('cat /run/hooks.log')).split('\n').filter((line) => line !== '');
  return {
    ...router,
    server,
    hooks,
    until: async (wanted, act, limitMs = 8_000) => {
      const before = (await hooks()).length;
      await act();
      const end = Date.now() + limitMs;
      for (;;) {
        const since = (await hooks()).slice(before);
        if (since.some((line) => wanted.test(line))) {
          await router.rtr.sh(SETTLED);
          return since;
        }
        if (Date.now() > end)
          throw new Error(`no hook ${String(wanted)} within ${limitMs} ms, but: ${since.join(', ')}`);
        await sleep(50);
      }
    },
    changes: async (act) => {
      const before = (await router.journal()).length;
      await act();
      return (await router.journal()).slice(before).flatMap(({ changed }) => changed);
    },
    watched: async (wanted, act, ask = line) => {
      const before = (await hooks()).length;
      const monitor = await startMonitor(router);
      try {
        await act();
        const end = Date.now() + WATCHED_MS;
        for (let got = await ask().catch(String); got !== wanted; got = await ask().catch(String)) {
          if (Date.now() > end) throw new Error(`line 1 is not "${wanted}" but "${got}"`);
          await sleep(200);
        }
      } finally {
        await monitor.stop();
      }
      return (await hooks()).slice(before);
    },
    line,
    lanes: async () => {
      const { ok, errors, sources } = await router.share({ from: 'lan', count: COUNT });
      if (ok !== COUNT) throw new Error(`only ${ok} of ${COUNT} connections: ${JSON.stringify(errors)}`);
      return Object.keys(sources).length;
    },
  };
}
