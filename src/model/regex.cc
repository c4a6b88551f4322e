#include "narthex/model/regex.h"

#include <algorithm>
#include <cctype>

#include <re2/re2.h>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"

namespace narthex::model {
namespace {

// An instruction of RE2 and what it is compiled from, as seen in the resident set.
constexpr std::size_t kInstructionBytes = 24;
constexpr std::size_t kAlternativesMax = 16384;

bool is_plain(char c) noexcept {
  return std::string_view("\\.+*?()|[]{}^$").find(c) == std::string_view::npos;
}

// Reads literal text with backslash-escaped punctuation from the front of `rest`; stops at the
// first operator.
std::string take_literal(std::string_view& rest) {
  std::string literal;
  while (!rest.empty()) {
    if (is_plain(rest[0])) {
      literal.push_back(rest[0]);
      rest.remove_prefix(1);
    } else if (rest[0] == '\\' && rest.size() > 1 &&
               std::ispunct(static_cast<unsigned char>(rest[1])) != 0) {
      literal.push_back(rest[1]);
      rest.remove_prefix(2);
    } else {
      break;
    }
  }
  return literal;
}

// a|b|c, or (a|b|c) or (?:a|b|c) around all of it; nullopt for anything with an operator in it.
std::optional<std::vector<std::string>> parse_alternatives(std::string_view pattern) {
  if (pattern.starts_with("(?:") && pattern.ends_with(')')) {
    pattern = pattern.substr(3, pattern.size() - 4);
  } else if (pattern.starts_with('(') && !pattern.starts_with("(?") && pattern.ends_with(')')) {
    pattern = pattern.substr(1, pattern.size() - 2);
  }
  std::vector<std::string> out;
  for (;;) {
    out.push_back(take_literal(pattern));
    if (out.size() > kAlternativesMax) return std::nullopt;
    if (pattern.empty()) break;
    if (pattern[0] != '|') return std::nullopt;
    pattern.remove_prefix(1);
  }
  std::ranges::sort(out);
  out.erase(std::ranges::unique(out).begin(), out.end());
  return out;
}

// True when what follows a literal cannot be a quantifier of its last character, nor hide one:
// "\\Q", "\\E" and "(?i)" are no atoms, so a quantifier behind them still belongs to the character
// before.
bool starts_an_atom(std::string_view rest) noexcept {
  if (rest.empty()) return true;
  switch (rest[0]) {
    case '.':
    case '[':
    case '^':
    case '$':
      return true;
    case '(':
      return !rest.starts_with("(?") || rest.starts_with("(?:");
    case '\\':
      return rest.size() > 1 && rest[1] != 'Q' && rest[1] != 'E';
    default:
      return false;
  }
}

// The literal that every match starts with: literal text at the front that no quantifier and no
// alternative touches.
std::string parse_prefix(std::string_view pattern) {
  if (pattern.find('|') != std::string_view::npos) return {};
  std::string prefix = take_literal(pattern);
  if (prefix.empty() || starts_an_atom(pattern)) return prefix;
  // The quantifier belongs to the last character, which may be several bytes long.
  std::size_t cut = prefix.size() - 1;
  while (cut > 0 && (static_cast<unsigned char>(prefix[cut]) & 0xC0U) == 0x80U) --cut;
  prefix.resize(cut);
  return prefix;
}

// RE2 in C++ and in Go find the same faults but word them differently; users know Go's words.
std::string_view fault_text(re2::RE2::ErrorCode code) noexcept {
  using re2::RE2;
  switch (code) {
    case RE2::ErrorBadEscape:
      return "invalid escape sequence";
    case RE2::ErrorBadCharClass:
      return "invalid character class";
    case RE2::ErrorBadCharRange:
      return "invalid character class range";
    case RE2::ErrorMissingBracket:
      return "missing closing ]";
    case RE2::ErrorMissingParen:
      return "missing closing )";
    case RE2::ErrorUnexpectedParen:
      return "unexpected )";
    case RE2::ErrorTrailingBackslash:
      return "trailing backslash at end of expression";
    case RE2::ErrorRepeatArgument:
      return "missing argument to repetition operator";
    case RE2::ErrorRepeatSize:
      return "invalid repeat count";
    case RE2::ErrorRepeatOp:
      return "invalid nested repetition operator";
    case RE2::ErrorBadPerlOp:
      return "invalid or unsupported Perl syntax";
    case RE2::ErrorBadUTF8:
      return "invalid UTF-8";
    case RE2::ErrorBadNamedCapture:
      return "invalid named capture";
    case RE2::ErrorPatternTooLarge:
      return "expression too large";
    case RE2::ErrorInternal:
    case RE2::NoError:
      break;
  }
  return "internal error";
}

std::string fault_of(const re2::RE2& re2) {
  std::string text = "error parsing regexp: ";
  text += fault_text(re2.error_code());
  text += ": `";
  text += re2.error_arg();
  text += '`';
  return text;
}

}  // namespace

struct Regex::Program {
  std::string pattern;
  std::unique_ptr<re2::RE2> re2;
  std::optional<std::vector<std::string>> literals;
  std::string prefix;
  bool everything = false;
  bool non_empty = false;  // .+
};

util::Result<Regex> Regex::compile(std::string_view pattern) {
  using util::Code;
  if (!util::is_valid_utf8(pattern)) {
    return util::fail(Code::kInvalidArgument,
                      "error parsing regexp: invalid UTF-8: " + quoted(pattern));
  }
  auto program = std::make_shared<Program>();
  program->pattern = std::string(pattern);
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexProgramBytesMax);
  options.set_dot_nl(true);
  // Compiled as it stands and anchored by the match: a wrapper ^(?s:…)$ would make "a)|(b" an
  // expression.
  program->re2 = std::make_unique<re2::RE2>(program->pattern, options);
  if (!program->re2->ok()) {
    return util::fail(Code::kInvalidArgument, fault_of(*program->re2));
  }
  program->literals = parse_alternatives(pattern);
  if (!program->literals) program->prefix = parse_prefix(pattern);
  program->everything = pattern == ".*";
  program->non_empty = pattern == ".+";
  return Regex(std::move(program));
}

