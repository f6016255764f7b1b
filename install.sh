#!/bin/sh
# Installs wanhook and takes it away again; ./install.sh --help. Safe to run again: what is right is left alone.
#
# /usr/lib/wanhook/manifest is the record of what is ours. A line is KIND SHA256 MODE PATH:
#   file     ours: written when it differs, removed with us
#   conf     the administrator's from now on: replaced or removed only while it still is the default that we shipped
#            (SHA256); a default that changes later is put beside the administrator's file as PATH.new
#   pending  a conf on its way, while an installation runs
#   dir      a directory that was not there before: removed with us if it is empty
#   package  a Debian package that was not there before: it stays, and --uninstall names it
# It is written before the first file, so that an interrupted run can be repeated or undone.
set -eu
umask 022
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
export PATH LC_ALL
unset NODE_OPTIONS

here=$(cd "$(dirname "$0")" && pwd)
verb=install destdir='' live=yes deps=yes purge=no all=no distro=''
node='' new_packages='' found=''
owner=$(id -u) group=$(id -g)

# shellcheck source=hooks/clients.sh
. "$here/hooks/clients.sh"

UNITS=/etc/systemd/system
UNIT=$UNITS/wanhook.service
INIT=/etc/init.d/wanhook-monitor
MANIFEST=/usr/lib/wanhook/manifest
NODE_OLDEST=20.19

usage() {
  cat <<'USAGE'
Usage: sudo ./install.sh [OPTION…]               install, or bring an older installation up to date
       ./install.sh --destdir DIR                the same files below DIR, for a package; this system stays as it is
       sudo ./install.sh --uninstall [--purge]   take it away; --purge: with everything in /etc/wanhook
       sudo ./install.sh --demo [--no-deps]      show it at work in a lab of its own; this system stays as it is

  --destdir DIR   with --uninstall: take it away below DIR
  --no-deps       install no packages, only say which are missing
  --all           the hooks of all clients, not only of those that are here (--destdir: always)
  --distro NAME   put hooks where this distribution has them: debian, arch, fedora or alpine; default: by /etc/os-release
USAGE
}

say() { printf '%s\n' "$*"; }
warn() { say "install.sh: warning: $*" >&2; }
die() {
  step='' # said
  say "install.sh: $*" >&2
  exit 1
}
bad_usage() {
  say "install.sh: $*" >&2
  usage >&2
  exit 2
}

parse_options() {
  while [ $# -gt 0 ]; do
    case $1 in
      --destdir) [ -n "${2-}" ] || bad_usage '--destdir needs a directory'; destdir=${2%/} live=no; shift ;;
      --destdir=?*) destdir=${1#*=} destdir=${destdir%/} live=no ;;
      --no-deps) deps=no ;;
      --all) all=yes ;;
      --distro) set_distro "${2-}"; shift ;;
      --distro=*) set_distro "${1#*=}" ;;
      --purge) purge=yes ;;
      --uninstall | --demo) [ "$verb" = install ] || bad_usage "$1 and --$verb exclude each other"; verb=${1#--} ;;
      -h | --help) usage && exit 0 ;;
      *) bad_usage "unknown option \"$1\"" ;;
    esac
    shift
  done
  [ $purge = no ] || [ "$verb" = uninstall ] || bad_usage '--purge goes with --uninstall'
  [ $live = yes ] || [ "$verb" != demo ] || bad_usage '--demo installs nothing: it has no --destdir'
  [ $live = yes ] || all=yes
  [ $live = no ] || [ "$owner" = 0 ] || die 'this needs root: try it with sudo (only --destdir does without)'
}

set_distro() {
  for distro in $DISTROS; do [ "$distro" != "$1" ] || return 0; done
  bad_usage "unknown distribution \"$1\": --distro is one of $DISTROS"
}

# --- What it needs ----------------------------------------------------------------------------------------------------

# Sets node: the first that is new enough where root's programs are. A user's own (nvm) is none for root's hooks.
find_node() {
  for node in $(say "$PATH" | sed 's|[^:]*|&/node &/nodejs|g; s|:| |g'); do
    [ -x "$node" ] || continue
    printf '%s\n' $NODE_OLDEST "$(node_version)" | sort -VC && return
  done
  node=''
  return 1
}
node_version() { "${node:-node}" -p process.versions.node 2>/dev/null || echo 0; }

