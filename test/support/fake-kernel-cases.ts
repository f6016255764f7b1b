/**
 * What Linux does, case by case: the fake kernel must do the same (test/unit/fake-kernel.test.ts), and so must the
 * kernel this is run on (test/kernel/fake.test.ts), with the same refusal and the same rules, nexthops and routes after.
 *
 * `device D`, `carrier D on|off` and `device D gone` set the scene; everything else is an `ip` line, for IPv6 with `-6` in
 * front; a batch in question is of one family.
 */
export interface KernelCase {
  readonly name: string;
  /** Lines that must be taken, in addition to `SCENE`. */
  readonly given?: readonly string[];
  /** The batch in question. */
  readonly when: readonly string[];
  /** Standard error's first line and the number of the refused batch line (0: ip gave up itself); absent: taken. */
  readonly want?: string;
  /** The same, as Linux 6.1 says it. */
  readonly older?: string;
}

/** Two lines: ppp0 as pppd leaves it, and eth1 as dhclient does. */
export const SCENE = [
  'device ppp0',
  'device eth1',
  'link set ppp0 up',
  'link set eth1 up',
  'addr add 192.0.2.11 peer 192.0.2.254 dev ppp0',
  'addr add 198.51.100.2/24 dev eth1',
  'addr add 2001:db8:a::2/64 dev eth1',
];

/** Everything that wanhook makes for the two lines. */
const BALANCED = [
  'route replace default dev ppp0 src 192.0.2.11 table 20001 proto 201',
  'route replace default via 198.51.100.1 dev eth1 src 198.51.100.2 table 20002 proto 201',
  'rule add pref 20000 lookup 254 suppress_prefixlength 0 protocol 201',
  'rule add pref 20100 oif ppp0 lookup 20001 protocol 201',
  'rule add pref 20200 fwmark 0x1000000/0x3f000000 lookup 20001 protocol 201',
  'rule add pref 20300 from 192.0.2.11 lookup 20001 protocol 201',
  'rule add pref 20900 lookup 20000 protocol 201',
  'nexthop replace id 20001 dev ppp0 protocol 201',
  'nexthop replace id 20002 via 198.51.100.1 dev eth1 protocol 201',
  'nexthop replace id 20999 group 20001,2/20002,3 protocol 201',
  'route replace default nhid 20999 table 20000 proto 201',
];

/** And for a second line in the subnet of the first. */
const NEIGHBOURS = [
  ...['device eth2', 'link set eth2 up', 'addr add 198.51.100.3/24 dev eth2'],
  'rule add pref 20000 to 198.51.100.0/24 lookup 254 suppress_prefixlength 24 protocol 201',
  'rule add pref 20001 from 198.51.100.3 to 198.51.100.0/24 lookup 20003 protocol 201',
  'rule add pref 20001 to 198.51.100.0/24 fwmark 0x3000000/0x3f000000 lookup 20003 protocol 201',
  'route replace 198.51.100.0/24 dev eth2 src 198.51.100.3 table 20003 proto 201',
  'route replace default via 198.51.100.1 dev eth2 src 198.51.100.3 table 20003 proto 201',
];

/** The same for IPv6: one line by gateway, one by its device. */
const BALANCED6 = [
  '-6 route replace default via fe80::1 dev eth1 table 20002 proto 201',
  '-6 route replace unreachable default table 20001 metric 65535 proto 201',
  '-6 route replace default dev ppp0 table 20001 proto 201',
  '-6 rule add pref 20010 lookup 254 suppress_prefixlength 0 protocol 201',
  '-6 rule add pref 20100 oif eth1 lookup 20002 protocol 201',
  '-6 rule add pref 20200 fwmark 0x2000000/0x3f000000 lookup 20002 protocol 201',
  '-6 rule add pref 20300 from 2001:db8:a::/64 lookup 20002 protocol 201',
  '-6 rule add pref 20300 from 2001:db8:b::7 lookup 20001 protocol 201',
  '-6 rule add pref 20900 lookup 20000 protocol 201',
  '-6 route replace default table 20000 proto 201 nexthop via fe80::1 dev eth1 weight 2 nexthop via fe80::1 dev ppp0 weight 3',
  '-6 route replace unreachable 2001:db8:a:100::/56 table 254 metric 65535 proto 201',
];
const STRANGERS6 = [
  '-6 rule add pref 20300 from 2001:db8:a::/64 lookup 20002',
  '-6 route add default via fe80::1 dev eth1 metric 7 proto 16',
  '-6 route add 2001:db8:77::/64 dev ppp0 proto 4',
];

