/**
 * Real pppd, pppoe-server, dhclient, dhcpd on Debian's stock kernel, in a virtual machine: all scenarios but those of
 * drops.test.ts, whose machine runs beside this one. A machine's time is one processor's time: two halve the wait.
 * The scenarios are shell (test/vm/scenarios/), since everything in them is a daemon or a namespace.
 *
 * WANHOOK_VM_ONLY=lab,drops   only these scenarios; all: also those that take too long for every run
 * WANHOOK_VM_VERBOSE=1        the machine's console as it goes
 * WANHOOK_VM_OUT=DIR          logs go to a new directory under DIR instead of /tmp
 */
import { BESIDE, scenarios, vmSuite } from '../support/vm-suite.ts';

await vmSuite(scenarios.filter((name) => !BESIDE.includes(name)));