missing_packages() {
  while read -r command package; do
    command -v "$command" >/dev/null || say "$package"
  done <<'PACKAGES'
ip iproute2
nft nftables
conntrack conntrack
fping fping
flock util-linux
logger bsdutils
PACKAGES
  find_node || say nodejs
  if needs_modules && ! command -v npm >/dev/null; then say npm; fi
}

install_packages() {
  step='looking for missing packages'
  missing=$(missing_packages | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if [ $deps = no ] || [ $live = no ]; then
    warn "wanhook needs these packages: $missing"
  elif command -v apt-get >/dev/null; then
    apt_install "$missing"
  else
    die "these packages are missing, by their Debian names: ${missing}(Fedora: iproute nftables conntrack-tools fping" \
      'nodejs npm; Arch, Alpine: iproute2 nftables conntrack-tools fping nodejs npm). Install them, then run this again'
  fi
}

apt_install() {
  step="installing packages: $1"
  export DEBIAN_FRONTEND=noninteractive
  say '+ apt-get update'
  apt-get -qq update || warn 'apt-get update failed: going on with the package lists that are here'
  # Before anything is installed: Debian 12 and Ubuntu 24.04 have Node.js 18.
  case " $1" in *' nodejs '*)
    offered=$(apt-cache policy nodejs | sed -n 's/^ *Candidate: //p')
    dpkg --compare-versions "${offered:-0}" ge $NODE_OLDEST || need_node "; apt offers ${offered:-none}" ;;
  esac
  say "+ apt-get install $1"
  # shellcheck disable=SC2086 # a list of names
  apt-get -qq -y -o DPkg::Lock::Timeout=120 install --no-install-recommends $1 >/dev/null ||
    die "apt-get could not install $1: see its message above. Nothing else has been changed"
  new_packages=$1
}

need_node() {
  die "this needs Node.js $NODE_OLDEST or newer; here is $(command -v node || echo none) ($(node_version))$1." \
    'Install one for the whole system: from NodeSource (https://github.com/nodesource/distributions), or from' \
    'https://nodejs.org into /usr/local. Then run this again. Nothing has been changed'
}

check_node() {
  find_node || need_node ''
  [ "$(stat -Lc %u "$node")" = 0 ] || warn "$node does not belong to root: its owner could make root's hooks do anything"
}

built() {
  name=${1##*/}
  say "dist/hooks/${name%.ts}.cjs"
}

needs_build() {
  for entry in "$here"/hooks/*.ts; do
    [ -s "$here/$(built "$entry")" ] || return 0
  done
  [ -s "$here/dist/completions/fish" ] || return 0
  [ -n "$(find "$here/src" "$here/hooks" "$here/package.json" -newer "$here/$(built wanhook.ts)")" ]
}

needs_modules() {
  [ "$verb" = demo ] || needs_build || return 1
  installed=$here/node_modules/.package-lock.json
  [ ! -e "$installed" ] || [ -n "$(find "$here/package-lock.json" -newer "$installed")" ]
}

# What root's npm makes belongs to the checkout's owner, who wants to go on working in it.
npm_run() {
  step="npm $*"
  say "+ npm $*"
  (cd "$here" && PATH=${node%/*}:$PATH npm --no-audit --no-fund --loglevel=error "$@" >"$work/npm.log" 2>&1) || {
    cat "$work/npm.log" >&2
    die "\"npm $*\" failed in $here: see above. Nothing has been installed"
  }
  [ "$owner" != 0 ] || chown -hR --reference="$here" "$here/node_modules" "$here/dist" 2>/dev/null || :
}

prepare() {
  install_packages
  check_node
  if needs_modules; then npm_run ci --ignore-scripts; fi
  if needs_build; then npm_run run build; fi
}

# --- What is to be installed: a tree below $stage, and the manifest that describes it ---------------------------------

# put MODE SOURCE PATH [HOOK]
put() {
  mkdir -p "$stage${3%/*}"
  sed -e "s|@NODE@|$node|g" -e "s|@HOOK@|${4-}|g" "$here/$2" >"$stage$3"
  chmod "$1" "$stage$3"
}

stage_tree() {
  step='putting the files together'
  for entry in "$here"/hooks/*.ts; do
    file=$(built "$entry")
    put 644 "$file" "/usr/lib/wanhook/hooks/${file##*/}"
  done
  put 644 src/lean/load.cjs /usr/lib/wanhook/hooks/load.cjs
  put 755 hooks/run-hook.sh /usr/lib/wanhook/run-hook.sh
  put 755 hooks/health.sh /usr/lib/wanhook/health.sh
  put 755 hooks/wanhook-command.sh /usr/sbin/wanhook
  detect_distro
  for client in $CLIENTS; do
    has_client "$client" || continue
    found="$found $client"
    # shellcheck disable=SC2086 # words
    hooks_of "$client" | while read -r line; do put $line; done
  done
  put 644 etc/wanhook/wanhook.env /etc/wanhook/wanhook.env
  put 644 etc/wanhook/clients/README /etc/wanhook/clients/README
  for example in "$here"/etc/wanhook/events.d/*; do
    put 644 "etc/wanhook/events.d/${example##*/}" "/etc/wanhook/events.d/${example##*/}"
  done
  put 644 etc/wanhook/links/README /etc/wanhook/links/README
  put 644 etc/wanhook/rules/README /etc/wanhook/rules/README
  put 644 etc/wanhook/sets/README /etc/wanhook/sets/README
  stage_reading
  if [ $live = no ] || has_systemd; then
    for file in wanhook.service wanhook-monitor.service wanhook-scripts.path wanhook-scripts.service; do
      put 644 "etc/systemd/system/$file" "$UNITS/$file"
    done
  else
    put 755 etc/init.d/wanhook-monitor $INIT
  fi
  mkdir -p "$stage/etc/iproute2/rt_tables.d" # where "wanhook apply" names its tables
}

