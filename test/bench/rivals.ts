/**
 * The rivals that Debian packages, set up for two dialled lines of equal weight as their own examples have it; only in a
 * router whose /etc, /var/lib and /run are private. Their services are never started: their commands are run.
 */
import type { Lab } from '../support/lab.ts';
import type { Contender } from './contender.ts';

const write = (file: string, text: string) => `cat >${file} <<'LAB'\n${text}\nLAB\n`;

/** It cannot do without, and a machine without syslog may have none. */
const LOGGER = `command -v logger >/dev/null || { printf '#!/bin/sh\\n' >/usr/sbin/logger; chmod 755 /usr/sbin/logger; }`;

const SHOREWALL_FILES = {
  zones: 'fw firewall\nnet ipv4\nloc ipv4',
  interfaces: '?FORMAT 2\nnet ppp0 optional\nnet ppp1 optional\nloc lan0 routeback',
  policy: '$FW all ACCEPT\nloc all ACCEPT\nnet all DROP\nall all REJECT',
  providers: 'line1 1 1 - ppp0 - track,balance=1\nline2 2 2 - ppp1 - track,balance=1',
  snat: 'MASQUERADE 10.10.0.0/24 ppp0\nMASQUERADE 10.10.0.0/24 ppp1',
};

/** Optional providers, so that `enable` and `disable` do one line; what it writes into logs goes to /run. */
async function startShorewall(lab: Lab): Promise<void> {
  const files = Object.entries(SHOREWALL_FILES).map(([name, text]) => write(`/etc/shorewall/${name}`, text));
  await lab.rtr.sh(
    `mkdir -p /run/lock; ${LOGGER}
    sed -i -e 's,^STARTUP_LOG=.*,STARTUP_LOG=/run/shorewall.log,' -e 's/^IP_FORWARDING=.*/IP_FORWARDING=On/' \
      -e 's/^ROUTE_FILTER=.*/ROUTE_FILTER=No/' -e 's/^LOG_MARTIANS=.*/LOG_MARTIANS=No/' /etc/shorewall/shorewall.conf
    ${files.join('')}
    echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy
    shorewall start >/run/shorewall.start 2>&1 </dev/null || { cat /run/shorewall.start >&2; exit 1; }`,
    { timeoutMs: 120_000 },
  );
}

const SHOREWALL = '/usr/sbin/shorewall';
const NEEDS = ['shorewall', 'shorewall'] as const;

const ENABLE: Contender = {
  name: 'Shorewall enable, disable',
  needs: NEEDS,
  start: startShorewall,
  hook: (lab, verb, line) => [SHOREWALL, verb === 'up' ? 'enable' : 'disable', lab.lines[line]!.device],
  restore: [SHOREWALL, 'reload'],
  commands: [
    [SHOREWALL, 'disable', 'ppp0'],
    [SHOREWALL, 'enable', 'ppp0'],
  ],
};

/** For a device that is gone `disable` does nothing. This does, if a hook says it. */
const RELOAD: Contender = {
  name: 'Shorewall reload',
  needs: NEEDS,
  start: startShorewall,
  hook: () => [SHOREWALL, 'reload'],
  reload: [SHOREWALL, 'reload'],
  commands: [[SHOREWALL, 'reload']],
};

const FIREHOL_CONF = `gateway line1 dev ppp0 check alwayson
gateway line2 dev ppp1 check alwayson
table 101
  default via line1
table 102
  default via line2
table main
  default via line1 weight 100
  default via line2 weight 100
policy
  rules src gw-src-ips line1 table 101
  rules src gw-src-ips line2 table 102`;

/** Masquerading is firehol's own business; here it is two rules of nftables. */
const NAT = `table ip nat {
  chain postrouting { type nat hook postrouting priority srcnat; oifname { "ppp0", "ppp1" } masquerade; }
}`;

async function startFirehol(lab: Lab): Promise<void> {
  await lab.rtr.sh(
    `mkdir -p /run/lock; ${LOGGER}
    mount -t tmpfs lab-spool /var/spool
    ${write('/etc/firehol/link-balancer.conf', FIREHOL_CONF)}
    nft -f - <<'LAB'\n${NAT}\nLAB
    echo 1 >/proc/sys/net/ipv4/fib_multipath_hash_policy
    /usr/sbin/link-balancer >/run/link-balancer.start 2>&1 </dev/null || { cat /run/link-balancer.start >&2; exit 1; }`,
    { timeoutMs: 60_000 },
  );
}

/** Its help: "This should be run from '/etc/ppp/ip-down'". It has one answer to everything. */
const FIREHOL: Contender = {
  name: 'FireHOL link-balancer',
  needs: ['link-balancer', 'firehol firehol-tools'],
  start: startFirehol,
  hook: () => ['/usr/sbin/link-balancer', '--fast'],
  reload: ['/usr/sbin/link-balancer'],
  commands: [['/usr/sbin/link-balancer', '--fast']],
};

export const RIVALS: readonly Contender[] = [ENABLE, RELOAD, FIREHOL];
