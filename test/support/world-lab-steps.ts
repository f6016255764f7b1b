/** The steps in the lab's router: real devices, the installed hooks and command. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { State } from '../../src/model.ts';
import type { Router } from './router.ts';
import { metricOf, type Steps } from './world-steps.ts';

/** The kernel tells of a carrier in its own time (net/core/link_watch.c); at once, where it can. */
const CARRIER_MS = 20;
/** So many does a run start, more or less. */
const COMMANDS = 7;
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin';

export function labSteps(router: Router): Steps {
  const { rtr } = router;
  const indexOf = (device: string) => {
    const index = router.lines.findIndex((line) => line.device === device);
    if (index === -1) throw new Error(`the lab has no ${device}`);
    return index;
  };
  return {
    configure: async (file, keys) => {
      const path = `/etc/wanhook/${file}`;
      if (keys.length === 0) await rtr.sh(`rm -f ${path}`);
      else await rtr.sh(`cat >${path}`, { stdin: keys.map((key) => `${key}\n`).join('') });
    },
    lineUp: (device, address) => router.lineUp(indexOf(device), { address }),
    hangUp: (device) => router.lineHangup(indexOf(device)),
    renumber: (device, address) => router.setAddress(indexOf(device), address),
    advertise: async (device, address) => {
      const cleared = [`route flush default dev ${device} proto 9`, `addr flush dev ${device} scope global`];
      for (const line of cleared) await rtr.run(['ip', '-6', ...line.split(' ')], { check: false });
      if (address === undefined) return;
      // A device that has just come up gets its fe80::/64 some moments later; until then fe80::1 cannot be reached.
      await rtr.sh(`ip -6 addr add ${address}/64 dev ${device} nodad || exit 0
        for try in $(seq 40); do
          ip -6 route add default via fe80::1 dev ${device} proto 9 expires 1800 metric ${metricOf(device)} && exit 0
          sleep 0.05
        done 2>/dev/null`);
    },
    adminDown: (device) => router.lineAdminDown(indexOf(device)),
    carrier: async (device, on) => {
      await router.carrier(indexOf(device), on);
      await sleep(CARRIER_MS);
    },
    hook: (name, { args, env }) => {
      const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
      return router.hook(name, args, { PATH, ...Object.fromEntries(given) });
    },
    apply: () => router.wanhook('apply'),
    stop: () => router.must('stop'),
    judge: async (link, verdict, family) => {
      const text = await rtr.sh('cat /run/wanhook/state.json 2>/dev/null || echo null');
      const state = JSON.parse(text) as State | null;
      const known = family === 6 ? state?.v6 : state;
      const last = known?.verdicts[link];
      if (state === null || last?.up !== true) return;
      const { device = '', address = '' } = last;
      const health = { ...known?.health, [link]: { verdict, since: Date.now(), reason: 'said so', device, address } };
      const judged = family === 6 ? { ...state, v6: { ...state.v6, health } } : { ...state, health };
      await rtr.sh('cat >/run/wanhook/state.json', { stdin: `${JSON.stringify(judged)}\n` });
      // Not `apply`: without a monitor that believes no verdict.
      await router.wanhook('failback', '--due');
    },
    command: (...argv) => router.wanhook(...argv),
    stranger: async (line) => {
      await rtr.run(['ip', ...line.split(' ')], { check: false });
    },
    dropFirewall: async () => {
      await rtr.run(['nft', 'delete', 'table', 'inet', 'wanhook'], { check: false });
    },
    nft: async (line) => {
      await rtr.run(['nft', ...line.split(' ')], { check: false });
    },
    struck: async (kind, at, work) => {
      await router.strike(kind, 1 + (at % COMMANDS));
      try {
        await work().catch(() => undefined);
      } finally {
        await router.strike(undefined);
      }
    },
    loseState: async () => {
      await rtr.sh('rm -f /run/wanhook/state.json');
    },
  };
}
