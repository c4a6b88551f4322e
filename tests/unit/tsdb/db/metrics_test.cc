// Storage's self-metrics: which there are, and that what is observed arrives.
#include <fstream>
#include <map>
#include <string>

#include <gtest/gtest.h>

#include "narthex/telemetry/registry.h"
#include "narthex/tsdb/db.h"

#include "support/temp_dir.h"

namespace narthex::tsdb {
namespace {

constexpr model::TimestampMs kMinute = 60'000;
constexpr model::TimestampMs kStart = 1'700'000'000'000 / (2 * kMinute) * (2 * kMinute);

const char* type_name(telemetry::FamilyType type) {
  switch (type) {
    case telemetry::FamilyType::kCounter:
      return "counter";
    case telemetry::FamilyType::kGauge:
      return "gauge";
    case telemetry::FamilyType::kHistogram:
      return "histogram";
    case telemetry::FamilyType::kSummary:
      return "summary";
  }
  return "";
}

class DbMetrics : public testing::Test {
 protected:
  void SetUp() override {
    DbOptions options;
    options.path = dir_.path();
    options.clock = &clock_;
    options.registry = &registry_;
    options.block_range_min = std::chrono::minutes(2);
    options.retention = std::chrono::milliseconds(0);
    options.wal_sync_interval = std::chrono::milliseconds(0);
    options.wal_segment_bytes = 32 << 10U;
    db_ = Db::open(std::move(options)).value();
  }
  // One sample a second in [from, to) seconds behind the start.
  void write(int from, int to) {
    const std::vector<model::Labels> labels = {model::Labels{{"__name__", "m"}}};
    std::vector<storage::EnsuredSeries> ensured(1);
    ASSERT_TRUE(db_->ensure_series(labels, ensured).has_value());
    for (int second = from; second < to; ++second) {
      storage::WriteBatch batch;
      batch.add(ensured[0].ref, kStart + second * 1000, second);
      storage::AppendReport report;
      ASSERT_TRUE(db_->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    }
  }
  telemetry::FamilySnapshot::Member only_member(const std::string& name) {
    for (const auto& family : registry_.snapshot()) {
      if (family.name == name && family.members.size() == 1) return family.members.front();
    }
    ADD_FAILURE() << name;
    return {};
  }

  test::TempDir dir_;
  util::FakeClock clock_;
  telemetry::Registry registry_;
  std::unique_ptr<Db> db_;
};

// The page says "a test compares": this one does for storage.
TEST_F(DbMetrics, ThePageDescribesAllOfThem) {
  std::ifstream page(std::string(NARTHEX_SOURCE_DIR) + "/docs/self-metrics.md");
  std::map<std::string, std::string> described;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| `prometheus_tsdb_")) continue;
    // | `name` | type | labels | meaning |
    const std::size_t name_end = line.find("` | ");
    const std::size_t type_begin = name_end + 4;
    ASSERT_NE(name_end, std::string::npos) << line;
    described[line.substr(3, name_end - 3)] =
        line.substr(type_begin, line.find(' ', type_begin) - type_begin);
  }
  std::map<std::string, std::string> shown;
  for (const auto& family : registry_.snapshot()) {
    if (family.name.starts_with("prometheus_tsdb_")) shown[family.name] = type_name(family.type);
  }
  EXPECT_EQ(described, shown);
}

TEST_F(DbMetrics, WhatLeavesTheHeadIsObserved) {
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  const std::size_t chunks = [&] {
    std::uint64_t count = 0;
    for (const BlockInfo& block : db_->blocks()) count += block.chunks;
    return count;
  }();
  ASSERT_GT(chunks, 2U);
  const auto samples = only_member("prometheus_tsdb_compaction_chunk_samples").histogram;
  EXPECT_EQ(samples.count, chunks);
  EXPECT_EQ(samples.sum, 120.0 * static_cast<double>(chunks));
  // From the first sample to the last: 119 s, in the unit that Prometheus observes.
  EXPECT_EQ(only_member("prometheus_tsdb_compaction_chunk_range_seconds").histogram.sum,
            119'000.0 * static_cast<double>(chunks));
  EXPECT_GT(only_member("prometheus_tsdb_compaction_chunk_size_bytes").histogram.sum, 0);
  EXPECT_EQ(only_member("prometheus_tsdb_head_gc_duration_seconds").summary.count, 1U);
  EXPECT_EQ(only_member("prometheus_tsdb_wal_truncate_duration_seconds").summary.count, 1U);
  EXPECT_EQ(only_member("prometheus_tsdb_checkpoint_deletions_total").value, 1);
  EXPECT_EQ(only_member("prometheus_tsdb_compaction_populating_block").value, 0);
  // Every batch was made durable.
  EXPECT_GE(only_member("prometheus_tsdb_wal_fsync_duration_seconds").summary.count, 600U);
  EXPECT_GE(only_member("prometheus_tsdb_wal_record_part_writes_total").value, 600);
  EXPECT_GT(only_member("prometheus_tsdb_wal_storage_size_bytes").value, 1000);
}

TEST_F(DbMetrics, ACleanUpOfDeletionsIsObserved) {
  write(0, 600);
  ASSERT_TRUE(db_->maintain().has_value());
  const model::Matchers all = {model::Matcher::equal("__name__", "m")};
  ASSERT_TRUE(db_->delete_series(all, {kStart, kStart + 30'000}, {}).has_value());
  ASSERT_TRUE(db_->clean_tombstones().has_value());
  EXPECT_EQ(only_member("prometheus_tsdb_tombstone_cleanup_seconds").histogram.count, 1U);
}

}  // namespace
}  // namespace narthex::tsdb
