import { readlinkSync } from 'node:fs';
import { fileText, namesIn } from './files.ts';
import type { ClientProcess } from './facts.ts';
import { clientsOf, type ProcessLine } from './processes.ts';

/** The clients that run in this network namespace: those of a container are its own business. */
export function runningClients(): ClientProcess[] {
  const here = linkOf('/proc/self/ns/net');
  const processes = namesIn('/proc')
    .filter((name) => /^\d+$/.test(name) && linkOf(`/proc/${name}/ns/net`) === here)
    .map((pid): ProcessLine => ({
      pid: Number(pid),
      argv: argvOf(pid),
      exe: linkOf(`/proc/${pid}/exe`) ?? '',
      uid: uidOf(pid),
    }));
  return clientsOf(processes, pppDevices());
}

/** The arguments end with a NUL each; a process that renamed itself has one with blanks. */
const argvOf = (pid: string) => (fileText(`/proc/${pid}/cmdline`) ?? '').replace(/\0+$/, '').split('\0');

/** Not the owner of its directory: a process that may not be dumped has root's. */
function uidOf(pid: string): number {
  const [, effective] = /^Uid:\t\d+\t(\d+)/m.exec(fileText(`/proc/${pid}/status`) ?? '') ?? [];
  return effective === undefined ? Number.NaN : Number(effective);
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** pppd(8) writes its pid to /run/pppN.pid, and the device's name behind it if the line has a linkname. */
function pppDevices(): Map<number, string> {
  const files = namesIn('/run').filter((name) => /^ppp\d+\.pid$/.test(name));
  return new Map(files.map((name) => [Number.parseInt(fileText(`/run/${name}`) ?? '', 10), name.slice(0, -4)]));
}
