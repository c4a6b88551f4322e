// Which exposition format a scraper asks for, and how names go out in it (PR-F2, PR-F4). Threads:
// free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::api {

// kProtobuf: each message behind its length; the other two are protobuf's text format.
enum class ExpositionFormat : std::uint8_t {
  kText,
  kProtobuf,
  kProtobufText,
  kProtobufCompactText
};
// How names go out that are not [a-zA-Z_:][a-zA-Z0-9_:]*.
enum class NameEscaping : std::uint8_t { kUnderscores, kDots, kValues, kNone };

struct Exposition {
  ExpositionFormat format = ExpositionFormat::kText;
  NameEscaping escaping = NameEscaping::kUnderscores;
};
// What an Accept header asks for: of the clauses that we can serve the one with the highest q, the
// first of equals. Text if there is none.
[[nodiscard]] Exposition negotiate_exposition(std::string_view accept);
[[nodiscard]] constexpr bool is_protobuf(ExpositionFormat format) noexcept {
  return format != ExpositionFormat::kText;
}
// What was written as kProtobuf, in `format`. Precondition: is_protobuf(format).
[[nodiscard]] std::string in_protobuf_format(std::string delimited, ExpositionFormat format);
[[nodiscard]] std::string content_type_of(Exposition exposition);
[[nodiscard]] std::string escaped_name(std::string_view name, NameEscaping escaping);

}  // namespace narthex::api
