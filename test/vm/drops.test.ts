/** Every way a line goes and comes back, in a machine of its own (ppp.test.ts). */
import { vmSuite } from '../support/vm-suite.ts';

await vmSuite(['drops']);
