#include "conformance/promql/compare.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include <fmt/format.h>

#include "narthex/model/stale.h"
#include "narthex/util/number.h"

namespace narthex::conformance {
namespace {

using promql::NotatedValue;

std::string shown(const model::FloatHistogram& h) {
  const auto spans = [](const std::vector<model::Span>& list) {
    std::string out;
    for (const model::Span& span : list) out += fmt::format("({},{})", span.offset, span.length);
    return out;
  };
  return fmt::format(
      "{{{{schema:{} count:{} sum:{} zero:{}/{} positive:{}[{}] negative:{}[{}] custom:[{}] "
      "hint:{}}}}}",
      h.schema, h.count, h.sum, h.zero_count, h.zero_threshold, spans(h.positive_spans),
      fmt::join(h.positive_buckets, " "), spans(h.negative_spans),
      fmt::join(h.negative_buckets, " "), fmt::join(h.custom_values, " "),
      static_cast<int>(h.counter_reset_hint));
}

std::string shown(const NotatedValue& value) {
  switch (value.kind) {
    case NotatedValue::Kind::kOmitted:
      return "_";
    case NotatedValue::Kind::kHistogram:
      return shown(*value.histogram);
    case NotatedValue::Kind::kFloat:
      break;
  }
  std::string out;
  util::append_value(out, value.value);
  return model::is_stale(value.value) ? "stale" : out;
}

// Buckets by index, the empty ones left out: a form in which spans do not matter.
std::map<std::int32_t, double> buckets_of(const std::vector<model::Span>& spans,
                                          const std::vector<double>& counts) {
  std::map<std::int32_t, double> out;
  std::int32_t index = 0;
  std::size_t i = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t k = 0; k < span.length; ++k, ++index, ++i) {
      if (counts[i] != 0) out.emplace(index, counts[i]);
    }
  }
  return out;
}

bool same_buckets(const std::map<std::int32_t, double>& a,
                  const std::map<std::int32_t, double>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.first == y.first && same_float(x.second, y.second);
  });
}

bool same_histogram(const model::FloatHistogram& a, const model::FloatHistogram& b) {
  return a.schema == b.schema && same_float(a.count, b.count) && same_float(a.sum, b.sum) &&
         same_float(a.zero_count, b.zero_count) && a.zero_threshold == b.zero_threshold &&
         a.custom_values == b.custom_values &&
         same_buckets(buckets_of(a.positive_spans, a.positive_buckets),
                      buckets_of(b.positive_spans, b.positive_buckets)) &&
         same_buckets(buckets_of(a.negative_spans, a.negative_buckets),
                      buckets_of(b.negative_spans, b.negative_buckets));
}

void compare_points(const PointSeries& want, const PointSeries& got,
                    std::vector<std::string>& problems) {
  const std::string name = want.labels.to_series_string();
  const std::size_t count = std::min(want.points.size(), got.points.size());
  for (std::size_t i = 0; i < count; ++i) {
    if (want.points[i].time != got.points[i].time) {
      problems.push_back(fmt::format("{}: point at {} ms, expected one at {} ms", name,
                                     got.points[i].time, want.points[i].time));
      return;
    }
    if (const auto difference = different(want.points[i].value, got.points[i].value)) {
      problems.push_back(fmt::format("{} at {} ms: {}", name, want.points[i].time, *difference));
      return;
    }
  }
  if (want.points.size() != got.points.size()) {
    problems.push_back(
        fmt::format("{}: {} points, expected {}", name, got.points.size(), want.points.size()));
  }
}

void compare_one_kind(std::string_view kind, const std::vector<Pattern>& want, bool none,
                      const std::vector<std::string>& got, std::vector<std::string>& problems) {
  if (none && !got.empty()) {
    problems.push_back(fmt::format("{} not expected: {}", kind, fmt::join(got, "; ")));
  }
  if (want.empty()) return;
  if (got.empty()) problems.push_back(fmt::format("no {}", kind));
  for (const Pattern& pattern : want) {
    const bool found =
        std::ranges::any_of(got, [&](const auto& text) { return pattern.matches(text); });
    if (!found && !got.empty()) {
      problems.push_back(
          fmt::format("no {} '{}' among: {}", kind, pattern.text, fmt::join(got, "; ")));
    }
  }
  for (const std::string& text : got) {
    const bool wanted =
        std::ranges::any_of(want, [&](const Pattern& pattern) { return pattern.matches(text); });
    if (!wanted) problems.push_back(fmt::format("{} not expected: {}", kind, text));
  }
}

}  // namespace

