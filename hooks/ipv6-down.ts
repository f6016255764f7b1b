// pppd(8): runs when IPV6CP is down, parallel to ip-down.
import { runHook } from '../src/main/hook.ts';

void runHook('ipv6-down');
