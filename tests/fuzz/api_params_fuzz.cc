// Any query string or form body: no crash, and what the parsers of parameters accept is inside the
// range that the API knows. Names and Accept headers of federation likewise.
#include <cstdint>
#include <string_view>

#include "narthex/util/check.h"

#include "api/federation.h"
#include "api/json.h"
#include "api/params.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto time = api::parse_time(text)) {
    NX_CHECK(*time >= api::kApiTimeMin && *time <= api::kApiTimeMax, "time {}", *time);
  }
  static_cast<void>(api::parse_duration(text));
  static_cast<void>(api::parse_go_int(text));
  const http::Form form = http::Form::parse(text);
  static_cast<void>(api::time_range(form));
  static_cast<void>(api::limit_param(form));
  static_cast<void>(api::match_params(form));
  const std::string path = http::clean_path("/" + std::string(text));
  NX_CHECK(http::clean_path(path) == path, "{} is not clean", path);
  const api::Exposition exposition = api::negotiate_exposition(text);
  static_cast<void>(api::escaped_name(text, exposition.escaping));
  std::string json;
  api::append_json_string(json, text);
  NX_CHECK(json.size() >= text.size() / 4, "JSON of {} bytes", json.size());
  return 0;
}
