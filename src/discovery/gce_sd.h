// Instances of Google's Compute Engine.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "discovery/cloud_sd.h"

namespace narthex::discovery {

// What stands around a process on one of Google's machines.
struct GoogleSurroundings {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string compute_url = "https://compute.googleapis.com";
  std::string metadata_url = "http://metadata.google.internal";
  std::string token_url = "https://oauth2.googleapis.com/token";  // Of users; others name theirs.
};
[[nodiscard]] GoogleSurroundings google_surroundings();

MadeDiscoverer make_gce_discoverer(const GceOptions& options, const GoogleSurroundings& around,
                                   const Context& context);

}  // namespace narthex::discovery
