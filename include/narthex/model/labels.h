// Label sets: what names a series. Sorted by name, names unique, no empty values (an empty value is
// an absent label).
//
// A set is one string: for every label length(name) name length(value) value, where a length is one
// byte below 255, else 0xFF and three bytes little-endian. So a set costs one allocation, equal
// sets are equal bytes, and the hash that PromQL's limit_ratio is defined on (promql.md §5) is
// xxh64 of bytes(). Threads: immutable values.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/util/result.h"

namespace narthex::model {

inline constexpr std::string_view kMetricName = "__name__";
// Longest name or value that a set can hold.
inline constexpr std::size_t kLabelBytesMax = (1U << 24U) - 1;

struct LabelView {
  std::string_view name;
  std::string_view value;
  friend bool operator==(const LabelView&, const LabelView&) = default;
  friend auto operator<=>(const LabelView&, const LabelView&) = default;
};

// A label set inside somebody else's bytes, which outlive it. Threads: immutable.
class LabelsRef {
 public:
  // Iterates in order of names. Views live as long as the set is not changed or moved.
  class Iterator {
   public:
    using difference_type = std::ptrdiff_t;
    using value_type = LabelView;
    Iterator() = default;
    explicit Iterator(const char* p) noexcept : p_(p) {}
    [[nodiscard]] LabelView operator*() const noexcept;
    Iterator& operator++() noexcept;
    Iterator operator++(int) noexcept {
      Iterator before = *this;
      ++*this;
      return before;
    }
    friend bool operator==(const Iterator&, const Iterator&) = default;

   private:
    const char* p_ = nullptr;
  };

  LabelsRef() = default;
  // Precondition: bytes in the encoding above, as Labels::bytes() gives them.
  explicit LabelsRef(std::string_view bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] Iterator begin() const noexcept { return Iterator(bytes_.data()); }
  [[nodiscard]] Iterator end() const noexcept { return Iterator(bytes_.data() + bytes_.size()); }
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  // The value, or an empty view when the label is absent.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;

  // Pair by pair, name before value, byte order; a set that is a prefix of the other comes first
  // (PQ-E7).
  friend std::strong_ordering operator<=>(LabelsRef a, LabelsRef b) noexcept;
  friend bool operator==(LabelsRef a, LabelsRef b) noexcept { return a.bytes_ == b.bytes_; }

 private:
  std::string_view bytes_;
};

class Labels {
 public:
  using Iterator = LabelsRef::Iterator;

  Labels() = default;
  // For tests and constants: any order, later duplicates win, empty values vanish. Precondition:
  // each at most kLabelBytesMax.
  Labels(std::initializer_list<LabelView> labels);
  // The same from a range of pairs.
  [[nodiscard]] static Labels from_unsorted(std::span<const LabelView> labels);
  // Takes over bytes in the encoding above. Precondition: they came from bytes() or from
  // LabelsEncoder.
  [[nodiscard]] static Labels from_bytes(std::string bytes);

  // Valid as long as the set is not changed or moved.
  [[nodiscard]] LabelsRef ref() const noexcept { return LabelsRef(bytes_); }
  [[nodiscard]] Iterator begin() const noexcept { return ref().begin(); }
  [[nodiscard]] Iterator end() const noexcept { return ref().end(); }
  [[nodiscard]] bool empty() const noexcept { return bytes_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept;  // Counts by walking.

  // The value, or an empty view when the label is absent.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept {
    return ref().get(name);
  }
  [[nodiscard]] bool has(std::string_view name) const noexcept { return !get(name).empty(); }
  [[nodiscard]] std::string_view metric_name() const noexcept { return get(kMetricName); }

  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::uint64_t hash() const noexcept;  // Of bytes(); in memory only.

  // Copies without / with only the given names.
  [[nodiscard]] Labels without(std::span<const std::string_view> names) const;
  [[nodiscard]] Labels with_only(std::span<const std::string_view> names) const;
  [[nodiscard]] Labels without_name() const;

  // {a="1", b="2"}: names quoted when they are not legacy names, values quoted as Go quotes them.
  [[nodiscard]] std::string to_string() const;
  // name{a="1"}: the form used for series in messages.
  [[nodiscard]] std::string to_series_string() const;

  friend bool operator==(const Labels&, const Labels&) = default;
  friend std::strong_ordering operator<=>(const Labels& a, const Labels& b) noexcept {
    return a.ref() <=> b.ref();
  }

 private:
  friend class LabelsEncoder;
  std::string bytes_;
};

// Appends one label to bytes in the encoding above. Precondition: names come in strictly ascending
// order; sizes at most kLabelBytesMax. An empty value is left out.
void append_label(std::string& bytes, std::string_view name, std::string_view value);

// Writes labels that already come sorted, without another copy. Threads: confined.
class LabelsEncoder {
 public:
  // As append_label().
  void add(std::string_view name, std::string_view value) { append_label(bytes_, name, value); }
  [[nodiscard]] Labels finish() && { return Labels::from_bytes(std::move(bytes_)); }
  [[nodiscard]] std::string_view bytes() const noexcept { return bytes_; }
  void clear() noexcept { bytes_.clear(); }

 private:
  std::string bytes_;
};

// Changes a label set. Threads: confined.
class LabelsBuilder {
 public:
  LabelsBuilder() = default;
  explicit LabelsBuilder(const Labels& base) { reset(base); }
  void reset(const Labels& base);
  void clear() noexcept { labels_.clear(); }

  // Sets the value; an empty one deletes the label. Precondition: sizes at most kLabelBytesMax.
  void set(std::string_view name, std::string_view value);
  void remove(std::string_view name);
  template <class Predicate>  // bool(std::string_view name): true = delete.
  void remove_if(Predicate drop) {
    std::erase_if(labels_,
                  [&drop](const auto& label) { return drop(std::string_view(label.first)); });
  }
  // The current value, empty if absent. The view is valid until the next change.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
  [[nodiscard]] bool empty() const noexcept { return labels_.empty(); }
  // Sorted by name.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& labels() const noexcept {
    return labels_;
  }
  [[nodiscard]] Labels build() const;

 private:
  std::vector<std::pair<std::string, std::string>> labels_;  // Sorted by name.
};

// For boost::unordered_flat_map and friends.
struct LabelsHasher {
  using is_avalanching = void;
  [[nodiscard]] std::size_t operator()(const Labels& labels) const noexcept {
    return labels.hash();
  }
};

}  // namespace narthex::model
