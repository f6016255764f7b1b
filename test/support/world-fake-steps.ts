/** The steps on the fake kernel. */
import { PEER, type Steps } from './world-steps.ts';
import type { TestWorld } from './world.ts';

const isPpp = (device: string) => device.startsWith('ppp');

export function fakeSteps(world: TestWorld): Steps {
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
    adminDown: (device) => {
      if (fake.hasDevice(device)) fake.setUp(device, false);
    },
    carrier: (device, on) => {
      if (fake.hasDevice(device)) fake.setCarrier(device, on);
    },
    hook: (name, input) => world.hook(name, input),
    apply: () => world.apply(),
    stop: () => world.stop(),
    judge: (link, verdict) => world.judge(link, verdict),
    command: (...argv) => world.command(...argv),
    stranger: (line) => {
      fake.ip(line);
    },
    dropFirewall: () => fake.setFirewall(undefined),
    loseState: () => world.loseState(),
  };
}
