// Virtual machines of Azure, single and in scale sets.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "discovery/cloud_sd.h"

namespace narthex::discovery {

// Where Azure's services are, and what stands around a process on one of its machines.
struct AzureSurroundings {
  std::function<std::optional<std::string>(const std::string&)> environment;
  std::string login_url;     // "https://login.microsoftonline.com"
  std::string resource_url;  // "https://management.azure.com"
  std::string metadata_url = "http://169.254.169.254";
};
// kInvalidArgument: no such environment of Azure.
util::Result<AzureSurroundings> azure_surroundings(const std::string& environment);

MadeDiscoverer make_azure_discoverer(const AzureOptions& options, const AzureSurroundings& around,
                                     const Context& context);

}  // namespace narthex::discovery
