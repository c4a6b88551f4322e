# shellcheck shell=bash
# What the scripts share: saying what happens, installing packages, finding Node.js. Source it; it changes to the
# project's root. Everything here may be called again at no cost: what is there already is not fetched again.

set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

# The UI's tools want Node.js 20.19 or newer (or 22.12 or newer) and npm 11. Where the system has less, these come from
# the npm registry into .tools/.
node_package_version=22.23.3
npm_package_version=11.21.2
tools=$root/.tools
start_seconds=$SECONDS

say() { printf '==> [%4ds] %s\n' $((SECONDS - start_seconds)) "$*"; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    die "installing packages needs root: run this as root or install sudo"
  fi
}

# Asks for the password now, before a command runs with its output in a file.
ask_for_root() {
  if [ "$(id -u)" -ne 0 ] && command -v sudo >/dev/null; then
    sudo --validate
  fi
}

# quietly TITLE LOG COMMAND…: runs the command with its output in LOG and a sign of life every 15 seconds;
# shows the end of the log when it fails.
quietly() {
  local title=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$title"
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$! waited=0 status=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    waited=$((waited + 1))
    if [ $((waited % 75)) -eq 0 ]; then
      printf '    … still at it, %d s: %s\n' $((waited / 5)) "$(tail -n 1 "$log" | tr -d '\r' | cut -c 1-90)"
    fi
  done
  wait "$pid" || status=$?
  if [ "$status" -ne 0 ]; then
    tail -n 40 "$log" >&2
    printf 'error: %s failed (exit code %d); the whole log is %s\n' "$title" "$status" "$log" >&2
  fi
  return "$status"
}

# The packages of the given groups, one a line.
packages_of() {
  local group
  for group in "$@"; do
    awk -v group="$group" '$1 == group { print $2 }' scripts/packages.txt
  done
}

# Those of the given packages that are not installed, one a line.
missing_packages() {
  local package
  for package in "$@"; do
    if [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" != installed ]; then
      printf '%s\n' "$package"
    fi
  done
}

# True when apt has a candidate for every given package; false on a machine whose lists were never fetched.
apt_knows() {
  local package
  for package in "$@"; do
    apt-cache show "$package" >/dev/null 2>&1 || return 1
  done
}

update_package_lists() {
  ask_for_root
  quietly "Fetching the package lists" build/logs/apt-update.log as_root apt-get update
}

# install_groups GROUP…: installs the packages of these groups that are missing.
install_groups() {
  local wanted missing
  mapfile -t wanted < <(packages_of "$@")
  mapfile -t missing < <(missing_packages "${wanted[@]}")
  if [ "${#missing[@]}" -eq 0 ]; then
    say "Debian packages ($*): all ${#wanted[@]} are there"
    return
  fi
  apt_knows "${missing[@]}" || update_package_lists
  say "Missing Debian packages: ${missing[*]}"
  ask_for_root
  local install=(as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}")
  if ! quietly "Installing ${#missing[@]} Debian packages" build/logs/apt-install.log "${install[@]}"; then
    # Old lists name versions that the mirror no longer has.
    update_package_lists
    quietly "Installing ${#missing[@]} Debian packages, second try" build/logs/apt-install.log "${install[@]}"
  fi
}

# Unpacks the packages of the group `peer` under .tools/peers without installing them: their services must not start on
# this machine. Programs that are on PATH are used as they are. Sets PROMETHEUS_BIN and NODE_EXPORTER_BIN.
provide_peers() {
  local package variable
  for package in $(packages_of peer); do
    case $package in
      prometheus) variable=PROMETHEUS_BIN ;;
      prometheus-node-exporter) variable=NODE_EXPORTER_BIN ;;
      prometheus-blackbox-exporter) variable=BLACKBOX_EXPORTER_BIN ;;
      prometheus-pushgateway) variable=PUSHGATEWAY_BIN ;;
      prometheus-alertmanager) variable=ALERTMANAGER_BIN ;;
      *) die "scripts/packages.txt: no variable for the peer $package" ;;
    esac
    if [ -n "${!variable:-}" ]; then
      continue
    fi
    if command -v "$package" >/dev/null; then
      export "$variable=$(command -v "$package")"
      continue
    fi
    local unpacked=$tools/peers/$package
    if [ ! -x "$unpacked/usr/bin/$package" ]; then
      apt_knows "$package" || update_package_lists
      quietly "Unpacking $package into .tools" build/logs/peer-"$package".log unpack_package "$package" "$unpacked"
    fi
    export "$variable=$unpacked/usr/bin/$package"
  done
}

