#!/usr/bin/env bash
# Builds the server and a Debian package of it: build/release/narthex_VERSION_ARCH.deb.
# shellcheck source=scripts/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scripts/build.sh
install_groups pack
quietly "Packing" build/logs/cpack.log cpack --config build/release/CPackConfig.cmake -G DEB
say "Built $(ls build/release/narthex_*.deb)"
