#!/bin/sh
# Makes ready what run.sh needs: Debian packages, a stock kernel with PPP (unpacked, never installed), an initramfs.
# Idempotent; a second run costs about 0.1 s. Prints the cache directory on stdout, everything else on stderr.
#
# Cache: $WANHOOK_VM_CACHE, or $XDG_CACHE_HOME/wanhook-vm, or node_modules/.cache/wanhook-vm in the repository.
# WANHOOK_VM_KERNEL=backports: this release's backports kernel instead, in a cache of its own (…-backports).
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
repo=$(CDPATH='' cd -- "$here/../.." && pwd)
cache=${WANHOOK_VM_CACHE:-${XDG_CACHE_HOME:-$repo/node_modules/.cache}/wanhook-vm}
kernel=${WANHOOK_VM_KERNEL:-stock}
case $kernel in
  stock) ;;
  backports) cache=$cache-backports ;;
  *) echo "vm/prepare: WANHOOK_VM_KERNEL=$kernel: expected stock or backports" >&2; exit 2 ;;
esac
say() { printf 'vm/prepare: %s\n' "$*" >&2; }

# Two machines may be wanted at once: one of them makes ready for both.
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 600 9 || { say 'another prepare.sh holds the cache'; exit 1; }

# tool:package. The packages are those of a Debian router under test plus what boots it.
wanted='qemu-system-x86_64:qemu-system-x86 cpio:cpio pppd:ppp pppoe-server:pppoe dhclient:isc-dhcp-client
  dhcpd:isc-dhcp-server nft:nftables conntrack:conntrack tcpdump:tcpdump ip:iproute2 ping:iputils-ping
  dnsmasq:dnsmasq-base depmod:kmod perl:perl-base flock:util-linux pptp:pptp-linux pptpd:pptpd xl2tpd:xl2tpd'
PATH=$PATH:/usr/sbin:/sbin
missing=''
for pair in $wanted; do
  command -v "${pair%%:*}" >/dev/null 2>&1 || missing="$missing ${pair#*:}"
done
# /bin/busybox may be the dynamic one; the initramfs has no libc.
dpkg-query -W -f '${Status}\n' busybox-static 2>/dev/null | grep -q 'install ok installed' || missing="$missing busybox-static"
if [ -n "$missing" ]; then
  say "installing$missing"
  # A build machine must not start a DHCP server because a test wants its binary.
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
    trap 'rm -f "$policy"' EXIT
  fi
  export DEBIAN_FRONTEND=noninteractive
  timeout 300 apt-get update -qq >&2
  # shellcheck disable=SC2086 # a list of package names
  timeout 600 apt-get install -y -qq --no-install-recommends $missing >&2
fi

init=$here/init.sh
stamp=$cache/ready
if [ -n "$(find "$stamp" -newer "$init" -newer "$here/prepare.sh" 2>/dev/null)" ]; then
  echo "$cache"
  exit 0
fi

if [ ! -e "$cache/kernel" ]; then
  # Backports are asked with lists of their own: the machine's sources stay as they are.
  apt_conf=
  if [ "$kernel" = backports ]; then
    codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian $codename-backports main" \
      >"$cache/apt/sources.list"
    printf '%s\n' "Dir::Etc::SourceList \"$cache/apt/sources.list\";" 'Dir::Etc::SourceParts "/dev/null";' \
      "Dir::State::Lists \"$cache/apt/lists\";" "Dir::Cache \"$cache/apt\";" 'APT::Sandbox::User "root";' \
      'Acquire::Languages "none";' >"$cache/apt/apt.conf"
    apt_conf=$cache/apt/apt.conf
  fi
  if [ -n "$apt_conf" ]; then export APT_CONFIG="$apt_conf"; fi
  find_kernel() { apt-cache depends linux-image-amd64 2>/dev/null | awk '/Depends: linux-image-[0-9]/ {print $2; exit}'; }
  package=$(find_kernel)
  if [ -z "$package" ]; then
    timeout 300 apt-get update -qq >&2
    package=$(find_kernel)
  fi
  [ -n "$package" ] || { say "apt offers no linux-image-amd64 ($kernel)"; exit 1; }
  say "downloading $package (about 70 MB, once)"
  rm -rf "$cache/unpack" && mkdir -p "$cache/unpack"
  # A cached package list may name a version that the mirror has dropped since: refresh and ask again.
  (cd "$cache/unpack" && { timeout 600 apt-get download -qq "$package" || { timeout 300 apt-get update -qq && timeout 600 apt-get download -qq "$package"; }; }) >&2
  dpkg -x "$cache"/unpack/linux-image-*.deb "$cache/unpack/root"
  release=$(ls "$cache/unpack/root/lib/modules")
  depmod -b "$cache/unpack/root" "$release"
  rm -f "$cache"/unpack/*.deb
  mv "$cache/unpack/root" "$cache/kernel"
  rm -rf "$cache/unpack" "$cache/apt"
fi

# The initramfs: busybox and the modules that reach the host's root file system. Everything else comes from there.
release=$(ls "$cache/kernel/lib/modules")
modules=$cache/kernel/lib/modules/$release
tree=$cache/initramfs
rm -rf "$tree"
mkdir -p "$tree/bin" "$tree/proc" "$tree/sys" "$tree/dev" "$tree/modules"
cp "$(command -v busybox)" "$tree/bin/busybox"
cp "$init" "$tree/init"
chmod 755 "$tree/init"
: >"$tree/modules/order"
load() { # with what it depends on, in loading order, once; plain .ko as busybox insmod wants it
  # shellcheck disable=SC2013 # words are meant: module paths have no blanks
  for file in $(awk -v want="/$1.ko" '
      { name = $1; sub(/:$/, "", name); if (index(name, want) && name ~ (want "(\\.xz|\\.zst|\\.gz)?$")) { for (i = NF; i > 1; i--) print $i; print name; exit } }' \
    "$modules/modules.dep"); do
    name=$(basename "$file")
    case $name in
      *.xz) name=${name%.xz}; [ -e "$tree/modules/$name" ] || xz -dc "$modules/$file" >"$tree/modules/$name" ;;
      *.zst) name=${name%.zst}; [ -e "$tree/modules/$name" ] || zstd -qdc "$modules/$file" >"$tree/modules/$name" ;;
      *.gz) name=${name%.gz}; [ -e "$tree/modules/$name" ] || gzip -dc "$modules/$file" >"$tree/modules/$name" ;;
      *) cp "$modules/$file" "$tree/modules/$name" ;;
    esac
    grep -qx "$name" "$tree/modules/order" || echo "$name" >>"$tree/modules/order"
  done
}
load virtio_pci
load 9pnet_virtio
load 9p
load overlay
(cd "$tree" && find . | cpio -o -H newc --quiet | gzip -1) >"$cache/initrd.new"
mv "$cache/initrd.new" "$cache/initrd"
cp "$cache"/kernel/boot/vmlinuz-* "$cache/vmlinuz"
echo "$release" >"$stamp"
say "ready: Linux $release in $cache"
echo "$cache"
