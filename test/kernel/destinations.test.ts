/** Packets that have one right line whatever the balance says: to a tunnel's server, to an ISP's resolver; and helpers. */
import { afterEach, expect, test } from 'vitest';
import { createRouter, type Router } from '../support/router.ts';

const [SERVER, RESOLVER] = ['203.0.113.20', '203.0.113.15'];

let router: Router;
afterEach(async () => {
  try {
    expect(await router.strays()).toEqual([]);
  } finally {
    await router.destroy();
  }
});

/** The sources a server sees, from the LAN and from the router. */
async function seenBy(server: string): Promise<string[]> {
  const got = await Promise.all(
    (['lan', 'rtr'] as const).map((from) => router.share({ from, to: [server], count: 30, timeoutMs: 500 })),
  );
  return [...new Set(got.flatMap(({ sources }) => Object.keys(sources)))].toSorted();
}

test.each([
  ['an address', SERVER],
  ['a name', 'vpn.example.org'],
])(
  'a tunnel’s server, given by %s, is reached over its lines in order and never through the tunnel',
  async (_, server) => {
    router = await createRouter({
      links: ['ppp', 'dhcp', 'ppp'],
      keys: [{}, {}, { TUNNEL_SERVER: server, TUNNEL_OVER: 'line2,line1', WEIGHT: 9 }],
      before: `echo '${SERVER} vpn.example.org' >>/etc/hosts`,
    });
    for (const { index } of router.lines) await router.up(index);
    const [line1, line2, tunnel] = router.lines.map(({ address }) => address) as [string, string, string];
    await router.must('apply');
    expect(await seenBy(SERVER)).toEqual([line2]);
    expect(Object.keys((await router.share({ from: 'lan', count: 90 })).sources)).toContain(tunnel);
    await router.down(1);
    expect(await seenBy(SERVER)).toEqual([line1]);
    // The name is not looked up by hooks, and the last answer outlives a resolver that gives none.
    await router.rtr.sh("sed '/vpn/d' /etc/hosts >/tmp/hosts; cat /tmp/hosts >/etc/hosts; rm /tmp/hosts");
    const { code, stderr } = await router.wanhook('apply');
    expect(code).toBe(0);
    if (server !== SERVER) expect(stderr).toContain(`going on with ${SERVER}`);
    await router.down(0);
    const before = performance.now();
    expect(await seenBy(SERVER)).toEqual([]);
    expect(await seenBy('203.0.113.10')).toEqual([tunnel]);
    const refused = await router.share({ from: 'rtr', to: [SERVER], count: 5 });
    expect(Object.keys(refused.errors)).toEqual(['ENETUNREACH']);
    console.log(`without a line below it: refused, all within ${Math.round(performance.now() - before)} ms`);
    await router.up(1);
    expect(await seenBy(SERVER)).toEqual([line2]);
    expect(await router.plan()).toEqual([]);
  },
);

test('an ISP’s resolver is asked over its own line, and over the others while that is down', async () => {
  router = await createRouter({ links: ['ppp', 'ppp', 'dhcp'] });
  for (const { index } of router.lines) await router.up(index);
  const { address, gateway } = router.lines[2]!;
  const lease = { new_ip_address: address, new_subnet_mask: '255.255.255.0', new_routers: gateway };
  await router.dhclient('BOUND', 2, { ...lease, new_domain_name_servers: RESOLVER });
  expect(await seenBy(RESOLVER)).toEqual([address]);
  expect(await seenBy('203.0.113.16')).not.toEqual([address]);
  expect(await router.must('status')).toContain(`resolver ${RESOLVER}: over line3\n`);
  // Who is bound to another line stays there.
  const bound = await router.share({ from: 'rtr', to: [RESOLVER], count: 20, localAddresses: ['192.0.2.11'] });
  expect(bound.sources).toEqual({ '192.0.2.11': 20 });
  await router.down(2);
  expect((await seenBy(RESOLVER)).length).toBeGreaterThan(0);
  expect(await router.must('status')).toContain(`resolver ${RESOLVER}: over the balance`);
  await router.lineUp(2);
  await router.dhclient('BOUND', 2, { ...lease, new_domain_name_servers: RESOLVER });
  expect(await seenBy(RESOLVER)).toEqual([address]);
  expect(await router.plan()).toEqual([]);
});

/**
 * An FTP server as far as data connections go: from port 20 to whatever PORT says, or, after PASV, to a port of its own, where
 * it tells both addresses that it sees.
 */
