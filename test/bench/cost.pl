#!/usr/bin/perl
# What a hook costs, for `npm run bench`: perl-base only, and almost nothing beside what it measures. Run in a router's
# network and process namespace; prints one line of JSON.
#
#   cost.pl --before SHELL --count N --quiet MS -- COMMAND…
#
# SHELL is done first and not timed. COMMAND is started N times at once, as pppd starts a hook: with no environment.
#   wall       ms until all of them have returned
#   applied    ms until the last change of rules, routes, nexthops or nftables, until QUIET ms without one; -1: there was none
#   cpu        ms, user and system, of what was started and has ended when nothing changes any more
#   beside     the same of `wanhook monitor`, if it runs, from SHELL on: it may act before any hook
#   rss        KiB at the peak of the largest process
#   processes  how many there were, and "names", those that have ended; by the kernel's process accounting, -1 without it
use strict;
use warnings;
use Socket;

my %option = (before => '', count => 1, quiet => 100);
while (defined(my $word = shift @ARGV)) {
  last if $word eq '--';
  my ($key) = $word =~ /^--(\w+)$/ or die "cost.pl: what is \"$word\"?\n";
  exists $option{$key} or die "cost.pl: no option --$key\n";
  $option{$key} = shift @ARGV;
}

# System calls by number (x86-64): what they need is not in perl-base. 1: the monotonic clock.
my ($CLOCK_GETTIME, $WAIT4, $ACCT, $PRCTL) = (228, 61, 163, 157);
my ($WNOHANG, $SET_CHILD_SUBREAPER) = (1, 36);
sub clock { my $spec = "\0" x 16; syscall($CLOCK_GETTIME, 1, $spec); my ($s, $ns) = unpack 'qq', $spec; return $s * 1e3 + $ns / 1e6 }

# Netlink tells every change when it is made. Routes, rules and nexthops; nftables.
sub listen_to {
  my ($family, $groups) = @_;
  socket(my $socket, 16, SOCK_RAW, $family) or return;
  setsockopt($socket, SOL_SOCKET, 33, pack('i', 8 << 20)); # SO_RCVBUFFORCE: 64 hooks at once
  bind($socket, pack('SSLL', 16, 0, 0, $groups)) or return;
  return $socket;
}
my @sockets = (listen_to(0, 0x80000000 | 0x40 | 0x80 | 0x400), listen_to(12, 0x40));

# True if anything was said within the time; it has been read then.
sub heard {
  my $seconds = shift;
  my $vec = '';
  vec($vec, fileno $_, 1) = 1 for @sockets;
  return 0 unless select(my $ready = $vec, undef, undef, $seconds) > 0;
  for my $each (grep { vec($ready, fileno $_, 1) } @sockets) { recv($each, my $text, 65536, 0) }
  return 1;
}

sub first_line { open(my $file, '<', shift) or return ''; return scalar(<$file>) // '' }
# Of `wanhook monitor`, and of its children that have ended: clock ticks of 10 ms.
sub monitor_ticks {
  my ($pid) = first_line('/run/wanhook/monitor') =~ /^(\d+) / or return;
  my ($rest) = first_line("/proc/$pid/stat") =~ /\) (.*)/ or return;
  my @field = split / /, $rest;
  return $field[11] + $field[12] + $field[13] + $field[14];
}

my $monitor = monitor_ticks();
system('/bin/sh', '-c', $option{before}) == 0 or die "cost.pl: this failed: $option{before}\n" if $option{before} ne '';
1 while heard(0);

my $book = "/run/acct.$$";
open(my $empty, '>', $book) or die "$book: $!\n";
my $counts = syscall($ACCT, $book) == 0;

# Whoever outlives the hook that has started him is ours.
syscall($PRCTL, $SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0 or die "prctl: $!\n";
my ($woken, %running) = (0);
$SIG{CHLD} = sub { $woken = 1 };
my $started = clock();
for (1 .. $option{count}) {
  my $pid = fork() // die "fork: $!\n";
  if ($pid == 0) {
    open(STDIN, '<', '/dev/null'); open(STDOUT, '>', '/dev/null'); open(STDERR, '>', '/dev/null');
    %ENV = ();
    exec { $ARGV[0] } @ARGV;
    exit 127;
  }
  $running{$pid} = 1;
}
my $first = (sort { $a <=> $b } keys %running)[0];

my ($wall, $applied, $cpu, $rss, $failed) = (0, -1, 0, 0, 0);
sub reap {
  my ($status, $usage) = ("\0" x 4, "\0" x 144);
  while ((my $pid = syscall($WAIT4, -1, $status, $WNOHANG, $usage)) > 0) {
    my @use = unpack 'q5', $usage;
    $cpu += ($use[0] + $use[2]) * 1e3 + ($use[1] + $use[3]) / 1e3;
    $rss = $use[4] if $use[4] > $rss;
    next unless delete $running{$pid};
    $wall = clock() - $started;
    $failed++ if unpack('i', $status) != 0;
  }
}
while (%running) {
  $applied = clock() - $started if heard(0.005);
  reap();
  die "cost.pl: still running after a minute: @ARGV\n" if clock() - $started > 60_000;
}
my $last = clock();
while (clock() - $last < $option{quiet}) {
  reap();
  next unless heard(0.005);
  $last = clock();
  $applied = $last - $started;
  die "cost.pl: changes without end after @ARGV\n" if $applied > 60_000;
}

reap();
my ($processes, %names) = (-1);
if ($counts) {
  syscall($ACCT, 0);
  my %seen;
  open(my $file, '<', $book) or die "$book: $!\n";
  while (read($file, my $record, 64) == 64) {
    my ($flags, $version, $pid, $name) = unpack 'CCx14Lx28Z16', $record;
    next if $pid < $first;
    $seen{$pid} = 1;
    $names{$name}++;
  }
  # And those that are still there.
  opendir(my $proc, '/proc') or die "/proc: $!\n";
  $seen{$_} = 1 for grep { /^\d+$/ && $_ >= $first } readdir $proc;
  $processes = keys %seen;
}
unlink $book;
my $after = monitor_ticks();
my $beside = defined $monitor && defined $after ? ($after - $monitor) * 10 : -1;
my $list = join ', ', map { "\"$_\": $names{$_}" } sort keys %names;
printf "{\"wall\": %.3f, \"applied\": %.3f, \"cpu\": %.3f, \"beside\": %d, \"rss\": %d, \"processes\": %d, \"failed\": %d, \"names\": {%s}}\n",
  $wall, $applied, $cpu, $beside, $rss, $processes, $failed, $list;
