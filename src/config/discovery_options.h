// From the values of a *_sd_configs entry to the settings of its mechanism.
#pragma once

#include <functional>
#include <string_view>

#include "narthex/discovery/options.h"

#include "config/section.h"

namespace narthex::config {

using ProviderBuilder = std::function<discovery::ProviderOptions(const SectionValues&)>;

// Null: this build does not have the mechanism `name` ("consul").
[[nodiscard]] ProviderBuilder provider_builder(std::string_view name);

// File names in the settings as seen from `directory`.
void resolve_paths(http::ClientOptions& http, const std::string& directory);
void resolve_paths(discovery::ProviderOptions& options, const std::string& directory);

}  // namespace narthex::config