# For people and their shells.
stage_reading() {
  for page in "$here"/docs/man/*; do put 644 "docs/man/${page##*/}" "/usr/share/man/man${page##*.}/${page##*/}"; done
  put 644 dist/completions/bash /usr/share/bash-completion/completions/wanhook
  put 644 dist/completions/fish /usr/share/fish/vendor_completions.d/wanhook.fish
  zsh=/usr/share/zsh/site-functions
  [ "$distro" != debian ] || zsh=/usr/share/zsh/vendor-completions
  put 644 dist/completions/zsh "$zsh/_wanhook"
}

has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }
sum_of() {
  sum_line=$(sha256sum <"$1")
  say "${sum_line%% *}"
}
sort_manifest() { sort -u -k 4 -k 1,3 "$@"; }

# listed MANIFEST KIND SHA256 PATH; an empty SHA256 stands for any.
listed() { grep -q "^$2 ${3:-[^ ]*} [^ ]* $4\$" "$1"; }

# Parents come before children, by the order of the paths.
manifest_of_stage() {
  find "$stage" -mindepth 1 -printf '%y %m /%P\n' | while read -r type mode path; do
    case $type:$path in
      d:*)
        if [ ! -d "$destdir$path" ] || listed "$work/old" dir - "$path"; then say "dir - 755 $path"; fi ;;
      f:/etc/wanhook/*) say "conf $(sum_of "$stage$path") $mode $path" ;;
      f:*) say "file $(sum_of "$stage$path") $mode $path" ;;
    esac
  done
  grep '^package ' "$work/old" || :
  for package in $new_packages; do say "package - - $package"; done
}

# While installing, a new conf is only pending: should we be interrupted, it has not been removed by the administrator.
as_pending() {
  while read -r kind sum mode path; do
    [ "$kind" != conf ] || listed "$work/old" conf '' "$path" || kind=pending
    say "$kind $sum $mode $path"
  done
}
without_pending() {
  while read -r kind sum mode path; do
    if [ "$kind" = pending ]; then
      rm -f "$destdir$path.wanhook-tmp"
      [ -e "$destdir$path" ] || continue
      kind=conf
    fi
    say "$kind $sum $mode $path"
  done
}

# Is there somebody else's file? is_other SHA256 PATH. In the administrator's place, only what we have written is ours.
is_other() {
  [ -e "$destdir$2" ] || return 1
  there=$(sum_of "$destdir$2") ours=''
  ! may_replace "$2" || ours=$there
  ! listed "$work/old" file "$ours" "$2" && [ "$there" != "$1" ]
}

# Nobody else's file is overwritten.
check_target() {
  while read -r kind sum _ path; do
    if [ "$kind" != file ] || ! is_other "$sum" "$path"; then continue; fi
    may_replace "$path" || die "$destdir$path is there, and not from us: move it away. Nothing has been changed"
    say "$path" >>"$work/others"
  done <"$work/new"
}

# --- Installing and removing, in pairs --------------------------------------------------------------------------------

install_dir() {
  [ -d "$destdir$1" ] && return
  say "+ mkdir $destdir$1"
  install -d -m 755 -o "$owner" -g "$group" "$destdir$1"
}
remove_dir() {
  if rmdir "$destdir$1" 2>/dev/null; then say "+ rmdir $destdir$1"; fi
}

# install_file MODE SOURCE PATH: renamed into place, for pppd may be starting the old one this instant.
install_file() {
  target=$destdir$3
  cmp -s "$2" "$target" && [ ! -L "$target" ] && [ "$(stat -c '%a %u %g' "$target")" = "$1 $owner $group" ] && return
  say "+ install -m $1 $target"
  install -m "$1" -o "$owner" -g "$group" "$2" "$target.wanhook-tmp" && mv -f "$target.wanhook-tmp" "$target"
}
remove_file() {
  if [ -e "$destdir$1" ] || [ -L "$destdir$1" ]; then say "+ rm $destdir$1" && rm -f "$destdir$1"; fi
}

# remove_ours PATH: a script in the administrator's place only as we have written it.
remove_ours() {
  if is_other '' "$1" && ! cmp -s "$destdir$1" "$destdir$1$BEFORE"; then
    warn "$destdir$1 has been changed since it was installed: it stays, and so does what it runs. Take out of it what is ours"
    return
  fi
  remove_file "$1"
  give_back "$1"
}

# install_conf MODE SOURCE PATH
install_conf() {
  new_sum=$(sum_of "$2")
  if [ ! -e "$destdir$3" ]; then
    listed "$work/old" conf '' "$3" || install_file "$@" # what the administrator removed stays removed
    return
  fi
  sum=$(sum_of "$destdir$3")
  if [ "$sum" = "$new_sum" ] || listed "$work/old" conf "$sum" "$3"; then
    install_file "$@"
    remove_file "$3.new"
  elif ! listed "$work/old" conf "$new_sum" "$3"; then
    install_file "$1" "$2" "$3.new"
    warn "$destdir$3 is yours and stays as it is; the new default is beside it as $destdir$3.new"
  fi
}
remove_conf() {
  remove_file "$1.new"
  [ -e "$destdir$1" ] || return 0
  if listed "$work/old" conf "$(sum_of "$destdir$1")" "$1"; then remove_file "$1"; else say "kept: $destdir$1"; fi
}

install_unit() {
  step='telling systemd'
  systemctl daemon-reload
  # Only the first time: whoever has disabled it since, wants it so.
  if ! listed "$work/old" file '' $UNIT; then
    say '+ systemctl enable wanhook.service'
    systemctl -q enable wanhook.service
  fi
  # Only if it runs: it is enabled by whoever wants it.
  systemctl -q try-restart wanhook-monitor.service
}
remove_unit() {
  say '+ systemctl disable --now wanhook.service'
  systemctl -q disable --now wanhook.service || warn 'systemctl failed: see above'
}
# Before "wanhook stop": it would only look on.
stop_monitor() {
  if [ -e $UNITS/wanhook-monitor.service ] && has_systemd; then
    say '+ systemctl disable --now wanhook-monitor.service'
    systemctl -q disable --now wanhook-monitor.service wanhook-scripts.path || warn 'systemctl failed: see above'
  elif [ -x $INIT ]; then
    say "+ $INIT stop"
    $INIT stop || warn "$INIT stop failed"
  fi
}

# The old manifest's, children first. An interrupted update leaves two of a file.
old_entries() { sort -u -r -k 4 -k 1,1 "$work/old"; }
# remove_entries: those on standard input.
remove_entries() {
  while read -r kind _ _ path; do
    case $kind in
      file) remove_ours "$path" ;;
      conf) remove_conf "$path" ;;
      dir) remove_dir "$path" ;;
    esac
  done
}

install_all() {
  prepare
  stage_tree
  manifest_of_stage | sort_manifest >"$work/new"
  as_pending <"$work/new" | sort_manifest "$work/old" - >"$work/both"
  check_target
  step="installing (what is done so far is in $destdir$MANIFEST: run this again, or --uninstall)"
  mkdir -p "$destdir/"
  grep '^dir ' "$work/new" | while read -r _ _ _ path; do install_dir "$path"; done
  # Before the manifest says that they are ours.
  while read -r path; do keep_other "$path"; done <"$work/others"
  install_file 644 "$work/both" $MANIFEST
  while read -r kind _ mode path; do
    case $kind in file | conf) "install_$kind" "$mode" "$stage$path" "$path" ;; esac
  done <"$work/new"
  # What an older version had, and this one has not.
  old_entries | while read -r kind sum mode path; do
    listed "$work/new" "$kind" '' "$path" || say "$kind $sum $mode $path"
  done | remove_entries
  if [ $live = yes ] && has_systemd; then install_unit; fi
  verify_tree
  [ $live = no ] || verify_live
  install_file 644 "$work/new" $MANIFEST
  next_steps
}

remove_all() {
  [ $live = no ] || stop_routing
  step='uninstalling: run this again'
  old_entries >"$work/entries"
  grep -v '^dir ' "$work/entries" | remove_entries
  remove_file $MANIFEST
  grep '^dir ' "$work/entries" | remove_entries
  [ $live = no ] || rm -rf /run/wanhook /var/lib/wanhook
  if [ $live = yes ] && has_systemd; then systemctl daemon-reload; fi
  [ $purge = no ] || rm -rf "$destdir/etc/wanhook"
  [ ! -e "$destdir/etc/wanhook" ] || say "kept: your files in $destdir/etc/wanhook (--uninstall --purge removes them)"
  packages=$(sed -n 's/^package - - //p' "$work/old" | tr '\n' ' ')
  [ -z "$packages" ] || say "kept: the packages that were installed for wanhook: $packages"
  say 'wanhook is gone'
}

stop_routing() {
  step='stopping wanhook'
  stop_monitor
  if /usr/sbin/wanhook --version >/dev/null 2>&1; then
    say '+ wanhook stop'
    /usr/sbin/wanhook stop || die '"wanhook stop" failed: see above. Nothing has been removed'
  elif [ -s "$work/old" ]; then
    warn '/usr/sbin/wanhook does not run: its rules and routes stay in the kernel until the next boot'
  fi
  if [ -e $UNIT ] && has_systemd; then remove_unit; fi
  remove_file /etc/iproute2/rt_tables.d/wanhook.conf
}

# --- Is it really there? ----------------------------------------------------------------------------------------------

verify_tree() {
  step='verifying what was installed'
  while read -r kind sum mode path; do
    target=$destdir$path
    [ "$kind" = file ] || continue
    [ "$(sum_of "$target")" = "$sum" ] || die "$target is not what was installed: is the disk full?"
    [ "$(stat -c '%a %u %g' "$target")" = "$mode $owner $group" ] || die "$target has a wrong mode or owner"
    [ "$mode" = 755 ] || continue
    IFS= read -r first <"$target"
    [ -x "${first#??}" ] || die "$target: its first line names no program: $first"
  done <"$work/new"
}

verify_live() {
  verify_hooks
  version=$(/usr/sbin/wanhook --version) || die '/usr/sbin/wanhook does not run: see above'
  say "verified: wanhook $version, its hooks and its command run with $node"
  say "hooks, as $distro has them, for:$found"
  for client in $found; do hints "$client"; done
}

next_steps() {
  if [ $live = no ]; then
    say "installed below $destdir"
  elif ls /etc/wanhook/links/*.env >/dev/null 2>&1; then
    # A version may be stricter than the one before: about who may write these files, say.
    problems=$(/usr/sbin/wanhook check 2>&1 >/dev/null) ||
      warn "this version does not take the configuration; until it is mended, hooks go on with the last good one: $problems"
    say 'Next: "wanhook check", "wanhook plan" (what would change), "wanhook apply", "wanhook status".'
  else
    say 'Next: "wanhook init" looks for your lines and proposes their files (or write /etc/wanhook/links/NAME.env by hand,'
    say '      see /etc/wanhook/links/README), then "wanhook try". Manual: wanhook(8), wanhook.env(5).'
  fi
}

run_demo() {
  prepare
  npm_run run build:demo
  rm -rf "$work"
  exec "$node" "$here/dist/test/demo.cjs"
}

# At the end, however it comes.
tidy() {
  status=$?
  rm -rf "$work"
  [ $status = 0 ] || [ -z "$step" ] || say "install.sh: failed while $step" >&2
  exit $status
}

parse_options "$@"
step='preparing'
work=$(mktemp -d)
stage=$work/stage
trap tidy EXIT
trap 'exit 130' INT TERM HUP
mkdir "$stage"
touch "$work/old" "$work/others"
[ ! -e "$destdir$MANIFEST" ] || without_pending <"$destdir$MANIFEST" >"$work/old"
case $verb in
  install) install_all ;;
  uninstall) remove_all ;;
  demo) run_demo ;;
esac
