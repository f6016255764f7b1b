/** `ip -N -j netconf show`, as iproute2 6.1 prints it: what stands in the files below /proc/sys by then. */
import { readFileSync } from 'node:fs';
import type { FakeState } from './fake-kernel-state.ts';

const filterOf = (value: number) => ['off', 'strict', 'loose'][value] ?? value;

/** The kernel itself reads no file: by another name of the path, the gate of faults-disk.ts lets it pass. */
const read = (procSys: string, key: string) => readFileSync(`/proc/self/root${procSys}/net/${key}`, 'utf8').trim();

export function netconf({ devices }: FakeState, procSys: string): unknown[] {
  const others = { mc_forwarding: false, proxy_neigh: false };
  const ignored = (conf: string) => read(procSys, `${conf}/ignore_routes_with_linkdown`) !== '0';
  const four = devices.map(({ name }) => ({
    family: 'inet',
    interface: name,
    rp_filter: filterOf(Number(read(procSys, `ipv4/conf/${name}/rp_filter`))),
    ...others,
    ignore_routes_with_linkdown: ignored(`ipv4/conf/${name}`),
  }));
  const six = devices.map(({ name }) => ({
    family: 'inet6',
    interface: name,
    ...others,
    ignore_routes_with_linkdown: ignored(`ipv6/conf/${name}`),
  }));
  return [...four, ...six];
}
