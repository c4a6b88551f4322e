#!/usr/bin/env bash
# Builds the image of docker/Dockerfile without a container engine (buildah, chroot isolation, vfs storage; root) and tries
# it: the page in a browser, a query, the health check, a restart on the same volume. Then installs the Debian package in a
# bare root and starts it by its unit's command. Everything is under build/container. The last line is "N passed, N failed".
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

[ "$(id -u)" -eq 0 ] || die "needs root: chroot isolation"
work=$root/build/container
logs=$work/logs
image=localhost/narthex:test
base=localhost/debian:bookworm-slim
passed=0 failed=0
pids=() containers=()

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }

finish() {
  local one
  for one in "${pids[@]}"; do
    kill "$one" 2>/dev/null || true
  done
  wait
  for one in "${containers[@]}"; do
    buildah rm "$one" >/dev/null 2>&1 || true
  done
}
trap finish EXIT

# check TITLE COMMAND…: one test.
check() {
  local title=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    say "ok: $title"
  else
    failed=$((failed + 1))
    say "FAILED: $title"
  fi
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# query PORT EXPRESSION [TIME]: the value of the first series of an instant query; fails when there is none.
query() {
  python3 - "$@" <<'P'
import json, sys, urllib.parse, urllib.request
port, expression, *time = sys.argv[1:]
form = {"query": expression, **({"time": time[0]} if time else {})}
url = f"http://127.0.0.1:{port}/api/v1/query?{urllib.parse.urlencode(form)}"
with urllib.request.urlopen(url, timeout=10) as answer:
    result = json.load(answer)["data"]["result"]
if not result:
    sys.exit(1)
print(result[0]["value"][1])
P
}

# until_true SECONDS COMMAND…
until_true() {
  local end=$((SECONDS + $1))
  shift
  until "$@" >/dev/null 2>&1; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# A base image like debian:bookworm-slim, from Debian's packages. Certificates that this machine trusts beyond Debian's
# (a company's proxy) go in, or nothing could be fetched behind it.
make_base() {
  local rootfs=$work/rootfs container
  if [ ! -e "$rootfs/.complete" ]; then
    rm -rf "$rootfs"
    debootstrap --variant=minbase bookworm "$rootfs"
    rm -rf "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,man,locale}/*
    touch "$rootfs/.complete"
  fi
  container=$(buildah from scratch)
  buildah add -q "$container" "$rootfs" /
  if compgen -G '/usr/local/share/ca-certificates/*.crt' >/dev/null; then
    buildah add -q "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates
    buildah config --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt "$container"
  fi
  buildah config --cmd /bin/bash "$container"
  buildah commit -q --format docker --rm "$container" "$base"
}

build_image() {
  buildah build --format docker --layers --pull-never --network host \
    --ignorefile docker/Dockerfile.dockerignore -f docker/Dockerfile -t "$image" .
}

# A copy of what the image holds, without the layers it is made of: what `docker image ls` calls its size.
image_megabytes() {
  local container size
  container=$(buildah from --pull-never "$image")
  size=$(du -sm --apparent-size "$(buildah mount "$container")" | cut -f1)
  buildah rm "$container" >/dev/null
  echo "$size"
}

# run_image NAME PORT: starts the image on $work/volume in the background, with its own user and command.
run_image() {
  local name=$1 port=$2
  buildah from --pull-never --name "$name" "$image" >/dev/null
  containers+=("$name")
  # buildah runs no entry point by itself: entry point and command are the image's, the address is ours (the network is the machine's).
  local command
  mapfile -t command < <(buildah inspect --type image "$image" | python3 -c '
import json, sys
config = json.load(sys.stdin)["Docker"]["config"]
print("\n".join(config["Entrypoint"] + config["Cmd"]))')
  # The image's configuration, which scrapes the server itself, with that address in it.
  sed "s/localhost:9090/localhost:$port/" docker/narthex.yml >"$work/$name.yml"
  buildah run --network host --volume "$work/volume:/narthex" --volume "$work/$name.yml:/etc/narthex/narthex.yml:ro" "$name" -- \
    "${command[@]}" "--web.listen-address=127.0.0.1:$port" >"$logs/$name.log" 2>&1 &
  pids+=($!)
}

# stop_server PORT: SIGTERM to the server that listens there, and waits for its end.
stop_server() {
  local pid
  pid=$(pgrep -f -- "^/usr/bin/narthex .*--web.listen-address=127.0.0.1:$1( |\$)")
  kill -TERM "$pid"
  until_true 30 bash -c "! kill -0 $pid"
}

page_works() {
  local port=$1 dom
  dom=$(timeout 60 chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=8000 \
    --user-data-dir="$work/chromium" --dump-dom "http://127.0.0.1:$port/query?g0.expr=up&g0.tab=1" 2>"$logs/chromium.log") || return 1
  timeout 60 chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=8000 --window-size=1280,800 \
    --user-data-dir="$work/chromium" --screenshot="$work/page.png" "http://127.0.0.1:$port/query?g0.expr=up&g0.tab=1" 2>>"$logs/chromium.log" || return 1
  # The result's row, drawn by the page's script.
  grep -q "localhost:$port" <<<"$dom"
}

healthy() {
  local name=$1 port=$2
  buildah run --network host "$name" -- /usr/lib/narthex/healthcheck 127.0.0.1 "$port" \
    && ! buildah run --network host "$name" -- /usr/lib/narthex/healthcheck 127.0.0.1 1 2>/dev/null
}

runs_unprivileged() {
  local pid
  pid=$(pgrep -f -- "^/usr/bin/narthex .*--web.listen-address=127.0.0.1:$1( |\$)")
  [ "$(stat -c %u "/proc/$pid")" = 65534 ]
}

test_image() {
  local port first name
  rm -rf "$work/volume" && install -d -o 65534 -g 65534 "$work/volume"
  port=$(free_port)
  run_image narthex-first "$port"
  check "the image starts" until_true 60 query "$port" 'vector(1)'
  check "the image's process is not root" runs_unprivileged "$port"
  check "the health check tells a healthy server from none" healthy narthex-first "$port"
  check "it scrapes itself" until_true 60 query "$port" 'up{job="narthex"} == 1'
  first=$(date +%s)
  check "the page shows a result" page_works "$port"
  check "SIGTERM ends it" stop_server "$port"
  name=narthex-second
  port=$(free_port)
  run_image "$name" "$port"
  check "a new container on the same volume starts" until_true 60 query "$port" 'vector(1)'
  check "… and has the first one's data" query "$port" 'up{job="narthex"} == 1' "$first"
  check "… and stops" stop_server "$port"
}

# The package in a bare root, started by the command of its unit as the user of its unit.
test_package() {
  local container rootfs port command user
  container=$(buildah from --pull-never "$base")
  containers+=("$container")
  rootfs=$(buildah mount "$container")
  cp "$work/narthex.deb" "$rootfs/narthex.deb"
  check "the package installs" quietly "Installing the package" "$logs/deb-install.log" buildah run --network host "$container" -- \
    bash -c 'apt-get update && apt-get install -y --no-install-recommends /narthex.deb'
  local unit=$rootfs/lib/systemd/system/narthex.service
  check "its unit is there" test -f "$unit"
  user=$(sed -n 's/^User=//p' "$unit")
  command=$(sed -n 's/^ExecStart=//p' "$unit")
  port=$(free_port)
  # shellcheck disable=SC2016 # The variable is the unit's.
  command=${command//'$NARTHEX_FLAGS'/--web.listen-address=127.0.0.1:$port}
  # shellcheck disable=SC2086 # A command of several words.
  buildah run --network host --user "$user" "$container" -- $command >"$logs/deb-run.log" 2>&1 &
  pids+=($!)
  check "it starts by its unit's command as $user" until_true 60 query "$port" 'vector(1)'
  check "it stops" stop_server "$port"
  check "it goes without a trace of the program" quietly "Removing the package" "$logs/deb-remove.log" buildah run "$container" -- \
    bash -c 'apt-get purge -y narthex && ! command -v narthex && ! test -e /var/lib/narthex'
}

take_package_out() {
  local container
  # The build stage is the newest image without a name.
  container=$(buildah from --pull-never "$image-build")
  cp "$(buildah mount "$container")/narthex.deb" "$work/narthex.deb"
  buildah rm "$container" >/dev/null
}

install_groups container
mkdir -p "$logs"
quietly "Making a base image with debootstrap" "$logs/base.log" make_base
build_start=$SECONDS
quietly "Building the image" "$logs/build.log" build_image
build_seconds=$((SECONDS - build_start))
quietly "Taking the package out of the build stage" "$logs/build-stage.log" buildah build --format docker --layers --pull-never \
  --network host --ignorefile docker/Dockerfile.dockerignore --target build -f docker/Dockerfile -t "$image-build" .
take_package_out
megabytes=$(image_megabytes)
test_image
test_package
say "The image took $build_seconds s to build and is $megabytes MB"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
