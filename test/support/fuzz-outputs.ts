/** What tools and servers really print (Debian 12: iproute2 6.1, nft 1.0.6, fping 5.1, iputils 20221126), to be spoilt. */

export const OUTPUTS = {
  monitor: [
    '[LINK]3: eth1@p1: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state 2 group 0 \\    link/1 02:00:00:00:00:01 brd ff:ff:ff:ff:ff:ff',
    '[LINK]Deleted 7: ppp0: <POINTOPOINT,MULTICAST,NOARP> mtu 1492 qdisc noop state 2 group 0 \\    link/512',
    '[ADDR]3: eth1    inet 198.51.100.2/24 scope 0 eth1\\       valid_lft forever preferred_lft forever',
    '[ADDR]3: eth1    inet6 2001:db8::5/64 scope 0 dynamic mngtmpaddr \\       valid_lft 100sec preferred_lft 50sec',
    '[ROUTE]default via 198.51.100.1 dev eth1 proto 16 metric 100 ',
    '[ROUTE]Deleted default nhid 20999 table 20000 proto 201 ',
    '[RULE]Deleted 20300:\tfrom 192.0.2.11 lookup 20001 proto 201 ',
    '[NEXTHOP]Deleted id 20001 dev ppp0 scope 253 proto 201 ',
    'netlink receive error No buffer space available (105)',
  ],
  nftMonitor: [
    'delete rule inet wanhook prerouting handle 17',
    'add element inet wanhook_memory pair { 10.10.0.2 . 203.0.113.10 timeout 20m expires 20m : 0x01000000 }',
    'add table inet wanhook_kept',
    'W: Received event for an unknown set',
    '# new generation 12 by process 4242 (nft)',
  ],
  echo: [
    '1.1.1.1         : [0], 64 bytes, 0.050 ms (0.050 avg, 0% loss)',
    '2606:4700::1111 : [12], timed out (NaN avg, 100% loss)',
    'fe80::1%eth1 : [3], 64 bytes, 1.2e+03 ms (0.050 avg, 0% loss)',
    'ICMP Host Unreachable from 192.0.2.1 for ICMP Echo sent to 1.1.1.1',
    '64 bytes from 1.1.1.1: icmp_seq=1 ttl=64 time=0.031 ms',
    'From 192.0.2.1 icmp_seq=1 Destination Host Unreachable',
    '1.1.1.1 is alive (0.05 ms)',
    '1.1.1.1: error while sending ping: Operation not permitted',
  ],
  arp: [
    'IP address       HW type     Flags       HW address            Mask     Device\n192.0.2.1        0x1         0x2         02:00:00:00:00:01     *        eth1\n',
  ],
  maps: [
    'table inet wanhook_memory {\n\tmap pair {\n\t\ttype ipv4_addr . ipv4_addr : mark\n\t\tsize 65536\n\t\tflags dynamic,timeout\n\t\telements = { 10.10.0.2 . 203.0.113.10 timeout 20m expires 19m58s756ms : 0x02000000,\n\t\t\t     10.10.0.3 . 203.0.113.10 timeout 20m expires 1d2h3m4s56ms : 0x01000000 }\n\t}\n}\n',
    'table inet wanhook_memory {\n\tmap client {\n\t\ttype ipv4_addr : mark\n\t\tflags dynamic,timeout\n\t\telements = { 10.10.0.2 expires 23h : 0x02000000 }\n\t}\n}\n',
  ],
  counters: [
    '{"nftables": [{"metainfo": {"version": "1.0.6", "json_schema_version": 1}}, {"counter": {"family": "inet", "name": "answers_1", "table": "wanhook_watch", "handle": 1, "packets": 12, "bytes": 800}}, {"counter": {"family": "inet", "name": "begun_2_6", "table": "wanhook_watch", "handle": 2, "packets": 0, "bytes": 0}}]}',
  ],
  listing: [
    'table inet wanhook {\n\tset wan {\n\t\ttype ifname\n\t\telements = { "ppp0",\n\t\t\t     "eth1" }\n\t}\n\n\tset seen {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t\telements = { 10.0.0.1 timeout 1m expires 3s }\n\t}\n\n\tchain prerouting {\n\t\ttype filter hook prerouting priority mangle; policy accept;\n\t\tiifname @wan goto inbound\n\t}\n}\n',
  ],
  ruleset: [
    '{"nftables": [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": "ip", "name": "nat", "handle": 1}}, {"chain": {"family": "ip", "table": "nat", "name": "PREROUTING", "handle": 1, "type": "filter", "hook": "prerouting", "prio": -150, "policy": "accept"}}, {"flowtable": {"family": "inet", "name": "ft", "table": "filter", "handle": 3, "hook": "ingress", "prio": 0, "dev": ["eth0", "eth1"]}}, {"rule": {"family": "ip", "table": "nat", "chain": "PREROUTING", "handle": 5, "expr": [{"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}}, {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"|": [{"&": [{"meta": {"key": "mark"}}, 4294902015]}, 256]}}}, {"xt": {"type": "target", "name": "MARK"}}]}}]}',
  ],
  rules: [
    '[{"priority":0,"src":"all","table":"255"},{"priority":20300,"src":"192.0.2.11","table":"20001","protocol":"201"},{"priority":5210,"src":"all","fwmark":"0x80000","fwmask":"0xff0000","table":"254"}]',
    '[{"ifindex":3,"ifname":"eth1","flags":["BROADCAST","UP"],"mtu":1500,"link_type":"ether","linkinfo":{"info_kind":"veth"},"addr_info":[{"family":"inet","local":"198.51.100.2","prefixlen":24}]}]',
    '[{"dst":"default","gateway":"198.51.100.1","dev":"eth1","protocol":"dhcp","metric":100,"flags":[]},{"dst":"default","nexthops":[{"gateway":"192.0.2.1","dev":"eth2","weight":1,"flags":[]}]}]',
  ],
  http: [
    'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\nConnection: close\r\n\r\n',
    'HTTP/1.1 302 Found\r\nServer: portal\r\nLocation: http://192.0.2.1/login?next=x\r\n\r\n<html>',
    'HTTP/1.0 200 OK\r\n\r\nsuccess',
  ],
  leases: [
    'lease {\n  interface "eth1";\n  fixed-address 198.51.100.2;\n  option subnet-mask 255.255.255.0;\n  option routers 198.51.100.1,198.51.100.9;\n  renew 6 2026/11/21 10:00:00;\n  expire 6 2026/11/21 12:00:00;\n}\n',
    'ADDRESS=198.51.100.2\nNETMASK=255.255.255.0\nROUTER=198.51.100.1\nSERVER_ADDRESS=198.51.100.1\n',
  ],
  peers: [
    '# a line\nuser "me@isp.example"\npassword "SECRET"\nplugin rp-pppoe.so eth1\nipparam dsl1\nnodefaultroute\npersist\nmaxfail 0\n',
    'pty "pptp vpn.example --nolaunchpppd"\nname me\nremotename PPTP\nfile /etc/ppp/options.pptp\nipparam vpn\n',
  ],
  nmcli: [
    'GENERAL.DEVICE:eth1\nGENERAL.TYPE:ethernet\nGENERAL.CONNECTION:Wired connection 1\nIP4.GATEWAY:198.51.100.1\n\nGENERAL.DEVICE:lo\nGENERAL.TYPE:loopback\nGENERAL.CONNECTION:--\nIP4.GATEWAY:\n',
    'pppoe:--:dsl\\:one\ngsm:cdc-wdm0:mobile\n802-3-ethernet:eth1:Wired connection 1\n',
  ],
} as const satisfies Record<string, readonly string[]>;
