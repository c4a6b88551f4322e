// The whole grammar of one sample line, with Prometheus' words for what is wrong in it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "narthex/exposition/text_parser.h"

namespace narthex::exposition {

// Value as the format allows it: decimal, NaN, Inf; no hexadecimal, no underscores, nothing that
// overflows. nullopt otherwise.
[[nodiscard]] std::optional<double> parse_sample_value(std::string_view text) noexcept;
// The error that Prometheus gives for a value that parse_sample_value() refuses.
[[nodiscard]] std::string sample_value_error(std::string_view text);
// Unsigned decimal milliseconds; nullopt when it is not or does not fit.
[[nodiscard]] std::optional<std::int64_t> parse_timestamp(std::string_view digits) noexcept;

// Takes `\\\\`, `\\n` and `\\"` out of a quoted name or value.
[[nodiscard]] std::string unescape_label(std::string_view raw);
// A piece of input as a message quotes it, bounded.
[[nodiscard]] std::string quoted_fragment(std::string_view text);

// Threads: confined; one object a line.
class TextGrammar {
 public:
  enum class Outcome : std::uint8_t { kSample, kNeedMore, kError };
  // `text` from `begin` on; the line may contain newlines inside quotes. `last`: nothing follows
  // the text.
  TextGrammar(std::string_view text, std::size_t begin, bool last) noexcept
      : text_(text), begin_(begin), last_(last), position_(begin) {}

  [[nodiscard]] Outcome read(TextSample& sample);
  // Where the next line starts, after kSample.
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] std::string take_error() noexcept { return std::move(error_); }

 private:
  enum class Token : std::uint8_t {
    kInvalid,
    kEnd,
    kLinebreak,
    kMetricName,
    kBraceOpen,
    kBraceClose,
    kLabelName,
    kQuoted,
    kLabelValue,
    kEqual,
    kComma,
    kValue,
    kTimestamp,
  };
  enum class State : std::uint8_t { kInit, kLabels, kLabelValue, kValue, kTimestamp };

  [[nodiscard]] static std::string_view token_name(Token token) noexcept;
  Token next_token();
  Token quoted_token(Token token, State after);
  Token name_token(Token token, bool colon_allowed);
  Token single(Token token, State after) noexcept;
  bool read_labels(bool& name_seen);
  bool read_suffix(Token token, TextSample& sample);
  bool expected(std::string_view what, Token got);
  [[nodiscard]] std::string_view token_text() const noexcept {
    return text_.substr(token_begin_, position_ - token_begin_);
  }

  std::string_view text_;
  std::size_t begin_;
  bool last_;
  std::size_t position_;
  std::size_t token_begin_ = 0;
  State state_ = State::kInit;
  bool ran_out_ = false;
  std::string error_;
};

}  // namespace narthex::exposition
