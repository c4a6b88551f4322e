// A store of floats and histograms whose chunks end soon, and what should be in it.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"

#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {

inline constexpr std::size_t kSeries = 7;

// Series → timestamp → value.
using Content = std::map<std::string, std::map<model::TimestampMs, double>>;

inline DbOptions options_on(FaultyEnv& env) {
  DbOptions options;
  options.path = "/data";
  options.env = &env;
  options.wal_segment_bytes = std::uint64_t{4} * 32 * 1024;
  options.wal_sync_interval = std::chrono::hours(1);
  options.samples_per_chunk = 20;
  return options;
}

inline model::Labels labels_of(std::size_t i) {
  return model::Labels{{"__name__", "m"}, {"i", std::to_string(i)}, {"job", "test"}};
}

inline model::FloatHistogram histogram_of(int n) {
  model::FloatHistogram h;
  h.count = n;
  h.sum = n * 0.5;
  h.positive_spans = {{0, 2}};
  h.positive_buckets = {n * 0.25, n * 0.75};
  return h;
}

// Rounds are one second apart; the last series has histograms.
inline void append(Db& db, int from, int to, Content& want) {
  std::vector<model::Labels> labels;
  for (std::size_t i = 0; i <= kSeries; ++i) labels.push_back(labels_of(i));
  std::vector<storage::EnsuredSeries> ensured(labels.size());
  ASSERT_TRUE(db.ensure_series(labels, ensured).has_value());
  for (int n = from; n < to; ++n) {
    storage::WriteBatch batch;
    for (std::size_t i = 0; i < kSeries; ++i) {
      // Not in step, so that chunks end at different times.
      if ((static_cast<std::size_t>(n) + i) % (i + 1) == 0 || n % 5 == 0) {
        batch.add(ensured[i].ref, n * 1000, n * 1.5);
        want[labels[i].to_string()][n * 1000] = n * 1.5;
      }
    }
    storage::HistogramSample sample;
    sample.ref = ensured[kSeries].ref;
    sample.timestamp = n * 1000;
    sample.floating = std::make_shared<const model::FloatHistogram>(histogram_of(n));
    batch.histograms.push_back(sample);
    want[labels[kSeries].to_string()][n * 1000] = n * 0.5;
    storage::AppendReport report;
    ASSERT_TRUE(db.append(batch, storage::Atomicity::kKeepGood, report).has_value());
    ASSERT_TRUE(report.floats.empty() && report.histograms.empty());
  }
}

inline Content read_all(Db& db) {
  Content content;
  const auto querier = db.querier({}).value();
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "test")};
  const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {}).value();
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    const auto read = set->read(i, {}, samples);
    EXPECT_TRUE(read.has_value()) << read.error().message();
    auto& one = content[set->labels(i).to_string()];
    for (std::size_t k = 0; k < samples.float_values.size(); ++k)
      one[samples.float_timestamps[k]] = samples.float_values[k];
    for (std::size_t k = 0; k < samples.histograms.size(); ++k)
      one[samples.histogram_timestamps[k]] = samples.histograms[k].sum;
  }
  return content;
}

// The process dies: nothing more is written.
inline void kill(FaultyEnv& env, std::unique_ptr<Db>& db) {
  env.kill_process();
  env.set_plan([](FileOperation, std::size_t) { return std::optional(FaultyEnv::Fault{}); });
  db.reset();
  env.set_plan({});
}

}  // namespace narthex::tsdb
