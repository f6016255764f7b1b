// pppd(8): runs after IPV6CP is up, parallel to ip-up.
import { pppIpv6 } from '../src/events/pppd.ts';
import { runHook } from '../src/main.ts';

void runHook(pppIpv6('ipv6-up'));
