/** Events and devices → what is recorded, and what each link is worth: late, repeated and contradictory words included. */
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/parse.ts';
import type { Config, Device, LinkStatus, State } from '../../src/model.ts';
import { devicesWithoutGateway, linkStatuses, verdictsOf } from '../../src/state/live.ts';
import { EMPTY_STATE, findLink, recordEvent } from '../../src/state/record.ts';
import { hookInput } from '../support/world-hook-input.ts';
import { parseHook } from '../../src/events/hooks.ts';

/** `dsl: ID=1 DEVICE=ppp0` */
function config(...links: string[]): Config {
  const files = links.map((link) => {
    const [name = '', keys = ''] = link.split(': ');
    return { name, path: name, text: keys.replaceAll(' ', '\n') };
  });
  const parsed = parseConfig({ links: files });
  if (parsed.config === undefined) throw new Error(JSON.stringify(parsed.problems));
  return parsed.config;
}

/** `ppp0 192.0.2.11 peer 192.0.2.254`, `eth1 198.51.100.2/24 10.0.0.1/8`, `eth1 down`, `eth1 no-carrier 198.51.100.2/24`. */
function device(text: string): Device {
  const [name = '', ...words] = text.split(' ');
  const addresses = words.flatMap((word, index) => {
    if (!/^\d/.test(word) || words[index - 1] === 'peer') return [];
    const [local = '', prefix = '32'] = word.split('/');
    const peer = words[index + 1] === 'peer' ? words[index + 2] : undefined;
    return [{ local, prefix: Number(prefix), ...(peer !== undefined && { peer }) }];
  });
  const up = !words.includes('down');
  const pointToPoint = name.startsWith('ppp');
  return {
    name,
    up,
    carrier: up && !words.includes('no-carrier'),
    pointToPoint,
    mtu: pointToPoint ? 1492 : 1500,
    addresses,
  };
}

/** A hook's words, or `event up eth1` by hand. */
function event(text: string) {
  const [first = '', ...words] = text.split(' ');
  if (first === 'event') {
    const [kind = '', name = '', address, gateway] = words;
    const given = { ...(address !== undefined && { address }), ...(gateway !== undefined && { gateway }) };
    return {
      source: 'cli',
      kind: kind as 'up' | 'down',
      device: name,
      ...given,
      dns: [],
      cause: `event ${kind}`,
    } as const;
  }
  const input = hookInput(first, words);
  const linkname = words.find((word) => word.startsWith('linkname='))?.slice('linkname='.length);
  const parsed = parseHook(first, {
    ...input,
    env: { ...input.env, ...(linkname !== undefined && { LINKNAME: linkname }) },
  });
  if (!('event' in parsed)) throw new Error(`no event: ${text}`);
  return parsed.event;
}

function inWords(status: LinkStatus): string {
  const { link } = status;
  if (!status.up) return `${link.name} down: ${status.reason}`;
  const via = status.gateway === undefined ? '' : ` via ${status.gateway}${status.onlink ? ' onlink' : ''}`;
  return `${link.name} up ${status.device} ${status.address}${via}`;
}

const DSL = 'dsl: ID=1 DEVICE=ppp0';
const TWO = ['dsl1: ID=1 DEVICE=ppp0 PPP_IPPARAM=dsl1', 'dsl2: ID=2 DEVICE=ppp1 PPP_IPPARAM=dsl2'];
const CABLE = 'cable: ID=3 DEVICE=eth1';

