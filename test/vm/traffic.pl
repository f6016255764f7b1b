#!/usr/bin/perl
# The prober of the virtual machine: perl-base only (Essential in Debian). Same words and same answers as
# test/support/traffic.ts; under TCG, Node cannot start a connection every 5 ms (answers take 130-750 ms instead of 5).
#
#   traffic.pl serve --port 7000
#   traffic.pl probe --to 203.0.113.10 [--port 7000] [--ms 2000] [--every 5] [--timeout 4000] [--from ADDRESS]
#
# A probe is lost when it had to be repeated (TCP_INFO counts the retransmissions), refused, or not answered at all.
# Not when it was slow: an emulated processor stalls for a second when its host is busy, and that is no lost packet. The
# SYN is repeated then, too; such a probe is "late", if its first SYN was answered (the round trip by TCP's timestamps is
# longer than the wait for the second) and the next probe that needed only one was slow, too: so was the whole machine.
# TERM ends a run early, with its summary.
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_TCP);
use Errno qw(EINPROGRESS EINTR EAGAIN);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);

$| = 1;
my $mode = shift @ARGV // '';
my %option = (port => 7000, ms => 1000, every => 5, timeout => 4000, to => '', from => '');
while (defined(my $word = shift @ARGV)) {
  my ($key) = $word =~ /^--(\w+)$/ or die "traffic.pl: what is \"$word\"?\n";
  exists $option{$key} or die "traffic.pl: no option --$key\n";
  $option{$key} = shift @ARGV;
}

# clock_gettime(2) by number (x86-64): Time::HiRes is not in perl-base.
sub clock { my $spec = "\0" x 16; syscall(228, $_[0], $spec); my ($s, $ns) = unpack 'qq', $spec; return $s * 1000 + $ns / 1e6 }
sub now { return clock(1) }
sub nonblocking { my $s = shift; fcntl($s, F_SETFL, fcntl($s, F_GETFL, 0) | O_NONBLOCK) }
sub object { my $h = shift; return '{' . join(',', map { "\"$_\":$h->{$_}" } sort keys %$h) . '}' }

if ($mode eq 'serve') {
  $SIG{PIPE} = 'IGNORE';
  alarm 3600;
  socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
  setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
  bind($listener, sockaddr_in($option{port}, INADDR_ANY)) or die "bind: $!\n";
  listen($listener, 1024) or die "listen: $!\n";
  print "ready\n";
  while (1) {
    my $peer = accept(my $client, $listener) or next;
    my ($port, $address) = sockaddr_in($peer);
    syswrite($client, inet_ntoa($address) . ":$port\n");
    close $client;
  }
}
die "usage: traffic.pl serve|probe …\n" unless $mode eq 'probe';

my $to = sockaddr_in($option{port}, inet_aton($option{to}));
my ($stop, $sent, $skipped, $vec, %live, @probes) = (0, 0, 0, '');
$SIG{TERM} = sub { $stop = 1 };
my ($startedAt, $start) = (clock(0), now());

