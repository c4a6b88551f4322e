#include "discovery/xml.h"

#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "narthex/util/utf8.h"

namespace narthex::discovery {

using util::Code;
using util::fail;

namespace {

constexpr std::size_t kDepthMax = 64;
constexpr std::size_t kNodesMax = 1'000'000;
constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) + 1 - begin);
}

std::string_view without_prefix(std::string_view name) {
  const std::size_t colon = name.find(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

void append_code_point(std::string& out, std::uint32_t code) {
  const auto byte = [&out](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xC0U | (code >> 6U));
    byte(0x80U | (code & 0x3FU));
  } else if (code < 0x10000) {
    byte(0xE0U | (code >> 12U));
    byte(0x80U | ((code >> 6U) & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  } else {
    byte(0xF0U | (code >> 18U));
    byte(0x80U | ((code >> 12U) & 0x3FU));
    byte(0x80U | ((code >> 6U) & 0x3FU));
    byte(0x80U | (code & 0x3FU));
  }
}

// What stands between '&' and ';'. False: nothing that XML knows by itself.
bool append_entity(std::string& out, std::string_view name) {
  static constexpr std::pair<std::string_view, char> kNamed[] = {
      {"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
  for (const auto& [known, c] : kNamed) {
    if (name != known) continue;
    out.push_back(c);
    return true;
  }
  if (!name.starts_with('#')) return false;
  name.remove_prefix(1);
  const bool is_hex = name.starts_with('x');
  if (is_hex) name.remove_prefix(1);
  std::uint32_t code = 0;
  const auto [end, ec] =
      std::from_chars(name.data(), name.data() + name.size(), code, is_hex ? 16 : 10);
  const bool is_surrogate = code >= 0xD800 && code <= 0xDFFF;
  if (ec != std::errc{} || end != name.data() + name.size() || code == 0 || code > 0x10FFFF ||
      is_surrogate) {
    return false;
  }
  append_code_point(out, code);
  return true;
}

// Threads: confined.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  util::Result<XmlNode> read() {
    while (!done_) {
      if (at_ >= text_.size()) return error("unexpected end");
      if (text_[at_] == '<') {
        NX_TRY(read_markup());
      } else {
        NX_TRY(read_text());
      }
    }
    return std::move(root_);
  }

 private:
  std::unexpected<util::Error> error(std::string_view what) const {
    return fail(Code::kInvalidArgument, fmt::format("invalid XML at byte {}: {}", at_, what));
  }

  util::Result<void> read_markup() {
    const std::string_view rest = text_.substr(at_);
    if (rest.starts_with("<!--")) return skip_to("-->");
    if (rest.starts_with("<?")) return skip_to("?>");
    if (rest.starts_with("<![CDATA[")) return read_cdata();
    if (rest.starts_with("<!")) return error("a document type is not read");
    return rest.starts_with("</") ? read_end() : read_start();
  }

  util::Result<void> skip_to(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    if (found == std::string_view::npos) return error("unexpected end");
    at_ = found + end.size();
    return {};
  }

  util::Result<void> read_cdata() {
    constexpr std::size_t kOpenBytes = 9;
    const std::size_t begin = at_ + kOpenBytes;
    NX_TRY(skip_to("]]>"));
    if (open_.empty()) return error("text outside of the root");
    open_.back().text += text_.substr(begin, at_ - 3 - begin);
    return {};
  }

  util::Result<void> append_text(std::string& out, std::string_view raw) const {
    for (std::size_t i = 0; i < raw.size(); ++i) {
      if (raw[i] != '&') {
        out.push_back(raw[i]);
        continue;
      }
      const std::size_t end = raw.find(';', i);
      if (end == std::string_view::npos || !append_entity(out, raw.substr(i + 1, end - i - 1)))
        return error("unknown entity");
      i = end;
    }
    return {};
  }

  util::Result<void> read_text() {
    const std::size_t end = std::min(text_.find('<', at_), text_.size());
    const std::string_view raw = text_.substr(at_, end - at_);
    if (open_.empty()) {
      if (!trimmed(raw).empty()) return error("text outside of the root");
    } else {
      NX_TRY(append_text(open_.back().text, raw));
    }
    at_ = end;
    return {};
  }

  [[nodiscard]] std::string_view read_name() {
    const std::size_t begin = at_;
    while (at_ < text_.size() && !kBlanks.contains(text_[at_]) && text_[at_] != '>' &&
           text_[at_] != '/' && text_[at_] != '=' && text_[at_] != '<')
      ++at_;
    return text_.substr(begin, at_ - begin);
  }
  void skip_blanks() { at_ = std::min(text_.find_first_not_of(kBlanks, at_), text_.size()); }

  util::Result<void> read_start() {
    ++at_;
    if (++nodes_ > kNodesMax)
      return fail(Code::kLimitExceeded, "XML of more than a million elements");
    if (open_.size() >= kDepthMax) return fail(Code::kLimitExceeded, "XML nested too deep");
    const std::string_view name = read_name();
    XmlNode node;
    node.name = without_prefix(name);
    if (node.name.empty()) return error("an element without a name");
    for (;;) {
      skip_blanks();
      if (at_ >= text_.size()) return error("unexpected end");
      if (text_[at_] == '>' || text_[at_] == '/') break;
      NX_TRY(read_attribute(node));
    }
    const bool is_empty = text_[at_] == '/';
    at_ += is_empty ? 2 : 1;
    if (at_ > text_.size() || text_[at_ - 1] != '>') return error("expected '>'");
    names_.push_back(name);
    open_.push_back(std::move(node));
    if (is_empty) close();
    return {};
  }

  util::Result<void> read_attribute(XmlNode& node) {
    const std::string_view key = read_name();
    skip_blanks();
    if (key.empty() || at_ >= text_.size() || text_[at_] != '=') return error("expected '='");
    ++at_;
    skip_blanks();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '"' && quote != '\'') return error("expected a quote");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return error("unexpected end");
    std::string value;
    NX_TRY(append_text(value, text_.substr(at_ + 1, end - at_ - 1)));
    node.attributes.emplace_back(without_prefix(key), std::move(value));
    at_ = end + 1;
    return {};
  }

  util::Result<void> read_end() {
    at_ += 2;
    const std::string_view name = read_name();
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != '>') return error("expected '>'");
    ++at_;
    if (names_.empty() || names_.back() != name) return error("an end without its beginning");
    close();
    return {};
  }

  void close() {
    XmlNode node = std::move(open_.back());
    open_.pop_back();
    names_.pop_back();
    node.text = std::string(trimmed(node.text));
    if (open_.empty()) {
      root_ = std::move(node);
      done_ = true;
    } else {
      open_.back().children.push_back(std::move(node));
    }
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::size_t nodes_ = 0;
  bool done_ = false;
  XmlNode root_;
  std::vector<XmlNode> open_;  // From the root to the element at hand.
  std::vector<std::string_view> names_;
};

}  // namespace

const XmlNode& XmlNode::at(std::string_view child) const {
  static const XmlNode nothing;
  for (const XmlNode& node : children) {
    if (node.name == child) return node;
  }
  return nothing;
}

std::string_view XmlNode::attribute(std::string_view key) const {
  for (const auto& [name_of, value] : attributes) {
    if (name_of == key) return value;
  }
  return {};
}

util::Result<XmlNode> parse_xml(std::string_view text) {
  if (!util::is_valid_utf8(text)) return fail(Code::kInvalidArgument, "invalid XML: not UTF-8");
  return Reader(text).read();
}

std::string xml_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '&') {
      out += "&amp;";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace narthex::discovery
