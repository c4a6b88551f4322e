// Which metric and label names are valid, and how text is quoted in PromQL and in messages.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::model {

enum class NameScheme : std::uint8_t {
  kUtf8,    // Any non-empty valid UTF-8.
  kLegacy,  // Metrics [a-zA-Z_:][a-zA-Z0-9_:]*, labels [a-zA-Z_][a-zA-Z0-9_]*.
};

[[nodiscard]] bool is_valid_metric_name(std::string_view name, NameScheme scheme) noexcept;
[[nodiscard]] bool is_valid_label_name(std::string_view name, NameScheme scheme) noexcept;

// Double quotes with Go's escapes (\n, \t, \", \\, \x.., \u....); invalid UTF-8 bytes become \x..,
// printable runes stay.
void append_quoted(std::string& out, std::string_view text);
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace narthex::model
