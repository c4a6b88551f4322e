#!/usr/bin/env bash
# Builds Narthex if need be and starts it: http://localhost:9090, data under ./data. Arguments go to the server:
#   scripts/run.sh --web.listen-address=127.0.0.1:9191 --config.file=narthex.yml
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/build.sh

defaults=(--storage.tsdb.path="$root/data")
address=localhost:9090
previous=
for argument in "$@"; do
  case $argument in
    --storage.tsdb.path | --storage.tsdb.path=*) defaults=() ;;
    --web.listen-address=*) address=${argument#*=} ;;
  esac
  if [ "$previous" = --web.listen-address ]; then
    address=$argument
  fi
  previous=$argument
done
case $address in
  :* | 0.0.0.0:* | \[::\]:*) address=localhost:${address##*:} ;;
esac
say "Starting Narthex: point the browser at http://$address (Ctrl-C stops it)"
exec build/release/narthex "${defaults[@]}" "$@"
