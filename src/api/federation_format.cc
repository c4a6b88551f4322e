// The two exposition formats that /federate writes: text 0.0.4 and delimited protobuf.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/bytes.h"
#include "narthex/util/number.h"

#include "api/federation.h"
#include "api/wire_writer.h"

namespace narthex::api {
namespace {

bool is_legacy_name(std::string_view name) noexcept {
  return model::is_valid_metric_name(name, model::NameScheme::kLegacy);
}

// Of custom buckets: how many observations lie at or below each bound.
std::vector<double> cumulative_counts(const model::FloatHistogram& h) {
  std::vector<double> counts(h.custom_values.size(), 0);
  std::size_t index = 0;
  std::size_t next = 0;
  for (const model::Span& span : h.positive_spans) {
    index += static_cast<std::size_t>(std::max(span.offset, 0));
    for (std::uint32_t i = 0; i < span.length && next < h.positive_buckets.size(); ++i, ++next) {
      if (index < counts.size()) counts[index] = h.positive_buckets[next];
      ++index;
    }
  }
  for (std::size_t i = 1; i < counts.size(); ++i) counts[i] += counts[i - 1];
  return counts;
}

// ---- text

void append_text_value(std::string& out, std::string_view value) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out.push_back('\\');
    if (c == '\n') {
      out += "\\n";
    } else {
      out.push_back(c);
    }
  }
}

void append_text_name(std::string& out, std::string_view name) {
  if (is_legacy_name(name)) {
    out += name;
    return;
  }
  out.push_back('"');
  append_text_value(out, name);
  out.push_back('"');
}

class TextFamily {
 public:
  TextFamily(std::string& out, NameEscaping escaping, const ExtraLabels& extra)
      : out_(out), escaping_(escaping), extra_(extra) {}

  // `bound` is the value of an `le` label; empty: none.
  void sample(const FederatedSample& sample, const std::string& name, std::string_view bound,
              double value) {
    const bool plain_name = is_legacy_name(name);
    if (plain_name) out_ += name;
    first_ = true;
    if (!plain_name) {
      next_label();
      append_text_name(out_, name);
    }
    for (const model::LabelView label : sample.labels) {
      if (label.name != model::kMetricName) add_label(label.name, label.value);
    }
    for (const auto& [label, text] : extra_) {
      if (!sample.labels.has(label)) add_label(label, text);
    }
    if (!bound.empty()) add_label("le", bound);
    out_ += first_ ? " " : "} ";
    util::append_general(out_, value);
    fmt::format_to(std::back_inserter(out_), " {}\n", sample.timestamp);
  }
  // A histogram with custom buckets, bucket by bucket.
  void classic_histogram(const FederatedSample& sample, const std::string& name) {
    const model::FloatHistogram& h = sample.histogram;
    const std::vector<double> counts = cumulative_counts(h);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      std::string bound;
      util::append_general(bound, h.custom_values[i]);
      this->sample(sample, name + "_bucket", bound, counts[i]);
    }
    this->sample(sample, name + "_bucket", "+Inf", h.count);
    this->sample(sample, name + "_sum", "", h.sum);
    this->sample(sample, name + "_count", "", h.count);
  }

 private:
  void next_label() {
    out_.push_back(first_ ? '{' : ',');
    first_ = false;
  }
  void add_label(std::string_view name, std::string_view value) {
    next_label();
    append_text_name(out_, escaped_name(name, escaping_));
    out_ += "=\"";
    append_text_value(out_, value);
    out_.push_back('"');
  }

  std::string& out_;
  const NameEscaping escaping_;
  const ExtraLabels& extra_;
  bool first_ = true;
};

// ---- protobuf (io.prometheus.client, the fields of PR 2.3)

enum class MetricType : std::uint8_t { kUntyped = 3, kHistogram = 4, kGaugeHistogram = 5 };

void append_label_pair(std::string& out, std::string_view name, std::string_view value) {
  std::string pair;
  append_bytes_field(pair, 1, name);
  append_bytes_field(pair, 2, value);
  append_bytes_field(out, 1, pair);
}

void append_spans(std::string& out, std::uint32_t field, const std::vector<model::Span>& spans) {
  for (const model::Span& span : spans) {
    std::string message;
    append_varint_field(message, 1, util::zigzag(span.offset));
    append_varint_field(message, 2, span.length);
    append_bytes_field(out, field, message);
  }
}

