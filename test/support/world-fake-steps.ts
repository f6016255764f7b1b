/** The steps on the fake kernel. */
import { metricOf, PEER, type Steps } from './world-steps.ts';
import type { TestWorld } from './world.ts';

const isPpp = (device: string) => device.startsWith('ppp');

/** Where operations can be struck: in the world of the faults. */
const NOWHERE: Steps['struck'] = () => Promise.reject(new Error('nothing can be struck in this world'));

export function fakeSteps(world: TestWorld, struck = NOWHERE): Steps {
  const { fake, files } = world;
  const flush = (device: string) => fake.addressesOf(device).forEach((address) => fake.delAddress(device, address));
  const give = (device: string, address: string) => {
    if (fake.addressesOf(device).includes(address)) return;
    flush(device);
    if (isPpp(device)) fake.addAddress(device, address, PEER);
    else fake.addAddress(device, `${address}/24`);
  };
  return {
    configure: (file, keys) => {
      if (keys.length === 0) files.delete(file);
      else files.set(file, keys.map((key) => `${key}\n`).join(''));
    },
    lineUp: (device, address) => {
      if (!fake.hasDevice(device)) {
        fake.addDevice(device, isPpp(device) ? { mtu: 1492, pointToPoint: true } : {});
      }
      give(device, address);
      fake.setUp(device, true);
    },
    hangUp: (device) => {
      if (!fake.hasDevice(device)) return;
      if (isPpp(device)) fake.removeDevice(device);
      else flush(device);
    },
    renumber: (device, address) => {
      if (fake.hasDevice(device)) give(device, address);
    },
    advertise: (device, address) => {
      if (!fake.hasDevice(device)) return;
      fake.ip(`-6 route del default dev ${device} table 254 proto 9`);
      fake.addressesOf6(device).forEach((each) => fake.ip(`addr del ${each}/64 dev ${device}`));
      if (address === undefined) return;
      fake.ip(`addr add ${address}/64 dev ${device}`);
      fake.ip(`-6 route add default via fe80::1 dev ${device} proto 9 expires 1800 metric ${metricOf(device)}`);
    },
    adminDown: (device) => {
      if (fake.hasDevice(device)) fake.setUp(device, false);
    },
    carrier: (device, on) => {
      if (fake.hasDevice(device)) fake.setCarrier(device, on);
    },
    hook: (name, input) => world.hook(name, input),
    apply: () => world.apply(),
    stop: () => world.stop(),
    judge: (link, verdict, family) => world.judge(link, verdict, {}, family),
    command: (...argv) => world.command(...argv),
    stranger: (line) => {
      fake.ip(line);
    },
    dropFirewall: () => fake.setFirewall(undefined),
    loseState: () => world.loseState(),
    nft: (line) => {
      // Tables of others, and single rules, are nothing that the fake has.
      const table = /^delete (table inet wanhook\w*)$/.exec(line)?.[1];
      if (table === undefined || (table.endsWith('_memory') && fake.memory() === undefined)) return;
      fake.runSync('nft', ['-f', '-'], `${table}\ndelete ${table}\n`);
    },
    struck,
  };
}
