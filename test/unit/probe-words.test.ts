/** What fping, ping, resolvers, web servers and /proc/net/arp say; lines as Debian 12's tools printed them. */
import { expect, test } from 'vitest';
import { dnsQuery, readDns } from '../../src/monitor/probe/dns.ts';
import { arpAnswer, gatewayAnswer } from '../../src/monitor/probe/gateway.ts';
import { httpRequest, readHttp } from '../../src/monitor/probe/http.ts';
import {
  fpingOnceWords,
  fpingWords,
  pingWords,
  readFping,
  readFpingOnce,
  readPing,
} from '../../src/monitor/probe/icmp.ts';

test.each([
  ['10.0.0.2  : [0], 64 bytes, 0.065 ms (0.065 avg, 0% loss)', { target: '10.0.0.2', seq: 0, rttMs: 0.065 }],
  ['10.0.0.2 : [15], 64 bytes, 245 ms (35.1 avg, 56% loss)', { target: '10.0.0.2', seq: 15, rttMs: 245 }],
  ['10.0.0.77 : [3], timed out (NaN avg, 100% loss)', { target: '10.0.0.77', seq: 3 }],
  [
    'ICMP Host Unreachable from 10.0.0.2 for ICMP Echo sent to 10.7.0.1',
    { target: '10.7.0.1', why: 'Host Unreachable, says 10.0.0.2' },
  ],
  ['2001:db8:1::1 : [0], 64 bytes, 0.087 ms (0.087 avg, 0% loss)', { target: '2001:db8:1::1', seq: 0, rttMs: 0.087 }],
  ['fe80::1%eth0   : [1], 64 bytes, 0.025 ms (0.040 avg, 0% loss)', { target: 'fe80::1', seq: 1, rttMs: 0.025 }],
  ['fe80::77%eth0:1 : [3], timed out (NaN avg, 100% loss)', { target: 'fe80::77', seq: 3 }],
  ['fe80::77%eth0 : xmt/rcv/%loss = 5/0/100%', undefined],
  ['10.0.0.2 : duplicate for [0], 64 bytes, 0.06 ms', undefined],
  ['10.0.0.2 : xmt/rcv/%loss = 2/0/100%', undefined],
  ['binding to specific interface (SO_BINTODEVICE): No such device', undefined],
  ['', undefined],
])('fping: %s', (line, want) => expect(readFping(line)).toEqual(want));

test.each([
  ['64 bytes from 10.0.0.2: icmp_seq=1 ttl=64 time=0.038 ms', { target: '10.0.0.2', seq: 0, rttMs: 0.038 }],
  [
    'From 10.0.0.1 icmp_seq=3 Destination Host Unreachable',
    { target: '10.0.0.2', why: 'Destination Host Unreachable, says 10.0.0.1' },
  ],
  ['no answer yet for icmp_seq=1', undefined],
  ['PING 10.0.0.2 (10.0.0.2) from 10.0.0.1 va0: 56(84) bytes of data.', undefined],
])('ping: %s', (line, want) => expect(readPing(line, '10.0.0.2')).toEqual(want));

test.each([
  ['64 bytes from fe80::1%eth0: icmp_seq=1 ttl=64 time=0.073 ms', { target: 'fe80::1', seq: 0, rttMs: 0.073 }],
  [
    'From 2001:db8:1::5 icmp_seq=1 Destination unreachable: Address unreachable',
    { target: 'fe80::1', why: 'Destination unreachable: Address unreachable, says 2001:db8:1::5' },
  ],
  ['PING fe80::1%eth0(fe80::1%eth0) from :: eth0: 56 data bytes', undefined],
])('ping -6: %s', (line, want) => expect(readPing(line, 'fe80::1')).toEqual(want));

test.each([
  ['10.0.0.2 is alive (0.05 ms)', { target: '10.0.0.2', rttMs: 0.05 }],
  ['fe80::1%eth0 is alive (0.028 ms)', { target: 'fe80::1', rttMs: 0.028 }],
  ['2001:db8:1::78 is unreachable', { target: '2001:db8:1::78' }],
  [
    'fe80::1%eth0: error while sending ping: Operation not permitted',
    { target: 'fe80::1', sending: 'Operation not permitted' },
  ],
  ['10.0.0.2 is unreachable', { target: '10.0.0.2' }],
  [
    '10.0.0.2: error while sending ping: Operation not permitted',
    { target: '10.0.0.2', sending: 'Operation not permitted' },
  ],
  ['fping: cannot bind source address : Cannot assign requested address', undefined],
])('fping, once: %s', (line, want) => expect(readFpingOnce(line)).toEqual(want));

