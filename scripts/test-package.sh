#!/usr/bin/env bash
# Builds the Debian package and tries it in a bare Debian root (debootstrap; root): installs it, starts the server by its
# unit's command as its unit's user, asks it something, upgrades, removes and purges it. Everything is under
# build/package-test. The last line is "N passed, N failed".
#   scripts/test-package.sh [PACKAGE.deb]    this package instead of a new one
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/test-lib.sh
source "$root/scripts/test-lib.sh"

[ "$(id -u)" -eq 0 ] || die "needs root: it installs a package in a root of its own"
work=$root/build/package-test
logs=$work/logs
rootfs=$work/rootfs
trap stop_all EXIT

# in_root COMMAND…: in the root, with /proc and /dev of this machine, which go when the command ends.
in_root() {
  # shellcheck disable=SC2016 # Expanded by the inner shell.
  unshare --mount bash -c 'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"' "$rootfs" "$@"
}

# apt fetches the libraries that the package names and hands all to dpkg; systemd's own units are what the package's unit refers to.
install_package() {
  local install=(in_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends)
  cp "$package" "$rootfs/narthex.deb" && in_root apt-get update && "${install[@]}" systemd && "${install[@]}" /narthex.deb
}

# shellcheck disable=SC2016 # The variable is the one of dpkg-query.
is_installed() { in_root dpkg-query -W -f='${db:Status-Status}' narthex | grep -qx installed; }

# The folder of the data is the user's alone.
has_folder_and_user() {
  local uid
  uid=$(in_root id -u "$user") && [ "$uid" -ne 0 ] && [ "$(in_root stat -c '%U %a' /var/lib/narthex)" = "$user 750" ]
}

unit_verifies() { systemd-analyze verify --man=no --root="$rootfs" narthex.service; }

start_server() {
  local command
  command=$(sed -n 's/^ExecStart=//p' "$unit")
  # shellcheck disable=SC2016 # The variable is the unit's.
  command=${command//'$NARTHEX_FLAGS'/--web.listen-address=127.0.0.1:$port}
  # shellcheck disable=SC2086 # A command of several words.
  in_root setpriv --reuid "$user" --regid "$user" --init-groups $command >"$logs/server.log" 2>&1 &
  pids+=($!)
}

# What the administrator changed stays through an upgrade, and so do the data.
upgrade_keeps_changes() {
  echo '# changed' >>"$rootfs/etc/narthex/narthex.yml"
  in_root dpkg --install /narthex.deb && grep -q '^# changed' "$rootfs/etc/narthex/narthex.yml" && [ -d "$rootfs/var/lib/narthex/wal" ]
}

remove_keeps_data() {
  in_root dpkg --remove narthex && [ ! -e "$rootfs/usr/bin/narthex" ] && [ ! -e "$unit" ] \
    && [ -d "$rootfs/var/lib/narthex/wal" ] && [ -e "$rootfs/etc/narthex/narthex.yml" ]
}

purge_leaves_nothing() {
  in_root dpkg --purge narthex || return 1
  local left
  left=$(find "$rootfs"/{etc,usr,lib,var} -iname '*narthex*' ! -path '*/apt/*')
  [ -z "$left" ] || { echo "left behind: $left" && return 1; }
}

install_groups root
mkdir -p "$logs"
if [ "$#" -gt 0 ]; then
  package=$1
else
  scripts/package.sh
  package=$(ls build/package/narthex_*.deb)
fi
say "The package: $(basename "$package"), $(du -k "$package" | cut -f1) KiB"
quietly "Making a bare root with debootstrap" "$logs/debootstrap.log" bare_root "$root/build/bare-root"
rm -rf "$rootfs"
cp -a "$root/build/bare-root" "$rootfs"
cp /etc/resolv.conf "$rootfs/etc/resolv.conf"

check "the package installs" quietly "Installing" "$logs/install.log" install_package
check "dpkg calls it installed" is_installed
unit=$rootfs/lib/systemd/system/narthex.service
user=$(sed -n 's/^User=//p' "$unit")
check "user $user and the folder for the data are there" has_folder_and_user
check "systemd-analyze verify accepts the unit" quietly "Verifying the unit" "$logs/verify.log" unit_verifies
port=$(free_port)
start_server
check "it starts by its unit's command as $user" until_true 60 get "$port" /-/ready
check "it runs as $user" runs_as "$port" "$(in_root id -u "$user")"
check "it answers a query" query "$port" 'vector(1) + 1'
check "it scrapes by the configuration of the package" until_true 60 query "$port" 'scrape_duration_seconds{job="narthex"}'
check "its page is there" quietly "Fetching the page" "$logs/page.html" get "$port" /query
check "SIGTERM stops it" stop_server "$port"
check "an upgrade keeps configuration and data" quietly "Upgrading" "$logs/upgrade.log" upgrade_keeps_changes
check "removing keeps configuration and data" quietly "Removing" "$logs/remove.log" remove_keeps_data
check "purging leaves nothing" quietly "Purging" "$logs/purge.log" purge_leaves_nothing
closing_line
