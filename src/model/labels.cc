#include "narthex/model/labels.h"

#include <algorithm>

#include "narthex/model/names.h"
#include "narthex/util/check.h"
#include "narthex/util/hash.h"

namespace narthex::model {
namespace {

constexpr std::uint8_t kLongLength = 0xff;

struct Field {
  std::string_view text;
  const char* next;
};

Field read_field(const char* p) noexcept {
  std::size_t size = static_cast<std::uint8_t>(*p++);
  if (size == kLongLength) [[unlikely]] {
    size = static_cast<std::size_t>(static_cast<std::uint8_t>(p[0])) |
           static_cast<std::size_t>(static_cast<std::uint8_t>(p[1])) << 8U |
           static_cast<std::size_t>(static_cast<std::uint8_t>(p[2])) << 16U;
    p += 3;
  }
  return {{p, size}, p + size};
}

void append_field(std::string& out, std::string_view text) {
  NX_CHECK(text.size() <= kLabelBytesMax, "label of {} bytes", text.size());
  if (text.size() < kLongLength) {
    out.push_back(static_cast<char>(text.size()));
  } else {
    out.push_back(static_cast<char>(kLongLength));
    out.push_back(static_cast<char>(text.size() & 0xff));
    out.push_back(static_cast<char>((text.size() >> 8U) & 0xff));
    out.push_back(static_cast<char>((text.size() >> 16U) & 0xff));
  }
  out.append(text);
}

// `name` or "name".
void append_label_name(std::string& out, std::string_view name) {
  if (is_valid_label_name(name, NameScheme::kLegacy)) {
    out.append(name);
  } else {
    append_quoted(out, name);
  }
}

bool contains(std::span<const std::string_view> names, std::string_view name) noexcept {
  return std::ranges::find(names, name) != names.end();
}

}  // namespace

LabelView LabelsRef::Iterator::operator*() const noexcept {
  const Field name = read_field(p_);
  return {name.text, read_field(name.next).text};
}

LabelsRef::Iterator& LabelsRef::Iterator::operator++() noexcept {
  p_ = read_field(read_field(p_).next).next;
  return *this;
}

Labels::Labels(std::initializer_list<LabelView> labels)
    : Labels(from_unsorted({labels.begin(), labels.size()})) {}

Labels Labels::from_unsorted(std::span<const LabelView> labels) {
  std::vector<LabelView> sorted(labels.begin(), labels.end());
  std::ranges::stable_sort(sorted, {}, &LabelView::name);
  LabelsEncoder encoder;
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const bool overridden = i + 1 < sorted.size() && sorted[i + 1].name == sorted[i].name;
    if (!overridden) encoder.add(sorted[i].name, sorted[i].value);
  }
  return std::move(encoder).finish();
}

Labels Labels::from_bytes(std::string bytes) {
  Labels labels;
  labels.bytes_ = std::move(bytes);
  return labels;
}

std::size_t Labels::size() const noexcept {
  std::size_t count = 0;
  for (auto it = begin(); it != end(); ++it) ++count;
  return count;
}

std::string_view LabelsRef::get(std::string_view name) const noexcept {
  const char* p = bytes_.data();
  const char* const stop = p + bytes_.size();
  while (p != stop) {
    const Field field = read_field(p);
    const Field value = read_field(field.next);
    if (field.text == name) return value.text;
    // No early stop on order: "__name__" sorts after capitals, and label sets are short.
    p = value.next;
  }
  return {};
}

std::uint64_t Labels::hash() const noexcept {
  return util::hash64(bytes_);
}

Labels Labels::without(std::span<const std::string_view> names) const {
  LabelsEncoder encoder;
  for (const LabelView label : *this) {
    if (!contains(names, label.name)) encoder.add(label.name, label.value);
  }
  return std::move(encoder).finish();
}

Labels Labels::with_only(std::span<const std::string_view> names) const {
  LabelsEncoder encoder;
  for (const LabelView label : *this) {
    if (contains(names, label.name)) encoder.add(label.name, label.value);
  }
  return std::move(encoder).finish();
}

Labels Labels::without_name() const {
  const std::string_view names[] = {kMetricName};
  return without(names);
}

std::string Labels::to_string() const {
  std::string out = "{";
  for (const LabelView label : *this) {
    if (out.size() > 1) out += ", ";
    append_label_name(out, label.name);
    out.push_back('=');
    append_quoted(out, label.value);
  }
  out.push_back('}');
  return out;
}

std::string Labels::to_series_string() const {
  const std::string_view name = metric_name();
  if (!is_valid_metric_name(name, NameScheme::kLegacy)) return to_string();
  const Labels rest = without_name();
  std::string out(name);
  if (!rest.empty()) out += rest.to_string();
  return out;
}

std::strong_ordering operator<=>(LabelsRef a, LabelsRef b) noexcept {
  auto left = a.begin();
  auto right = b.begin();
  for (; left != a.end() && right != b.end(); ++left, ++right) {
    const auto order = *left <=> *right;
    if (order != std::strong_ordering::equal) return order;
  }
  if (left == a.end()) {
    return right == b.end() ? std::strong_ordering::equal : std::strong_ordering::less;
  }
  return std::strong_ordering::greater;
}

void append_label(std::string& bytes, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  append_field(bytes, name);
  append_field(bytes, value);
}

void LabelsBuilder::reset(const Labels& base) {
  labels_.clear();
  for (const LabelView label : base) labels_.emplace_back(label.name, label.value);
}

void LabelsBuilder::set(std::string_view name, std::string_view value) {
  if (value.empty()) {
    remove(name);
    return;
  }
  const auto it = std::ranges::lower_bound(
      labels_, name, {}, [](const auto& label) { return std::string_view(label.first); });
  if (it != labels_.end() && it->first == name) {
    it->second.assign(value);
  } else {
    labels_.emplace(it, name, value);
  }
}

void LabelsBuilder::remove(std::string_view name) {
  std::erase_if(labels_, [name](const auto& label) { return label.first == name; });
}

std::string_view LabelsBuilder::get(std::string_view name) const noexcept {
  for (const auto& label : labels_) {
    if (label.first == name) return label.second;
  }
  return {};
}

Labels LabelsBuilder::build() const {
  LabelsEncoder encoder;
  for (const auto& [name, value] : labels_) encoder.add(name, value);
  return std::move(encoder).finish();
}

}  // namespace narthex::model
