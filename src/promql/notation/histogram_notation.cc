#include "promql/notation/histogram_notation.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/number.h"

namespace narthex::promql {
namespace {

using model::CounterResetHint;
using model::FloatHistogram;

// In the order of upstream's token numbers, by which its messages call them.
constexpr std::array<std::string_view, 11> kKeys = {
    "sum",       "count",    "schema",     "offset",        "n_offset",          "buckets",
    "n_buckets", "z_bucket", "z_bucket_w", "custom_values", "counter_reset_hint"};
constexpr std::size_t kFirstTokenNumber = 57370;

bool is_blank(char c) noexcept {
  return c == ' ' || c == '\t';
}
bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}
bool is_number(char c) noexcept {
  return is_word(c) || c == '.' || c == '+' || c == '-';
}

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

class HistogramReader {
 public:
  HistogramReader(std::string_view text, std::size_t pos, NotatedHistogram& out) noexcept
      : text_(text), pos_(pos), out_(out) {}

  std::optional<NotationProblem> read() {
    pos_ += 2;  // {{
    if (skip_blanks() && !closes()) return unexpected();
    while (!closes()) {
      if (auto problem = read_member()) return problem;
      if (!skip_blanks() && !closes()) return unexpected();
    }
    pos_ += 2;
    finish();
    return std::nullopt;
  }
  [[nodiscard]] std::size_t position() const noexcept { return pos_; }

 private:
  [[nodiscard]] char peek() const noexcept { return pos_ < text_.size() ? text_[pos_] : '\0'; }
  [[nodiscard]] bool closes() const noexcept { return text_.substr(pos_).starts_with("}}"); }
  bool skip_blanks() noexcept {
    const std::size_t start = pos_;
    while (is_blank(peek())) ++pos_;
    return pos_ > start;
  }
  template <class Predicate>
  std::string_view take(Predicate belongs) noexcept {
    const std::size_t start = pos_;
    while (pos_ < text_.size() && belongs(text_[pos_])) ++pos_;
    return text_.substr(start, pos_ - start);
  }

  // About what stands at the position.
  NotationProblem unexpected() {
    const std::size_t start = pos_;
    if (pos_ >= text_.size()) return {start, "unexpected end of input in series values"};
    std::string shown;
    if (skip_blanks()) {
      shown = "\" \"";
    } else if (const std::string_view word = take(is_word); !word.empty()) {
      const auto key = std::ranges::find(kKeys, lowered(word));
      shown = key == kKeys.end()
                  ? "identifier " + model::quoted(word)
                  : fmt::format("\"<Item {}>\" {}",
                                kFirstTokenNumber + static_cast<std::size_t>(key - kKeys.begin()),
                                model::quoted(word));
    } else {
      shown = model::quoted(text_.substr(pos_, 1));
    }
    return {start, fmt::format("unexpected {} in series values", shown)};
  }

  std::optional<NotationProblem> read_member() {
    const std::size_t start = pos_;
    const std::string_view key = take(is_word);
    if (key.empty()) return unexpected();
    const auto found = std::ranges::find(kKeys, lowered(key));
    if (found == kKeys.end()) {
      return NotationProblem{start, "bad histogram descriptor found: " + model::quoted(key)};
    }
    if (peek() != ':') {
      pos_ = start;
      return unexpected();
    }
    ++pos_;
    return read_value(*found);
  }

  std::optional<NotationProblem> read_value(std::string_view key) {
    FloatHistogram& h = out_.histogram;
    if (key == "sum") return read_number(h.sum);
    if (key == "count") return read_number(h.count);
    if (key == "z_bucket") return read_number(h.zero_count);
    if (key == "z_bucket_w") return read_number(h.zero_threshold);
    if (key == "schema") return read_integer(h.schema);
    if (key == "offset") return read_integer(positive_offset_);
    if (key == "n_offset") return read_integer(negative_offset_);
    if (key == "buckets") return read_list(h.positive_buckets);
    if (key == "n_buckets") return read_list(h.negative_buckets);
    if (key == "custom_values") return read_list(h.custom_values);
    return read_hint();
  }

  std::optional<NotationProblem> read_number(double& out) {
    const std::size_t start = pos_;
    const auto value = util::parse_double(take(is_number));
    if (!value) {
      pos_ = start;
      return unexpected();
    }
    out = *value;
    return std::nullopt;
  }

  std::optional<NotationProblem> read_integer(std::int32_t& out) {
    const std::size_t start = pos_;
    const std::string_view word = take(is_number);
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out);
    if (error == std::errc{} && end == word.data() + word.size()) return std::nullopt;
    pos_ = start;
    return unexpected();
  }

