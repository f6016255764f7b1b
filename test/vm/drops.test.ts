/** Every way a line goes and comes back, in a machine of its own (ppp.test.ts); with what else fits in its time. */
import { BESIDE, vmSuite } from '../support/vm-suite.ts';

await vmSuite(BESIDE);