unpack_package() {
  local package=$1 into=$2 fetched
  fetched=$(mktemp -d)
  # apt hands the download to a user of its own, who must be able to write here.
  chmod 0777 "$fetched"
  (cd "$fetched" && apt-get download "$package")
  mkdir -p "$into"
  dpkg-deb -x "$fetched"/*.deb "$into"
  rm -rf "$fetched"
}

node_is_new_enough() {
  command -v node >/dev/null && command -v npm >/dev/null || return 1
  local major minor
  IFS=. read -r major minor _ < <(node --version | tr -d v)
  [ "$(npm --version | cut -d. -f1)" -ge 11 ] || return 1
  [ "$major" -gt 22 ] || { [ "$major" -eq 22 ] && [ "$minor" -ge 12 ]; } || { [ "$major" -eq 20 ] && [ "$minor" -ge 19 ]; }
}

# Puts a Node.js and npm that the UI's tools accept on PATH.
provide_node() {
  if [ -x "$tools/bin/node" ]; then
    PATH=$tools/bin:$PATH
  fi
  if ! node_is_new_enough; then
    command -v npm >/dev/null || install_groups node
    bootstrap_node
    PATH=$tools/bin:$PATH
    hash -r
    node_is_new_enough || die "node $(node --version) with npm $(npm --version) is too old for the UI's tools"
  fi
  say "Node.js $(node --version), npm $(npm --version)"
}

# Newer node and npm from the npm registry, fetched by the system's older ones.
bootstrap_node() {
  local arch
  case $(uname -m) in
    x86_64) arch=x64 ;;
    aarch64) arch=arm64 ;;
    *) die "no Node.js package for $(uname -m): install Node.js 20.19 or newer with npm 11" ;;
  esac
  mkdir -p "$tools/bin"
  quietly "Fetching Node.js $node_package_version and npm $npm_package_version" build/logs/node.log \
    npm install --prefix "$tools" --no-audit --no-fund --no-save --ignore-scripts \
    "node-linux-$arch@$node_package_version" "npm@$npm_package_version"
  ln -sf "../node_modules/node-linux-$arch/bin/node" "$tools/bin/node"
  local name
  for name in npm npx; do
    printf '#!/bin/sh\nexec "%s/bin/node" "%s/node_modules/npm/bin/%s-cli.js" "$@"\n' "$tools" "$tools" "$name" \
      >"$tools/bin/$name"
    chmod +x "$tools/bin/$name"
  done
}

# Installs the UI's packages when package-lock.json has changed since the last time. The build does the same with the same stamp.
install_web_packages() {
  local stamp=web/node_modules/.narthex-lock
  if cmp -s web/package-lock.json "$stamp"; then
    say "npm packages of the UI: as locked"
    return
  fi
  quietly "Installing the npm packages of the UI" build/logs/npm-ci.log npm --prefix web ci --no-audit --no-fund
  cp web/package-lock.json "$stamp"
}

# configure PRESET [CMAKE ARGUMENT…]
configure() {
  local preset=$1
  quietly "Configuring build/$preset" "build/logs/configure-$preset.log" cmake --preset "$@"
}

# How many compilers at a time: $JOBS, or else one a core and 1.5 GiB of free memory for each.
compile_jobs() {
  local cores memory_kib by_memory
  if [ -n "${JOBS:-}" ]; then
    echo "$JOBS"
    return
  fi
  cores=$(nproc)
  memory_kib=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo 2>/dev/null || true)
  by_memory=$((${memory_kib:-0} / (1536 * 1024)))
  if [ "$by_memory" -lt 1 ]; then
    by_memory=1
  fi
  if [ "$by_memory" -lt "$cores" ]; then
    echo "$by_memory"
  else
    echo "$cores"
  fi
}

# compile PRESET TARGET…: ninja shows its own progress.
compile() {
  local preset=$1 jobs
  jobs=$(compile_jobs)
  shift
  say "Compiling $* (build/$preset, $jobs at a time)"
  cmake --build "build/$preset" --parallel "$jobs" --target "$@"
}
