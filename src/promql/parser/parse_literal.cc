// The values of number, duration and string tokens.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>

#include "narthex/model/duration.h"
#include "narthex/model/names.h"
#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

#include "promql/parser/parser_state.h"
#include "promql/parser/unquote.h"

namespace narthex::promql {
namespace {

std::string without_underscores(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (c != '_') out.push_back(c);
  }
  return out;
}

// An integer in the base that its prefix names: 0x hexadecimal, 0 octal. nullopt if it is none, or
// does not fit 64 bits with a sign.
std::optional<double> parse_integer(std::string_view text) {
  int base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
    text.remove_prefix(1);
  }
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return static_cast<double>(value);
}

bool is_hexadecimal(std::string_view text) noexcept {
  return text.size() > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

}  // namespace

std::unique_ptr<NumberLiteral> Parser::parse_number_or_duration() {
  auto literal = std::make_unique<NumberLiteral>();
  literal->position = position_of(token_);
  literal->is_duration = at(TokenKind::kDuration);
  literal->value = literal->is_duration ? duration_value(token_) : number_value(token_);
  advance();
  return literal;
}

double Parser::number_value(const Token& token) {
  const std::string text = without_underscores(token.text);
  if (const auto integer = parse_integer(text)) return *integer;
  const auto number = is_hexadecimal(text) ? std::nullopt : util::parse_double(text);
  const bool overflows =
      number && std::isinf(*number) && text.find_first_of("iI") == std::string::npos;
  if (number && !overflows) return *number;
  add_error(position_of(token), "error parsing number: strconv.ParseFloat: parsing " +
                                    model::quoted(token.text) +
                                    (overflows ? ": value out of range" : ": invalid syntax"));
  return 0;
}

double Parser::duration_value(const Token& token) {
  const auto duration = model::parse_duration(token.text);
  if (duration) return static_cast<double>(duration->count()) / 1000;
  add_error(position_of(token), duration.error().message());
  return 0;
}

std::string Parser::string_value(const Token& token) {
  return unquote(token.text);
}

}  // namespace narthex::promql
