// Builds the tree from yaml-cpp's events, with every cost bounded.
#include <algorithm>
#include <optional>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "narthex/util/utf8.h"
#include "narthex/yaml/tree.h"

namespace narthex::yaml {
namespace {

struct Cost {
  std::size_t nodes = 0;
  std::size_t text_bytes = 0;
  std::size_t depth = 0;
};

Cost cost_of(const Node& node) {
  Cost sum{1, node.text.size(), 1};
  const auto add = [&sum](const Node& child) {
    const Cost cost = cost_of(child);
    sum.nodes += cost.nodes;
    sum.text_bytes += cost.text_bytes;
    sum.depth = std::max(sum.depth, cost.depth + 1);
  };
  for (const Node& item : node.items) add(item);
  for (const auto& [key, value] : node.entries) {
    add(key);
    add(value);
  }
  return sum;
}

SyntaxError syntax_error(std::string_view why, std::uint32_t line) {
  if (line == 0) return {fmt::format("yaml: {}", why), 0};
  return {fmt::format("yaml: line {}: {}", line, why), line};
}

// Line breaks and blanks are no part of it; nullopt for anything else that is no base64.
std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  unsigned bit_count = 0;
  std::size_t digit_count = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos || padding > 0) return std::nullopt;
    ++digit_count;
    bits = (bits << 6U) | static_cast<std::uint32_t>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out.push_back(static_cast<char>((bits >> bit_count) & 0xffU));
  }
  const bool is_whole = padding <= 2 && (digit_count + padding) % 4 == 0;
  return is_whole ? std::optional(std::move(out)) : std::nullopt;
}

// Receives events and stacks up unfinished sequences and maps. After the first thing that must not
// be it takes nothing in any more: yaml-cpp reads on to the end of the (bounded) document by
// itself.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, const Limits& limits) : text_(text), limits_(limits) {}

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_root_ && second_line_ == 0) second_line_ = line_of(mark);
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node = make(mark, Kind::kNull);
    node.line -= lines_after_missing_value(mark);
    finish(mark, anchor, std::move(node));
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    if (value.size() > limits_.scalar_bytes) {
      return stop(mark, fmt::format("a value is longer than {} bytes", limits_.scalar_bytes));
    }
    if (tag == "tag:yaml.org,2002:binary") return on_binary(mark, anchor, value);
    const std::optional<bool> plain = is_plain(tag);
    if (!plain) return stop(mark, fmt::format("the tag {} is not supported", tag));
    Node node = make(mark, Kind::kScalar);
    node.text = value;
    node.is_plain = *plain;
    finish(mark, anchor, std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (error_) return;
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) return stop(mark, "an anchor's value contains itself");
    const Cost cost = cost_of(known->second);
    if (open_.size() + cost.depth > limits_.depth) return too_deep(mark);
    if (charge(mark, cost)) add(mark, known->second);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(mark, anchor, Kind::kSequence);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(mark, anchor, Kind::kMap);
  }
  void OnMapEnd() override { close(); }

  [[nodiscard]] const std::optional<SyntaxError>& error() const { return error_; }
  [[nodiscard]] Document take() && { return Document{std::move(root_), second_line_}; }

 private:
  struct Open {
    Node node;
    YAML::Mark mark;
    YAML::anchor_t anchor;
    bool awaits_value = false;  // A map whose last entry has a key only.
  };

  void stop(const YAML::Mark& mark, const std::string& why) {
    if (!error_) error_ = syntax_error(why, line_of(mark));
  }
  void on_binary(const YAML::Mark& mark, YAML::anchor_t anchor, const std::string& value) {
    auto bytes = decode_base64(value);
    if (!bytes) return stop(mark, "!!binary value contains invalid base64 data");
    Node node = make(mark, Kind::kScalar);
    node.text = *std::move(bytes);
    node.is_plain = false;
    finish(mark, anchor, std::move(node));
  }
  void too_deep(const YAML::Mark& mark) {
    stop(mark, fmt::format("nested deeper than {} levels", limits_.depth));
  }
  // Whether the scalar's text decides its type; nullopt for tags beyond YAML's core. yaml-cpp gives
  // "?" for a scalar without quotes and "!" for one with them.
  static std::optional<bool> is_plain(std::string_view tag) {
    constexpr std::string_view kCore = "tag:yaml.org,2002:";
    if (tag == "?") return true;
    if (tag.empty() || tag == "!") return false;
    const std::string_view type = tag.starts_with(kCore) ? tag.substr(kCore.size()) : "";
    if (type == "str") return false;
    if (type == "int" || type == "float" || type == "bool" || type == "null") return true;
    return std::nullopt;
  }
  static std::uint32_t line_of(const YAML::Mark& mark) {
    return mark.is_null() ? 0 : static_cast<std::uint32_t>(mark.line) + 1;
  }
  // yaml-cpp puts a value that is not there where the next thing begins: how many lines that is
  // behind the '-' or ':' it belongs to. 0 for a null that is written down.
  [[nodiscard]] std::uint32_t lines_after_missing_value(const YAML::Mark& mark) const {
    if (mark.is_null() || mark.pos < 0) return 0;
    const auto at = std::min(static_cast<std::size_t>(mark.pos), text_.size());
    if (at < text_.size() && (text_[at] == '~' || text_[at] == 'n' || text_[at] == 'N')) return 0;
    const std::size_t last = text_.substr(0, at).find_last_not_of(" \t\r\n");
    if (last == std::string_view::npos) return 0;
    const std::string_view gap = text_.substr(last, at - last);
    return static_cast<std::uint32_t>(
        std::min<std::ptrdiff_t>(std::ranges::count(gap, '\n'), mark.line));
  }
  static Node make(const YAML::Mark& mark, Kind kind) {
    Node node;
    node.kind = kind;
    node.line = line_of(mark);
    return node;
  }

  // False when the document has become too expensive.
  bool charge(const YAML::Mark& mark, const Cost& cost) {
    spent_.nodes += cost.nodes;
    spent_.text_bytes += cost.text_bytes;
    if (spent_.nodes <= limits_.nodes && spent_.text_bytes <= limits_.text_bytes) return true;
    stop(mark,
         fmt::format(
             "document contains excessive aliasing or is too large (limits: {} values, {} bytes)",
             limits_.nodes, limits_.text_bytes));
    return false;
  }
  void open(const YAML::Mark& mark, YAML::anchor_t anchor, Kind kind) {
    if (error_) return;
    if (open_.size() >= limits_.depth) return too_deep(mark);
    if (charge(mark, {1, 0, 1})) open_.push_back(Open{make(mark, kind), mark, anchor});
  }
  void close() {
    if (error_) return;
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.node.kind == Kind::kMap && !merge(done.node)) {
      return stop(done.mark, "map merge requires map or sequence of maps as the value");
    }
    remember(done.mark, done.anchor, done.node);
    add(done.mark, std::move(done.node));
  }
  void finish(const YAML::Mark& mark, YAML::anchor_t anchor, Node node) {
    if (error_ || !charge(mark, {1, node.text.size(), 1})) return;
    remember(mark, anchor, node);
    add(mark, std::move(node));
  }
  // The copy is paid for like any other value: anchors inside anchors would multiply.
  void remember(const YAML::Mark& mark, YAML::anchor_t anchor, const Node& node) {
    if (anchor != 0 && charge(mark, cost_of(node))) anchors_.insert_or_assign(anchor, node);
  }

  void add(const YAML::Mark& mark, Node node) {
    if (open_.empty()) {
      if (!has_root_) root_ = std::move(node);
      has_root_ = true;
      return;
    }
    Open& parent = open_.back();
    if (parent.node.kind == Kind::kSequence) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.awaits_value) {
      if (node.kind == Kind::kSequence || node.kind == Kind::kMap) {
        return stop(mark, "invalid map key");
      }
      parent.node.entries.emplace_back(std::move(node), Node{});
      parent.awaits_value = true;
    } else {
      parent.node.entries.back().second = std::move(node);
      parent.awaits_value = false;
    }
  }

  // Replaces `<<: {…}` and `<<: [{…}, …]` by the entries that the map does not have itself; false
  // when something else is to be merged. The copies were paid for when the alias was expanded.
  static bool merge(Node& map) {
    const auto is_merge = [](const auto& entry) {
      return entry.first.is_plain && entry.first.text == "<<";
    };
    std::vector<Node> sources;
    for (auto& entry : map.entries) {
      if (!is_merge(entry)) continue;
      if (entry.second.kind == Kind::kSequence) {
        for (Node& item : entry.second.items) sources.push_back(std::move(item));
      } else {
        sources.push_back(std::move(entry.second));
      }
    }
    if (sources.empty()) return true;
    std::erase_if(map.entries, is_merge);
    std::unordered_set<std::string> taken;
    for (const auto& entry : map.entries) taken.insert(entry.first.text);
    for (Node& source : sources) {
      if (source.kind != Kind::kMap) return false;
      for (auto& entry : source.entries) {
        if (taken.insert(entry.first.text).second) map.entries.push_back(std::move(entry));
      }
    }
    return true;
  }

  const std::string_view text_;
  const Limits limits_;
  Cost spent_;
  std::optional<SyntaxError> error_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Node> anchors_;
  Node root_;
  bool has_root_ = false;
  std::uint32_t second_line_ = 0;
};

