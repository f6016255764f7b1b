import { showProblem } from '../errors.ts';
import type { ClientName, ClientProcess, Facts, Finding, FileOption } from './facts.ts';

/** Configuration, links, and who manages their devices. Pure. */
export function judgeLines(facts: Facts): Finding[] {
  return [...configuration(facts), ...links(facts), ...managers(facts), ...hooks(facts), ...peers(facts)];
}

function configuration({ configuration: { config, problems, warnings }, routing, trial }: Facts): Finding[] {
  const found = [
    ...(trial === undefined ? [] : [held(trial)]),
    ...problems.map((problem): Finding => ({
      severity: 'error',
      ...said(problem),
      mend: 'edit it, then "wanhook check"',
    })),
    ...warnings.map((problem): Finding => ({
      severity: 'warning',
      ...said(problem),
      mend: 'edit it, then "wanhook check"',
    })),
  ];
  if (config?.links.length === 0) {
    found.push({
      severity: 'error',
      about: '/etc/wanhook/links',
      problem: 'names no line: there is nothing to do',
      mend: '"wanhook init", or see /etc/wanhook/links/README',
    });
  }
  if (routing !== undefined && !routing.stopped && routing.pending > 0) {
    found.push({
      severity: 'warning',
      about: 'routing',
      problem: `is not what configuration and lines ask for: ${routing.pending} changes pending`,
      mend: '"wanhook plan" shows them, "wanhook apply" makes them',
    });
  }
  return found;
}

const held = (trial: string): Finding => ({
  severity: 'warning',
  about: 'wanhook try',
  problem: trial,
  mend: '"wanhook confirm", "wanhook rollback", or "wanhook apply"',
});

/** `file:line: message` taken apart. */
function said(problem: Parameters<typeof showProblem>[0]): Pick<Finding, 'about' | 'problem'> {
  const about = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return { about, problem: problem.message };
}

function links({ routing }: Facts): Finding[] {
  if (routing === undefined) return [];
  const down = routing.statuses.flatMap((status): Finding[] => {
    if (status.up) return [];
    const about = `link ${status.link.name}`;
    const mend =
      status.lacksGateway === true
        ? `GATEWAY= in /etc/wanhook/links/${status.link.name}.env`
        : 'bring the line up; "wanhook status" and "wanhook log" tell more';
    return [{ severity: 'warning', about, problem: `is down: ${status.reason}`, mend }];
  });
  const blocked = routing.probesBlocked.map((name): Finding => ({
    severity: 'warning',
    about: `link ${name}`,
    problem: "its probes are dropped by this machine's own firewall: nobody knows whether it works",
    mend: 'allow what PROBE names (by default ICMP echo requests) in the chains of hook output',
  }));
  return [...down, ...blocked];
}

/** Two that both set addresses and routes on one device undo each other's work. */
function managers({ managers: said, clients }: Facts): Finding[] {
  const byDevice = new Map<string, Set<ClientName>>();
  const note = (device: string, client: ClientName) => {
    byDevice.set(device, (byDevice.get(device) ?? new Set()).add(client));
  };
  said.filter(({ client }) => client !== 'ifupdown').forEach(({ device, client }) => note(device, client));
  for (const { device, client, under = client } of clients) if (device !== undefined) note(device, under);
  const both = [...byDevice].filter(([, names]) => names.size > 1);
  const twice = severalOf(clients.filter(({ client }) => client !== 'pppd'));
  return [
    ...both.map(([device, names]): Finding => {
      const list = [...names].toSorted();
      return {
        severity: 'warning',
        about: device,
        problem: `is managed by ${list.join(' and ')} at once: they undo each other's addresses and routes`,
        mend: MEND[list.find((name) => name in MEND) ?? 'pppd'] ?? `leave ${device} to one of them`,
      };
    }),
    ...twice.map((all): Finding => ({
      severity: 'warning',
      about: all[0]?.device ?? '',
      problem: `has ${all.length} processes of ${all[0]?.client ?? ''} (pids ${all.map(({ pid }) => pid).join(', ')})`,
      mend: `stop all but one of them: kill ${all
        .slice(1)
        .map(({ pid }) => pid)
        .join(' ')}`,
    })),
  ];
}

