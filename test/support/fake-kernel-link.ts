/** `ip link` and `ip addr` on the fake kernel: the little that moves lines. */
import {
  dropAddress,
  dropAllBy,
  dropNeighboursBy,
  dropNexthopsBy,
  type FakeDevice,
  type FakeState,
} from './fake-kernel-state.ts';
import { dropDevice6, dropDown6 } from './fake-kernel-route6.ts';
import { noDevice, notFaked, optional, pairs, Refusal } from './fake-kernel-words.ts';

export function findDevice(state: FakeState, name: string | undefined): FakeDevice {
  const device = state.devices.find((each) => each.name === name);
  if (device === undefined) throw noDevice(name ?? '');
  return device;
}

/** `link del NAME` and `link set NAME up|down`. */
export function linkLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const [name, what] = words;
  const device = findDevice(state, name);
  if (verb === 'del') removeDevice(state, device);
  else if (verb === 'set' && (what === 'up' || what === 'down')) setUp(state, device, what === 'up');
  else throw notFaked(['link', verb ?? '', ...words]);
}

export function removeDevice(state: FakeState, device: FakeDevice): void {
  dropAllBy(state, device.name);
  dropDevice6(state, device.name);
  state.devices = state.devices.filter((each) => each !== device);
}

function setUp(state: FakeState, device: FakeDevice, up: boolean): void {
  device.up = up;
  if (up) return;
  dropAllBy(state, device.name);
  dropDown6(state, device.name);
}

export function setCarrier(state: FakeState, device: FakeDevice, plugged: boolean): void {
  device.plugged = plugged;
  if (plugged) return;
  dropNexthopsBy(state, device.name);
  dropNeighboursBy(state, device.name, false);
}

/** `addr add|del LOCAL[/PREFIX] [peer PEER] dev NAME`. */
export function addressLine(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const [first = '', ...rest] = words;
  if (first.includes(':')) {
    addressLine6(state, verb, words);
    return;
  }
  const given = pairs(rest, ['peer', 'dev']);
  const device = findDevice(state, given['dev']);
  const [local = '', prefix = '32'] = first.split('/');
  const address = { local, prefix: Number(prefix), ...optional('peer', given['peer']) };
  const known = device.addresses.some(
    (each) =>
      each.local === local && each.prefix === address.prefix && (each.peer ?? local) === (address.peer ?? local),
  );
  if (verb === 'add') {
    if (known) throw new Refusal('Error: ipv4: Address already assigned.');
    device.addresses.push(address);
  } else if (verb === 'del') {
    if (!known) throw new Refusal('Error: ipv4: Address not found.');
    dropAddress(state, device, local);
  } else throw notFaked(['addr', verb ?? '', ...words]);
}

/** `addr add|del LOCAL/PREFIX [peer PEER] dev NAME`, which an administrator or the kernel itself says. No route depends on it. */
function addressLine6(state: FakeState, verb: string | undefined, words: readonly string[]): void {
  const [first = '', ...rest] = words;
  const given = pairs(rest, ['peer', 'dev'], ['deprecated']);
  const device = findDevice(state, given['dev']);
  const [local = '', prefix = '128'] = first.split('/');
  const others = device.addresses6.filter((each) => each.local !== local);
  if (verb === 'del' && others.length === device.addresses6.length) {
    throw new Refusal('RTNETLINK answers: Cannot assign requested address');
  }
  const deprecated = given['deprecated'] !== undefined && { deprecated: true };
  device.addresses6 = others;
  if (verb !== 'del')
    device.addresses6.push({ local, prefix: Number(prefix), ...optional('peer', given['peer']), ...deprecated });
}
