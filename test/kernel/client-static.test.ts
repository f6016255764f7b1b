/** A line without any client: the administrator's commands, and the monitor that watches the kernel. */
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { createClientLab, type ClientLab } from '../support/client-lab.ts';
import { rowTests } from '../support/client-table.ts';

let lab: ClientLab;
const LINE = 'up eth1 198.51.100.2 via 198.51.100.1';
const OTHER = 'up eth1 198.51.100.77 via 198.51.100.1';
const ip = (command: string) => lab.rtr.sh(`ip ${command}`);

beforeAll(async () => {
  lab = await createClientLab();
  await lab.rtr.sh('echo GATEWAY=198.51.100.1 >>/etc/wanhook/links/line1.env');
});
afterAll(() => lab.destroy());

describe('static address', () => {
  rowTests('static address', {
    up: async () => {
      await ip('addr add 198.51.100.2/24 dev eth1');
      await lab.must('apply');
      expect([await lab.line(), await lab.lanes()]).toEqual([LINE, 2]);
    },
    renumber: async () => {
      await lab.watched(OTHER, () => ip('addr flush dev eth1; ip addr add 198.51.100.77/24 dev eth1'));
      expect(await lab.lanes()).toBe(2);
    },
    cable: async () => {
      await lab.watched('down: eth1 has no carrier', () => lab.carrier(0, false));
      expect(await lab.lanes()).toBe(1);
      await lab.watched(OTHER, () => lab.carrier(0, true));
      expect(await lab.lanes()).toBe(2);
    },
    down: async () => {
      await lab.watched('down: eth1 has no IPv4 address', () => ip('addr flush dev eth1'));
      expect(await lab.lanes()).toBe(1);
    },
    redial: async () => {
      await lab.watched(LINE, () => ip('addr add 198.51.100.2/24 dev eth1'));
      expect(await lab.lanes()).toBe(2);
      expect(await lab.hooks()).toEqual([]);
    },
  });
});
