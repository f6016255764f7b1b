/** `ip nexthop add|replace|del` on the fake kernel. */
import {
  dropGroup,
  dropNexthop,
  type FakeGroup,
  type FakeNexthop,
  type FakeState,
  hasCarrier,
  isNeighbour,
} from './fake-kernel-state.ts';
import { exists, noSuchFile, notFaked, numberOf, optional, pairs, Refusal } from './fake-kernel-words.ts';

const KEYS = ['id', 'via', 'dev', 'group', 'protocol'];

export function nexthopLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const given = pairs(words, KEYS, ['onlink']);
  const id = numberOf(given['id']);
  if (id === undefined) throw notFaked(['nexthop without id']);
  const group = state.groups.find((each) => each.id === id);
  const single = state.nexthops.find((each) => each.id === id);
  if (verb === 'del') {
    if (group !== undefined) dropGroup(state, id);
    else if (single !== undefined) dropNexthop(state, id);
    else throw noSuchFile();
    return;
  }
  if (verb !== 'add' && verb !== 'replace') throw notFaked(['nexthop', verb ?? '']);
  const proto = optional('proto', numberOf(given['protocol']));
  if (given['group'] !== undefined) {
    const members = membersOf(state, given['group']);
    if (verb === 'add' && (group ?? single) !== undefined) throw exists();
    if (single !== undefined) throw new Refusal('Error: Can not replace a nexthop with a nexthop group.');
    put(state.groups, { id, members, ...proto });
    return;
  }
  const nexthop: FakeNexthop = {
    id,
    device: given['dev'] ?? '',
    onlink: given['onlink'] !== undefined,
    ...optional('gateway', given['via']),
    ...proto,
  };
  checkDevice(state, nexthop);
  if (verb === 'add' && (group ?? single) !== undefined) throw exists();
  if (group !== undefined) throw new Refusal('Error: Can not replace a nexthop group with a nexthop.');
  put(state.nexthops, nexthop);
}

function put<T extends FakeGroup | FakeNexthop>(list: T[], item: T): void {
  const at = list.findIndex(({ id }) => id === item.id);
  if (at === -1) list.push(item);
  else list[at] = item;
  list.sort((a, b) => a.id - b.id);
}

function membersOf(state: FakeState, text: string): FakeGroup['members'] {
  const members = text.split('/').map((member) => {
    const [id, weight = '1'] = member.split(',');
    const number = Number(weight);
    if (!(number >= 1 && number <= 256))
      throw new Refusal(`Error: argument "${weight}" is wrong: "weight" is invalid\n`, 255);
    return { id: Number(id), weight: number };
  });
  for (const { id } of members) {
    if (state.groups.some((group) => group.id === id)) {
      throw new Refusal('Error: Hash-threshold group can not be a nexthop within a group.');
    }
    if (!state.nexthops.some((nexthop) => nexthop.id === id)) throw new Refusal('Error: Invalid nexthop id.');
  }
  return members;
}

/** nh_check_dev and friends, in their order. */
function checkDevice(state: FakeState, { device: name, gateway, onlink }: FakeNexthop): void {
  const device = state.devices.find((each) => each.name === name);
  if (device === undefined) {
    throw new Refusal(`Error: argument "${name}" is wrong: Device does not exist\n`, 255);
  }
  if (!device.up) throw new Refusal('Error: Nexthop device is not up.');
  if (!hasCarrier(device)) throw new Refusal('Error: Carrier for nexthop device is down.');
  if (gateway !== undefined && !onlink && !isNeighbour(device, gateway)) {
    throw new Refusal('Error: Nexthop has invalid gateway.');
  }
}
