#include "narthex/model/matcher.h"

#include "narthex/model/names.h"

namespace narthex::model {

std::string_view match_op_text(MatchOp op) noexcept {
  switch (op) {
    case MatchOp::kEqual:
      return "=";
    case MatchOp::kNotEqual:
      return "!=";
    case MatchOp::kRegex:
      return "=~";
    case MatchOp::kNotRegex:
      return "!~";
  }
  return "=";
}

util::Result<Matcher> Matcher::make(MatchOp op, std::string name, std::string value) {
  std::optional<Regex> regex;
  if (op == MatchOp::kRegex || op == MatchOp::kNotRegex) {
    NX_ASSIGN(regex, Regex::compile(value));
  }
  return Matcher(op, std::move(name), std::move(value), std::move(regex));
}

Matcher Matcher::equal(std::string name, std::string value) {
  return {MatchOp::kEqual, std::move(name), std::move(value), std::nullopt};
}

bool Matcher::matches(std::string_view value) const {
  switch (op_) {
    case MatchOp::kEqual:
      return value == value_;
    case MatchOp::kNotEqual:
      return value != value_;
    case MatchOp::kRegex:
      return regex_->matches(value);
    case MatchOp::kNotRegex:
      return !regex_->matches(value);
  }
  return false;
}

std::string Matcher::to_string() const {
  std::string out;
  if (is_valid_label_name(name_, NameScheme::kLegacy)) {
    out = name_;
  } else {
    append_quoted(out, name_);
  }
  out += match_op_text(op_);
  append_quoted(out, value_);
  return out;
}

}  // namespace narthex::model
