// Any bytes from a client, in pieces of any size: the parser ends, keeps its bounds, and what it
// hands out is read without harm.
#include <algorithm>
#include <cstdint>
#include <string_view>

#include "narthex/http/message.h"
#include "narthex/util/check.h"

#include "http/compression.h"
#include "http/credentials.h"
#include "http/request_parser.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  constexpr std::size_t kHeaderBytesMax = 4096;
  constexpr std::size_t kBodyBytesMax = 8192;
  if (size == 0) return 0;
  const std::size_t step = data[0] + std::size_t{1};
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  http::RequestParser parser(kHeaderBytesMax);
  bool is_limited = false;
  std::size_t given = 0;  // How much of `rest` the parser is shown.
  while (!parser.done()) {
    if (parser.header_done() && !is_limited) {
      is_limited = true;
      if (!parser.limit_body(kBodyBytesMax)) return 0;
    }
    const auto used = parser.put(rest.substr(0, given));
    if (!used) {
      NX_CHECK(used.error() >= 400 && used.error() < 600, "status {}", used.error());
      return 0;
    }
    NX_CHECK(*used <= given, "took {} of {}", *used, given);
    rest.remove_prefix(*used);
    given -= *used;
    if (*used > 0) continue;
    if (given == rest.size()) return 0;  // The client has no more to say.
    given = std::min(given + step, rest.size());
  }
  const http::Request request = parser.take_request();
  NX_CHECK(!is_limited || request.body.size() <= kBodyBytesMax, "a body of {}",
           request.body.size());
  static_cast<void>(http::parse_basic(request.headers.get("Authorization")));
  static_cast<void>(http::choose_encoding(request.headers.get("Accept-Encoding")));
  static_cast<void>(http::Form::parse(request.query, 1000));
  static_cast<void>(http::Form::parse(request.body, 1000));
  if (request.path.starts_with('/')) static_cast<void>(http::clean_path(request.path));
  return 0;
}