std::uint32_t line_at(std::string_view text, std::size_t offset) {
  return 1 + static_cast<std::uint32_t>(std::count(
                 text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n'));
}

// yaml-cpp takes any bytes; YAML does not, and nothing that is not UTF-8 may get in.
std::expected<void, SyntaxError> check_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 && byte != '\n' && byte != '\t' && byte != '\r') {
      return std::unexpected(syntax_error("control characters are not allowed", line_at(text, i)));
    }
    const util::DecodedRune rune = util::decode_rune(text.substr(i));
    if (!rune.valid) return std::unexpected(syntax_error("invalid UTF-8", line_at(text, i)));
    i += rune.bytes;
  }
  return {};
}

}  // namespace

std::expected<Document, SyntaxError> parse(std::string_view text, const Limits& limits) {
  if (text.size() > limits.document_bytes) {
    return std::unexpected(
        syntax_error(fmt::format("the file is larger than {} bytes", limits.document_bytes), 0));
  }
  if (auto good = check_characters(text); !good) return std::unexpected(good.error());
  Builder builder(text, limits);
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser(in);
    // The first document counts; of a second one only the place is kept.
    if (parser.HandleNextDocument(builder)) parser.HandleNextDocument(builder);
  } catch (const YAML::Exception& e) {
    if (builder.error()) return std::unexpected(*builder.error());
    const bool has_line = !e.mark.is_null();
    return std::unexpected(
        syntax_error(e.msg, has_line ? static_cast<std::uint32_t>(e.mark.line) + 1 : 0));
  }
  if (builder.error()) return std::unexpected(*builder.error());
  return std::move(builder).take();
}

}  // namespace narthex::yaml
