#include "conformance/series_compare.h"

#include <cmath>

#include <fmt/format.h>

#include "narthex/model/stale.h"
#include "narthex/promql/series_notation.h"
#include "narthex/util/number.h"

#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;
using Problems = std::vector<std::string>;
using promql::NotatedSeries;
using promql::NotatedValue;

Problems check_refusal(const json::object& record, const util::Result<NotatedSeries>& result) {
  if (result) return {"accepted"};
  const std::string_view contained = text_of(record, "error_contains");
  if (result.error().message().find(contained) != std::string::npos) return {};
  return {fmt::format("'{}' does not contain '{}'", result.error().message(), contained)};
}

double number_of(const json::value& value) {
  if (!value.is_string()) return value.to_number<double>();
  const std::string_view text = value.get_string();
  return text == "stale" ? model::stale_nan() : util::parse_double(text).value_or(0);
}

bool same_number(double a, double b) {
  return a == b || (std::isnan(a) && std::isnan(b) && model::is_stale(a) == model::is_stale(b));
}

bool same_value(const json::object& want, const NotatedValue& got) {
  if (flag_of(want, "omitted")) return got.kind == NotatedValue::Kind::kOmitted;
  return got.kind == NotatedValue::Kind::kFloat &&
         same_number(number_of(want.at("value")), got.value);
}

// Absent members of a histogram are zero.
double member_number(const json::object& want, std::string_view key) {
  const json::value* value = want.if_contains(key);
  return value == nullptr ? 0 : number_of(*value);
}

std::vector<double> member_numbers(const json::object& want, std::string_view key) {
  std::vector<double> out;
  if (const json::value* values = want.if_contains(key)) {
    for (const json::value& value : values->as_array()) out.push_back(number_of(value));
  }
  return out;
}

std::vector<model::Span> member_spans(const json::object& want, std::string_view key) {
  std::vector<model::Span> out;
  if (const json::value* spans = want.if_contains(key)) {
    for (const json::value& span : spans->as_array()) {
      const json::object& object = span.as_object();
      out.push_back({static_cast<std::int32_t>(member_number(object, "Offset")),
                     static_cast<std::uint32_t>(member_number(object, "Length"))});
    }
  }
  return out;
}

model::CounterResetHint hint_of(std::string_view text) {
  if (text == "histogram.CounterReset") return model::CounterResetHint::kReset;
  if (text == "histogram.NotCounterReset") return model::CounterResetHint::kNotReset;
  if (text == "histogram.GaugeType") return model::CounterResetHint::kGauge;
  return model::CounterResetHint::kUnknown;
}

void compare_histogram(const json::object& want, const model::FloatHistogram& got,
                       std::string_view where, Problems& problems) {
  const auto expect = [&](std::string_view what, bool equal) {
    if (!equal) problems.push_back(fmt::format("{}: {} differs", where, what));
  };
  expect("schema", member_number(want, "Schema") == got.schema);
  expect("count", same_number(member_number(want, "Count"), got.count));
  expect("sum", same_number(member_number(want, "Sum"), got.sum));
  expect("zero count", same_number(member_number(want, "ZeroCount"), got.zero_count));
  expect("zero threshold", same_number(member_number(want, "ZeroThreshold"), got.zero_threshold));
  expect("positive spans", member_spans(want, "PositiveSpans") == got.positive_spans);
  expect("negative spans", member_spans(want, "NegativeSpans") == got.negative_spans);
  expect("positive buckets", member_numbers(want, "PositiveBuckets") == got.positive_buckets);
  expect("negative buckets", member_numbers(want, "NegativeBuckets") == got.negative_buckets);
  expect("custom values", member_numbers(want, "CustomValues") == got.custom_values);
  expect("hint", hint_of(text_of(want, "CounterResetHint")) == got.counter_reset_hint);
}

}  // namespace

Problems check_series(const json::object& record) {
  const auto series = promql::parse_series_notation(text_of(record, "input"));
  if (!flag_of(record, "ok")) return check_refusal(record, series);
  if (!series) return {series.error().message()};
  Problems problems;
  model::LabelsBuilder labels;
  for (const auto& label : record.at("labels").as_object()) {
    labels.set(std::string_view(label.key()), std::string_view(label.value().as_string()));
  }
  if (labels.build() != series->labels) {
    problems.push_back(fmt::format("labels {}, expected {}", series->labels.to_string(),
                                   labels.build().to_string()));
  }
  const json::array& values = record.at("values").as_array();
  if (values.size() != series->values.size()) {
    problems.push_back(fmt::format("{} values, expected {}", series->values.size(), values.size()));
    return problems;
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!same_value(values[i].as_object(), series->values[i])) {
      problems.push_back(fmt::format("value {} differs", i));
    }
  }
  return problems;
}

Problems check_histogram_series(const json::object& record) {
  const auto series = promql::parse_series_notation(text_of(record, "input"));
  if (!flag_of(record, "ok")) return check_refusal(record, series);
  if (!series) return {series.error().message()};
  Problems problems;
  const json::array& values = record.at("expected_raw").as_array();
  if (values.size() != series->values.size()) {
    return {fmt::format("{} values, expected {}", series->values.size(), values.size())};
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (series->values[i].histogram == nullptr) return {fmt::format("value {}: no histogram", i)};
    compare_histogram(values[i].as_object(), *series->values[i].histogram,
                      fmt::format("value {}", i), problems);
  }
  return problems;
}

}  // namespace narthex::conformance
