#include "api/self_metrics.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/util/bytes.h"

#include "api/json.h"
#include "api/wire_writer.h"

namespace narthex::api {
namespace {

using telemetry::ExponentialBuckets;
using telemetry::FamilySnapshot;
using telemetry::FamilyType;

struct SpansAndDeltas {
  std::vector<model::Span> spans;
  std::vector<std::int64_t> deltas;
};

SpansAndDeltas spans_of(const ExponentialBuckets::Indexed& buckets) {
  SpansAndDeltas out;
  std::int32_t next = 0;  // The index behind the last bucket.
  std::int64_t before = 0;
  for (const auto& [index, count] : buckets) {
    if (out.spans.empty() || index != next) out.spans.push_back({index - next, 0});
    ++out.spans.back().length;
    next = index + 1;
    out.deltas.push_back(static_cast<std::int64_t>(count) - before);
    before = static_cast<std::int64_t>(count);
  }
  return out;
}

// ---- protobuf: field numbers as in the message's definition

void append_label_pairs(std::string& out, const telemetry::LabelPairs& labels) {
  for (const auto& [name, value] : labels) {
    std::string pair;
    append_bytes_field(pair, 1, name);
    append_bytes_field(pair, 2, value);
    append_bytes_field(out, 1, pair);
  }
}

void append_timestamp_field(std::string& out, std::uint32_t field, util::WallNs at) {
  if (at == 0) return;
  std::string message;
  append_varint_field(message, 1, static_cast<std::uint64_t>(at / 1'000'000'000));
  append_varint_field(message, 2, static_cast<std::uint64_t>(at % 1'000'000'000));
  append_bytes_field(out, field, message);
}

void append_side(std::string& out, std::uint32_t span_field, std::uint32_t delta_field,
                 const ExponentialBuckets::Indexed& buckets) {
  const SpansAndDeltas side = spans_of(buckets);
  for (const model::Span& span : side.spans) {
    std::string message;
    append_varint_field(message, 1, util::zigzag(span.offset));
    append_varint_field(message, 2, span.length);
    append_bytes_field(out, span_field, message);
  }
  if (side.deltas.empty()) return;
  std::string packed;
  for (const std::int64_t delta : side.deltas) util::append_varint(packed, delta);
  append_bytes_field(out, delta_field, packed);
}

std::string histogram_message(const FamilySnapshot::Member& member) {
  const telemetry::Histogram::Snapshot& from = member.histogram;
  std::string out;
  append_varint_field(out, 1, from.count);
  append_double_field(out, 2, from.sum);
  for (const auto& [bound, count] : from.buckets) {
    if (std::isinf(bound)) continue;  // The count says it already.
    std::string bucket;
    append_varint_field(bucket, 1, count);
    append_double_field(bucket, 2, bound);
    append_bytes_field(out, 3, bucket);
  }
  if (const auto& native = from.exponential) {
    append_varint_field(out, 5, util::zigzag(native->schema()));
    append_double_field(out, 6, ExponentialBuckets::kZeroThreshold);
    append_varint_field(out, 7, native->zero_count());
    append_side(out, 9, 10, native->negative());
    append_side(out, 12, 13, native->positive());
  }
  append_timestamp_field(out, 15, member.created_ns);
  return out;
}

std::string summary_message(const FamilySnapshot::Member& member) {
  std::string out;
  append_varint_field(out, 1, member.summary.count);
  append_double_field(out, 2, member.summary.sum);
  for (const auto& [quantile, value] : member.summary.quantiles) {
    std::string message;
    append_double_field(message, 1, quantile);
    append_double_field(message, 2, value);
    append_bytes_field(out, 3, message);
  }
  append_timestamp_field(out, 4, member.created_ns);
  return out;
}

std::string metric_message(FamilyType type, const FamilySnapshot::Member& member) {
  std::string out;
  append_label_pairs(out, member.labels);
  std::string value;
  switch (type) {
    case FamilyType::kGauge:
      append_double_field(value, 1, member.value);
      append_bytes_field(out, 2, value);
      break;
    case FamilyType::kCounter:
      append_double_field(value, 1, member.value);
      append_timestamp_field(value, 3, member.created_ns);
      append_bytes_field(out, 3, value);
      break;
    case FamilyType::kSummary:
      append_bytes_field(out, 4, summary_message(member));
      break;
    case FamilyType::kHistogram:
      append_bytes_field(out, 7, histogram_message(member));
      break;
  }
  return out;
}

struct TypeName {
  std::uint64_t number;
  std::string_view text;
};
TypeName type_name(FamilyType type) {
  switch (type) {
    case FamilyType::kCounter:
      return {0, "COUNTER"};
    case FamilyType::kGauge:
      return {1, "GAUGE"};
    case FamilyType::kSummary:
      return {2, "SUMMARY"};
    case FamilyType::kHistogram:
      return {4, "HISTOGRAM"};
  }
  return {3, "UNTYPED"};
}

// ---- JSON: 64-bit numbers are strings, as are the doubles that JSON has no word for

class Object {
 public:
  explicit Object(std::string& out) : out_(out) { out_.push_back('{'); }
  ~Object() { out_.push_back('}'); }
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string& key(std::string_view name) {
    commas_.next(out_);
    append_json_string(out_, name);
    out_.push_back(':');
    return out_;
  }
  void text(std::string_view name, std::string_view value) { append_json_string(key(name), value); }
  void integer(std::string_view name, std::int64_t value) { append_json_int(key(name), value); }
  void long_integer(std::string_view name, std::uint64_t value) {
    std::string& out = key(name);
    out.push_back('"');
    append_json_uint(out, value);
    out.push_back('"');
  }
  void number(std::string_view name, double value) {
    std::string& out = key(name);
    if (std::isfinite(value)) {
      append_json_double(out, value);
    } else {
      out += std::isnan(value) ? R"("NaN")" : value > 0 ? R"("Infinity")" : R"("-Infinity")";
    }
  }
  // Left out when empty.
  template <class List, class Write>
  void list(std::string_view name, const List& list, Write write) {
    if (list.empty()) return;
    key(name).push_back('[');
    JsonCommas commas;
    for (const auto& each : list) {
      commas.next(out_);
      write(each);
    }
    out_.push_back(']');
  }
  void created(util::WallNs at) {
    if (at != 0) append_json_time(key("createdTimestamp"), at);
  }

 private:
  std::string& out_;
  JsonCommas commas_;
};

void append_side(std::string& out, Object& histogram, std::string_view span_key,
                 std::string_view delta_key, const ExponentialBuckets::Indexed& buckets) {
  const SpansAndDeltas side = spans_of(buckets);
  histogram.list(span_key, side.spans, [&out](const model::Span& span) {
    Object object(out);
    object.integer("offset", span.offset);
    object.integer("length", span.length);
  });
  histogram.list(delta_key, side.deltas, [&out](std::int64_t delta) {
    out.push_back('"');
    append_json_int(out, delta);
    out.push_back('"');
  });
}

void append_histogram(std::string& out, const FamilySnapshot::Member& member) {
  const telemetry::Histogram::Snapshot& from = member.histogram;
  Object object(out);
  object.long_integer("sampleCount", from.count);
  object.number("sampleSum", from.sum);
  std::vector<std::pair<double, std::uint64_t>> finite = from.buckets;
  std::erase_if(finite, [](const auto& bucket) { return std::isinf(bucket.first); });
  object.list("bucket", finite, [&out](const auto& bucket) {
    Object one(out);
    one.long_integer("cumulativeCount", bucket.second);
    one.number("upperBound", bucket.first);
  });
  object.created(member.created_ns);
  if (const auto& native = from.exponential) {
    object.integer("schema", native->schema());
    object.number("zeroThreshold", ExponentialBuckets::kZeroThreshold);
    object.long_integer("zeroCount", native->zero_count());
    append_side(out, object, "negativeSpan", "negativeDelta", native->negative());
    append_side(out, object, "positiveSpan", "positiveDelta", native->positive());
  }
}

void append_summary(std::string& out, const FamilySnapshot::Member& member) {
  Object object(out);
  object.long_integer("sampleCount", member.summary.count);
  object.number("sampleSum", member.summary.sum);
  object.list("quantile", member.summary.quantiles, [&out](const auto& quantile) {
    Object one(out);
    one.number("quantile", quantile.first);
    one.number("value", quantile.second);
  });
  object.created(member.created_ns);
}

void append_metric(std::string& out, FamilyType type, const FamilySnapshot::Member& member) {
  Object metric(out);
  metric.list("label", member.labels, [&out](const auto& label) {
    Object pair(out);
    pair.text("name", label.first);
    pair.text("value", label.second);
  });
  switch (type) {
    case FamilyType::kGauge: {
      Object gauge(metric.key("gauge"));
      gauge.number("value", member.value);
      break;
    }
    case FamilyType::kCounter: {
      Object counter(metric.key("counter"));
      counter.number("value", member.value);
      counter.created(member.created_ns);
      break;
    }
    case FamilyType::kSummary:
      append_summary(metric.key("summary"), member);
      break;
    case FamilyType::kHistogram:
      append_histogram(metric.key("histogram"), member);
      break;
  }
}

}  // namespace

void append_protobuf_families(std::string& out, std::span<const FamilySnapshot> families) {
  for (const FamilySnapshot& family : families) {
    std::string message;
    append_bytes_field(message, 1, family.name);
    append_bytes_field(message, 2, family.help);
    append_varint_field(message, 3, type_name(family.type).number);
    for (const FamilySnapshot::Member& member : family.members)
      append_bytes_field(message, 4, metric_message(family.type, member));
    util::append_uvarint(out, message.size());
    out += message;
  }
}

void append_json_family(std::string& out, const FamilySnapshot& family) {
  Object object(out);
  object.text("name", family.name);
  object.text("help", family.help);
  object.text("type", type_name(family.type).text);
  object.list("metric", family.members, [&out, &family](const FamilySnapshot::Member& member) {
    append_metric(out, family.type, member);
  });
}

}  // namespace narthex::api
