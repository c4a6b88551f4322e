// Every command line flag: one row each. Names and defaults are Prometheus' (docs/compatibility.md
// lists the exceptions). Threads: immutable.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace narthex::cli {

enum class FlagKind : std::uint8_t {
  kText,
  kTextList,
  kBool,
  kInteger,
  kNumber,
  kDuration,
  kBytes
};

enum class FlagSupport : std::uint8_t {
  kWorks,
  kNoEffect,  // Tunes something that Narthex does not have (the Go runtime); accepted so that
              // command lines keep working.
  kNotYet,  // Understood, but a value other than the default is an error until the feature exists.
};

struct FlagSpec {
  std::string_view name;
  FlagKind kind = FlagKind::kText;
  std::string_view default_value;  // As text; lists separated by commas.
  std::string_view help;
  FlagSupport support = FlagSupport::kWorks;
};

[[nodiscard]] std::span<const FlagSpec> flag_table() noexcept;

}  // namespace narthex::cli
