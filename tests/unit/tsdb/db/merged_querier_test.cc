#include "tsdb/db/merged_querier.h"

#include <gtest/gtest.h>

#include "support/memory_storage.h"

namespace narthex::tsdb {
namespace {

using model::Labels;
using storage::SampleColumns;

// Goal: series of several parts come out once, in order, with the samples of all.
TEST(MergedQuerier, SeriesOfSeveralPartsAreOne) {
  test::MemoryStorage first;
  test::MemoryStorage second;
  const Labels both{{"__name__", "both"}};
  first.append(both, 1000, 1);
  first.append(Labels{{"__name__", "z"}}, 1000, 2);
  second.append(Labels{{"__name__", "a"}, {"l", "v"}}, 3000, 3);
  second.append(both, 2000, 4);
  second.append(both, 1000, 99);
  std::vector<std::unique_ptr<storage::Querier>> parts;
  parts.push_back(first.querier({}).value());
  parts.push_back(second.querier({}).value());
  const auto querier = merge_queriers(std::move(parts));
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()};
  const auto set = querier->select(all, storage::SeriesOrder::kByLabels, {}).value();
  ASSERT_EQ(set->size(), 3U);
  EXPECT_EQ(set->label_value(0, "__name__"), "a");
  EXPECT_EQ(set->label_value(1, "__name__"), "both");
  EXPECT_EQ(set->label_value(2, "__name__"), "z");
  SampleColumns samples;
  ASSERT_TRUE(set->read(1, {}, samples).has_value());
  EXPECT_EQ(samples.float_timestamps, (std::vector<model::TimestampMs>{1000, 2000}));
  EXPECT_EQ(samples.float_values, (std::vector<double>{1, 4}));
  EXPECT_GE(set->samples_max(1), 2U);

  EXPECT_EQ(querier->label_names({}, {}).value(), (std::vector<std::string>{"__name__", "l"}));
  EXPECT_EQ(querier->label_values("__name__", {}, {}).value(),
            (std::vector<std::string>{"a", "both", "z"}));
  EXPECT_EQ(querier->label_values("__name__", {.matchers = {}, .limit = 2}, {}).value(),
            (std::vector<std::string>{"a", "both"}));
}

TEST(MergedQuerier, AnErrorOfAPartIsTheError) {
  test::MemoryStorage good;
  test::MemoryStorage bad;
  bad.fail_selects_with({util::Code::kCorruption, "index: byte 5: checksum"});
  std::vector<std::unique_ptr<storage::Querier>> parts;
  parts.push_back(good.querier({}).value());
  parts.push_back(bad.querier({}).value());
  const std::vector<model::Matcher> all = {model::Matcher::equal("a", "b")};
  const auto set = merge_queriers(std::move(parts))->select(all, storage::SeriesOrder::kAny, {});
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().code(), util::Code::kCorruption);
}

}  // namespace
}  // namespace narthex::tsdb
