#!/usr/bin/env bash
# Installs what the tests need, builds everything and runs every test. Logs are under build/test-logs. The last line adds
# them all up: "N passed, N failed". Exits 1 when a test failed or a suite could not run.
#   scripts/test.sh [SUITE…]    only these: unit conformance tidy server interop web ui
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

logs=build/test-logs
python=/usr/bin/python3  # Debian's: it is the one that has python3-prometheus-client.
# Data from outside the project; where it is missing, what needs it is skipped and says so.
export CONFORMANCE_DIR=${CONFORMANCE_DIR:-$root/../shared/conformance}
export NARTHEX_BIN=$root/build/release/narthex
wanted=("$@")
passed=0 failed=0 skipped=0
broken=()
# A line that names a failed test, in the formats of the suites.
failure_line='^ *not ok |^(FAIL|ERROR): |^\[  FAILED  \] |^.*: (FAIL|ERROR)$| FAIL '

is_wanted() {
  [ "${#wanted[@]}" -eq 0 ] || [[ " ${wanted[*]} " == *" $1 "* ]]
}

# suite NAME FORMAT REPORT COMMAND…: runs the command and adds up the cases that count_tests.py finds in REPORT ("-" is the log).
suite() {
  local name=$1 format=$2 report=$3 status=0 counts
  local log=$logs/$name.log
  shift 3
  [ "$report" != - ] || report=$log
  quietly "Testing: $name" "$log" "$@" || status=$?
  # shellcheck disable=SC2086 # The report of ctest is two words.
  if ! counts=$("$python" scripts/count_tests.py "$format" $report); then
    counts="0 1 0"
  fi
  read -r suite_passed suite_failed suite_skipped <<<"$counts"
  if [ "$status" -ne 0 ] && [ "$suite_failed" -eq 0 ]; then
    suite_failed=1
    [ "$format" != command ] || suite_passed=0
  fi
  if [ "$suite_failed" -ne 0 ]; then
    broken+=("$name: $log")
    grep -E "$failure_line" "$log" | head -n 40 || true
  fi
  say "$name: $suite_passed passed, $suite_failed failed, $suite_skipped skipped"
  passed=$((passed + suite_passed))
  failed=$((failed + suite_failed))
  skipped=$((skipped + suite_skipped))
}

unit() {
  rm -rf "$logs/gtest"
  mkdir -p "$logs/gtest"
  GTEST_OUTPUT="json:$root/$logs/gtest/" suite unit ctest "$logs/ctest.xml $logs/gtest" \
    ctest --test-dir build/release --output-on-failure --parallel "$(nproc)" --output-junit "$root/$logs/ctest.xml"
}

# What has to pass is named in tests/conformance/required.txt.
conformance() {
  if [ ! -d "$CONFORMANCE_DIR" ]; then
    say "conformance: skipped, there is no $CONFORMANCE_DIR (set CONFORMANCE_DIR)"
    skipped=$((skipped + 1))
    return
  fi
  suite conformance closing - "$python" scripts/conformance.py build/release/conformance tests/conformance/required.txt
}

python_suite() {
  suite "$1" unittest - "$python" -m unittest discover --verbose --start-directory "$2" --top-level-directory .
}

web() {
  rm -f "$logs/vitest.json"
  suite web vitest "$logs/vitest.json" npm --prefix web test
  suite web-lint command - npm --prefix web run check
}

ui() {
  suite ui tap - node --test --test-reporter=tap --test-concurrency=1 tests/e2e/ui/*.test.mjs
}

install_groups build test
provide_peers
provide_node
install_web_packages
configure release -DNARTHEX_TESTS=ON -DNARTHEX_BENCH=OFF
compile release narthex conformance all_tests

for name in unit conformance tidy server interop web ui; do
  is_wanted "$name" || continue
  case $name in
    tidy) python_suite tidy tests/tidy ;;
    server) python_suite server tests/e2e/server ;;
    interop) python_suite interop tests/e2e/interop ;;
    *) "$name" ;;
  esac
done

say "All tests done; logs are under $logs"
if [ "${#broken[@]}" -ne 0 ]; then
  printf '  failed: %s\n' "${broken[@]}"
fi
say "$skipped skipped: not required yet, or what they need is missing here"
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
