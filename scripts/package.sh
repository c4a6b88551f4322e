#!/usr/bin/env bash
# Builds the server, without its tests, and a Debian package of it: build/package/narthex_VERSION_ARCH.deb.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

install_groups build pack
provide_node
install_web_packages
quietly "Configuring build/package" build/logs/configure-package.log \
  cmake --preset release -B build/package -DNARTHEX_TESTS=OFF -DNARTHEX_BENCH=OFF
compile package narthex
rm -f build/package/narthex_*.deb
quietly "Packing" build/logs/cpack.log cpack --config build/package/CPackConfig.cmake -G DEB
say "Built $(ls build/package/narthex_*.deb)"
