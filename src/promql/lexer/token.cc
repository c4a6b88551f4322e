#include "promql/lexer/token.h"

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"

namespace narthex::promql {
namespace {

constexpr std::size_t kShownRunesMax = 10;

std::string quoted_start(std::string_view text) {
  std::size_t bytes = 0;
  for (std::size_t runes = 0; runes < kShownRunesMax && bytes < text.size(); ++runes) {
    bytes += util::decode_rune(text.substr(bytes)).bytes;
  }
  return model::quoted(text.substr(0, bytes)) + "...";
}

std::string shown(const Token& token) {
  return token.text.size() > kShownRunesMax ? quoted_start(token.text) : model::quoted(token.text);
}

}  // namespace

std::string describe(const Token& token) {
  switch (token.kind) {
    case TokenKind::kEof:
      return "end of input";
    case TokenKind::kIdentifier:
    case TokenKind::kMetricIdentifier:
      return "identifier " + model::quoted(token.text);
    case TokenKind::kNumber:
      return "number " + shown(token);
    case TokenKind::kDuration:
      return "duration " + shown(token);
    case TokenKind::kString:
      return "string " + shown(token);
    default:
      break;
  }
  if (is_modifier(token.kind)) return fmt::format("<{}>", token.text);
  if (is_operator(token.kind)) return fmt::format("<op:{}>", token.text);
  if (is_aggregator(token.kind)) return fmt::format("<aggr:{}>", token.text);
  return shown(token);
}

std::string quoted_rune(char32_t rune) {
  if (rune == kEndRune) rune = 0xFFFD;
  if (rune == '\'') return "'\\''";
  if (rune == '"') return "'\"'";
  std::string text;
  util::append_rune(text, rune);
  std::string quoted = model::quoted(text);
  quoted.front() = '\'';
  quoted.back() = '\'';
  return quoted;
}

}  // namespace narthex::promql
