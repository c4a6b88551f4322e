#include "promql/parser/unquote.h"

#include <charconv>
#include <cstddef>
#include <cstdint>

#include "narthex/util/utf8.h"

namespace narthex::promql {
namespace {

std::uint32_t take_digits(std::string_view& rest, std::size_t count, int base) {
  std::uint32_t value = 0;
  std::from_chars(rest.data(), rest.data() + count, value, base);
  rest.remove_prefix(count);
  return value;
}

// `rest` stands behind the backslash.
void append_escape(std::string& out, std::string_view& rest) {
  const char c = rest.front();
  if (c >= '0' && c <= '7') {
    out.push_back(static_cast<char>(take_digits(rest, 3, 8)));
    return;
  }
  rest.remove_prefix(1);
  switch (c) {
    case 'a':
      out.push_back('\a');
      return;
    case 'b':
      out.push_back('\b');
      return;
    case 'f':
      out.push_back('\f');
      return;
    case 'n':
      out.push_back('\n');
      return;
    case 'r':
      out.push_back('\r');
      return;
    case 't':
      out.push_back('\t');
      return;
    case 'v':
      out.push_back('\v');
      return;
    case 'x':
      out.push_back(static_cast<char>(take_digits(rest, 2, 16)));
      return;
    case 'u':
      util::append_rune(out, take_digits(rest, 4, 16));
      return;
    case 'U':
      util::append_rune(out, take_digits(rest, 8, 16));
      return;
    default:
      out.push_back(c);  // A quote or a backslash.
  }
}

}  // namespace

std::string unquote(std::string_view token) {
  std::string_view rest = token.substr(1, token.size() - 2);
  if (token.front() == '`') return std::string(rest);
  std::string out;
  out.reserve(rest.size());
  while (!rest.empty()) {
    const std::size_t plain = std::min(rest.find('\\'), rest.size());
    out.append(rest.substr(0, plain));
    rest.remove_prefix(plain);
    if (rest.empty()) break;
    rest.remove_prefix(1);
    append_escape(out, rest);
  }
  return out;
}

}  // namespace narthex::promql
