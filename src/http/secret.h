// Secrets of client options: given in place, or read from their file at every use.
#pragma once

#include <string>
#include <string_view>

#include "narthex/http/client_options.h"
#include "narthex/util/result.h"

namespace narthex::http {

// White space around a file's content is not part of it. Files beyond 1 MiB are refused.
util::Result<std::string> read_secret(const Secret& secret);
// "Basic dXNlcjpwYXNz"
[[nodiscard]] std::string basic_credentials(std::string_view user, std::string_view password);

}  // namespace narthex::http
