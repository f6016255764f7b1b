#!/bin/sh
# `npm run deb [-- DIRECTORY]`: builds wanhook_VERSION_all.deb, in dist/ or there. Needs dpkg-deb and no network; any user may.
# The files are those that install.sh puts below --destdir, in Debian's places.
set -eu
umask 022
here=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "${1:-$here/dist}"
out=$(cd "${1:-$here/dist}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
root=$work/root
version=$(sed -n 's/^ *"version": "\(.*\)",$/\1/p' "$here/package.json")
# The same source gives the same package.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$here" log -1 --format=%ct 2>/dev/null || date -r "$here/package.json" +%s)}
export SOURCE_DATE_EPOCH

"$here/install.sh" --no-deps --distro debian --destdir "$root" >"$work/log" || { cat "$work/log" >&2; exit 1; }
rm "$root/usr/lib/wanhook/manifest"
mkdir -p "$root/usr/lib/systemd" "$root/usr/share/doc/wanhook"
mv "$root/etc/systemd/system" "$root/usr/lib/systemd/system"
rmdir "$root/etc/systemd"
# Debian's own node, whatever has built this.
sed -i 's|^node=/.*|node=/usr/bin/node|; s|(was /[^)]*)|(was /usr/bin/node)|' "$root/usr/sbin/wanhook" "$root/usr/lib/wanhook/run-hook.sh"

doc=$root/usr/share/doc/wanhook
gzip -9n "$root"/usr/share/man/man?/*
{
  echo 'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/'
  echo
  echo 'Files: *'
  sed -n 's/^Copyright (c) /Copyright: /p' "$here/LICENSE"
  echo 'License: Expat'
  sed -e '1,/^Copyright/d' -e 's/^$/./; s/^/ /' "$here/LICENSE" | sed '1{/^ \.$/d}'
  echo
  echo 'Files: usr/lib/wanhook/hooks/*'
  echo 'Copyright: the authors of commander, dotenv, execa, proper-lockfile and what these depend on'
  echo 'License: Expat'
} >"$doc/copyright"
cat >"$work/changelog" <<CHANGELOG
wanhook ($version) unstable; urgency=medium

  * What has changed and why: /usr/share/doc/wanhook/CHANGELOG.md.gz

 -- The wanhook authors <wanhook@wanhook.invalid>  $(LC_ALL=C date -R -u -d "@$SOURCE_DATE_EPOCH")
CHANGELOG
gzip -9n <"$work/changelog" >"$doc/changelog.gz"
for file in CHANGELOG.md README.md docs/keepalived.md docs/first-hour.md; do
  [ ! -e "$here/$file" ] || gzip -9n <"$here/$file" >"$doc/${file##*/}.gz"
done

# Examples are no scripts until somebody makes them so, and what other scripts source is none.
mkdir -p "$root/usr/share/lintian/overrides"
for file in 'etc/wanhook/events.d/*.example' etc/dhcp/dhclient-exit-hooks.d/zz-wanhook usr/lib/dhcpcd/dhcpcd-hooks/90-wanhook; do
  echo "wanhook: script-not-executable [$file]"
done >"$root/usr/share/lintian/overrides/wanhook"

mkdir "$root/DEBIAN"
(cd "$root" && find etc -type f | LC_ALL=C sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
(cd "$root" && find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
size=$(du -sk --apparent-size "$root" | cut -f 1)
sed -e "s|@VERSION@|$version|; s|@SIZE@|$size|" "$here/debian/control" >"$root/DEBIAN/control"
for script in preinst postinst prerm postrm; do install -m 755 "$here/debian/$script" "$root/DEBIAN/$script"; done
find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group --build "$root" "$out/wanhook_${version}_all.deb"
