// The table that src/ui/embed.cmake writes. It is sorted by path; among equal paths the unencoded
// file comes first.
#pragma once

#include <span>

#include "narthex/ui/assets.h"

namespace narthex::ui {

std::span<const Asset> embedded_assets() noexcept;

}  // namespace narthex::ui
