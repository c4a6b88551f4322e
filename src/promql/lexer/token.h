// The words of PromQL. Threads: values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::promql {

// Binary operators, set operators and aggregators stand in the order of BinaryOp and AggregateOp.
enum class TokenKind : std::uint8_t {
  kEof,
  kError,  // Lexer::error_message() tells what is wrong.
  kIdentifier,
  kMetricIdentifier,  // With a colon in it.
  kNumber,
  kDuration,
  kString,  // With its quotes.
  kLeftParen,
  kRightParen,
  kLeftBrace,
  kRightBrace,
  kLeftBracket,
  kRightBracket,
  kComma,
  kAssign,  // =
  kColon,
  // Operators.
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,
  kTrimLower,
  kAnd,
  kOr,
  kUnless,
  kRegexMatch,
  kRegexNoMatch,
  kAt,
  // Aggregators.
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio,
  // Modifiers.
  kOffset,
  kSmoothed,
  kAnchored,
  kBy,
  kWithout,
  kOn,
  kIgnoring,
  kGroupLeft,
  kGroupRight,
  kFill,
  kFillLeft,
  kFillRight,
  kBool,
  // Preprocessors.
  kStart,
  kEnd,
  kStep,
  kRange,
  kMaxOf,
  kMinOf,
};

[[nodiscard]] constexpr bool is_between(TokenKind kind, TokenKind first, TokenKind last) noexcept {
  return kind >= first && kind <= last;
}
[[nodiscard]] constexpr bool is_operator(TokenKind kind) noexcept {
  return is_between(kind, TokenKind::kAdd, TokenKind::kAt);
}
[[nodiscard]] constexpr bool is_binary_operator(TokenKind kind) noexcept {
  return is_between(kind, TokenKind::kAdd, TokenKind::kUnless);
}
[[nodiscard]] constexpr bool is_aggregator(TokenKind kind) noexcept {
  return is_between(kind, TokenKind::kSum, TokenKind::kLimitRatio);
}
[[nodiscard]] constexpr bool is_modifier(TokenKind kind) noexcept {
  return is_between(kind, TokenKind::kOffset, TokenKind::kBool);
}
[[nodiscard]] constexpr bool is_preprocessor(TokenKind kind) noexcept {
  return is_between(kind, TokenKind::kStart, TokenKind::kMinOf);
}

struct Token {
  TokenKind kind = TokenKind::kEof;
  std::uint32_t start = 0;  // Byte offset in the text.
  std::string_view text;    // A piece of the text.

  [[nodiscard]] std::uint32_t end() const noexcept {
    return start + static_cast<std::uint32_t>(text.size());
  }
};

// How messages name a token: `identifier "foo"`, `<op:+>`, `<by>`, `"{"`, `end of input`.
[[nodiscard]] std::string describe(const Token& token);
// A rune in single quotes, escaped as Go escapes it. kEndRune stands for the end of the text.
inline constexpr char32_t kEndRune = 0xFFFFFFFF;
[[nodiscard]] std::string quoted_rune(char32_t rune);

}  // namespace narthex::promql
