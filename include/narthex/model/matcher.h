// One condition on one label: name op value. An absent label has the value "".
// Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/regex.h"
#include "narthex/util/result.h"

namespace narthex::model {

enum class MatchOp : std::uint8_t { kEqual, kNotEqual, kRegex, kNotRegex };
[[nodiscard]] std::string_view match_op_text(MatchOp op) noexcept;  // = != =~ !~

class Matcher {
 public:
  // kInvalidArgument when a regular expression does not compile; never fails for = and !=.
  static util::Result<Matcher> make(MatchOp op, std::string name, std::string value);
  [[nodiscard]] static Matcher equal(std::string name, std::string value);

  [[nodiscard]] MatchOp op() const noexcept { return op_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::string& value() const noexcept { return value_; }
  // Set for =~ and !~.
  [[nodiscard]] const std::optional<Regex>& regex() const noexcept { return regex_; }

  [[nodiscard]] bool matches(std::string_view value) const;
  // Series without the label pass too.
  [[nodiscard]] bool matches_empty() const { return matches({}); }
  [[nodiscard]] bool matches_labels(const Labels& labels) const {
    return matches(labels.get(name_));
  }
  // name="value", the name quoted when it is not a legacy label name.
  [[nodiscard]] std::string to_string() const;

  friend bool operator==(const Matcher& a, const Matcher& b) noexcept {
    return a.op_ == b.op_ && a.name_ == b.name_ && a.value_ == b.value_;
  }

 private:
  Matcher(MatchOp op, std::string name, std::string value, std::optional<Regex> regex)
      : name_(std::move(name)), value_(std::move(value)), regex_(std::move(regex)), op_(op) {}

  std::string name_;
  std::string value_;
  std::optional<Regex> regex_;
  MatchOp op_;
};

using Matchers = std::vector<Matcher>;

}  // namespace narthex::model
