# shellcheck shell=bash
# What the scripts share that try a server in a root of its own (test-package.sh, test-container.sh). Source it after lib.sh.

passed=0 failed=0
pids=()

# check TITLE COMMAND…: one test. A failure ends nothing: see the closing line.
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

closing_line() {
  printf '%d passed, %d failed\n' "$passed" "$failed"
  [ "$failed" -eq 0 ]
}

stop_all() {
  local one
  for one in "${pids[@]}"; do
    kill "$one" 2>/dev/null || true
  done
  wait
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# get PORT PATH: the answer's body; fails on any status but 200.
get() {
  python3 -c 'import sys, urllib.request
print(urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}{sys.argv[2]}", timeout=10).read().decode())' "$@"
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

# The process of the server that was told to listen on PORT.
server_pid() {
  pgrep -f -- "^/usr/bin/narthex .*--web.listen-address=127.0.0.1:$1( |\$)"
}

# runs_as PORT UID
runs_as() {
  [ "$(stat -c %u "/proc/$(server_pid "$1")")" = "$2" ]
}

is_gone() { ! kill -0 "$1" 2>/dev/null; }

# stop_server PORT: SIGTERM to the server that listens there, and waits for its end.
stop_server() {
  local pid
  pid=$(server_pid "$1") || return 1
  kill -TERM "$pid"
  until_true 60 is_gone "$pid"
}

# bare_root FOLDER: Debian's smallest bookworm, unless it is there already.
bare_root() {
  local rootfs=$1
  [ ! -e "$rootfs/.complete" ] || return 0
  rm -rf "$rootfs"
  mkdir -p "$rootfs"
  debootstrap --variant=minbase bookworm "$rootfs"
  rm -rf "$rootfs"/var/cache/apt/archives/*.deb "$rootfs"/var/lib/apt/lists/* "$rootfs"/usr/share/{doc,man,locale}/*
  touch "$rootfs/.complete"
}