const FTP_SERVER = `
const net = require('node:net');
net.createServer((control) => {
  control.write('220 ready\\r\\n');
  control.on('error', () => {});
  control.on('data', (chunk) => {
    if (chunk.toString().startsWith('USER')) return control.write('331 go on\\r\\n');
    if (chunk.toString().startsWith('PASV')) {
      const passive = net.createServer((data) => {
        data.end(control.remoteAddress + ' and ' + data.remoteAddress);
        passive.close();
      }).listen(0, control.localAddress, () => {
        const { address, port } = passive.address();
        const where = [...address.split('.'), port >> 8, port & 255].join();
        control.write('227 Entering Passive Mode (' + where + ')\\r\\n');
      });
      return;
    }
    const [, h, p1, p2] = /^PORT (\\d+,\\d+,\\d+,\\d+),(\\d+),(\\d+)/.exec(chunk.toString()) ?? [];
    if (h === undefined) return;
    const data = net.connect({ host: h.replaceAll(',', '.'), port: p1 * 256 + +p2, localPort: 20, localAddress: control.localAddress });
    data.on('error', (error) => control.end('425 ' + error.code + '\\r\\n'));
    data.on('connect', () => { data.end('from the server to ' + h.replaceAll(',', '.')); control.end('226 done\\r\\n'); });
  });
}).listen(21, '0.0.0.0', () => console.log('ready'));
`;
/** Its client in the LAN: prints what came in on the data connection, or the refusal. */
const FTP_CLIENT = `
const net = require('node:net');
const data = net.createServer((socket) => socket.on('data', (chunk) => { console.log(chunk.toString()); process.exit(0); }));
data.listen(0, '10.10.0.2', () => {
  const { port } = data.address();
  const control = net.connect({ host: '203.0.113.10', port: 21, localAddress: '10.10.0.2' });
  control.on('data', (chunk) => {
    // The helper takes the first line as a sign of where lines begin.
    if (chunk.toString().startsWith('220')) control.write('USER test\\r\\n');
    if (chunk.toString().startsWith('331') && process.argv[1] === 'passive') control.write('PASV\\r\\n');
    else if (chunk.toString().startsWith('331')) control.write('PORT 10,10,0,2,' + (port >> 8) + ',' + (port & 255) + '\\r\\n');
    const [, h, p1, p2] = /^227 .*\\((\\d+,\\d+,\\d+,\\d+),(\\d+),(\\d+)/.exec(chunk.toString()) ?? [];
    if (h !== undefined) {
      net.connect({ host: h.replaceAll(',', '.'), port: p1 * 256 + +p2 })
        .on('data', (got) => { console.log(got.toString()); process.exit(0); });
    }
    if (chunk.toString().startsWith('425')) { console.log(chunk.toString()); process.exit(0); }
  });
});
setTimeout(() => { console.log('nothing'); process.exit(0); }, 2000);
`;

test('HELPERS=ftp: active mode works through every line, and passive mode stays on one; without it, they do not', async () => {
  router = await createRouter({ links: ['ppp', 'ppp'] });
  for (const { index } of router.lines) await router.up(index);
  const server = router.net.spawn([process.execPath, '-e', FTP_SERVER]);
  await server.waitLine(/ready/);
  const fetched = async (mode = 'active') =>
    (await router.lan.run([process.execPath, '-e', FTP_CLIENT, mode])).stdout.trim();
  /** Of some passive sessions: control and data connection from different lines? */
  const torn = async () => {
    const got = await Promise.all(Array.from({ length: 16 }, () => fetched('passive')));
    expect(got.filter((line) => !/^192\.0\.2\.1[12] and 192\.0\.2\.1[12]$/.test(line))).toEqual([]);
    return got.filter((line) => new Set(line.split(' and ')).size > 1).length;
  };
  expect(await fetched()).toMatch(/^(nothing|425 .*)$/);
  expect(await torn()).toBeGreaterThan(0);
  const links = [1, 2].map((ID) => ({ ID, PPP_IPPARAM: `line${ID}` }));
  await router.configure(links, { LAN: 'lan0', HELPERS: 'ftp,sip,pptp,irc,tftp' });
  expect((await router.wanhook('apply')).stderr).toBe('');
  const seen = new Set<string>();
  for (let n = 0; n < 40 && seen.size < 2; n++) seen.add(await fetched());
  console.log(`active FTP: ${[...seen].join('; ')}`);
  expect([...seen].toSorted()).toEqual(['192.0.2.11', '192.0.2.12'].map((at) => `from the server to ${at}`));
  const data = await router.rtr.sh('conntrack -L -p tcp --orig-port-src 20 2>/dev/null');
  const marks = [...data.matchAll(/dst=192\.0\.2\.1([12]) .* mark=(\d+)/g)].map(([, line, mark]) => `${line} ${mark}`);
  expect(new Set(marks)).toEqual(new Set(['1 16777216', '2 33554432']));
  expect(await torn()).toBe(0);
  // A hook goes by what the last command found.
  await router.down(0);
  expect(await fetched()).toBe('from the server to 192.0.2.12');
  expect(await router.plan()).toEqual([]);
});
