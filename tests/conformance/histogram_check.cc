#include "conformance/histogram_check.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "narthex/util/number.h"

#include "conformance/suite.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/histogram_quantile.h"
#include "promql/functions/sparse_histogram.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;
using model::FloatHistogram;
using Problems = std::vector<std::string>;

// Infinities and NaN are written as text.
double number_of(const json::value& value) {
  if (value.is_string()) return util::parse_double(value.get_string()).value_or(0);
  return value.to_number<double>();
}
double number_in(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? 0 : number_of(*value);
}

std::int32_t schema_of(const json::value& value) {
  return value.is_string() ? model::kCustomBucketsSchema : value.to_number<std::int32_t>();
}

model::CounterResetHint hint_of(std::string_view name) {
  using enum model::CounterResetHint;
  if (name == "CounterReset") return kReset;
  if (name == "NotCounterReset") return kNotReset;
  return name == "GaugeType" ? kGauge : kUnknown;
}

std::vector<double> numbers_in(const json::object& object, std::string_view key) {
  std::vector<double> out;
  if (const json::value* list = object.if_contains(key); list != nullptr && list->is_array()) {
    for (const json::value& value : list->get_array()) out.push_back(number_of(value));
  }
  return out;
}

// A span is [offset, length] or an object.
std::vector<model::Span> spans_in(const json::object& object, std::string_view key) {
  std::vector<model::Span> out;
  const json::value* list = object.if_contains(key);
  if (list == nullptr || !list->is_array()) return out;
  for (const json::value& value : list->get_array()) {
    const bool pair = value.is_array();
    const json::value& offset = pair ? value.get_array()[0] : value.get_object().at("Offset");
    const json::value& length = pair ? value.get_array()[1] : value.get_object().at("Length");
    out.push_back({offset.to_number<std::int32_t>(), length.to_number<std::uint32_t>()});
  }
  return out;
}

FloatHistogram histogram_in(const json::object& record, std::string_view key) {
  FloatHistogram out;
  const json::value* value = record.if_contains(key);
  if (value == nullptr || !value->is_object()) return out;
  const json::object& fields = value->get_object();
  if (const json::value* schema = fields.if_contains("Schema")) out.schema = schema_of(*schema);
  out.counter_reset_hint = hint_of(text_of(fields, "CounterResetHint"));
  out.count = number_in(fields, "Count");
  out.sum = number_in(fields, "Sum");
  out.zero_count = number_in(fields, "ZeroCount");
  out.zero_threshold = number_in(fields, "ZeroThreshold");
  out.positive_spans = spans_in(fields, "PositiveSpans");
  out.negative_spans = spans_in(fields, "NegativeSpans");
  out.positive_buckets = numbers_in(fields, "PositiveBuckets");
  out.negative_buckets = numbers_in(fields, "NegativeBuckets");
  out.custom_values = numbers_in(fields, "CustomValues");
  return out;
}

bool near(double a, double b) {
  return a == b || std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b));
}

bool near(const std::vector<double>& a, const std::vector<double>& b) {
  return std::ranges::equal(a, b, [](double x, double y) { return near(x, y); });
}

// Compact forms: where empty buckets stand in a span is a matter of storage.
Problems compare(const FloatHistogram& got, const FloatHistogram& wanted) {
  const FloatHistogram a = promql::SparseHistogram(got).pack();
  const FloatHistogram b = promql::SparseHistogram(wanted).pack();
  const bool same = a.schema == b.schema && near(a.count, b.count) && near(a.sum, b.sum) &&
                    near(a.zero_count, b.zero_count) && a.zero_threshold == b.zero_threshold &&
                    a.positive_spans == b.positive_spans && a.negative_spans == b.negative_spans &&
                    near(a.positive_buckets, b.positive_buckets) &&
                    near(a.negative_buckets, b.negative_buckets) &&
                    a.custom_values == b.custom_values;
  if (same) return {};
  return {promql::histogram_text(a) + ", expected " + promql::histogram_text(b)};
}

Problems check_combination(const json::object& record, const promql::HistogramSum& result) {
  const bool collision = flag_of(record, "expCounterResetCollision");
  if (result.conflicting_resets != collision) return {"collision of counter resets"};
  if (!text_of(record, "expErrMsg").empty())
    return result.histogram ? Problems{"accepted"} : Problems{};
  if (!result.histogram) return {"refused"};
  if (!record.contains("expected")) return {};
  if (result.bounds_reconciled != flag_of(record, "expNHCBBoundsReconciled"))
    return {"reconciled bounds"};
  return compare(*result.histogram, histogram_in(record, "expected"));
}

Problems check_schema_change(const FloatHistogram& from, const FloatHistogram& wanted,
                             std::int32_t schema) {
  promql::SparseHistogram sparse(from);
  if (!sparse.custom()) sparse.lower_resolution(schema);
  return compare(sparse.pack(), wanted);
}

Problems check_quantiles(const json::object& record) {
  std::vector<promql::ClassicBucket> buckets;
  for (const json::value& bucket : record.at("buckets").as_array())
    buckets.push_back({number_of(bucket.get_array()[0]), number_of(bucket.get_array()[1])});
  promql::BucketFix fix;
  const bool usable = promql::normalize_buckets(buckets, fix);
  Problems problems;
  if (fix.forced != flag_of(record, "expected_forced")) problems.emplace_back("forced");
  for (const auto& [q, wanted] : record.at("expected").as_object()) {
    const double got = usable ? promql::classic_quantile(*util::parse_double(q), buckets)
                              : std::numeric_limits<double>::quiet_NaN();
    if (!near(got, number_of(wanted)))
      problems.push_back(
          fmt::format("quantile {}: {}, expected {}", std::string_view(q), got, number_of(wanted)));
  }
  return problems;
}

}  // namespace

std::optional<Problems> check_histogram(const json::object& record) {
  const std::string_view op = text_of(record, "op");
  const auto in = [&](std::string_view key) { return histogram_in(record, key); };
  if (op == "mul")
    return compare(*promql::scaled(in("in"), number_in(record, "scale")), in("expected"));
  if (op == "div")
    return compare(*promql::divided(in("fh"), number_in(record, "s")), in("expected"));
  if (op == "add") return check_combination(record, promql::added(in("in1"), in("in2")));
  if (op == "sub") return check_combination(record, promql::subtracted(in("in1"), in("in2")));
  if (op == "detect_reset") {
    const bool reset = promql::is_reset(in("current"), in("previous"));
    return reset == flag_of(record, "resetExpected") ? Problems{} : Problems{"wrong"};
  }
  if (op == "copy_to_schema") {
    return check_schema_change(in("in"), in("expected"), schema_of(record.at("targetSchema")));
  }
  if (op == "reduce" && !record.contains("errorMsg")) {
    const FloatHistogram target = in("target");
    return check_schema_change(in("origin"), target, target.schema);
  }
  if (op == "bucket_quantile") return check_quantiles(record);
  return std::nullopt;
}

}  // namespace narthex::conformance
