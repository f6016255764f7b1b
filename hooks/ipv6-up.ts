// pppd(8): runs after IPV6CP is up, parallel to ip-up.
import { runHook } from '../src/main/hook.ts';

void runHook('ipv6-up');
