import type { Facts, Finding } from './facts.ts';

/** Tools, kernel, clock, installation, services: what wanhook stands on. Pure. */
export function judgeMachine(facts: Facts): Finding[] {
  return [
    ...tools(facts),
    ...node(facts),
    ...features(facts),
    ...installation(facts),
    ...clock(facts),
    ...services(facts),
    ...conntrack(facts),
  ];
}

function tools(facts: Facts): Finding[] {
  return facts.tools.flatMap(({ name, path, only, package: from }) =>
    path !== undefined
      ? []
      : [
          {
            severity: only === undefined ? ('error' as const) : ('warning' as const),
            about: name,
            problem: `is not installed: ${only === undefined ? 'nothing of wanhook works' : `${only} does not work`}`,
            mend: `apt install ${from}`,
          },
        ],
  );
}

function node({ node: { path, version, owner } }: Facts): Finding[] {
  const found: Finding[] = [];
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    found.push({
      severity: 'error',
      about: path,
      problem: `is Node.js ${version}; 20.19 is the oldest that works`,
      mend: 'install a newer one for the whole system (https://github.com/nodesource/distributions), then run install.sh again',
    });
  }
  if (owner !== undefined && owner !== 0) {
    found.push({
      severity: 'warning',
      about: path,
      problem: `belongs to user ${owner}, who could make root's hooks do anything`,
      mend: 'install Node.js for the whole system, then run install.sh again',
    });
  }
  return found;
}

function features(facts: Facts): Finding[] {
  return facts.features
    .filter(({ there }) => !there)
    .map(({ name, without, wanted }) => ({
      severity: wanted ? 'error' : 'note',
      about: 'kernel',
      problem: `has no ${name}: ${without}`,
      mend: wanted
        ? 'boot a newer kernel (Debian: linux-image-amd64 from backports), or choose otherwise'
        : 'nothing, if you do without',
    }));
}

function installation({ installed = [], refusedScripts }: Facts): Finding[] {
  const found = installed.flatMap(({ path, mode, sum, found: file }): Finding[] => {
    const again = { severity: 'error', about: path, mend: 'run install.sh again' } as const;
    if (file === undefined) return [{ ...again, problem: 'was installed, and is gone' }];
    if (file.owner !== 0) {
      return [
        { ...again, problem: `belongs to user ${file.owner}, and root runs it`, mend: `chown root:root ${path}` },
      ];
    }
    if (file.mode !== mode) {
      const why =
        isExecutable(mode) && !isExecutable(file.mode)
          ? 'is not executable: nobody runs it'
          : `has mode ${file.mode}, not ${mode}`;
      return [{ ...again, problem: why, mend: `chmod ${mode} ${path}` }];
    }
    return file.sum === sum ? [] : [{ ...again, severity: 'warning', problem: 'is not what was installed' }];
  });
  const scripts = refusedScripts.map((why): Finding => {
    const [path = '', ...reason] = why.split(' ');
    return { severity: 'warning', about: path, problem: reason.join(' '), mend: 'as it says; or take the file away' };
  });
  return [...found, ...scripts];
}

const isExecutable = (mode: string) => (Number.parseInt(mode, 8) & 0o100) !== 0;

/** A router without a battery boots in 1970: certificates, logs and everything that counts seconds suffer. */
function clock({ now, installed = [] }: Facts): Finding[] {
  const newest = Math.max(0, ...installed.map(({ found }) => found?.modified ?? 0));
  if (newest <= now) return [];
  const days = Math.ceil((newest - now) / 86_400_000);
  return [
    {
      severity: 'warning',
      about: 'clock',
      problem: `is ${days} day${days === 1 ? '' : 's'} behind the day on which wanhook was installed`,
      mend: 'apt install systemd-timesyncd (or chrony), then look at "date"',
    },
  ];
}

function services({ services: { systemd, bootEnabled, monitorRuns }, configuration, routing }: Facts): Finding[] {
  const found: Finding[] = [];
  if (systemd && !bootEnabled) {
    found.push({
      severity: 'warning',
      about: 'wanhook.service',
      problem: 'is not enabled: at boot, lines without a client get no routing',
      mend: 'systemctl enable wanhook.service',
    });
  }
  const asks = configuration.config?.links.some(({ probe, probe6 }) => (probe ?? probe6) !== undefined) === true;
  if (asks && !monitorRuns) {
    found.push({
      severity: 'note',
      about: 'wanhook-monitor',
      problem: 'does not run: a line that is up but dead behind the modem goes on taking connections',
      mend: systemd ? 'systemctl enable --now wanhook-monitor' : '/etc/init.d/wanhook-monitor start',
    });
  }
  if (routing?.stopped === true) {
    found.push({
      severity: 'warning',
      about: 'wanhook',
      problem: 'is stopped: hooks take notes, and nothing is in the kernel',
      mend: 'wanhook apply',
    });
  }
  return found;
}

function conntrack({ conntrack: table }: Facts): Finding[] {
  if (table === undefined || table.count < 0.8 * table.max) return [];
  return [
    {
      severity: 'warning',
      about: 'nf_conntrack',
      problem: `holds ${table.count} of ${table.max} connections; beyond that, new ones are dropped`,
      mend: `sysctl -w net.netfilter.nf_conntrack_max=${table.max * 2} (and the same line in /etc/sysctl.d)`,
    },
  ];
}
