#!/usr/bin/env bash
# fetch-debian.sh PACKAGE SUITE DEST
# Unpacks a Debian package and the shared libraries it needs into DEST. Nothing is installed and no root is needed:
# a private apt state is used; the machine's own apt sources are only read, to learn which mirror it uses.
# DEBIAN_MIRROR names another mirror.
set -euo pipefail
package=$1 suite=$2 dest=$3
apt=$dest.apt
rm -rf "$apt"
mkdir -p "$dest" "$apt"/{state/lists/partial,cache/archives/partial,etc}
trap 'rm -rf "$apt"' EXIT
: >"$apt/state/status"
mirror=${DEBIAN_MIRROR:-$(env -u APT_CONFIG apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -E '/debian/?$' | sort -u | head -1)}
[ -n "$mirror" ] || { echo "no Debian mirror in this machine's apt sources; name one in DEBIAN_MIRROR" >&2; exit 1; }
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/etc/sources.list"
cat >"$apt/apt.conf" <<E2
Dir::State "$apt/state"; Dir::State::status "$apt/state/status"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/etc/sources.list"; Dir::Etc::sourceparts "-"; Dir::Etc::preferences "-"; Dir::Etc::preferencesparts "-";
APT::Install-Recommends "false"; APT::Sandbox::User "$(id -un)"; Acquire::Languages "none"; Acquire::Retries "3";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false"; Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
E2
export APT_CONFIG=$apt/apt.conf
apt-get -qq update
# what the server links to; not perl, which only scripts beside the server need
list=$(apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "$package" 2>/dev/null |
  grep -E '^[a-z0-9]' | grep -Ev ':i386|^perl|^libperl|^(debconf|dpkg|debianutils|mysql-common|libgdbm.*|libdb5.*|gcc-.*-base|libc-gconv.*|cdebconf|tar|libselinux1|libacl1|libpcre2.*|libtirpc-common)$' | sort -u)
cd "$apt/cache/archives"
apt-get -qq download $list 2>&1 | grep -v unsandboxed || true
ls "${package}"_*.deb >/dev/null # apt-get's own failure was hidden by the pipe
for deb in *.deb; do dpkg -x "$deb" "$dest"; done
# merged /usr, as on a real system: old packages may still ship /lib
for d in lib lib64; do
  if [ -d "$dest/$d" ] && [ ! -L "$dest/$d" ]; then cp -a "$dest/$d/." "$dest/usr/$d/" && rm -rf "${dest:?}/$d"; fi
done
rm -rf "$dest/usr/share/doc" "$dest/usr/share/man" "$dest/usr/share/locale" "$dest/usr/share/lintian"
ls | sed -n "s/^${package}_\([^_]*\)_.*/\1/p" | sed 's/%3a/:/' >"$dest/VERSION"
