#include "narthex/promql/engine.h"

#include <thread>

#include "narthex/model/stale.h"

#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

constexpr std::int64_t kMinute = 60'000;

TEST_F(EngineTest, InstantSelectorLooksBackButNotThroughStaleness) {
  load({{"__name__", "m"}, {"a", "1"}}, 10'000, {1, 2, model::stale_nan(), 4});
  EXPECT_EQ(instant_printed("m", 15'000), (Printed{{R"(m{a="1"})", "2@15000"}}));
  EXPECT_EQ(instant_printed("m", 25'000), Printed{});
  EXPECT_EQ(instant_printed("m", 30'000 + 5 * kMinute - 1), (Printed{{R"(m{a="1"})", "4@329999"}}));
  EXPECT_EQ(instant_printed("m", 30'000 + 5 * kMinute), Printed{});
}

TEST_F(EngineTest, RangeQueryOfRateAndSum) {
  load({{"__name__", "m_total"}, {"job", "a"}, {"i", "0"}}, 15'000,
       {0, 15, 30, 45, 60, 75, 90, 105, 120});
  load({{"__name__", "m_total"}, {"job", "a"}, {"i", "1"}}, 15'000,
       {0, 30, 60, 90, 120, 150, 180, 210, 240});
  EXPECT_EQ(range_printed("sum by (job) (rate(m_total[1m]))", kMinute, 2 * kMinute, kMinute),
            (Printed{{R"({job="a"})", "2.9999999999999996@60000 2.9999999999999996@120000"}}));
}

TEST_F(EngineTest, ScalarsStringsAndMatrices) {
  load({{"__name__", "m"}}, 1'000, {1, 2, 3});
  const auto scalar = instant("1 + 2 * 3", 0);
  ASSERT_TRUE(scalar);
  EXPECT_EQ(scalar->type, ValueType::kScalar);
  EXPECT_EQ(scalar->scalar, 7);
  const auto string = instant(R"("a" )", 0);
  ASSERT_TRUE(string);
  EXPECT_EQ(string->text, "a");
  const auto matrix = instant("m[2s]", 2'000);
  ASSERT_TRUE(matrix);
  EXPECT_EQ(matrix->type, ValueType::kMatrix);
  EXPECT_EQ(print(*matrix), (Printed{{"m", "2@1000 3@2000"}}));
  EXPECT_FALSE(range("m[2s]", 0, 1'000, 1'000));
}

TEST_F(EngineTest, DatesOfWhatIsNoTimeAreThoseOfTheSmallestInteger) {
  for (const char* number : {"NaN", "Inf", "-Inf", "1e300"}) {
    SCOPED_TRACE(number);
    const auto ask = [&](const std::string& function) {
      return print(*instant(function + "(vector(" + number + "))", 0)).at("{}");
    };
    EXPECT_EQ(ask("year"), "292277026596@0");
    EXPECT_EQ(ask("month"), "12@0");
    EXPECT_EQ(ask("hour"), "15@0");
    EXPECT_EQ(ask("minute"), "30@0");
  }
}

TEST_F(EngineTest, SubqueryStepsLieOnMultiplesOfTheStep) {
  load({{"__name__", "m"}}, 10'000, {1, 2});
  EXPECT_EQ(instant_printed("sum_over_time(m[50s:5s])", 10'000), (Printed{{"{}", "4@10000"}}));
}

TEST_F(EngineTest, JoinsCopyLabelsFromTheOneSide) {
  load({{"__name__", "cpu"}, {"i", "a"}, {"mode", "idle"}}, kMinute, {3});
  load({{"__name__", "cpu"}, {"i", "a"}, {"mode", "user"}}, kMinute, {1});
  load({{"__name__", "role"}, {"i", "a"}, {"role", "db"}}, kMinute, {2});
  EXPECT_EQ(instant_printed("cpu * on (i) group_left (role) role", 0),
            (Printed{{R"({i="a", mode="idle", role="db"})", "6@0"},
                     {R"({i="a", mode="user", role="db"})", "2@0"}}));
  const auto ambiguous = instant("cpu * on (i) role", 0);
  ASSERT_FALSE(ambiguous);
  EXPECT_EQ(ambiguous.error().code(), util::Code::kExecution);
}

TEST_F(EngineTest, PinnedPartsAreTheSameAtEveryStep) {
  load({{"__name__", "m"}}, kMinute, {1, 2, 3, 4});
  EXPECT_EQ(range_printed("m @ 60 + m @ end()", 0, 2 * kMinute, kMinute),
            (Printed{{"{}", "5@0 5@60000 5@120000"}}));
}

TEST_F(EngineTest, SampleLimitStopsQueriesOfDeath) {
  make_engine({.samples_max = 3});
  load({{"__name__", "m"}}, kMinute, {1, 2, 3, 4, 5});
  const auto result = range("m", 0, 4 * kMinute, kMinute);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message(),
            "query processing would load too many samples into memory in query execution");
}

TEST_F(EngineTest, MemoryBudgetBoundsStepsAndSubqueries) {
  make_engine({.memory_bytes_max = 1U << 20U});
  load({{"__name__", "m"}}, kMinute, {1});
  for (const auto& result : {range("1", 0, INT64_MAX, 1), range("m", INT64_MIN, INT64_MAX, 1),
                             instant("sum_over_time(m[100y:1ms])", 0)}) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code(), util::Code::kLimitExceeded);
  }
}

TEST_F(EngineTest, EndsOfTimeAreHarmless) {
  load({{"__name__", "m"}}, kMinute, {1});
  for (const model::TimestampMs t : {INT64_MIN, INT64_MIN + 1, INT64_MAX - 1, INT64_MAX}) {
    EXPECT_TRUE(
        instant("m offset 100y or m offset -100y or rate(m[5y]) or sum_over_time(m[1h:1m])", t))
        << t;
  }
}

TEST_F(EngineTest, DeepExpressionsAreRefusedOrComputed) {
  const std::size_t deep = 100'000;
  EXPECT_FALSE(instant(std::string(deep, '(') + "1" + std::string(deep, ')'), 0));
  std::string nested = "vector(1)";
  for (int i = 0; i < 400; ++i) nested = "abs(" + nested + ")";
  EXPECT_EQ(instant_printed(nested, 0), (Printed{{"{}", "1@0"}}));
}

TEST_F(EngineTest, CancellationAndDeadlineHaveTheirTexts) {
  load({{"__name__", "m"}}, kMinute, {1});
  std::stop_source stop;
  stop.request_stop();
  const auto canceled = engine_->instant(storage_, "m", 0, {.stop = stop.get_token()});
  ASSERT_FALSE(canceled);
  EXPECT_EQ(canceled.error().code(), util::Code::kCanceled);
  EXPECT_EQ(canceled.error().message(), "query was canceled in query execution");
  const auto late = engine_->instant(storage_, "m", 0, {.timeout = std::chrono::milliseconds(0)});
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().message(), "query timed out in query execution");
}

TEST_F(EngineTest, StorageFailuresAreInternalErrors) {
  storage_.fail_selects_with({util::Code::kCorruption, "chunk 7 is damaged"});
  const auto result = instant("m", 0);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), util::Code::kInternal);
  EXPECT_EQ(result.error().message(), "chunk 7 is damaged");
}

// Many series, so that the work is cut into ranges: the sum must not depend on how many threads
// there are.
TEST_F(EngineTest, ResultsDoNotDependOnTheNumberOfThreads) {
  for (int i = 0; i < 3'000; ++i) {
    load({{"__name__", "m"}, {"i", std::to_string(i)}, {"g", std::to_string(i % 3)}}, kMinute,
         {0.1 * i, 1e15 / (i + 1), 0.3});
  }
  util::WorkerPool many("many", 7, 64);
  util::WorkerPool one("one", 1, 64);
  Engine with_many({}, many, clock_, registry_);
  Engine with_one({}, one, clock_, registry_);
  for (const std::string query :
       {"sum by (g) (m)", "avg(m)", "stddev by (g) (m)", "quantile(0.3, m)", "topk(3, m)"}) {
    const QueryRange all{0, 2 * kMinute, std::chrono::minutes(1)};
    const auto a = with_many.range(storage_, query, all, {});
    const auto b = with_one.range(storage_, query, all, {});
    ASSERT_TRUE(a && b);
    EXPECT_EQ(print(*a), print(*b)) << query;
    EXPECT_FALSE(print(*a).empty());
  }
}

}  // namespace
}  // namespace narthex::promql