  std::optional<NotationProblem> read_list(std::vector<double>& out) {
    out.clear();
    if (peek() != '[') return unexpected();
    ++pos_;
    while (peek() != ']') {
      double value = 0;
      if (auto problem = read_number(value)) return problem;
      out.push_back(value);
      if (!skip_blanks() && peek() != ']') return unexpected();
    }
    ++pos_;
    return std::nullopt;
  }

  std::optional<NotationProblem> read_hint() {
    const std::size_t start = pos_;
    const std::string_view word = take(is_word);
    constexpr std::array<std::string_view, 4> kHints = {"unknown", "reset", "not_reset", "gauge"};
    const auto found = std::ranges::find(kHints, word);
    if (found == kHints.end()) {
      pos_ = start;
      return unexpected();
    }
    out_.histogram.counter_reset_hint = static_cast<CounterResetHint>(found - kHints.begin());
    out_.hint_stated = true;
    return std::nullopt;
  }

  void finish() {
    FloatHistogram& h = out_.histogram;
    const auto span = [](std::int32_t offset, const std::vector<double>& buckets) {
      std::vector<model::Span> spans;
      if (!buckets.empty()) spans.push_back({offset, static_cast<std::uint32_t>(buckets.size())});
      return spans;
    };
    h.positive_spans = span(positive_offset_, h.positive_buckets);
    h.negative_spans = span(negative_offset_, h.negative_buckets);
  }

  std::string_view text_;
  std::size_t pos_;
  NotatedHistogram& out_;
  std::int32_t positive_offset_ = 0;
  std::int32_t negative_offset_ = 0;
};

using Buckets = std::map<std::int32_t, double>;

void add_buckets(Buckets& out, const std::vector<model::Span>& spans,
                 const std::vector<double>& counts, std::int32_t schema_drop, double sign) {
  std::int32_t index = 0;
  std::size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k, ++index, ++i) {
      // Bucket i of a schema lies in bucket ceil(i / 2) of the next lower one.
      out[((index - 1) >> schema_drop) + 1] += sign * counts[i];
    }
  }
}

void set_buckets(const Buckets& buckets, std::vector<model::Span>& spans,
                 std::vector<double>& counts) {
  spans.clear();
  counts.clear();
  std::int32_t next = 0;
  for (const auto& [index, count] : buckets) {
    if (spans.empty() || index != next) spans.push_back({index - next, 0});
    ++spans.back().length;
    counts.push_back(count);
    next = index + 1;
  }
}

CounterResetHint combined_hint(CounterResetHint a, CounterResetHint b) noexcept {
  if (a == b) return a;
  const bool gauge = a == CounterResetHint::kGauge || b == CounterResetHint::kGauge;
  return gauge ? CounterResetHint::kGauge : CounterResetHint::kUnknown;
}

}  // namespace

std::optional<NotationProblem> read_histogram(std::string_view text, std::size_t& pos,
                                              NotatedHistogram& out) {
  HistogramReader reader(text, pos, out);
  auto problem = reader.read();
  pos = reader.position();
  return problem;
}

std::string combine_problem(const FloatHistogram& a, const FloatHistogram& b) {
  constexpr std::int32_t kDropMax = 31;  // What a shift of an index can take.
  const bool custom = a.schema == model::kCustomBucketsSchema;
  if (custom != (b.schema == model::kCustomBucketsSchema)) {
    return "cannot merge exponential and custom buckets";
  }
  if (custom && a.custom_values != b.custom_values) return "cannot merge different custom bounds";
  if (b.schema < a.schema) {
    return fmt::format("cannot merge from schema {} to {}", b.schema, a.schema);
  }
  if (std::int64_t{b.schema} - a.schema > kDropMax) return "schemas are too far apart";
  return {};
}

FloatHistogram combined(const FloatHistogram& a, const FloatHistogram& b, double sign) {
  FloatHistogram out = a;
  out.counter_reset_hint = combined_hint(a.counter_reset_hint, b.counter_reset_hint);
  out.zero_threshold = std::max(a.zero_threshold, b.zero_threshold);
  out.zero_count += sign * b.zero_count;
  out.count += sign * b.count;
  out.sum += sign * b.sum;
  Buckets positive;
  add_buckets(positive, a.positive_spans, a.positive_buckets, 0, 1);
  add_buckets(positive, b.positive_spans, b.positive_buckets, b.schema - a.schema, sign);
  set_buckets(positive, out.positive_spans, out.positive_buckets);
  Buckets negative;
  add_buckets(negative, a.negative_spans, a.negative_buckets, 0, 1);
  add_buckets(negative, b.negative_spans, b.negative_buckets, b.schema - a.schema, sign);
  set_buckets(negative, out.negative_spans, out.negative_buckets);
  return out;
}

}  // namespace narthex::promql
