#!/usr/bin/perl
# The sender of `npm run bench:forward`: perl-base only. In Node a datagram costs more than the router that forwards it.
#
#   blast.pl echo  --servers A,…                        answers every datagram on port 7000, first line "ready"
#   blast.pl warm  --clients A,… --servers A,… --flows N           every flow has had two answers: established
#   blast.pl blast --clients A,… --servers A,… --flows N --ms N    those flows, as fast as it goes
#   blast.pl new   --clients A,… --servers A,… --count N --from N  N packets, each the first of a connection
#
# blast and new print "PACKETS CPU-NS WALL-NS": between namespaces the kernel forwards in the sender's own time, so its
# CPU time is the router's, and does not care what else the machine does.
use strict;
use warnings;
use Socket;

$| = 1;
my $mode = shift @ARGV // '';
my %option = (clients => '', servers => '', flows => 64, ms => 200, count => 1000, from => 0);
while (defined(my $word = shift @ARGV)) {
  my ($key) = $word =~ /^--(\w+)$/ or die "blast.pl: what is \"$word\"?\n";
  exists $option{$key} or die "blast.pl: no option --$key\n";
  $option{$key} = shift @ARGV;
}
my @clients = map { inet_aton($_) } split /,/, $option{clients};
my @servers = map { inet_aton($_) } split /,/, $option{servers};
my $PORT = 7000;

# clock_gettime(2) by number (x86-64): Time::HiRes is not in perl-base. 1: monotonic, 2: CPU time of this process.
sub clock { my $spec = "\0" x 16; syscall(228, $_[0], $spec); my ($s, $ns) = unpack 'qq', $spec; return $s * 1e9 + $ns }

if ($mode eq 'echo') {
  alarm 600;
  # One socket for each address: an answer has to come from the one that was asked.
  my @sockets;
  for my $address (@servers) {
    socket(my $each, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    bind($each, sockaddr_in($PORT, $address)) or die "bind: $!\n";
    push @sockets, $each;
  }
  print "ready\n";
  while (1) {
    my $vec = '';
    vec($vec, fileno $_, 1) = 1 for @sockets;
    select(my $ready = $vec, undef, undef, undef);
    for my $each (grep { vec($ready, fileno $_, 1) } @sockets) {
      my $peer = recv($each, my $text, 2048, 0) // next;
      send($each, $text, 0, $peer);
    }
  }
}

# Flow i: client, source port and server follow from i, so that every run of this program has the same flows.
sub flows {
  return map {
    socket(my $socket, PF_INET, SOCK_DGRAM, 0) or die "socket: $!\n";
    bind($socket, sockaddr_in(20000 + $_, $clients[$_ % @clients])) or die "bind: $!\n";
    connect($socket, sockaddr_in($PORT, $servers[$_ / @clients % @servers])) or die "connect: $!\n";
    $socket;
  } 0 .. $option{flows} - 1;
}

if ($mode eq 'warm') {
  alarm 10;
  for my $socket (flows()) {
    for (1, 2) {
      send($socket, 'x', 0) // die "send: $!\n";
      recv($socket, my $text, 64, 0) // die "recv: $!\n";
    }
  }
  print "warm\n";
} elsif ($mode eq 'blast') {
  # One system call hands over 32 packets, which are cut apart before they leave (UDP_SEGMENT; gso_max_segs is 1).
  my ($size, $burst) = (64, 32);
  my $payload = 'x' x ($size * $burst);
  my @flows = flows();
  setsockopt($_, 17, 103, pack('i', $size)) or die "UDP_SEGMENT: $!\n" for @flows;
  my ($sent, $cpu, $start) = (0, clock(2), clock(1));
  my $end = $start + $option{ms} * 1e6;
  while (clock(1) < $end) {
    for (@flows) {
      send($_, $payload, 0) // die "send: $!\n";
    }
    $sent += $burst * @flows;
  }
  printf "%d %d %d\n", $sent, clock(2) - $cpu, clock(1) - $start;
} elsif ($mode eq 'new') {
  socket(my $raw, PF_INET, SOCK_RAW, 255) or die "raw socket: $!\n";
  my $udp = 8 + 18;
  my @pairs;
  for my $server (@servers) {
    my $to = sockaddr_in(0, $server);
    push @pairs, map { [pack('CCnnnCCna4a4', 0x45, 0, 20 + $udp, 0, 0, 64, 17, 0, $_, $server), $to] } @clients;
  }
  my $rest = pack('nna18', $udp, 0, '');
  my ($cpu, $start) = (clock(2), clock(1));
  for my $n ($option{from} .. $option{from} + $option{count} - 1) {
    my $pair = $pairs[$n % @pairs];
    send($raw, $pair->[0] . pack('nn', 1024 + $n % 60000, 9000 + $n / 60000) . $rest, 0, $pair->[1]) // die "send: $!\n";
  }
  printf "%d %d %d\n", $option{count}, clock(2) - $cpu, clock(1) - $start;
} else {
  die "usage: blast.pl echo|warm|blast|new …\n";
}
