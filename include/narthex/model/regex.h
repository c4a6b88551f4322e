// Regular expressions as Prometheus uses them: RE2 syntax, anchored at both ends, '.' matches
// newline: ^(?s:R)$. Patterns that are a literal, a set of alternatives or a literal prefix are
// answered without RE2. Threads: immutable.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/result.h"

namespace narthex::model {

// RE2 refuses patterns that need more.
inline constexpr std::size_t kRegexProgramBytesMax = std::size_t{8} << 20U;

class Regex {
 public:
  // kInvalidArgument with RE2's reason. Programs larger than kRegexProgramBytesMax are refused.
  static util::Result<Regex> compile(std::string_view pattern);

  [[nodiscard]] bool matches(std::string_view text) const;
  // The pattern as given.
  [[nodiscard]] const std::string& pattern() const noexcept;
  // If exactly these strings match, and no others: those strings, sorted and unique. Empty
  // optional: not such a pattern.
  [[nodiscard]] const std::optional<std::vector<std::string>>& literals() const noexcept;
  // Every matching string starts with this (possibly empty) text.
  [[nodiscard]] std::string_view literal_prefix() const noexcept;
  // True for patterns that match every string, such as ".*".
  [[nodiscard]] bool matches_everything() const noexcept;
  // About the memory that the compiled pattern holds; ".{1000}" alone is some 100 KiB.
  [[nodiscard]] std::size_t program_bytes() const noexcept;

  // If `text` matches, `replacement` with $1, ${1}, $name, ${name} and $$ expanded (an unknown
  // group is empty; "$1x" names group "1x"); nullopt if it does not match.
  [[nodiscard]] std::optional<std::string> expand(std::string_view text,
                                                  std::string_view replacement) const;

 private:
  struct Program;
  explicit Regex(std::shared_ptr<const Program> program) : program_(std::move(program)) {}
  std::shared_ptr<const Program> program_;
};

}  // namespace narthex::model
