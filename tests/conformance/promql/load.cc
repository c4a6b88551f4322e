#include "conformance/promql/load.h"

#include <cmath>
#include <limits>
#include <map>

#include "narthex/util/number.h"

namespace narthex::conformance {
namespace {

using model::TimestampMs;

// A classic histogram at one time, as its series give it.
struct ClassicHistogram {
  std::map<double, double> buckets;  // By upper bound, cumulative.
  std::optional<double> count;
  double sum = 0;
};
// By base labels (without le), then by time.
using ClassicHistograms = std::map<model::Labels, std::map<TimestampMs, ClassicHistogram>>;

enum class Part { kBucket, kCount, kSum };

struct ClassicName {
  std::string_view base;
  Part part;
};

std::optional<ClassicName> classic_name(std::string_view name) {
  const std::pair<std::string_view, Part> suffixes[] = {
      {"_bucket", Part::kBucket}, {"_count", Part::kCount}, {"_sum", Part::kSum}};
  for (const auto& [suffix, part] : suffixes) {
    if (name.ends_with(suffix))
      return ClassicName{name.substr(0, name.size() - suffix.size()), part};
  }
  return std::nullopt;
}

void collect(const LoadedSeries& series, std::int64_t step_ms, ClassicHistograms& out) {
  const auto name = classic_name(series.labels.metric_name());
  if (!name) return;
  double bound = 0;
  if (name->part == Part::kBucket) {
    const auto le = util::parse_double(series.labels.get("le"));
    if (!le || std::isnan(*le)) return;
    bound = *le;
  }
  model::LabelsBuilder builder(series.labels);
  builder.set(model::kMetricName, name->base);
  builder.remove("le");
  auto& by_time = out[builder.build()];
  for (std::size_t i = 0; i < series.values.size(); ++i) {
    const promql::NotatedValue& value = series.values[i];
    if (value.kind != promql::NotatedValue::Kind::kFloat) continue;
    ClassicHistogram& histogram = by_time[static_cast<std::int64_t>(i) * step_ms];
    switch (name->part) {
      case Part::kBucket:
        histogram.buckets.emplace(bound, value.value);
        break;
      case Part::kCount:
        histogram.count = value.value;
        break;
      case Part::kSum:
        histogram.sum = value.value;
        break;
    }
  }
}

model::FloatHistogram to_native(ClassicHistogram classic) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  model::FloatHistogram out;
  out.schema = model::kCustomBucketsSchema;
  out.sum = classic.sum;
  out.count =
      classic.count.value_or(classic.buckets.empty() ? 0 : classic.buckets.rbegin()->second);
  classic.buckets.emplace(kInfinity, out.count);
  double before = 0;
  for (const auto& [bound, cumulative] : classic.buckets) {
    if (bound != kInfinity) out.custom_values.push_back(bound);
    out.positive_buckets.push_back(cumulative - before);
    before = cumulative;
  }
  // Runs of buckets that hold something.
  std::vector<double> filled;
  std::int32_t next = 0;
  for (std::size_t i = 0; i < out.positive_buckets.size(); ++i) {
    if (out.positive_buckets[i] == 0) continue;
    const auto index = static_cast<std::int32_t>(i);
    if (out.positive_spans.empty() || index != next)
      out.positive_spans.push_back({index - next, 0});
    ++out.positive_spans.back().length;
    next = index + 1;
    filled.push_back(out.positive_buckets[i]);
  }
  out.positive_buckets = std::move(filled);
  return out;
}

bool is_valid(const model::FloatHistogram& histogram) {
  double total = 0;
  for (const double count : histogram.positive_buckets) {
    if (count < 0) return false;
    total += count;
  }
  return std::isnan(histogram.sum) || total == histogram.count ||
         std::fabs(total - histogram.count) <= 1e-9 * std::fabs(histogram.count);
}

}  // namespace

void load_into(test::MemoryStorage& storage, const Load& load) {
  ClassicHistograms classic;
  for (const LoadedSeries& series : load.series) {
    for (std::size_t i = 0; i < series.values.size(); ++i) {
      const TimestampMs time = static_cast<std::int64_t>(i) * load.step_ms;
      const promql::NotatedValue& value = series.values[i];
      if (value.kind == promql::NotatedValue::Kind::kFloat) {
        storage.append(series.labels, time, value.value);
      } else if (value.kind == promql::NotatedValue::Kind::kHistogram) {
        storage.append(series.labels, time, *value.histogram);
      }
      if (i < series.start_offsets_ms.size() && series.start_offsets_ms[i])
        storage.set_start(series.labels, time, time + *series.start_offsets_ms[i]);
    }
    if (load.with_nhcb) collect(series, load.step_ms, classic);
  }
  for (auto& [labels, by_time] : classic) {
    for (auto& [time, histogram] : by_time) {
      if (histogram.buckets.empty()) continue;
      model::FloatHistogram native = to_native(std::move(histogram));
      if (is_valid(native)) storage.append(labels, time, std::move(native));
    }
  }
}

}  // namespace narthex::conformance
