/** `ip neigh` on the fake kernel: entries that are kept asked for, and those that somebody has made permanent. */
import { findDevice } from './fake-kernel-link.ts';
import type { FakeNeighbour, FakeState } from './fake-kernel-state.ts';
import { notFaked, Refusal } from './fake-kernel-words.ts';

/** `neigh replace ADDRESS dev DEVICE managed protocol N`, `… lladdr MAC nud permanent`, `neigh del ADDRESS dev DEVICE`. */
export function neighbourLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const [address = '', , name] = words;
  const device = findDevice(state, name);
  const isIt = (one: FakeNeighbour) => one.address === address && one.device === device.name;
  const known = state.neighbours.some(isIt);
  if (verb === 'del' && !known) throw new Refusal('RTNETLINK answers: No such file or directory');
  const isBare = device.addresses.length === 0 && !address.includes(':');
  if (verb === 'replace' && (!device.up || isBare)) {
    throw new Refusal('RTNETLINK answers: Network is down');
  }
  state.neighbours = state.neighbours.filter((one) => !isIt(one));
  if (verb === 'del') return;
  const rest = words.slice(3).join(' ');
  if (rest === 'managed protocol 201') state.neighbours.push({ address, device: device.name, proto: 201 });
  else if (rest.endsWith('nud permanent')) state.neighbours.push({ address, device: device.name, permanent: true });
  else throw notFaked(['neigh', verb ?? '', ...words]);
}

/** `neigh show proto 201` and `neigh show nud permanent`. */
export function showNeighbours({ neighbours }: FakeState, command: string): unknown[] {
  const found = command.endsWith('permanent')
    ? neighbours.filter(({ permanent }) => permanent === true)
    : neighbours.filter(({ proto }) => proto === 201);
  return found.map(({ address, device, proto, permanent }) => ({
    dst: address,
    dev: device,
    ...(proto !== undefined && { managed: null }),
    state: [permanent === true ? 'PERMANENT' : 'REACHABLE'],
    ...(proto !== undefined && { protocol: String(proto) }),
  }));
}
