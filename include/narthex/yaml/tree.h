// A YAML document as a plain tree that knows its line numbers: what the decoders read and what the
// effective configuration is printed from.
// Threads: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace narthex::yaml {

enum class Kind : std::uint8_t { kNull, kScalar, kSequence, kMap };

struct Entry;

struct Node {
  Kind kind = Kind::kNull;
  bool is_plain = false;       // Scalar without quotes: its text decides its type.
  bool is_inline = false;      // Printed as [a, b].
  std::uint32_t line = 0;      // 1-based; 0 = made by us.
  std::string text;            // Of a scalar.
  std::string shown;           // Printed in place of a secret text.
  std::vector<Node> items;     // Of a sequence.
  std::vector<Entry> entries;  // Of a map, in order; duplicates are kept.

  // The value under `key`, or null. Of several the first.
  [[nodiscard]] const Node* find(std::string_view key) const noexcept;
};

// Not a std::pair: to ask what a pair can do takes a complete Node, whose members ask it first.
struct Entry {
  Node first;   // The key.
  Node second;  // Its value.
};

[[nodiscard]] Node scalar(std::string text);        // A string, quoted when printed if it must be.
[[nodiscard]] Node plain_scalar(std::string text);  // A number or boolean, printed as it is.
[[nodiscard]] Node sequence();
[[nodiscard]] Node map();

// YAML's own name of the node's type: "!!str", "!!int", "!!float", "!!bool", "!!null", "!!seq",
// "!!map".
[[nodiscard]] std::string_view tag_of(const Node& node) noexcept;
// true, yes, on, y …; the precondition is tag_of() == "!!bool".
[[nodiscard]] bool bool_of(const Node& node) noexcept;
// Null, "", [], {} and maps and sequences of nothing else.
[[nodiscard]] bool is_blank(const Node& node) noexcept;

// What a hostile document may cost. An alias counts for everything that it stands for, so a
// "billion laughs" ends at these bounds.
struct Limits {
  std::size_t document_bytes = std::size_t{16} << 20U;
  std::size_t depth = 100;
  std::size_t nodes = 1'000'000;
  std::size_t text_bytes = std::size_t{64} << 20U;  // Of all scalars together, aliases expanded.
  std::size_t scalar_bytes = std::size_t{1} << 20U;
};

struct Document {
  Node root;                      // kNull when there is nothing but comments.
  std::uint32_t second_line = 0;  // Where another document begins, which nobody reads; 0 = none.
};

struct SyntaxError {
  std::string message;     // `yaml: line N: …`
  std::uint32_t line = 0;  // 0 = the document as a whole.
};
// Aliases are expanded and merge keys (<<) applied.
std::expected<Document, SyntaxError> parse(std::string_view text, const Limits& limits = {});

// Block style, two blanks a level, sequences at the level of their key: Prometheus' own look.
[[nodiscard]] std::string print(const Node& root);

}  // namespace narthex::yaml
