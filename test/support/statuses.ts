import { LINK_DEFAULTS } from '../../src/config/keys.ts';
import type { LinkConfig, LinkStatus } from '../../src/model.ts';

/** Links l1, l2, … on ppp1, ppp2, … with 192.0.2.1, 192.0.2.2, …, and what they are worth. */
const link = (id: number, more: Partial<LinkConfig> = {}): LinkConfig => ({
  ...LINK_DEFAULTS,
  name: `l${id}`,
  id,
  ...more,
});
export const up = (id: number, more: Partial<LinkConfig> = {}, address = `192.0.2.${id}`): LinkStatus => ({
  ...{ up: true, link: link(id, more), device: `ppp${id}`, mtu: 1492, address, onlink: false },
});
export const down = (id: number): LinkStatus => ({
  ...{ up: false, link: link(id), present: false, pointToPoint: true, reason: 'x' },
});