bool Regex::matches(std::string_view text) const {
  if (program_->everything) return true;
  if (program_->non_empty) return !text.empty();
  if (program_->literals) return std::ranges::binary_search(*program_->literals, text);
  if (!text.starts_with(program_->prefix)) return false;
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), *program_->re2);
}

const std::string& Regex::pattern() const noexcept {
  return program_->pattern;
}
const std::optional<std::vector<std::string>>& Regex::literals() const noexcept {
  return program_->literals;
}
std::string_view Regex::literal_prefix() const noexcept {
  return program_->prefix;
}
bool Regex::matches_everything() const noexcept {
  return program_->everything;
}
std::size_t Regex::program_bytes() const noexcept {
  return static_cast<std::size_t>(program_->re2->ProgramSize()) * kInstructionBytes;
}

namespace {

// "$name" or "${name}" after the dollar sign; nullopt when what follows names no group.
std::optional<std::string_view> take_group_name(std::string_view& rest) {
  const auto is_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
  };
  const bool braced = rest.starts_with('{');
  std::size_t end = braced ? 1 : 0;
  const std::size_t begin = end;
  while (end < rest.size() && is_word(rest[end])) ++end;
  if (end == begin) return std::nullopt;
  if (braced && (end == rest.size() || rest[end] != '}')) return std::nullopt;
  const std::string_view name = rest.substr(begin, end - begin);
  rest.remove_prefix(braced ? end + 1 : end);
  return name;
}

// Index of a group by number or by name; -1 if there is none.
int group_index(const re2::RE2& re2, std::string_view name) {
  if (std::ranges::all_of(name, [](char c) { return c >= '0' && c <= '9'; })) {
    if (name.size() > 6 || (name.size() > 1 && name[0] == '0')) return -1;
    int index = 0;
    for (const char c : name) index = index * 10 + (c - '0');
    return index <= re2.NumberOfCapturingGroups() ? index : -1;
  }
  const auto& groups = re2.NamedCapturingGroups();
  const auto it = groups.find(std::string(name));
  return it == groups.end() ? -1 : it->second;
}

}  // namespace

std::optional<std::string> Regex::expand(std::string_view text,
                                         std::string_view replacement) const {
  const re2::RE2& re2 = *program_->re2;
  std::vector<re2::StringPiece> groups(static_cast<std::size_t>(re2.NumberOfCapturingGroups()) + 1);
  if (!re2.Match(re2::StringPiece(text.data(), text.size()), 0, text.size(), re2::RE2::ANCHOR_BOTH,
                 groups.data(), static_cast<int>(groups.size()))) {
    return std::nullopt;
  }
  std::string out;
  while (!replacement.empty()) {
    const std::size_t dollar = replacement.find('$');
    out.append(replacement.substr(0, dollar));
    if (dollar == std::string_view::npos) break;
    replacement.remove_prefix(dollar + 1);
    if (replacement.starts_with('$')) {
      out.push_back('$');
      replacement.remove_prefix(1);
      continue;
    }
    const auto name = take_group_name(replacement);
    if (!name) {
      out.push_back('$');  // Malformed: the dollar sign stands for itself.
      continue;
    }
    const int index = group_index(re2, *name);
    if (index >= 0) {
      const re2::StringPiece& group = groups[static_cast<std::size_t>(index)];
      out.append(group.data(), group.size());
    }
  }
  return out;
}

}  // namespace narthex::model
