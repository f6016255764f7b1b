// pppd(8): runs when IPV6CP is down, parallel to ip-down.
import { pppIpv6 } from '../src/events/pppd.ts';
import { runHook } from '../src/main.ts';

void runHook(pppIpv6('ipv6-down'));
