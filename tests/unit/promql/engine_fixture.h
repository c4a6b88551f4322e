// An engine over a storage in memory.
#pragma once

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "narthex/promql/engine.h"
#include "narthex/promql/series_notation.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/number.h"
#include "narthex/util/worker_pool.h"

#include "support/memory_storage.h"

namespace narthex::promql {

// "name{a="b"}" → the points, as "value@ms …".
using Printed = std::map<std::string, std::string>;

inline Printed print(const QueryResult& result) {
  Printed out;
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    std::string points;
    const auto separate = [&] {
      if (!points.empty()) points += ' ';
    };
    result.series.for_each_point(
        i,
        [&](model::TimestampMs t, double value) {
          separate();
          util::append_value(points, value);
          points += '@' + std::to_string(t);
        },
        [&](model::TimestampMs t, const model::FloatHistogram& h) {
          separate();
          points += "h" + std::to_string(h.count) + '@' + std::to_string(t);
        });
    out.emplace(result.series.labels(i).to_series_string(), points);
  }
  return out;
}

class EngineTest : public testing::Test {
 protected:
  EngineTest() { make_engine({}); }

  void make_engine(EngineOptions options) {
    options.experimental_functions = true;
    engine_ = std::make_unique<Engine>(options, workers_, clock_, registry_);
  }
  // Values at 0, step, 2·step …; NaN bits of the stale marker pass through.
  void load(const model::Labels& labels, std::int64_t step_ms, const std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      storage_.append(labels, static_cast<std::int64_t>(i) * step_ms, values[i]);
    }
  }
  // The same, in the notation of series: histograms and gaps too.
  void load_text(std::string_view series, std::int64_t step_ms) {
    const auto parsed = parse_series_notation(series);
    ASSERT_TRUE(parsed) << parsed.error().message();
    for (std::size_t i = 0; i < parsed->values.size(); ++i) {
      const auto t = static_cast<std::int64_t>(i) * step_ms;
      const NotatedValue& value = parsed->values[i];
      if (value.kind == NotatedValue::Kind::kFloat) storage_.append(parsed->labels, t, value.value);
      if (value.kind == NotatedValue::Kind::kHistogram)
        storage_.append(parsed->labels, t, *value.histogram);
    }
  }
  util::Result<QueryResult> instant(std::string_view query, model::TimestampMs time) {
    return engine_->instant(storage_, query, time, {});
  }
  util::Result<QueryResult> range(std::string_view query, model::TimestampMs start,
                                  model::TimestampMs end, std::int64_t step_ms) {
    return engine_->range(storage_, query, {start, end, std::chrono::milliseconds(step_ms)}, {});
  }
  Printed instant_printed(std::string_view query, model::TimestampMs time) {
    const auto result = instant(query, time);
    EXPECT_TRUE(result) << query << ": " << result.error().message();
    return result ? print(*result) : Printed{};
  }
  Printed range_printed(std::string_view query, model::TimestampMs start, model::TimestampMs end,
                        std::int64_t step_ms) {
    const auto result = range(query, start, end, step_ms);
    EXPECT_TRUE(result) << query << ": " << result.error().message();
    return result ? print(*result) : Printed{};
  }

  test::MemoryStorage storage_;
  telemetry::Registry registry_;
  util::FakeClock clock_;
  util::WorkerPool workers_{"test", 2, 64};
  std::unique_ptr<Engine> engine_;
};

}  // namespace narthex::promql