const MEND: Partial<Record<ClientName, string>> = {
  NetworkManager:
    'leave it to the other: nmcli device set DEVICE managed no, and [keyfile] unmanaged-devices= for the next boot',
  'systemd-networkd': 'leave it to the other: Unmanaged=yes under [Link] in its .network file',
};

/** Several processes of one client for one device; one for each family is as it should be. */
function severalOf(clients: readonly ClientProcess[]): (readonly ClientProcess[])[] {
  const groups = [4, 6].flatMap((wanted) => grouped(clients.filter(({ family = wanted }) => family === wanted)));
  const several = groups.filter((group) => group.length > 1);
  // Those of both families are found twice.
  return [...new Map(several.map((group) => [group.map(({ pid }) => pid).join(' '), group])).values()];
}

function grouped(clients: readonly ClientProcess[]): ClientProcess[][] {
  const found = new Map<string, ClientProcess[]>();
  for (const one of clients) {
    if (one.device === undefined) continue;
    const key = `${one.client} ${one.device}`;
    found.set(key, [...(found.get(key) ?? []), one]);
  }
  return [...found.values()];
}

/** A client that runs for one of our lines, or for who knows which, and has no hook of ours. */
function hooks({ clients, managers: said, hooked, hiders }: Facts): Finding[] {
  const present = new Set([...clients.map(({ client, under = client }) => under), ...said.map(({ client }) => client)]);
  const missing = [...present]
    .filter((client) => hooked.get(client)?.length === 0)
    .map((client): Finding => ({
      severity: client === 'ifupdown' ? 'note' : 'error',
      about: client,
      problem: 'runs here, and has no hook of ours: what it does to a line is noticed by the monitor only',
      mend: 'run install.sh again: it installs the hooks of the clients it finds',
    }));
  const hidden = hiders.map((path): Finding => ({
    severity: 'error',
    about: path,
    problem: "is executable, so pppd's script runs it instead of everything in the directory beside it, our hook too",
    mend: `add to it the line: ${path.replace(/\.local$/, '.d')}/wanhook "$@"`,
  }));
  return [...missing, ...hidden];
}

function peers({ configuration: { config }, pppOptions }: Facts): Finding[] {
  const lines = (config?.links ?? []).flatMap(({ name, pppIpparam, pppLinkname }) => {
    const words = [...optional('ipparam', pppIpparam), ...optional('linkname', pppLinkname)];
    return words.length === 0 ? [] : [{ name, words }];
  });
  const isOf = ({ option, value }: FileOption, words: readonly string[]) => words.includes(`${option} ${value ?? ''}`);
  const all = lines.flatMap(({ words }) => words);
  const ours = new Set(['/etc/ppp/options', ...pppOptions.filter((one) => isOf(one, all)).map(({ file }) => file)]);
  // On a machine with pppd: somewhere else nobody need name a line to it.
  const unnamed = lines.filter(({ words }) => pppOptions.length > 0 && !pppOptions.some((one) => isOf(one, words)));
  return [
    ...pppOptions.filter(({ file }) => ours.has(file)).flatMap((option) => defaultroutes(option)),
    ...unnamed.map(({ name, words }): Finding => ({
      severity: 'warning',
      about: `link ${name}`,
      problem: `no file in /etc/ppp/peers says "${words.join('" or "')}": pppd's hooks will not find the line`,
      mend: `the line "${words[0] ?? ''}" in its peers file`,
    })),
  ];
}

const optional = (option: string, value: string | undefined) => (value === undefined ? [] : [`${option} ${value}`]);

function defaultroutes({ file, line, option }: FileOption): Finding[] {
  if (option !== 'defaultroute' && option !== 'replacedefaultroute') return [];
  const why =
    option === 'defaultroute'
      ? 'wanhook makes the defaults: pppd refuses a second line its own, and never tries again'
      : "wanhook makes the defaults: pppd's takes away somebody else's, and is lost with the line";
  return [
    { severity: 'warning', about: `${file}:${line}`, problem: `${option}: ${why}`, mend: 'nodefaultroute instead' },
  ];
}
