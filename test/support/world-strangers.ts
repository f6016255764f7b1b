/** Somebody's `ip` commands, for the random walks. Most are refused most of the time, as in real life. */

/** What others do to what is theirs; some of it beside ours on purpose. */
export const THEIRS = [
  'rule add pref 50 from 10.1.0.0/16 lookup 100',
  'rule del pref 50 from 10.1.0.0/16 lookup 100',
  'rule add pref 20300 from 192.0.2.11 lookup 20001',
  'rule del pref 20900 lookup 100',
  'rule add pref 20900 lookup 100 protocol 4',
  'route add 10.9.0.0/16 dev ppp0 table 20001 proto 3',
  'route add 10.3.0.0/16 dev eth1',
  'route add blackhole 10.2.0.0/16',
  'route add default via 198.51.100.1 dev eth1 metric 50 proto 16',
  'nexthop add id 5 dev eth1',
  'route add 10.7.0.0/16 nhid 5',
];
/** What others do to what is ours. */
export const OURS = [
  'rule del pref 20000 protocol 201',
  'rule del pref 20100 protocol 201',
  'rule del pref 20200 protocol 201',
  'rule del pref 20300 protocol 201',
  'rule del pref 20900 protocol 201',
  'route del default table 20001 proto 201',
  'route del default table 20003 proto 201',
  'route del default table 20000 proto 201',
  'nexthop del id 20001',
  'nexthop del id 20003',
  'nexthop del id 20999',
];

/** Somebody's `nft` commands, on tables of ours and of his own. */
export const TABLES = [
  'delete table inet wanhook',
  'delete table inet wanhook_kept',
  'delete table inet wanhook_memory',
  'flush chain inet wanhook postrouting',
  'delete element inet wanhook wan { eth1 }',
  'add table inet theirs',
  'add chain inet theirs forward { type filter hook forward priority 0; policy accept; }',
  'add rule inet theirs forward ct mark 0x1000000 counter',
];
