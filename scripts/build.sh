#!/usr/bin/env bash
# Installs what the build needs and builds the server with its UI and the conformance runner:
# build/release/narthex and build/release/conformance.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_groups build
provide_node
install_web_packages
# The test targets need libraries of their own; scripts/test.sh installs those and switches the targets on.
mapfile -t test_packages < <(packages_of test)
if [ -z "$(missing_packages "${test_packages[@]}")" ]; then
  configure release
else
  configure release -DNARTHEX_TESTS=OFF -DNARTHEX_BENCH=OFF
fi
compile release narthex conformance
say "Built build/release/narthex and build/release/conformance"
