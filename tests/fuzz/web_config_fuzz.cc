// Any text as a web configuration file, and as credentials: read or refused with a reason.
#include <cstdint>
#include <string_view>

#include "narthex/config/web_config.h"
#include "narthex/util/check.h"

#include "http/credentials.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto loaded = config::load_web_config_text(text, "web.yml");
  if (!loaded) NX_CHECK(!loaded.error().message().empty(), "an error without a reason");
  if (loaded) {
    for (const auto& [user, hash] : loaded->users)
      NX_CHECK(http::is_bcrypt_hash(hash), "user {} has no hash", user);
  }
  if (const auto credentials = http::parse_basic(text)) {
    NX_CHECK(credentials->user.find(':') == std::string::npos, "a colon in a user's name");
  }
  return 0;
}
