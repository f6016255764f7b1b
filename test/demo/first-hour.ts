/** The first hour of a newcomer, really done in a lab, as a transcript: what docs/first-hour.md holds. */
import { createLab, type Lab } from '../support/lab.ts';
import { pppHook } from './daemons.ts';
import { install, overlayDirs } from './router.ts';

const DSL = 0;
const CABLE = 1;

/** As a machine is before anybody has thought of wanhook: a cable line by dhclient, and what pppoeconf has written. */
const BARE = `ip link add eth2 type veth peer name modem; rm -rf /etc/ppp/peers /var/lib/dhcp /var/lib/NetworkManager; mkdir -p /etc/ppp/peers /var/lib/dhcp
cat >/etc/ppp/peers/dsl <<'PEER'
# made by pppoeconf
noipdefault
defaultroute
hide-password
noauth
persist
maxfail 0
plugin rp-pppoe.so eth2
user "me@isp.example"
usepeerdns
PEER
cat >/var/lib/dhcp/dhclient.eth1.leases <<'LEASES'
lease {
  interface "eth1";
  fixed-address 198.51.100.2;
  option routers 198.51.100.1;
  expire never;
}
LEASES
`;

/** Ends every block with what was said before it, so that a reader can follow with his own machine. */
class Transcript {
  readonly parts: string[] = [];
  readonly #lab: Lab;
  #block: string[] = [];
  constructor(lab: Lab) {
    this.#lab = lab;
  }

  say(text: string): void {
    if (this.#block.length > 0) this.parts.push(['```console', ...this.#block, '```'].join('\n'));
    this.#block = [];
    this.parts.push(text);
  }

  /** Types a command into the router, and keeps what it prints; `only` some of its lines. */
  async type(command: string, only = /(?:)/): Promise<void> {
    const { stdout, stderr, code } = await this.#lab.rtr.run(['sh', '-c', `${command} 2>&1`], { check: false });
    const lines = (stdout + stderr)
      .trimEnd()
      .split('\n')
      .filter((line) => line !== '' && only.test(line));
    this.show(command, [...lines, ...(code === 0 ? [] : [`(exit code ${code})`])]);
  }

  show(command: string, lines: readonly string[]): void {
    this.#block.push(`# ${command}`, ...lines.map((line) => line.trimEnd()));
  }
}

/** All of it, in a lab of its own; throws when a step does not do what the text says. */
export async function firstHour(): Promise<string> {
  const lab = await createLab({ links: ['ppp', 'dhcp'], overlay: overlayDirs() });
  try {
    await lab.rtr.sh(BARE);
    await lab.lineUp(CABLE);
    await lab.rtr.run(['ip', 'route', 'add', 'default', 'via', lab.lines[CABLE]!.gateway, 'dev', 'eth1']);
    const on = new Transcript(lab);
    await look(on, lab);
    await installIt(on, lab);
    await configure(on);
    await tryIt(on, lab);
    await pullTheCable(on, lab);
    on.say('That is all. What else there is: `man 8 wanhook`, `man 5 wanhook.env`, and the [README](../README.md).');
    return `${on.parts.join('\n\n')}\n`;
  } finally {
    await lab.destroy();
  }
}

async function look(on: Transcript, lab: Lab): Promise<void> {
  on.say('# The first hour: from a bare machine to two working lines');
  on.say(
    'Typed as root into a real kernel, in a lab of network namespaces; `npm run docs:first-hour` has written this file, and a\n' +
      'test does it all again and compares. Only pppd itself is played: there is no modem in a lab.',
  );
  on.say(
    'The machine has a LAN and two lines: cable by DHCP (`dhclient`), and DSL, for which `pppoeconf` has written\n' +
      '`/etc/ppp/peers/dsl`. All traffic goes by the cable.',
  );
  // The kernel says a second after the carrier that a device is UP (net/core/link_watch.c).
  await lab.rtr.sh('until ip -br link show lan0 | grep -qw UP; do sleep 0.05; done');
  await on.type('ip -br -4 address');
  await on.type('ip route show default');
}

async function installIt(on: Transcript, lab: Lab): Promise<void> {
  on.say('## Install\n\n(Or, on Debian: `npm run deb`, and `apt install ./dist/wanhook_*.deb`.)');
  const verified = await install(lab);
  on.show('./install.sh', ['…', verified, 'Next: "wanhook init" …']);
}

async function configure(on: Transcript): Promise<void> {
  on.say('## Which lines are there?\n\nIt looks, and shows what it would write. Without `--yes` it asks.');
  await on.type('wanhook init --yes');
  on.say(
    'The peers file gets what `init` said: the name by which the hooks will know the line, and that the default route is not\n' +
      'its business. And the cable is three times as fast.',
  );
  await on.type("printf 'ipparam dsl\\nnodefaultroute\\n' >>/etc/ppp/peers/dsl");
  await on.type("sed -i 's/WEIGHT=1/WEIGHT=3/' /etc/wanhook/links/eth1.env");
  await on.type('wanhook check');
}

async function tryIt(on: Transcript, lab: Lab): Promise<void> {
  on.say(
    '## Try\n\nShould this cut you off: do nothing. After 60 seconds everything is as it was. At a terminal it waits here, and Enter\n' +
      'keeps it; from a second terminal, or in a script, it is `wanhook confirm`.',
  );
  await on.type('wanhook try');
  await lab.lineUp(DSL);
  await pppHook(lab, 'ip-up', DSL, { ipparam: 'dsl' });
  on.show('pon dsl', []);
  await on.type('wanhook status');
  const { ok, sources } = await lab.share({ from: 'lan', count: 60 });
  if (ok !== 60 || Object.keys(sources).length !== 2)
    throw new Error(`from the LAN: ${JSON.stringify({ ok, sources })}`);
  on.say('From the LAN, 60 new connections were made meanwhile: all succeeded, and both lines were used.');
  await on.type('wanhook confirm');
}

async function pullTheCable(on: Transcript, lab: Lab): Promise<void> {
  on.say('## Pull a cable');
  await lab.lineHangup(DSL);
  await pppHook(lab, 'ip-down', DSL, { ipparam: 'dsl' });
  await on.type('wanhook status');
  const { ok } = await lab.share({ from: 'lan', count: 20 });
  if (ok !== 20) throw new Error(`from the LAN, with one line: ${ok} of 20`);
  on.say(
    'Again from the LAN: 20 of 20 succeeded. And when the line is back, under whatever address, nobody touches anything:',
  );
  await lab.lineUp(DSL, { address: '192.0.2.77' });
  await pppHook(lab, 'ip-up', DSL, { ipparam: 'dsl' });
  await on.type('wanhook status');
  await on.type('wanhook explain --from 10.10.0.2 203.0.113.10:443', /link|rule|table/);
  on.say('For lines that are up but lead nowhere: `systemctl enable --now wanhook-monitor` (README, "Dead lines").');
}