/** Which link does the event speak of? */
const FOUND: readonly (readonly [links: readonly string[], event: string, want: string | undefined])[] = [
  [[DSL], 'ip-up ppp0 192.0.2.11 192.0.2.254', 'dsl'],
  [[DSL], 'ip-up ppp1 192.0.2.11 192.0.2.254', undefined],
  // A line without declared names is found by its device, whatever pppd calls it.
  [[DSL], 'ip-up ppp0 192.0.2.11 192.0.2.254 wan', 'dsl'],
  // ipparam, then linkname, then device.
  [TWO, 'ip-up ppp1 192.0.2.11 192.0.2.254 dsl1', 'dsl1'],
  [
    ['a: ID=1 PPP_IPPARAM=x', 'b: ID=2 PPP_LINKNAME=y', 'c: ID=3 DEVICE=ppp0'],
    'ip-up ppp0 192.0.2.1 192.0.2.254 x linkname=y',
    'a',
  ],
  [['b: ID=2 PPP_LINKNAME=y', 'c: ID=3 DEVICE=ppp0'], 'ip-up ppp0 192.0.2.1 192.0.2.254 x linkname=y', 'b'],
  [['b: ID=2 PPP_LINKNAME=y', 'c: ID=3 DEVICE=ppp0'], 'ip-up ppp0 192.0.2.1 192.0.2.254 x linkname=z', 'c'],
  // A stranger's pppd on our unit.
  [TWO, 'ip-up ppp0 192.0.2.11 192.0.2.254 vpn', undefined],
  [['dsl: ID=1 DEVICE=ppp0 PPP_LINKNAME=dsl'], 'ip-up ppp0 10.8.0.2 10.8.0.1 - linkname=vpn', undefined],
  [['dsl: ID=1 DEVICE=ppp0 PPP_LINKNAME=dsl'], 'ip-up ppp0 10.8.0.2 10.8.0.1 vpn linkname=vpn', undefined],
  // pppd says no name: the device is all there is. NetworkManager's is none.
  [TWO, 'ip-up ppp0 192.0.2.11 192.0.2.254', 'dsl1'],
  [TWO, 'ip-up ppp0 192.0.2.11 192.0.2.254 /org/freedesktop/NetworkManager/PPP/1', 'dsl1'],
  [[CABLE, ...TWO], 'dhclient BOUND eth1 198.51.100.2 198.51.100.1', 'cable'],
  [[CABLE, ...TWO], 'dhclient BOUND eth0 198.51.100.2 198.51.100.1', undefined],
];

test.each(FOUND)('%j: %s is of %s', (links, text, want) => {
  expect(findLink(config(...links), event(text))?.name).toBe(want);
});

interface Story {
  readonly name: string;
  readonly links?: readonly string[];
  /** Events in order; `kernel: …` sets the devices (separated by `; `) from there on. */
  readonly given: readonly string[];
  readonly want: readonly string[];
  /** Notes for the journal. */
  readonly notes?: readonly string[];
  readonly main?: Readonly<Record<string, string>>;
}

const A = 'kernel: ppp0 192.0.2.11 peer 192.0.2.254';
const B = 'kernel: ppp0 192.0.2.77 peer 192.0.2.254';
const UP_A = 'ip-up ppp0 192.0.2.11 192.0.2.254';
const UP_B = 'ip-up ppp0 192.0.2.77 192.0.2.254';
const DOWN_A = 'ip-down ppp0 192.0.2.11 192.0.2.254';
const ETH = 'kernel: eth1 198.51.100.2/24';
const BOUND = 'dhclient BOUND eth1 198.51.100.2 198.51.100.1';

/** How each client says that a line is up. */
const UPS: Readonly<Record<string, string>> = {
  dhclient: 'BOUND',
  dhcpcd: 'BOUND',
  udhcpc: 'bound',
  networkmanager: 'up',
  networkd: 'routable',
  ifupdown: 'post-up',
};

