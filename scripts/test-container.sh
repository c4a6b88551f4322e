#!/usr/bin/env bash
# Builds the image of docker/Dockerfile without a container engine (buildah, chroot isolation, vfs storage; root) and tries
# it: the page in a browser, a query, the health check, a restart on the same volume. Everything is under build/container.
# The last line is "N passed, N failed".
#   scripts/test-container.sh [ARGUMENT OF buildah build…]    for example --build-arg JOBS=1, or --volume for what a proxy needs
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=scripts/test-lib.sh
source "$root/scripts/test-lib.sh"

[ "$(id -u)" -eq 0 ] || die "needs root: chroot isolation"
work=$root/build/container
logs=$work/logs
image=localhost/narthex:test
# What the Dockerfile calls debian:bookworm-slim; nothing is pulled.
base=docker.io/library/debian:bookworm-slim
containers=()

export BUILDAH_ISOLATION=chroot STORAGE_DRIVER=vfs
buildah() { command buildah --root "$work/storage" --runroot "$work/run" "$@"; }

finish() {
  local one
  stop_all
  for one in "${containers[@]}"; do
    buildah rm "$one" >/dev/null 2>&1 || true
  done
}
trap finish EXIT

# A base image like debian:bookworm-slim, from Debian's packages. Made once: a new one would rebuild everything above it.
make_base() {
  ! buildah inspect --type image "$base" >/dev/null 2>&1 || return 0
  bare_root "$root/build/bare-root"
  local container
  container=$(buildah from scratch)
  buildah add -q "$container" "$root/build/bare-root" /
  buildah config --cmd /bin/bash "$container"
  buildah commit -q --format docker --rm "$container" "$base"
}

build_image() {
  buildah build --format docker --layers --pull-never --network host "$@" \
    --ignorefile docker/Dockerfile.dockerignore -f docker/Dockerfile -t "$image" .
}

# image_megabytes IMAGE: everything in its file system, which is what `docker image ls` calls its size.
image_megabytes() {
  local container size
  container=$(buildah from --pull-never "$1")
  size=$(du -sm --apparent-size "$(buildah mount "$container")" | cut -f1)
  buildah rm "$container" >/dev/null
  echo "$size"
}

# image_config FIELD: of the image's configuration, as JSON.
image_config() {
  buildah inspect --type image "$image" | python3 -c '
import json, sys
print(json.dumps(json.load(sys.stdin)["Docker"]["config"].get(sys.argv[1])))' "$1"
}

declares() { [ "$(image_config "$1")" = "$2" ]; }

# run_image NAME PORT: starts the image on $work/volume in the background, with its own user and command.
run_image() {
  local name=$1 port=$2 command
  buildah from --pull-never --name "$name" "$image" >/dev/null
  containers+=("$name")
  # buildah runs no entry point by itself: entry point and command are the image's, the address is ours (the network is the machine's).
  mapfile -t command < <({ image_config Entrypoint && image_config Cmd; } | python3 -c '
import json, sys
print("\n".join(word for line in sys.stdin for word in json.loads(line)))')
  # The image's configuration, which scrapes the server itself, with that address in it.
  sed -e "s/localhost:9090/localhost:$port/" -e 's/scrape_interval: 15s/scrape_interval: 1s/' docker/narthex.yml >"$work/$name.yml"
  buildah run --network host --volume "$work/volume:/narthex" --volume "$work/$name.yml:/etc/narthex/narthex.yml:ro" "$name" -- \
    "${command[@]}" "--web.listen-address=127.0.0.1:$port" >"$logs/$name.log" 2>&1 &
  pids+=($!)
}

# page_works PORT: the page draws the row of a result.
page_works() {
  quietly "Opening the page in a browser" "$logs/page.log" timeout 240 node tests/e2e/ui/lib/look.mjs \
    "http://127.0.0.1:$1/query?g0.expr=up&g0.tab=1" "localhost:$1" "$work/page.png"
}

# healthy NAME PORT
healthy() {
  local check=(buildah run --network host "$1" -- /usr/lib/narthex/healthcheck 127.0.0.1)
  "${check[@]}" "$2" && ! "${check[@]}" 1 2>/dev/null
}

test_image() {
  local port first
  check "it declares port 9090" declares ExposedPorts '{"9090/tcp": {}}'
  check "… a volume" declares Volumes '{"/narthex": {}}'
  check "… a user that is not root" declares User '"65534:65534"'
  check "… a health check" [ "$(image_config Healthcheck)" != null ]
  rm -rf "$work/volume"
  install -d -o 65534 -g 65534 "$work/volume"
  port=$(free_port)
  run_image narthex-first "$port"
  check "the image starts" until_true 60 query "$port" 'vector(1)'
  check "its process is not root" runs_as "$port" 65534
  check "the health check tells a healthy server from none" healthy narthex-first "$port"
  check "it scrapes itself" until_true 60 query "$port" 'up{job="narthex"} == 1'
  first=$(date +%s)
  check "the page shows a result" page_works "$port"
  check "SIGTERM ends it" stop_server "$port"
  port=$(free_port)
  run_image narthex-second "$port"
  check "a new container on the same volume starts" until_true 60 query "$port" 'vector(1)'
  check "… and has the first one's data" query "$port" 'up{job="narthex"} == 1' "$first"
  check "… and stops" stop_server "$port"
}

install_groups root container
provide_node
install_web_packages
mkdir -p "$logs"
quietly "Making a base image with debootstrap" "$logs/base.log" make_base
build_start=$SECONDS
quietly "Building the image" "$logs/build.log" build_image "$@"
build_seconds=$((SECONDS - build_start))
megabytes=$(image_megabytes "$image")
base_megabytes=$(image_megabytes "$base")
test_image
say "The image took $build_seconds s to build and is $megabytes MB, $base_megabytes MB of it the base image"
closing_line
