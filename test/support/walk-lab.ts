/** Takes a random walk in the lab's router, and looks after each step at what must never be so. */
import { normalListing } from '../../src/kernel/observe.ts';
import type { State } from '../../src/model.ts';
import { listingInOrder } from './fake-kernel-nft.ts';
import type { Router } from './router.ts';
import { dumpLines, dumpLines6, parseDump, READ_ALL, READ_ALL6 } from './world-dump.ts';
import { labSteps } from './world-lab-steps.ts';
import { playStep } from './world-steps.ts';
import { untruths, type Walk } from './world-walk.ts';

interface Seen {
  readonly ours: readonly string[];
  /** Also their tables of nftables. */
  readonly others: string;
}

const READ = `ip -N -j -batch - <<'IP'\n${READ_ALL.join('\n')}\nIP
echo =; ip -6 -N -j -batch - <<'IP'\n${READ_ALL6.join('\n')}\nIP
echo =; nft -s list ruleset`;

async function look({ rtr }: Router): Promise<Seen> {
  const [four = '', six = '', nft = ''] = (await rtr.sh(READ)).split(/^=$/m);
  const [rules6, routes6] = parseDump(six);
  const dump = (whose: 'ours' | 'others') => [
    ...dumpLines(parseDump(four), whose).toSorted(),
    ...dumpLines6([rules6, routes6], whose).toSorted(),
  ];
  const theirs = nft.split(/^(?=table )/m).filter((table) => !table.startsWith('table inet wanhook'));
  // What the kernel says of a line that is down comes and goes by itself.
  const others = dump('others').map((line) => line.replace(/ (?:dead|linkdown)\b/g, ''));
  return { ours: dump('ours'), others: [...others, ...theirs].join('\n') };
}

async function ours(router: Router): Promise<string[]> {
  const { stdout } = await router.rtr.run(['nft', '-s', 'list', 'table', 'inet', 'wanhook'], { check: false });
  return [...(await look(router)).ours, listingInOrder(normalListing(stdout))];
}

/** Everything of ours goes by its signature alone, and what the state knows of it; the record of the lines stays. */
async function strip(router: Router): Promise<void> {
  const { rtr } = router;
  const rules = (await look(router)).ours;
  for (const [family, start] of [
    ['-4', 'ip rule add'],
    ['-6', 'ip -6 rule add'],
  ] as const) {
    const deletions = rules.filter((line) => line.startsWith(start)).map((line) => line.replace(start, 'rule del'));
    await rtr.run(['ip', family, '-batch', '-'], { stdin: deletions.join('\n') });
  }
  await rtr.sh(
    'ip nexthop flush proto 201; ip route flush table all proto 201; ip -6 route flush table all proto 201; ip neigh flush proto 201 nud all; nft delete table inet wanhook || :',
  );
  const state = JSON.parse(await rtr.sh('cat /run/wanhook/state.json')) as State;
  const kept = { ...state, firewall: undefined, sysctls: {} };
  await rtr.sh('cat >/run/wanhook/state.json', { stdin: JSON.stringify(kept) });
  const left = (await look(router)).ours;
  if (left.length > 0) throw new Error(`cannot be stripped: ${left.join(', ')}`);
}

/** As after boot, but for the namespaces. */
export async function reset(router: Router): Promise<void> {
  await router.wanhook('stop');
  await router.rtr.sh(`rm -rf /run/wanhook /var/lib/wanhook /etc/wanhook/*; mkdir -p /etc/wanhook/links
    ip -4 rule flush; ip rule add pref 32766 lookup 254 2>/dev/null || :; ip rule add pref 32767 lookup 253 2>/dev/null || :
    ip nexthop flush; ip route flush type blackhole; nft flush ruleset
    for device in ppp0 ppp1; do ip link del $device 2>/dev/null || :; done
    for device in eth1 eth2; do ip addr flush dev $device; ip link set $device down; ip link set $device up; done`);
  for (const { index, kind } of router.lines) {
    if (kind === 'dhcp') await router.carrier(index, true);
    await router.lineHangup(index).catch(() => undefined);
  }
}

const isOurs = (step: string) => !/^(?:config|line|stranger|the state|monitor)\b/.test(step);
const twinsIn = (lines: readonly string[]) => lines.filter((line, n) => lines.indexOf(line) !== n);

export async function takeWalkInLab(router: Router, { steps }: Walk): Promise<void> {
  const on = labSteps(router);
  let before: Seen | undefined;
  for (const [index, step] of steps.entries()) {
    try {
      if (isOurs(step)) before ??= await look(router);
      await playStep(on, step);
      if (!isOurs(step)) before = undefined;
      else {
        const now = await look(router);
        if (now.others !== before?.others)
          throw new Error(`foreign objects:\n${before?.others ?? ''}\n->\n${now.others}`);
        if (twinsIn(now.ours).length > 0) throw new Error(`twins: ${twinsIn(now.ours).join(', ')}`);
        before = now;
      }
    } catch (cause) {
      throw new Error(`step ${index}: ${step}`, { cause });
    }
  }
}

/** With shims: the last hook may have left its work to another, which nobody waits for; and whoever was killed has left his listing. */
async function quiet({ rtr }: Router): Promise<void> {
  await rtr.sh(`for try in $(seq 100); do
    [ -s /run/wanhook/runner ] || exit 0
    # The lab's first process asks after nobody.
    ! grep -q ' [RSD] ' /proc/$(cut -d' ' -f1 /run/wanhook/runner)/stat && exit 0
    sleep 0.1
  done 2>/dev/null
  exit 1`);
}

/** One `apply` after anything gives what an `apply` gives to a kernel without anything of ours, and it is right. */
export async function expectConvergedInLab(router: Router, taken: Walk): Promise<void> {
  await quiet(router);
  const { others } = await look(router);
  await router.must('apply');
  const left = await router.plan();
  if (left.length > 0) throw new Error(`still to do: ${left.join('; ')}`);
  const walked = await ours(router);
  if (twinsIn(walked).length > 0) throw new Error(`twins: ${twinsIn(walked).join(', ')}`);
  await strip(router);
  await router.must('apply');
  const fresh = await ours(router);
  const wrong = [
    ...fresh.filter((line) => !walked.includes(line)).map((line) => `is missing: ${line}`),
    ...walked.filter((line) => !fresh.includes(line)).map((line) => `is too much: ${line}`),
    ...((await look(router)).others === others ? [] : ['foreign objects were touched']),
    ...untruths(taken, walked),
  ];
  if (wrong.length > 0) throw new Error(`not as after a fresh apply: ${wrong.join('\n')}`);
  const litter = await router.rtr.sh(
    'find /run/wanhook -name "*.tmp" -o -path "*/events/*" -o -path "*/hooks/*" -o -name lock',
  );
  if (litter.trim() !== '') throw new Error(`litter: ${litter}`);
}