bool same_float(double a, double b) noexcept {
  constexpr double kMinNormal = std::numeric_limits<double>::min();
  constexpr double kMax = std::numeric_limits<double>::max();
  constexpr double kEpsilon = 1e-6;
  if (model::is_stale(a) || model::is_stale(b)) return model::is_stale(a) && model::is_stale(b);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (a == b) return true;
  const double sum = std::fabs(a) + std::fabs(b);
  const double difference = std::fabs(a - b);
  if (a == 0 || b == 0 || sum < kMinNormal) return difference < kEpsilon * kMinNormal;
  return difference / std::min(sum, kMax) < kEpsilon;
}

std::optional<std::string> different(const NotatedValue& want, const NotatedValue& got) {
  bool equal = want.kind == got.kind;
  if (equal && want.kind == NotatedValue::Kind::kFloat) equal = same_float(want.value, got.value);
  if (equal && want.kind == NotatedValue::Kind::kHistogram) {
    equal = same_histogram(*want.histogram, *got.histogram) &&
            (!want.hint_stated ||
             want.histogram->counter_reset_hint == got.histogram->counter_reset_hint);
  }
  if (equal) return std::nullopt;
  return fmt::format("{}, expected {}", shown(got), shown(want));
}

std::vector<PointSeries> points_of(const promql::QueryResult& result) {
  std::vector<PointSeries> out;
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    PointSeries& series = out.emplace_back();
    series.labels = result.series.labels(i);
    result.series.for_each_point(
        i,
        [&](model::TimestampMs time, double value) {
          series.points.push_back({time, {NotatedValue::Kind::kFloat, value, nullptr, false}});
        },
        [&](model::TimestampMs time, const model::FloatHistogram& histogram) {
          series.points.push_back(
              {time,
               {NotatedValue::Kind::kHistogram, 0,
                std::make_shared<const model::FloatHistogram>(histogram), false}});
        });
  }
  return out;
}

std::vector<PointSeries> expected_points(const std::vector<promql::NotatedSeries>& series,
                                         const Steps& steps) {
  std::vector<PointSeries> out;
  for (const promql::NotatedSeries& notated : series) {
    PointSeries& target = out.emplace_back();
    target.labels = notated.labels;
    for (std::size_t i = 0; i < notated.values.size(); ++i) {
      if (notated.values[i].kind == NotatedValue::Kind::kOmitted) continue;
      target.points.push_back(
          {steps.start + static_cast<std::int64_t>(i) * steps.step_ms, notated.values[i]});
    }
  }
  return out;
}

void compare_series(const std::vector<PointSeries>& want, const std::vector<PointSeries>& got,
                    Order order, std::vector<std::string>& problems) {
  std::map<model::Labels, std::size_t> found;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (!found.emplace(got[i].labels, i).second) {
      problems.push_back("twice in the result: " + got[i].labels.to_series_string());
    }
  }
  for (std::size_t i = 0; i < want.size(); ++i) {
    const auto it = found.find(want[i].labels);
    if (it == found.end()) {
      problems.push_back("missing: " + want[i].labels.to_series_string());
      continue;
    }
    if (order == Order::kAsListed && it->second != i) {
      problems.push_back(fmt::format("{} is number {}, expected {}",
                                     want[i].labels.to_series_string(), it->second, i));
    }
    compare_points(want[i], got[it->second], problems);
    found.erase(it);
  }
  for (const auto& [labels, index] : found) {
    problems.push_back(fmt::format("not expected: {} {}", labels.to_series_string(),
                                   got[index].points.empty()
                                       ? std::string("without points")
                                       : shown(got[index].points.front().value)));
  }
}

void require_sorted(const std::vector<PointSeries>& series, std::vector<std::string>& problems) {
  if (!std::ranges::is_sorted(series, {}, &PointSeries::labels)) {
    problems.push_back("series are not sorted by labels");
  }
}

void compare_annotations(const Eval& eval, const promql::Annotations& got,
                         std::vector<std::string>& problems) {
  compare_one_kind("warning", eval.warn, eval.no_warn, got.warnings, problems);
  compare_one_kind("info", eval.info, eval.no_info, got.infos, problems);
}

}  // namespace narthex::conformance