test('IPv6: -6 before everything else, and a neighbour with its device', () => {
  const echo = {
    ...({ family: 6, device: 'eth1', address: '2001:db8:1::5', intervalMs: 2000, timeoutMs: 2000 } as const),
    targets: ['2001:db8::1', 'fe80::1'],
  };
  const all = ['-I', 'eth1', '-S', '2001:db8:1::5', '2001:db8::1', 'fe80::1%eth1'];
  expect(fpingWords(echo)).toEqual(['-6', '-l', '-i', '1', '-p', '2000', '-t', '2000', ...all]);
  expect(fpingOnceWords(echo).slice(0, 1)).toEqual(['-6']);
  expect(fpingOnceWords(echo).slice(-6)).toEqual(all);
  expect(pingWords(echo, 'fe80::1')).toEqual(['-6', '-n', '-i', '2', '-I', 'eth1', 'fe80::1%eth1']);
});

const reply = (flags: number, id = 7) => {
  const message = dnsQuery(id, 'example.org');
  message.writeUInt16BE(flags, 2);
  return message;
};

test('a DNS question as it stands in RFC 1035', () => {
  expect(dnsQuery(0x1234, 'a.bc').toString('hex')).toBe('1234010000010000000000000161026263' + '0000010001');
});

test.each([
  [reply(0x8180), { ok: true }],
  [reply(0x8183), { ok: true }],
  [reply(0x8182), { ok: false, why: 'answers SERVFAIL' }],
  [reply(0x8185), { ok: false, why: 'answers REFUSED' }],
  [reply(0x8189), { ok: false, why: 'answers rcode 9' }],
  [reply(0x0100), undefined],
  [reply(0x8180, 8), undefined],
  [Buffer.from('short'), undefined],
  [Buffer.alloc(0), undefined],
])('a DNS answer %#', (message, want) => expect(readDns(message, 7)).toEqual(want));

const PORTAL = 'a captive portal?';
test.each([
  ['HTTP/1.1 200 OK\r\n\r\nhello', '/', { ok: true }],
  ['HTTP/1.0 204 No Content\r\n\r\n', '/generate_204', { ok: true }],
  ['HTTP/1.1 200 OK\r\n\r\nlog in here', '/generate_204', { ok: false, why: `HTTP 200 instead of 204: ${PORTAL}` }],
  ['HTTP/1.1 200 OK\r\n\r\nlog in here', '/generate204?x', { ok: false, why: `HTTP 200 instead of 204: ${PORTAL}` }],
  [
    'HTTP/1.1 302 Found\r\nServer: x\r\nLocation: http://login.example/\u001b[2J\r\n\r\n',
    '/',
    { ok: false, why: `HTTP 302 to "http://login.example/\\u001b[2J": ${PORTAL}` },
  ],
  ['HTTP/1.1 500 Oops\r\n\r\n', '/', { ok: false, why: 'HTTP 500' }],
  ['SSH-2.0-OpenSSH\r\n\r\n', '/', { ok: false, why: 'does not answer in HTTP' }],
  ['HTTP/1.1 200 OK\r\nServer: x\r\n', '/', undefined],
  ['x'.repeat(20_000), '/', { ok: false, why: 'does not answer in HTTP' }],
])('an HTTP answer %#', (text, path, want) => expect(readHttp(text, path)).toEqual(want));

test('an HTTP request names its host, and its port if that is unusual', () => {
  expect(httpRequest('192.0.2.1', 80, '/a')).toMatch(/^GET \/a HTTP\/1\.1\r\nHost: 192\.0\.2\.1\r\n.*\r\n\r\n$/s);
  expect(httpRequest('192.0.2.1', 8080, '/')).toContain('Host: 192.0.2.1:8080\r\n');
  expect(httpRequest('2001:db8::1', 80, '/')).toContain('Host: [2001:db8::1]\r\n');
  expect(httpRequest('2001:db8::1', 8080, '/')).toContain('Host: [2001:db8::1]:8080\r\n');
});

const ARP = `IP address       HW type     Flags       HW address            Mask     Device
198.51.100.1     0x1         0x2         02:00:5e:00:01:01     *        eth1
198.18.1.1       0x1         0x0         00:00:00:00:00:00     *        eth2
`;
test.each([
  ['198.51.100.1', 'eth1', true],
  ['198.51.100.1', 'eth2', undefined],
  ['198.18.1.1', 'eth2', false],
  ['10.0.0.1', 'eth1', undefined],
])('ARP for %s on %s', (address, device, want) => expect(arpAnswer(ARP, address, device)).toBe(want));

test.each([
  [{ ok: true, rttMs: 3 }, false, undefined, { ok: true, rttMs: 3 }],
  [{ ok: false, why: 'x' }, true, true, { ok: false, why: 'x' }],
  [{ ok: false, why: 'x' }, false, true, { ok: true }],
  [{ ok: false, why: 'x' }, false, false, { ok: false, why: 'answers neither echo nor ARP' }],
  [{ ok: false, why: 'x' }, false, undefined, undefined],
  [{ ok: false, unsent: true as const, why: 'x' }, false, true, { ok: false, unsent: true, why: 'x' }],
])('the gateway: echo %j, answered before: %j, ARP: %j', (echo, before, arp, want) => {
  expect(gatewayAnswer(echo, before, arp)).toEqual(want);
});