const STRANGERS = [
  'rule add pref 20300 from 192.0.2.11 lookup 20001',
  'rule add pref 100 from 10.1.0.0/16 lookup 100',
  'rule add pref 101 fwmark 0xca6c lookup 100 protocol 4',
  'route add 203.0.113.0/24 dev eth1 proto 4',
  'route add 10.9.0.0/16 dev ppp0 table 20001',
  'route add default via 198.51.100.1 dev eth1 metric 7 proto 16',
  'route add blackhole 10.2.0.0/16',
  'nexthop add id 5 dev eth1',
  'route add 10.1.0.0/16 nhid 5',
];

const EEXIST = '1: RTNETLINK answers: File exists';
const ENOENT = '1: RTNETLINK answers: No such file or directory';
const ESRCH = '1: RTNETLINK answers: No such process';
const GATEWAY = '1: Error: Nexthop has invalid gateway.';

export const KERNEL_CASES: readonly KernelCase[] = [
  { name: 'IPv6: all that wanhook makes for two lines', when: BALANCED6 },
  { name: 'IPv6: beside IPv4, and strangers beside both', given: [...BALANCED, ...STRANGERS6], when: BALANCED6 },
  {
    name: 'IPv6: all replaced by the same',
    given: BALANCED6,
    when: BALANCED6.filter((line) => line.includes(' replace ')),
  },
  { name: 'IPv6: a rule twice', given: BALANCED6, when: [BALANCED6[6]!], want: EEXIST },
  { name: 'IPv6: a rule to delete that is not there', when: ['-6 rule del pref 777 lookup 5'], want: ENOENT },
  {
    name: 'IPv6: rule del takes ours, not the stranger’s',
    given: [...BALANCED6, ...STRANGERS6],
    when: ['-6 rule del pref 20300 from 2001:db8:a::/64 lookup 20002 protocol 201'],
  },
  {
    name: 'IPv6: a balance of one in the place of two, and back',
    given: BALANCED6,
    when: ['-6 route replace default via fe80::1 dev eth1 table 20000 proto 201', BALANCED6[9]!],
  },
  {
    name: 'IPv6: a route by device takes the place of the balance',
    given: BALANCED6,
    when: ['-6 route replace default dev ppp0 table 20000 proto 201'],
  },
  { name: 'IPv6: the balance to delete', given: BALANCED6, when: ['-6 route del default table 20000 proto 201'] },
  {
    name: 'IPv6: what is behind a link’s route stays when that is deleted',
    given: BALANCED6,
    when: ['-6 route del default dev ppp0 table 20001 proto 201'],
  },
  {
    name: 'IPv6: no nexthop of several without a gateway',
    when: ['-6 route replace default table 9 proto 201 nexthop via fe80::1 dev eth1 nexthop dev ppp0'],
    want: '1: Error: Device only routes can not be added for IPv6 using the multipath API.',
  },
  {
    name: 'IPv6: a route by a device that is not there',
    when: ['-6 route replace default dev nosuch table 9 proto 201'],
    want: '1: Cannot find device "nosuch"',
  },
  {
    name: 'IPv6: a route by a device that is down',
    given: ['link set eth1 down'],
    when: ['-6 route replace default via fe80::1 dev eth1 table 9 proto 201'],
    want: '1: Error: Nexthop device is not up.',
  },
  {
    name: 'IPv6: a gateway in no prefix',
    when: ['-6 route replace default via 2001:db8:77::1 dev eth1 table 9 proto 201'],
    want: '1: RTNETLINK answers: No route to host',
  },
  {
    name: 'IPv6: the same onlink',
    when: ['-6 route replace default via 2001:db8:77::1 dev eth1 table 9 proto 201 onlink'],
  },
  {
    name: 'IPv6: a source that is not ours',
    when: ['-6 route replace default dev eth1 src 2001:db8:ff::1 table 9 proto 201'],
    want: '1: Error: Invalid source address.',
  },
  {
    name: 'IPv6: another device’s source',
    when: ['-6 route replace default dev ppp0 src 2001:db8:a::2 table 9 proto 201'],
  },
  {
    name: 'IPv6: a route twice',
    given: [BALANCED6[0]!],
    when: ['-6 route add default dev ppp0 table 20002'],
    want: EEXIST,
  },
  {
    name: 'IPv6: a route to delete in a table that never was',
    when: ['-6 route del default dev ppp0 table 77 proto 201'],
    want: '1: Error: FIB table does not exist.',
  },
  {
    name: 'IPv6: somebody else’s route is not deleted by ours’ words',
    given: ['-6 route add default dev ppp0 table 9'],
    when: ['-6 route del default dev ppp0 table 9 proto 201'],
    want: ESRCH,
  },
  {
    name: 'IPv6: a device that goes takes its nexthop only',
    given: [...BALANCED6, ...STRANGERS6],
    when: ['device ppp0 gone'],
  },
  {
    name: 'IPv6: down leaves the balance whole, and takes plain routes',
    given: BALANCED6,
    when: ['link set eth1 down'],
  },
  { name: 'IPv6: up brings nothing back', given: [...BALANCED6, 'link set eth1 down'], when: ['link set eth1 up'] },
  { name: 'IPv6: carrier lost', given: BALANCED6, when: ['carrier eth1 off'] },
  { name: 'IPv6: both down', given: [...BALANCED6, 'link set ppp0 down'], when: ['link set eth1 down'] },

  { name: 'all that wanhook makes for two lines', when: BALANCED },
  { name: 'two lines in one subnet', given: BALANCED, when: NEIGHBOURS },
  {
    name: 'a route in one subnet to delete',
    given: NEIGHBOURS,
    when: ['route del 198.51.100.0/24 dev eth2 src 198.51.100.3 table 20003 proto 201'],
  },
  { name: 'the second line’s address goes', given: NEIGHBOURS, when: ['addr del 198.51.100.3/24 dev eth2'] },
  { name: 'strangers beside it', given: BALANCED, when: STRANGERS },
  { name: 'all replaced by the same', given: BALANCED, when: BALANCED.filter((line) => line.includes(' replace ')) },

  { name: 'a rule twice', given: BALANCED, when: [BALANCED[4]!], want: EEXIST },
  { name: 'a rule with another protocol is another rule', given: BALANCED, when: [STRANGERS[0]!] },
  { name: 'a rule to delete that is not there', when: ['rule del pref 777 lookup 5'], want: ENOENT },
  {
    name: 'rule del takes the first that fits; ours is not the stranger’s',
    given: [...BALANCED, ...STRANGERS],
    when: ['rule del pref 20300 from 192.0.2.11 lookup 20001 protocol 201'],
  },
  {
    name: 'rule del without protocol takes anybody’s',
    given: [...BALANCED, ...STRANGERS],
    when: ['rule del pref 20300 from 192.0.2.11 lookup 20001', 'rule del pref 20300'],
  },
  {
    name: 'rules by source ports',
    when: [
      'rule add pref 20005 from 192.0.2.11 sport 61000-61063 lookup 20001 protocol 201',
      'rule add pref 20005 from 192.0.2.11 sport 61064-61127 lookup 20001 protocol 201',
      'rule add pref 20006 from 192.0.2.11 sport 61000-61063 unreachable protocol 201',
      'rule del pref 20005 from 192.0.2.11 sport 61000-61063 lookup 20001 protocol 201',
    ],
  },
  { name: 'a rule for a device that is not there', when: ['rule add pref 900 oif nosuch lookup 9 protocol 201'] },
  {
    name: 'rules that differ only in where they lead are the same',
    given: ['rule add pref 900 not iif lo goto 950 protocol 201', 'rule add pref 950 nop protocol 201'],
    when: ['rule add pref 900 not iif lo goto 32766 protocol 201'],
    want: EEXIST,
  },
  {
    name: 'rules that lead to others, there or not, and one that has lost its target',
    given: BALANCED,
    when: [
      'rule add pref 20099 not iif lo goto 20200 protocol 201',
      'rule add pref 20199 fwmark 0x0/0x3f000000 goto 20299 protocol 201',
      'rule add pref 20150 not iif lo goto 20300 protocol 201',
      'rule del pref 20150 not iif lo goto 20300 protocol 201',
      'rule del pref 20200 fwmark 0x1000000/0x3f000000 lookup 20001 protocol 201',
    ],
  },

  {
    name: 'a batch stops at the first refusal, and what was before it stays',
    when: ['rule add pref 900 lookup 9', 'nexthop del id 77', 'rule add pref 901 lookup 9'],
    want: '2: RTNETLINK answers: No such file or directory',
  },
  {
    name: 'a nexthop by a device that is not there ends ip itself',
    when: ['rule add pref 900 lookup 9', 'nexthop replace id 1 dev nosuch protocol 201', 'rule add pref 901 lookup 9'],
    want: '0: Error: argument "nosuch" is wrong: Device does not exist',
  },
  {
    name: 'a route by a device that is not there',
    when: ['route replace default dev nosuch table 9 proto 201'],
    want: '1: Cannot find device "nosuch"',
  },
  {
    name: 'a route by a device that is down',
    given: ['link set ppp0 down'],
    when: ['route replace default dev ppp0 table 9 proto 201'],
    want: '1: Error: Device for nexthop is not up.',
  },
  {
    name: 'an onlink route by a device that is down',
    given: ['link set eth1 down'],
    when: ['route replace default via 198.51.100.1 dev eth1 table 9 proto 201 onlink'],
    want: '1: Error: Nexthop device is not up.',
  },
  {
    name: 'a route by a gateway on a device that is down',
    given: ['link set eth1 down'],
    when: ['route replace default via 198.51.100.1 dev eth1 table 9 proto 201'],
    want: GATEWAY,
  },
  {
    name: 'a route by a gateway outside the subnet',
    when: ['route replace default via 198.51.77.1 dev eth1 table 9 proto 201'],
    want: GATEWAY,
  },
  {
    name: 'the same onlink',
    when: ['route replace default via 198.51.77.1 dev eth1 src 198.51.100.2 table 9 proto 201 onlink'],
  },
  {
    name: 'a source that is not ours',
    when: ['route replace default dev ppp0 src 192.0.2.12 table 9 proto 201'],
    want: '1: Error: Invalid prefsrc address.',
  },
  { name: 'another device’s source', when: ['route replace default dev eth1 src 192.0.2.11 table 9 proto 201'] },
  {
    name: 'unreachable takes a route’s place, and gives it back',
    given: [BALANCED[0]!],
    when: ['route replace unreachable default table 20001 proto 201', BALANCED[0]!],
  },
  {
    name: 'a route by nexthop takes a plain route’s place',
    given: BALANCED,
    when: ['route replace default nhid 20999 table 20001 proto 201'],
  },
  {
    name: 'a route by a nexthop that is not there',
    when: ['route replace default nhid 20998 table 9 proto 201'],
    want: '1: Error: Nexthop id does not exist.',
  },
  { name: 'a route twice', given: [BALANCED[0]!], when: ['route add default dev ppp0 table 20001'], want: EEXIST },
  {
    name: 'a route to delete in a table that never was',
    when: ['route del unreachable default table 9 proto 201'],
    want: '1: Error: FIB table does not exist.',
  },
  {
    name: 'a route to delete that was deleted',
    given: ['route add default dev ppp0 table 9', 'route del default table 9'],
    when: ['route del default table 9'],
    want: ESRCH,
  },
  {
    name: 'somebody else’s route is not deleted by ours’ words',
    given: ['route add default dev ppp0 table 9'],
    when: ['route del default dev ppp0 table 9 proto 201'],
    want: ESRCH,
  },

  {
    name: 'a nexthop by a device that is down',
    given: ['link set ppp0 down'],
    when: ['nexthop replace id 20001 dev ppp0 protocol 201'],
    want: '1: Error: Nexthop device is not up.',
  },
  {
    name: 'a nexthop by a device without carrier',
    given: ['carrier ppp0 off'],
    when: ['nexthop replace id 20001 dev ppp0 protocol 201'],
    want: '1: Error: Carrier for nexthop device is down.',
  },
  {
    name: 'a route by a device without carrier is taken, and marked',
    given: ['carrier eth1 off'],
    when: [BALANCED[1]!],
  },
  {
    name: 'a nexthop by a gateway outside the subnet',
    when: ['nexthop replace id 1 via 198.51.77.1 dev eth1 protocol 201'],
    want: GATEWAY,
  },
  { name: 'the same nexthop onlink', when: ['nexthop replace id 1 via 198.51.77.1 dev eth1 onlink protocol 201'] },
  {
    name: 'a nexthop moved to another device',
    given: BALANCED,
    when: ['nexthop replace id 20001 dev eth1 protocol 201'],
  },
  { name: 'a nexthop to delete that is not there', when: ['nexthop del id 777'], want: ENOENT },
  {
    name: 'a group that names an id that is not there',
    given: BALANCED,
    when: ['nexthop replace id 20999 group 20001,1/20007,1 protocol 201'],
    want: '1: Error: Invalid nexthop id.',
  },
  {
    name: 'a group of another shape',
    given: BALANCED,
    when: ['nexthop replace id 20999 group 20002,255 protocol 201'],
  },
  {
    name: 'a nexthop in a group’s place',
    given: BALANCED,
    when: ['nexthop replace id 20999 dev ppp0 protocol 201'],
    want: '1: Error: Can not replace a nexthop group with a nexthop.',
  },
  {
    name: 'a group in a group',
    given: BALANCED,
    when: ['nexthop replace id 20998 group 20999 protocol 201'],
    want: '1: Error: Hash-threshold group can not be a nexthop within a group.',
  },
  { name: 'a nexthop leaves its group', given: BALANCED, when: ['nexthop del id 20001'] },
  {
    name: 'the last member takes group and route with it',
    given: BALANCED,
    when: ['nexthop del id 20001', 'nexthop del id 20002'],
  },
  { name: 'a group takes its route with it', given: BALANCED, when: ['nexthop del id 20999'] },
  {
    name: 'a route is gone with its group, and cannot be deleted once more',
    given: [...BALANCED, 'nexthop del id 20999'],
    when: ['route del default nhid 20999 table 20000 proto 201'],
    want: '1: Error: Nexthop id does not exist.',
  },

  {
    name: 'a device that goes takes routes and nexthops, not rules',
    given: [...BALANCED, ...STRANGERS],
    when: ['device ppp0 gone'],
  },
  { name: 'and when it returns nothing comes back', given: [...BALANCED, 'device ppp0 gone'], when: ['device ppp0'] },
  { name: 'down takes routes and nexthops', given: [...BALANCED, ...STRANGERS], when: ['link set eth1 down'] },
  { name: 'up gives nothing back', given: [...BALANCED, 'link set eth1 down'], when: ['link set eth1 up'] },
  { name: 'carrier lost takes nexthops only', given: [...BALANCED, ...STRANGERS], when: ['carrier eth1 off'] },
  { name: 'carrier back gives nothing back', given: [...BALANCED, 'carrier eth1 off'], when: ['carrier eth1 on'] },
  {
    name: 'both carriers lost: group and balance route go',
    given: BALANCED,
    when: ['carrier eth1 off', 'carrier ppp0 off'],
  },
  {
    name: 'the last address takes the device’s plain routes, not its nexthops',
    given: BALANCED,
    when: ['addr del 192.0.2.11 peer 192.0.2.254 dev ppp0'],
  },
  {
    name: 'an address beside another takes its routes in main, and no others',
    given: [...BALANCED, 'addr add 192.0.2.99/32 dev ppp0', 'route add default dev ppp0 src 192.0.2.11 metric 5'],
    when: ['addr del 192.0.2.11 peer 192.0.2.254 dev ppp0'],
  },
  {
    name: 'an address to delete without its peer',
    when: ['addr del 192.0.2.11/32 dev ppp0'],
    want: '1: Error: ipv4: Address not found.',
    older: '1: RTNETLINK answers: Cannot assign requested address',
  },
  {
    name: 'an address twice',
    when: ['addr add 198.51.100.2/24 dev eth1'],
    want: '1: Error: ipv4: Address already assigned.',
    older: '1: RTNETLINK answers: File exists',
  },
  {
    name: 'an address to delete that is not there',
    when: ['addr del 1.2.3.4/32 dev eth1'],
    want: '1: Error: ipv4: Address not found.',
    older: '1: RTNETLINK answers: Cannot assign requested address',
  },
  {
    name: 'a device to change that is not there',
    when: ['link set nosuch up'],
    want: '1: Cannot find device "nosuch"',
  },
];