# Outcome of a probe, once: source on success, error otherwise. RST instead of FIN: no TIME_WAIT is left.
sub finish {
  my ($fd, $source, $error) = @_;
  my $probe = delete $live{$fd} or return;
  vec($vec, $fd, 1) = 0;
  # tcpi_total_retrans, at byte 100 of struct tcp_info (linux/tcp.h).
  my $info = getsockopt($probe->{socket}, IPPROTO_TCP, 11) // '';
  ($source, $error) = (undef, 'repeated') if defined $source && length $info >= 104 && unpack('L', substr $info, 100, 4) > 0;
  # tcpi_rtt, at byte 68, in microseconds; the first SYN is repeated after 1 s.
  @$probe{qw(slow from)} = (unpack('L', substr $info, 68, 4) >= 9e5, $_[1]) if defined $error && $error eq 'repeated';
  setsockopt($probe->{socket}, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
  close delete $probe->{socket};
  @$probe{qw(ms source error)} = (now() - $start - $probe->{at}, $source, $error);
}

sub launch {
  my $probe = { at => now() - $start };
  push @probes, $probe;
  my $failed = sub { @$probe{qw(ms error)} = (0, 'E' . ($!+0)) };
  socket(my $socket, PF_INET, SOCK_STREAM, 0) or return $failed->();
  nonblocking($socket);
  if ($option{from} ne '' && !bind($socket, sockaddr_in(0, inet_aton($option{from})))) { return $failed->() }
  if (!connect($socket, $to) && $! != EINPROGRESS) { return $failed->() }
  my $fd = fileno $socket;
  $probe->{socket} = $socket;
  $live{$fd} = $probe;
  vec($vec, $fd, 1) = 1;
}

while (1) {
  my $elapsed = now() - $start;
  # A late turn is made up for by a few probes only: a burst of hundreds after a stall would lose its own packets.
  my $turn = 0;
  while (!$stop && $sent * $option{every} <= $elapsed && $sent * $option{every} < $option{ms}) {
    $sent++;
    if ($turn++ < 4 && keys %live < 600) { launch() } else { $skipped++ }
  }
  my $done = $stop || $sent * $option{every} >= $option{ms};
  last if $done && !%live;
  my $due = $done ? 20 : $sent * $option{every} - (now() - $start);
  my $ready = select(my $readable = $vec, undef, undef, $due > 0 ? $due / 1000 : 0);
  if ($ready > 0) {
    for my $fd (keys %live) {
      next unless vec($readable, $fd, 1);
      my $got = sysread($live{$fd}{socket}, my $text, 64);
      if (!defined $got) { finish($fd, undef, 'E' . ($!+0)) unless $! == EAGAIN || $! == EINTR }
      elsif ($got && $text =~ /^([\d.]+):/) { finish($fd, $1) }
      else { finish($fd, undef, 'closed') }
    }
  }
  $elapsed = now() - $start;
  for my $fd (keys %live) { finish($fd, undef, 'timeout') if $elapsed - $live{$fd}{at} > $option{timeout} }
}

my $end = @probes ? $probes[-1]{at} + $option{every} : 0;
my ($late, $next) = (0);
for my $probe (reverse @probes) {
  # Of those begun after it, the first that needed no second SYN.
  $next = $probe->{ms} if defined $probe->{source};
  next unless $probe->{slow} && (!defined $next || $next >= 500);
  $late++;
  $probe->{source} = $probe->{from};
}
my (%sources, %errors, @times, @outages, $current);
for my $probe (@probes) {
  if (defined $probe->{source}) {
    $sources{ $probe->{source} }++;
    push @times, $probe->{ms};
    if ($current) { $current->{to} = $probe->{at}; undef $current }
  } else {
    $errors{ $probe->{error} }++;
    push @outages, $current = { from => $probe->{at}, to => $end, lost => 0 } unless $current;
    $current->{lost}++;
  }
}
@times = sort { $a <=> $b } @times;
my ($longest, $gap, $previous) = (0, 0, undef);
for (@outages) { $longest = $_->{to} - $_->{from} if $_->{to} - $_->{from} > $longest }
# How evenly we probed: the longest time without a probe, whatever became of it.
for (@probes) { $gap = $_->{at} - $previous if defined $previous && $_->{at} - $previous > $gap; $previous = $_->{at} }
sub quantile { return sprintf '%.1f', @times ? $times[ $_[0] * @times >= @times ? -1 : $_[0] * @times ] : 0 }
printf qq({"summary":{"startedAt":%.0f,"sent":%d,"skipped":%d,"ok":%d,"late":%d,"lost":%d,"longestOutageMs":%.0f,"longestSilenceMs":%.0f,"sources":%s,"errors":%s,"latencyMs":{"median":%s,"p99":%s,"max":%s},"outages":[%s],"lostAt":[%s],"failedAt":[%s]}}\n),
  $startedAt, scalar @probes, $skipped, scalar @times, $late, @probes - @times, $longest, $gap, object(\%sources), object(\%errors),
  quantile(0.5), quantile(0.99), quantile(1),
  join(',', map { sprintf '{"fromMs":%.0f,"toMs":%.0f,"lost":%d}', @$_{qw(from to lost)} } @outages),
  join(',', map { sprintf '%.0f', $_->{at} } grep { !defined $_->{source} } @probes),
  join(',', map { sprintf '%.0f', $_->{at} } grep { !defined $_->{source} && $_->{error} ne 'repeated' } @probes);