const STORIES: readonly Story[] = [
  { name: 'up', given: [A, UP_A], want: ['dsl up ppp0 192.0.2.11'] },
  { name: 'up without its hook: the kernel knows', given: [A], want: ['dsl up ppp0 192.0.2.11'] },
  { name: 'up twice', given: [A, UP_A, UP_A], want: ['dsl up ppp0 192.0.2.11'] },
  { name: 'up, and gone before the hook ran', given: ['kernel: ', UP_A], want: ['dsl down: no device ppp0'] },
  { name: 'down', given: [A, UP_A, 'kernel: ', DOWN_A], want: ['dsl down: taken down by pppd (ip-down)'] },
  { name: 'down without its hook', given: [A, UP_A, 'kernel: '], want: ['dsl down: no device ppp0'] },
  {
    name: 'down after LCP timeout: the device is still there',
    given: [A, UP_A, 'kernel: ppp0 down', DOWN_A],
    want: ['dsl down: taken down by pppd (ip-down)'],
  },
  {
    name: 'admin down',
    given: ['kernel: ppp0 down 192.0.2.11', UP_A],
    want: ['dsl down: ppp0 is administratively down'],
  },
  { name: 'no address', given: ['kernel: ppp0', UP_A], want: ['dsl down: ppp0 has no IPv4 address'] },
  {
    name: 'up A, up B, late down A',
    given: [A, UP_A, B, UP_B, DOWN_A],
    want: ['dsl up ppp0 192.0.2.77'],
    notes: ['late: the link has address 192.0.2.77 by now, not 192.0.2.11'],
  },
  {
    name: 'redialled with the same address, late down',
    given: [A, UP_A, UP_A, DOWN_A],
    want: ['dsl up ppp0 192.0.2.11'],
    notes: ['late: ppp0 is up with 192.0.2.11'],
  },
  {
    name: 'down before up of the redial',
    given: [A, UP_A, 'kernel: ', DOWN_A, B, UP_B],
    want: ['dsl up ppp0 192.0.2.77'],
  },
  {
    name: 'the flap is swallowed: the kernel shows another address',
    given: [B, UP_A],
    want: ['dsl up ppp0 192.0.2.77'],
  },
  {
    name: 'the recorded address counts where there are two',
    given: ['kernel: ppp0 10.0.0.1 192.0.2.11 peer 192.0.2.254', UP_A],
    want: ['dsl up ppp0 192.0.2.11'],
  },
  {
    name: 'an address that a line cannot have is none',
    given: ['kernel: ppp0 127.0.0.2 169.254.3.4/16 0.0.0.7'],
    want: ['dsl down: ppp0 has no IPv4 address'],
  },
  {
    name: 'a late up of the unit that the line has left',
    links: TWO,
    given: [
      'kernel: ppp1 192.0.2.12 peer 192.0.2.254',
      'ip-up ppp1 192.0.2.12 192.0.2.254 dsl1',
      'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1',
    ],
    want: ['dsl1 up ppp1 192.0.2.12', 'dsl2 down: waiting for its first event'],
    notes: ['late: the link is on ppp1 with 192.0.2.12 by now'],
  },
  {
    name: 'a late BOUND of the lease before',
    links: [CABLE],
    given: [ETH, BOUND, 'dhclient BOUND eth1 203.0.113.9 203.0.113.1'],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
    notes: ['late: the link is on eth1 with 198.51.100.2 by now'],
  },
  {
    name: 'a gateway that is our own address',
    links: [CABLE],
    given: [`${ETH}; lan0 10.0.0.1/24`, 'dhclient BOUND eth1 198.51.100.2 10.0.0.1'],
    want: ["cable down: its gateway 10.0.0.1 is this router's own address"],
  },
  {
    name: 'a gateway that is the broadcast address',
    links: [CABLE],
    given: [ETH, 'dhclient BOUND eth1 198.51.100.2 198.51.100.255'],
    want: ['cable down: its gateway 198.51.100.255 is the address of a network or its broadcast address'],
  },
  {
    name: 'another session on the unit does not revive a line that was said to be down',
    given: [A, UP_A, 'kernel: ', DOWN_A, 'kernel: ppp0 10.8.0.2 peer 10.8.0.1'],
    want: ["dsl down: ppp0 is another line's by now"],
  },
  {
    name: 'the unit moved',
    links: TWO,
    given: ['kernel: ppp5 192.0.2.11', 'ip-up ppp5 192.0.2.11 192.0.2.254 dsl1'],
    want: ['dsl1 up ppp5 192.0.2.11', 'dsl2 down: no device ppp1'],
  },
  {
    name: 'down on the unit it had, after it moved',
    links: TWO,
    given: [
      'kernel: ppp5 192.0.2.11',
      'ip-up ppp5 192.0.2.11 192.0.2.254 dsl1',
      'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1',
    ],
    want: ['dsl1 up ppp5 192.0.2.11', 'dsl2 down: no device ppp1'],
    notes: ['late: the link is on ppp5 by now, not ppp0'],
  },
  {
    name: 'units swapped',
    links: TWO,
    given: [
      'kernel: ppp0 192.0.2.12; ppp1 192.0.2.11',
      'ip-up ppp0 192.0.2.12 192.0.2.254 dsl2',
      'ip-up ppp1 192.0.2.11 192.0.2.254 dsl1',
    ],
    want: ['dsl1 up ppp1 192.0.2.11', 'dsl2 up ppp0 192.0.2.12'],
  },
  {
    name: 'late down of the line that had the unit',
    links: TWO,
    given: [
      A,
      'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1',
      B,
      'ip-up ppp0 192.0.2.77 192.0.2.254 dsl2',
      'ip-down ppp0 192.0.2.11 192.0.2.254 dsl1',
    ],
    want: ['dsl1 down: waiting for its first event', 'dsl2 up ppp0 192.0.2.77'],
    notes: ['late: ppp0 carries dsl2 by now'],
  },
  {
    name: 'late up of the line that had the unit',
    links: TWO,
    given: [B, 'ip-up ppp0 192.0.2.77 192.0.2.254 dsl2', 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl1'],
    want: ['dsl1 down: waiting for its first event', 'dsl2 up ppp0 192.0.2.77'],
    notes: ['late: ppp0 carries dsl2 by now'],
  },
  {
    name: 'a stranger’s word',
    links: TWO,
    given: ['kernel: ppp7 10.0.0.1', 'ip-up ppp7 10.0.0.1 10.0.0.2 vpn'],
    want: ['dsl1 down: no device ppp0', 'dsl2 down: no device ppp1'],
    notes: ['ppp7 is no link of ours'],
  },

  { name: 'a lease', links: [CABLE], given: [ETH, BOUND], want: ['cable up eth1 198.51.100.2 via 198.51.100.1'] },
  {
    name: 'a /32 lease: onlink',
    links: [CABLE],
    given: ['kernel: eth1 198.51.100.2/32', BOUND],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1 onlink'],
  },
  {
    name: 'no carrier',
    links: [CABLE],
    given: ['kernel: eth1 no-carrier 198.51.100.2/24', BOUND],
    want: ['cable down: eth1 has no carrier'],
  },
  {
    name: 'expired, and the address is left in place',
    links: [CABLE],
    given: [ETH, BOUND, 'dhclient EXPIRE eth1 198.51.100.2'],
    want: ['cable down: taken down by dhclient (EXPIRE)'],
  },
  {
    name: 'expired, and another client has given another address',
    links: [CABLE],
    given: [ETH, BOUND, 'dhclient EXPIRE eth1 198.51.100.2', 'kernel: eth1 198.51.100.50/24'],
    want: ['cable up eth1 198.51.100.50 via 198.51.100.1'],
  },
  {
    name: 'expired late, after a new lease',
    links: [CABLE],
    given: [
      ETH,
      BOUND,
      'kernel: eth1 198.51.100.9/24',
      'dhclient BOUND eth1 198.51.100.9 198.51.100.1',
      'dhclient EXPIRE eth1 198.51.100.2',
    ],
    want: ['cable up eth1 198.51.100.9 via 198.51.100.1'],
    notes: ['late: the link has address 198.51.100.9 by now, not 198.51.100.2'],
  },
  {
    name: 'a down without address means the recorded one',
    links: [CABLE],
    given: [ETH, BOUND, 'dhclient FAIL eth1'],
    want: ['cable down: taken down by dhclient (FAIL)'],
  },
  {
    name: 'expired, bound again',
    links: [CABLE],
    given: [ETH, BOUND, 'dhclient EXPIRE eth1 198.51.100.2', BOUND],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'no gateway anywhere',
    links: [CABLE],
    given: [ETH],
    want: ['cable down: no gateway known on eth1: none came with the address; set GATEWAY=, or IPV4=no'],
  },
  {
    name: 'the gateway that main has',
    links: [CABLE],
    given: [ETH],
    main: { eth1: '198.51.100.7' },
    want: ['cable up eth1 198.51.100.2 via 198.51.100.7'],
  },
  {
    name: 'the lease’s gateway before main’s',
    links: [CABLE],
    given: [ETH, BOUND],
    main: { eth1: '198.51.100.7' },
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'GATEWAY= before all',
    links: [`${CABLE} GATEWAY=198.51.100.8`],
    given: [ETH, BOUND],
    main: { eth1: '198.51.100.7' },
    want: ['cable up eth1 198.51.100.2 via 198.51.100.8'],
  },
  {
    name: 'a gateway of a lease that is over, outside the new subnet',
    links: [CABLE],
    given: [ETH, BOUND, 'kernel: eth1 203.0.113.5/24'],
    main: { eth1: '203.0.113.1' },
    want: ['cable up eth1 203.0.113.5 via 203.0.113.1'],
  },
  {
    name: 'by hand down',
    links: [CABLE],
    given: [ETH, BOUND, 'event down eth1'],
    want: ['cable down: taken down by cli (event down)'],
  },
  {
    name: 'by hand down and up',
    links: [CABLE],
    given: [ETH, BOUND, 'event down eth1', 'event up eth1'],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'by hand up, with all it takes',
    links: [CABLE],
    given: [ETH, 'event up eth1 198.51.100.2 198.51.100.3'],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.3'],
  },
  {
    name: 'by hand down, and the daemon renews',
    links: [CABLE],
    given: [ETH, BOUND, 'event down eth1', 'dhclient RENEW eth1 198.51.100.2 198.51.100.1'],
    want: ['cable down: taken down by cli (event down)'],
  },
  {
    name: 'a ppp line by hand down, its address still there',
    given: [A, UP_A, 'event down ppp0'],
    want: ['dsl down: taken down by cli (event down)'],
  },
  {
    name: 'a device of a link that is no longer configured',
    links: ['fibre: ID=5 DEVICE=eth1 GATEWAY=198.51.100.1'],
    given: [ETH],
    want: ['fibre up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'nothing known yet',
    links: ['dsl: ID=1 PPP_IPPARAM=dsl'],
    given: [A],
    want: ['dsl down: waiting for its first event'],
  },
  // Every client. Their words are checked against the kernel or not by who takes the address away first.
  ...['dhcpcd STOP', 'udhcpc deconfig', 'dhclient EXPIRE'].map((down): Story => {
    const [client = '', reason = ''] = down.split(' ');
    return {
      name: `${down}: there is no line, be the address still there`,
      links: [CABLE],
      given: [ETH, `${client} ${UPS[client] ?? ''} eth1 198.51.100.2 198.51.100.1`, `${down} eth1`],
      want: [`cable down: taken down by ${client} (${reason})`],
    };
  }),
  ...['networkmanager down', 'networkd degraded', 'ifupdown post-down'].flatMap((down): Story[] => {
    const [client = '', reason = ''] = down.split(' ');
    const up = `${client} ${UPS[client] ?? ''} eth1 198.51.100.2 198.51.100.1`;
    const held = [`cable down: taken down by ${client} (${reason})`];
    const back = ['cable up eth1 198.51.100.2 via 198.51.100.1'];
    return [
      { name: down, links: [CABLE], given: [ETH, up, 'kernel: eth1', `${down} eth1`], want: held },
      {
        name: `${down}, late: the device is up again`,
        links: [CABLE],
        given: [ETH, up, `${down} eth1`],
        want: back,
        notes: ['late: eth1 is up with 198.51.100.2'],
      },
      {
        name: `${down}, and back without a word`,
        links: [CABLE],
        given: [ETH, up, 'kernel: eth1', `${down} eth1`, ETH],
        want: back,
      },
      {
        name: `${down}, late, and with another address`,
        links: [CABLE],
        given: [ETH, up, 'kernel: eth1 198.51.100.77/24', `${down} eth1`],
        want: ['cable up eth1 198.51.100.77 via 198.51.100.1'],
      },
      {
        name: `${down} does not undo what was done by hand`,
        links: [CABLE],
        given: [ETH, up, 'event down eth1', `${down} eth1`],
        want: ['cable down: taken down by cli (event down)'],
        notes: ['late: eth1 is up with 198.51.100.2'],
      },
    ];
  }),
  {
    name: 'the same line from two managers',
    links: [CABLE],
    given: [
      ETH,
      'ifupdown post-up eth1',
      BOUND,
      'networkd routable eth1 198.51.100.2 198.51.100.1',
      'ifupdown post-up eth1',
    ],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'pppd under NetworkManager: the peer is no gateway, whoever tells of it',
    given: [A, UP_A, 'networkmanager up ppp0 192.0.2.11 192.0.2.254'],
    want: ['dsl up ppp0 192.0.2.11'],
  },
  ...['udhcpc renew', 'networkmanager dhcp4-change', 'dhcpcd RENEW'].map((renew): Story => ({
    name: `${renew} is no reason to use a line that somebody has taken out by hand`,
    links: [CABLE],
    given: [ETH, BOUND, 'event down eth1', `${renew} eth1 198.51.100.2 198.51.100.1`],
    want: ['cable down: taken down by cli (event down)'],
  })),
  ...['NOCARRIER', 'DEPARTED'].flatMap((reason): Story[] => {
    const held = [`cable down: taken down by dhcpcd (${reason})`];
    const up = 'dhcpcd BOUND eth1 198.51.100.2 198.51.100.1';
    const cut = 'kernel: eth1 no-carrier 198.51.100.2/24';
    const back = [`dhcpcd ${reason} eth1`, ETH, 'dhcpcd CARRIER eth1', 'dhcpcd BOUND6 eth1'];
    return [
      { name: `dhcpcd ${reason}: a lease of its own`, links: [CABLE], given: [ETH, up, cut, ...back], want: held },
      {
        name: `dhcpcd ${reason}, late: the carrier is back`,
        links: [CABLE],
        given: [ETH, up, `dhcpcd ${reason} eth1`],
        want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
        notes: ['late: eth1 is up with 198.51.100.2'],
      },
      {
        name: `dhcpcd ${reason}, with no lease of its own: an address that nobody told of`,
        links: [`${CABLE} GATEWAY=198.51.100.1`],
        given: [cut, ...back],
        want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
      },
      {
        name: `dhcpcd ${reason}, with no lease of its own: ifupdown's address`,
        links: [CABLE],
        given: [ETH, 'ifupdown post-up eth1 198.51.100.2 198.51.100.1', cut, ...back],
        want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
      },
      {
        name: `dhcpcd ${reason}, with no lease of its own: a dialled line that is back`,
        given: [A, UP_A, 'kernel: ', UP_B, `dhcpcd ${reason} ppp0`, B],
        want: ['dsl up ppp0 192.0.2.77'],
      },
    ];
  }),
  {
    name: 'dhcpcd: the carrier is back, and then the lease',
    links: [CABLE],
    given: [
      ETH,
      'dhcpcd BOUND eth1 198.51.100.2 198.51.100.1',
      'kernel: eth1 no-carrier 198.51.100.2/24',
      'dhcpcd NOCARRIER eth1',
      ETH,
      'dhcpcd CARRIER eth1',
      'dhcpcd REBOOT eth1 198.51.100.2 198.51.100.1',
    ],
    want: ['cable up eth1 198.51.100.2 via 198.51.100.1'],
  },
  {
    name: 'check records nothing',
    links: ['cable: ID=1 DEVICE=eth1'],
    given: [A, 'dhclient TIMEOUT eth1'],
    want: ['cable down: no device eth1'],
  },
  {
    name: 'ipv6-up tells which device the line has, to both families',
    links: ['dsl: ID=1 PPP_IPPARAM=dsl'],
    given: [A, 'ipv6-up ppp0 fe80::05c8:fd28 fe80::1 dsl'],
    want: ['dsl up ppp0 192.0.2.11'],
  },
  {
    name: 'ipv6-down of a line that is up says nothing of its IPv4',
    links: ['dsl: ID=1 PPP_IPPARAM=dsl'],
    given: [A, 'ip-up ppp0 192.0.2.11 192.0.2.254 dsl', 'ipv6-down ppp0 fe80::5c8:fd28 fe80::1 dsl'],
    want: ['dsl up ppp0 192.0.2.11'],
  },
];

test.each(STORIES)('$name', ({ links = [DSL], given, want, notes = [], main = {} }) => {
  const all = config(...links);
  let state: State = EMPTY_STATE;
  let devices: Device[] = [];
  const noted: string[] = [];
  for (const text of given) {
    if (text.startsWith('kernel: ')) {
      devices = text.slice('kernel: '.length).split('; ').filter(Boolean).map(device);
      continue;
    }
    const recorded = recordEvent(state, event(text), all, devices);
    if (recorded.ignored !== undefined) noted.push(recorded.ignored);
    state = recorded.state;
  }
  expect(linkStatuses(all, state, devices, main).map(inWords)).toEqual(want);
  expect(noted).toEqual(notes);
});

const P1 = '2001:db8:1::/56';
const P2 = '2001:db8:2::/56';
const DHCPCD_P2 = { new_dhcp6_ia_pd1_prefix1: '2001:db8:2::', new_dhcp6_ia_pd1_prefix1_length: '56' };

/** Delegated prefixes: dhclient tells of each by itself, dhcpcd of all at once. */
const DELEGATIONS: readonly (readonly [given: readonly string[], want: readonly string[]])[] = [
  [[`BOUND6 eth1 ${P1}`], [P1]],
  [
    [`BOUND6 eth1 ${P1}`, `BOUND6 eth1 ${P2}`],
    [P1, P2],
  ],
  [
    [`BOUND6 eth1 ${P1}`, `BOUND6 eth1 ${P2}`, `RENEW6 eth1 ${P1}`, `REBIND6 eth1 ${P2}`],
    [P1, P2],
  ],
  [[`BOUND6 eth1 ${P1}`, `BOUND6 eth1 ${P2}`, `EXPIRE6 eth1 ${P1}`], [P2]],
  [[`BOUND6 eth1 ${P1}`, `BOUND6 eth1 ${P2}`, `STOP6 eth1 ${P1}`, `STOP6 eth1 ${P2}`], []],
  // An address's, not a prefix's.
  [[`BOUND6 eth1 ${P1}`, 'EXPIRE6 eth1'], [P1]],
  [[`EXPIRE6 eth1 ${P1}`], []],
];

test.each(DELEGATIONS)('delegated prefixes: dhclient %j', (given, want) => {
  const all = config(CABLE);
  const told = given.map((text) => event(`dhclient ${text}`));
  const state = told.reduce((before, one) => recordEvent(before, one, all, []).state, EMPTY_STATE);
  expect(state.v6?.links['cable']?.prefixes).toEqual(want);
});

test('delegated prefixes: dhcpcd knows them all; a leftover of dhclient goes', () => {
  const all = config(CABLE);
  const told = parseHook('dhcpcd', { args: [], env: { reason: 'BOUND6', interface: 'eth1', ...DHCPCD_P2 } });
  if (!('event' in told)) throw new Error(JSON.stringify(told));
  const before = recordEvent(EMPTY_STATE, event(`dhclient BOUND6 eth1 ${P1}`), all, []).state;
  expect(recordEvent(before, told.event, all, []).state.v6?.links['cable']?.prefixes).toEqual([P2]);
});

test('delegated prefixes: dhclient was killed, and the next one has got another', () => {
  const all = config(CABLE);
  const at = (start: number, prefix: string) => {
    const env = { reason: 'BOUND6', interface: 'eth1', new_ip6_prefix: prefix, new_starts: String(start) };
    const parsed = parseHook('dhclient', { args: [], env });
    if (!('event' in parsed)) throw new Error(JSON.stringify(parsed));
    return parsed.event;
  };
  const told = [at(100, P1), at(200, P2), at(200, '2001:db8:3::/56'), event(`dhclient RENEW6 eth1 ${P2}`)];
  const state = told.reduce((before, one) => recordEvent(before, one, all, []).state, EMPTY_STATE);
  expect(state.v6?.links['cable']?.prefixes).toEqual([P2, '2001:db8:3::/56']);
});

test('delegated prefixes: no more than any line is delegated, and the newest of them', () => {
  const all = config(CABLE);
  const told = Array.from({ length: 40 }, (_, at) => event(`dhclient BOUND6 eth1 2001:db8:${100 + at}::/56`));
  const state = told.reduce((before, one) => recordEvent(before, one, all, []).state, EMPTY_STATE);
  const kept = state.v6?.links['cable']?.prefixes;
  expect(kept).toHaveLength(16);
  expect(kept).toContain('2001:db8:139::/56');
});

test('a record of a link that is no longer configured claims nothing', () => {
  const record = { source: 'dhclient', device: 'eth1', address: '198.51.100.2', dns: [] } as const;
  const state = { ...EMPTY_STATE, links: { old: record } };
  const statuses = linkStatuses(config(CABLE), state, [device('eth1 198.51.100.2/24')], { eth1: '198.51.100.1' });
  expect(statuses.map(inWords)).toEqual(['cable up eth1 198.51.100.2 via 198.51.100.1']);
});

test('main is asked only for devices that lack nothing but a gateway', () => {
  const all = config(CABLE, DSL, 'b: ID=4 DEVICE=eth2', 'c: ID=5 DEVICE=eth3 GATEWAY=192.0.2.1', 'd: ID=6 DEVICE=eth4');
  const devices = ['eth1 198.51.100.2/24', 'ppp0 192.0.2.11', 'eth2 down 10.0.0.1/8', 'eth3 10.0.0.2/8'].map(device);
  expect(devicesWithoutGateway(linkStatuses(all, EMPTY_STATE, devices, {}))).toEqual(['eth1']);
});

test('since: moves when a link goes up, goes down, changes its address or its reason, and not otherwise', () => {
  const all = config(DSL);
  const at = (devices: string[], before: State['verdicts'], now: number) =>
    verdictsOf(linkStatuses(all, { ...EMPTY_STATE, verdicts: before }, devices.map(device), {}), before, now);
  const one = at(['ppp0 192.0.2.11'], {}, 1);
  const same = at(['ppp0 192.0.2.11'], one, 2);
  const other = at(['ppp0 192.0.2.12'], same, 3);
  const down = at(['ppp0 down'], other, 4);
  const still = at(['ppp0 down'], down, 5);
  const gone = at([], still, 6);
  expect([one, same, other, down, still, gone].map((verdicts) => verdicts['dsl']?.since)).toEqual([1, 1, 3, 4, 4, 6]);
  // What a redial needs to find its firewall as it was.
  expect(gone['dsl']).toEqual({
    up: false,
    since: 6,
    reason: 'no device ppp0',
    device: 'ppp0',
    mtu: 1492,
    address: '192.0.2.12',
  });
});
