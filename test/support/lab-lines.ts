/** What happens to the lines: they come up, hang up, lose their carrier, are renumbered, or die silently. */
import type { Holder } from './lab-node.ts';
import {
  customerPrefix,
  gatewayOf,
  ispAddress,
  ispEnd,
  type Line,
  netRoute,
  pairLine,
  routerAddress,
  routerEnd,
} from './lab-topology.ts';

export interface LineControl {
  /** Makes the device if it is missing (a new ifindex), addresses it, sets it up; as pppd or dhclient leave it. */
  lineUp(index: number, options?: { readonly address?: string }): Promise<void>;
  /** ppp: the kernel unregisters the device, as after pppd's hang-up. dhcp: the lease is gone, the device stays. */
  lineHangup(index: number): Promise<void>;
  /** `ip link set DEVICE down` in the router; `lineUp` reverts it on the same device. */
  lineAdminDown(index: number): Promise<void>;
  /** Pulls or plugs the cable at the ISP's end. */
  carrier(index: number, on: boolean): Promise<void>;
  /** On: the ISP drops everything without a word, and its gateway answers no ping (it still answers ARP). */
  deadGateway(index: number, on: boolean): Promise<void>;
  /** On: the gateway answers, but nothing passes through the ISP. */
  deadUpstream(index: number, on: boolean): Promise<void>;
  /** Renumbers: the ISP and the Internet follow, and the router's device too if it is up (`router: false`: not). */
  setAddress(index: number, address: string, options?: { readonly router?: boolean }): Promise<void>;
  /** Packets that came to this ISP with a source address that is not its customer's. They were dropped. */
  wrongSource(index: number): Promise<number>;
  /** Which ones: "source > destination", for messages. */
  wrongSourceFlows(index: number): Promise<string[]>;
}

interface Nodes {
  readonly rtr: Holder;
  readonly net: Holder;
  readonly isps: readonly Holder[];
}

/** One shell for several namespaces: an nsenter costs 3 ms, a process started from Node 10. */
function inNet(node: Holder, lines: readonly string[]): string {
  return `nsenter -t ${node.pid} -n ip -batch - <<'LAB'\n${lines.join('\n')}\nLAB\n`;
}

type HostShell = (script: string) => Promise<void>;

export function lineControl(lines: readonly Line[], nodes: Nodes, host: HostShell): LineControl {
  const lineAt = (index: number): Line => {
    const line = lines[index];
    if (line === undefined) throw new Error(`the lab has no line ${index}; the first is 0`);
    return line;
  };
  const ispAt = (index: number): Holder => nodes.isps[lineAt(index).index]!;
  const exists = async (line: Line): Promise<boolean> => {
    const { code } = await nodes.rtr.run(['test', '-e', `/sys/class/net/${line.device}`], { check: false });
    return code === 0;
  };

  const setAddress: LineControl['setAddress'] = async (index, address, options = {}) => {
    const line = lineAt(index);
    const isp = ispAt(index);
    const old = { ...line };
    // Lines in one subnet share out its prefix, so the others' may change as well.
    const before = lines.map((each) => ({ line: { ...each }, prefix: customerPrefix(each, lines) }));
    const present = await exists(line);
    line.address = address;
    if (line.kind === 'dhcp' && gatewayOf(address) !== gatewayOf(old.address)) line.gateway = gatewayOf(address);
    const changed = before.filter((was) => was.prefix !== customerPrefix(lines[was.line.index]!, lines));
    const gone = changed.map((was) => netRoute(was.line, was.prefix, 'del'));
    const now = changed.map(({ line: { index: n } }) => ({
      line: lines[n]!,
      prefix: customerPrefix(lines[n]!, lines),
    }));
    const added = now.map((is) => netRoute(is.line, is.prefix, 'replace'));
    const router = line.up && present && options.router !== false;
    const script = [
      router ? inNet(nodes.rtr, [routerAddress(old, 'del'), routerAddress(line, 'replace')]) : '',
      present ? inNet(isp, [ispAddress(old, 'del'), ispAddress(line, 'add')]) : '',
      inNet(nodes.net, [...gone, ...added]),
      ...now.map((is) => customers(nodes.isps[is.line.index]!, is.prefix)),
    ];
    await host(script.join('\n'));
  };

  const lineUp: LineControl['lineUp'] = async (index, options = {}) => {
    const line = lineAt(index);
    if (options.address !== undefined && options.address !== line.address) await setAddress(index, options.address);
    const isp = ispAt(index);
    const fresh = (await exists(line))
      ? ''
      : inNet(nodes.net, [pairLine(line, nodes.rtr.pid, isp.pid)]) + inNet(isp, ispEnd(line));
    const device = fresh === '' ? [] : routerEnd(line);
    await host(fresh + inNet(nodes.rtr, [...device, routerAddress(line, 'replace'), `link set dev ${line.device} up`]));
    line.up = true;
  };

  const dropIn = (chain: string) => async (index: number, on: boolean) => {
    const rule = on ? `add rule ip lab ${chain} counter drop` : '';
    await ispAt(index).run(['nft', '-f', '-'], { stdin: `flush chain ip lab ${chain}\n${rule}\n` });
  };

  return {
    lineUp,
    setAddress,
    lineHangup: async (index) => {
      const line = lineAt(index);
      line.up = false;
      const act = line.kind === 'ppp' ? `link del dev ${line.device}` : `addr flush dev ${line.device} scope global`;
      await host(inNet(nodes.rtr, [act]));
    },
    lineAdminDown: (index) => host(inNet(nodes.rtr, [`link set dev ${lineAt(index).device} down`])),
    carrier: (index, on) => host(inNet(ispAt(index), [`link set dev line ${on ? 'up' : 'down'}`])),
    deadGateway: dropIn('dead'),
    deadUpstream: dropIn('upstream'),
    wrongSource: async (index) => {
      const text = await ispAt(index).sh('nft list counter ip lab wrong');
      return Number(/packets (\d+)/.exec(text)?.[1]);
    },
    wrongSourceFlows: async (index) => {
      const text = await ispAt(index).sh('nft list set ip lab seen');
      return [...text.matchAll(/([\d.]+) \. ([\d.]+)/g)].map((found) => `${found[1]!} > ${found[2]!}`);
    },
  };
}

function customers(isp: Holder, prefix: string): string {
  return `nsenter -t ${isp.pid} -n nft -f - <<'LAB'
flush set ip lab customers
add element ip lab customers { ${prefix} }
LAB
`;
}
