#include "narthex/yaml/tree.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

namespace narthex::yaml {
namespace {

constexpr std::array<std::string_view, 11> kTrueWords = {"y",  "Y",  "yes",  "Yes",  "YES", "on",
                                                         "On", "ON", "true", "True", "TRUE"};
constexpr std::array<std::string_view, 11> kFalseWords = {
    "n", "N", "no", "No", "NO", "off", "Off", "OFF", "false", "False", "FALSE"};

template <std::size_t N>
bool is_one_of(std::string_view text, const std::array<std::string_view, N>& words) {
  return !text.empty() && std::ranges::find(words, text) != words.end();
}

bool all_in(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

bool is_int(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (text.starts_with("0x")) return all_in(text.substr(2), "0123456789abcdefABCDEF_");
  if (text.starts_with("0b")) return all_in(text.substr(2), "01_");
  if (text.starts_with("0o")) return all_in(text.substr(2), "01234567_");
  return all_in(text, "0123456789_") && text.front() != '_';
}

bool is_float(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with('-') || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits == ".inf" || digits == ".Inf" || digits == ".INF" || text == ".nan" ||
      text == ".NaN") {
    return true;
  }
  return digits.find_first_not_of("0123456789.eE+-") == std::string_view::npos &&
         digits.find_first_of("0123456789") != std::string_view::npos &&
         util::parse_double(text).has_value();
}

std::string_view plain_tag(std::string_view text) {
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL")
    return "!!null";
  if (is_one_of(text, kTrueWords) || is_one_of(text, kFalseWords)) return "!!bool";
  if (is_int(text)) return "!!int";
  if (is_float(text)) return "!!float";
  return "!!str";
}

}  // namespace

const Node* Node::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : entries) {
    if (name.kind == Kind::kScalar && name.text == key) return &value;
  }
  return nullptr;
}

Node scalar(std::string text) {
  Node node;
  node.kind = Kind::kScalar;
  node.text = std::move(text);
  return node;
}

Node plain_scalar(std::string text) {
  Node node = scalar(std::move(text));
  node.is_plain = true;
  return node;
}

Node sequence() {
  Node node;
  node.kind = Kind::kSequence;
  return node;
}

Node map() {
  Node node;
  node.kind = Kind::kMap;
  return node;
}

std::string_view tag_of(const Node& node) noexcept {
  switch (node.kind) {
    case Kind::kNull:
      return "!!null";
    case Kind::kSequence:
      return "!!seq";
    case Kind::kMap:
      return "!!map";
    case Kind::kScalar:
      break;
  }
  return node.is_plain ? plain_tag(node.text) : "!!str";
}

bool bool_of(const Node& node) noexcept {
  return is_one_of(node.text, kTrueWords);
}

bool is_blank(const Node& node) noexcept {
  switch (node.kind) {
    case Kind::kNull:
      return true;
    case Kind::kScalar:
      return node.text.empty();
    case Kind::kSequence:
      return std::ranges::all_of(node.items, is_blank);
    case Kind::kMap:
      return std::ranges::all_of(node.entries,
                                 [](const auto& entry) { return is_blank(entry.second); });
  }
  return false;
}

namespace {

enum class Context : std::uint8_t { kBlock, kInline };

bool has_control_character(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

// Whether the text would read back as the same string without quotes.
bool is_safe_plain(std::string_view text, Context context) {
  if (plain_tag(text) != "!!str" || has_control_character(text) || text == "<<" ||
      text.starts_with("---") || text.starts_with("..."))
    return false;
  if (text.front() == ' ' || text.back() == ' ' || text.back() == ':') return false;
  if (std::string_view("#,[]{}&*!|>'\"%@`").contains(text.front())) return false;
  if (std::string_view("-?:").contains(text.front()) && (text.size() == 1 || text[1] == ' '))
    return false;
  if (text.contains(": ") || text.contains(" #")) return false;
  return context == Context::kBlock || text.find_first_of(",[]{}?:") == std::string_view::npos;
}

void append_double_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          out += fmt::format("\\x{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

void append_scalar(std::string& out, const Node& node, Context context) {
  if (!node.shown.empty()) return append_scalar(out, scalar(node.shown), context);
  if (node.is_plain || is_safe_plain(node.text, context)) {
    out += node.text;
  } else if (plain_tag(node.text) != "!!str" || has_control_character(node.text)) {
    append_double_quoted(out, node.text);  // What would be a number or so has double quotes.
  } else {
    out.push_back('\'');
    for (const char c : node.text) {
      out.push_back(c);
      if (c == '\'') out.push_back('\'');
    }
    out.push_back('\'');
  }
}

void append_inline(std::string& out, const Node& sequence) {
  out.push_back('[');
  bool first = true;
  for (const Node& item : sequence.items) {
    if (!first) out += ", ";
    first = false;
    append_scalar(out, item, Context::kInline);
  }
  out.push_back(']');
}

void append_map(std::string& out, const Node& map, std::size_t indent, bool first_on_this_line);

void append_sequence(std::string& out, const Node& sequence, std::size_t indent);

// What follows "key:" (with its blank or line end) in a block map.
void append_value(std::string& out, const Node& value, std::size_t indent) {
  switch (value.kind) {
    case Kind::kNull:
      out += " null\n";
      return;
    case Kind::kScalar:
      out.push_back(' ');
      append_scalar(out, value, Context::kBlock);
      out.push_back('\n');
      return;
    case Kind::kSequence:
      if (value.items.empty() || value.is_inline) {
        out.push_back(' ');
        append_inline(out, value);
        out.push_back('\n');
      } else {
        out.push_back('\n');
        append_sequence(out, value, indent);
      }
      return;
    case Kind::kMap:
      if (value.entries.empty()) {
        out += " {}\n";
      } else {
        out.push_back('\n');
        append_map(out, value, indent + 2, false);
      }
      return;
  }
}

void append_sequence(std::string& out, const Node& sequence, std::size_t indent) {
  for (const Node& item : sequence.items) {
    out.append(indent, ' ');
    out.push_back('-');
    if (item.kind == Kind::kMap && !item.entries.empty()) {
      out.push_back(' ');
      append_map(out, item, indent + 2, true);
    } else {
      append_value(out, item, indent + 2);
    }
  }
}

void append_map(std::string& out, const Node& map, std::size_t indent, bool first_on_this_line) {
  for (const auto& [key, value] : map.entries) {
    if (!first_on_this_line) out.append(indent, ' ');
    first_on_this_line = false;
    append_scalar(out, key, Context::kBlock);
    out.push_back(':');
    append_value(out, value, indent);
  }
}

}  // namespace

std::string print(const Node& root) {
  std::string out;
  if (root.kind == Kind::kMap) {
    append_map(out, root, 0, false);
  } else if (root.kind == Kind::kSequence) {
    append_sequence(out, root, 0);
  } else if (root.kind == Kind::kScalar) {
    append_scalar(out, root, Context::kBlock);
    out.push_back('\n');
  }
  return out;
}

}  // namespace narthex::yaml
