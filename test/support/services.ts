/** DNS and HTTP as a provider has them, in the lab's Internet. */
import type { Lab } from './lab.ts';

/** A file decides how they misbehave. */
const SERVICES = `
const { existsSync } = require('node:fs');
const [, dnsAddress, httpAddress] = process.argv;
const is = (what) => existsSync('/run/' + what);
const dns = require('node:dgram').createSocket(dnsAddress.includes(':') ? 'udp6' : 'udp4');
dns.on('message', (query, peer) => {
  query.writeUInt16BE(is('servfail') ? 0x8182 : 0x8180, 2);
  dns.send(query, peer.port, peer.address);
});
dns.bind(53, dnsAddress);
require('node:http').createServer((request, response) => {
  if (is('portal')) response.writeHead(302, { location: 'http://login.example/' });
  else response.writeHead(204);
  response.end();
}).listen(80, httpAddress, () => console.log('ready'));
`;

export async function startServices({ net }: Lab, dns = '203.0.113.14', http = '203.0.113.15'): Promise<void> {
  await net.spawn([process.execPath, '-e', SERVICES, dns, http]).waitLine(/ready/, 20_000);
}

const PORTAL = `require('node:http').createServer((request, response) => {
  response.writeHead(302, { location: 'http://login.example/' });
  response.end();
}).listen(8080, () => console.log('ready'));`;

/** A line's ISP redirects the web to a page of its own, and lets no other TCP through. */
export async function startPortal({ isps }: Lab, line: number): Promise<void> {
  const isp = isps[line]!;
  await isp.spawn([process.execPath, '-e', PORTAL]).waitLine(/ready/, 20_000);
  await isp.run(['nft', '-f', '-'], {
    stdin: `table ip lab { chain portal { type nat hook prerouting priority dstnat; iifname "line" tcp dport 80 redirect to :8080; }; }
      add rule ip lab upstream iifname "line" meta l4proto tcp drop\n`,
  });
}

/**
 * Holds back what a customer sends: netem is not in every kernel. perl-base only (clock_gettime(2) by number: x86-64);
 * TUNSETIFF with IFF_TUN | IFF_NO_PI.
 */
const DELAY = `use strict; $| = 1;
sub now { my $spec = "\\0" x 16; syscall(228, 1, $spec); my ($s, $ns) = unpack 'qq', $spec; return $s + $ns / 1e9 }
open(my $tun, '+<', '/dev/net/tun') or die "tun: $!";
my $request = pack('a16 s x22', 'slow', 0x1001);
ioctl($tun, 0x400454ca, $request) or die "ioctl: $!";
system('ip link set slow up; ip rule add iif line lookup 7; ip route add default dev slow table 7') == 0 or die;
print "ready\\n";
my @queue;
while (1) {
  my $wait = @queue ? $queue[0][0] - now() : undef;
  vec(my $vec = '', fileno $tun, 1) = 1;
  if (select($vec, undef, undef, defined $wait && $wait < 0 ? 0 : $wait)) {
    push @queue, [now() + $ARGV[0], $_] if sysread($tun, $_, 65536);
  }
  syswrite($tun, (shift @queue)->[1]) while @queue && $queue[0][0] <= now();
}`;

/** What goes out by a line is delayed from now on. */
export async function startDelay({ isps }: Lab, line: number, seconds: number): Promise<void> {
  await isps[line]!.spawn(['perl', '-e', DELAY, String(seconds)]).waitLine(/ready/, 20_000);
}
