#include "relabel/unicode_case.h"

#include <cwctype>

#include <locale.h>

#include "narthex/util/utf8.h"

namespace narthex::relabel {
namespace {

// glibc's own UTF-8 locale, independent of what the process was started with. Null (then only ASCII
// is mapped) on a system that has stripped it.
locale_t utf8_locale() {
  static const locale_t locale = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  return locale;
}

template <class Ascii, class Wide>
std::string map_case(std::string_view text, Ascii ascii, Wide wide) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char first = text.front();
    if (static_cast<unsigned char>(first) < 0x80) {
      out.push_back(ascii(first));
      text.remove_prefix(1);
      continue;
    }
    const util::DecodedRune decoded = util::decode_rune(text);
    const locale_t locale = utf8_locale();
    if (decoded.valid && locale != nullptr) {
      util::append_rune(out,
                        static_cast<char32_t>(wide(static_cast<wint_t>(decoded.rune), locale)));
    } else {
      out.append(text.substr(0, decoded.bytes));
    }
    text.remove_prefix(decoded.bytes);
  }
  return out;
}

}  // namespace

std::string to_lower(std::string_view text) {
  return map_case(
      text, [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; },
      ::towlower_l);
}

std::string to_upper(std::string_view text) {
  return map_case(
      text, [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c; },
      ::towupper_l);
}

}  // namespace narthex::relabel
