/** busybox udhcpc itself, with Debian's script behind ours. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { hostileTests } from '../support/client-hostile.ts';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';

/** Until it has its first answer it stays in the foreground, which we do not wait for. */
const start = () =>
  lab.rtr.sh(
    'udhcpc -i eth1 -f -R -t 3 -T 1 -A 1 -O staticroutes -s /usr/lib/wanhook/udhcpc.script -p /run/udhcpc.pid >/run/udhcpc.log 2>&1 &',
  );
const signal = (name: string) => lab.rtr.sh(`kill -${name} $(cat /run/udhcpc.pid)`);

beforeAll(async () => {
  lab = await createClientLab();
});
afterAll(() => lab.destroy());

describe('udhcpc', () => {
  rowTests('udhcpc', {
    up: async () => {
      const told = await lab.until(/udhcpc bound/, start);
      expect(told).toEqual(['udhcpc deconfig eth1', 'udhcpc bound eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renew: async () => {
      expect(await lab.changes(() => lab.until(/udhcpc renew/, () => signal('USR1')))).toEqual([]);
      expect(await lab.line()).toBe(LINE);
    },
    renumber: async () => {
      await lab.server.offer({ address: '198.51.100.77' });
      const told = await lab.until(/udhcpc bound/, () => signal('USR1'));
      expect(told).toEqual(['udhcpc nak eth1', 'udhcpc deconfig eth1', 'udhcpc bound eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    cable: async () => {
      await lab.watched('down: eth1 has no carrier', () => lab.carrier(0, false));
      expect(await lab.lanes()).toBe(1);
      expect(await lab.watched(OTHER, () => lab.carrier(0, true))).toEqual([]);
      expect(await lab.lanes()).toBe(2);
    },
    down: async () => {
      await lab.until(/udhcpc deconfig/, () => signal('USR2'));
      expect([await lab.line(), await lab.lanes()]).toEqual(['down: taken down by udhcpc (deconfig)', 1]);
    },
    crash: async () => {
      await lab.until(/udhcpc bound/, () => signal('USR1'));
      await signal('KILL');
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
    redial: async () => {
      const told = await lab.until(/udhcpc bound/, start);
      expect(told).toEqual(['udhcpc deconfig eth1', 'udhcpc bound eth1']);
      expect([await lab.line(), await lab.lanes()]).toEqual([OTHER, 2]);
    },
  });

  hostileTests(
    () => lab,
    async () => {
      await lab.until(/udhcpc deconfig/, () => signal('USR2'));
      await lab.until(/udhcpc bound/, () => signal('USR1'));
    },
  );
});