void append_counts(std::string& out, std::uint32_t field, const std::vector<double>& counts) {
  if (counts.empty()) return;
  std::string packed;
  for (const double count : counts) append_fixed_double(packed, count);
  append_bytes_field(out, field, packed);
}

std::string exponential_message(const model::FloatHistogram& h) {
  std::string out;
  append_double_field(out, 2, h.sum);
  append_double_field(out, 4, h.count);
  append_varint_field(out, 5, util::zigzag(h.schema));
  append_double_field(out, 6, h.zero_threshold);
  append_double_field(out, 8, h.zero_count);
  append_spans(out, 9, h.negative_spans);
  append_counts(out, 11, h.negative_buckets);
  append_spans(out, 12, h.positive_spans);
  append_counts(out, 14, h.positive_buckets);
  // Without a span nobody would take it for a native histogram.
  if (h.positive_spans.empty() && h.negative_spans.empty() && h.zero_threshold == 0 &&
      h.zero_count == 0) {
    append_spans(out, 12, {{0, 0}});
  }
  return out;
}

std::string classic_message(const model::FloatHistogram& h) {
  std::string out;
  append_double_field(out, 2, h.sum);
  append_double_field(out, 4, h.count);
  const std::vector<double> counts = cumulative_counts(h);
  for (std::size_t i = 0; i < counts.size(); ++i) {
    std::string bucket;
    append_double_field(bucket, 2, h.custom_values[i]);
    append_double_field(bucket, 4, counts[i]);
    append_bytes_field(out, 3, bucket);
  }
  return out;
}

bool is_custom(const FederatedSample& sample) noexcept {
  return sample.histogram.schema == model::kCustomBucketsSchema;
}

std::string metric_message(const FederatedSample& sample, NameEscaping escaping,
                           const ExtraLabels& extra) {
  std::string out;
  for (const model::LabelView label : sample.labels) {
    if (label.name != model::kMetricName)
      append_label_pair(out, escaped_name(label.name, escaping), label.value);
  }
  for (const auto& [name, value] : extra) {
    if (!sample.labels.has(name)) append_label_pair(out, escaped_name(name, escaping), value);
  }
  if (sample.is_histogram) {
    append_bytes_field(out, 7,
                       is_custom(sample) ? classic_message(sample.histogram)
                                         : exponential_message(sample.histogram));
  } else {
    std::string untyped;
    append_double_field(untyped, 1, sample.value);
    append_bytes_field(out, 5, untyped);
  }
  append_varint_field(out, 6, static_cast<std::uint64_t>(sample.timestamp));
  return out;
}

MetricType type_of(const FederatedSample& sample) noexcept {
  if (!sample.is_histogram) return MetricType::kUntyped;
  return sample.histogram.counter_reset_hint == model::CounterResetHint::kGauge
             ? MetricType::kGaugeHistogram
             : MetricType::kHistogram;
}

}  // namespace

void append_text_family(std::string& out, std::span<const FederatedSample> family,
                        NameEscaping escaping, const ExtraLabels& extra) {
  const std::string name = escaped_name(family.front().labels.metric_name(), escaping);
  const bool histograms = family.front().is_histogram;
  if (histograms && std::ranges::none_of(family, is_custom)) return;
  out += "# TYPE ";
  append_text_name(out, name);
  out += histograms ? " histogram\n" : " untyped\n";
  TextFamily text(out, escaping, extra);
  for (const FederatedSample& sample : family) {
    if (!histograms) {
      text.sample(sample, name, "", sample.value);
    } else if (is_custom(sample)) {
      text.classic_histogram(sample, name);
    }
  }
}

void append_protobuf_family(std::string& out, std::span<const FederatedSample> family,
                            NameEscaping escaping, const ExtraLabels& extra) {
  // A family has one type, and gauge histograms are one of their own.
  for (std::size_t begin = 0; begin < family.size();) {
    const MetricType type = type_of(family[begin]);
    std::string message;
    append_bytes_field(message, 1, escaped_name(family[begin].labels.metric_name(), escaping));
    append_varint_field(message, 3, static_cast<std::uint64_t>(type));
    for (; begin < family.size() && type_of(family[begin]) == type; ++begin)
      append_bytes_field(message, 4, metric_message(family[begin], escaping, extra));
    util::append_uvarint(out, message.size());
    out += message;
  }
}

}  // namespace narthex::api
