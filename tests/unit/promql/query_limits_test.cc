// What a query may take, and what it says it took: its turn, its time, its look-back, its counts.
#include <future>
#include <numeric>
#include <stop_token>

#include <gmock/gmock.h>

#include "narthex/promql/parser.h"

#include "promql/engine/query_weight.h"
#include "support/gate.h"
#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

constexpr std::int64_t kMinute = 60'000;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Holds whoever opens it until it is let through.
class HeldStorage final : public storage::Queryable {
 public:
  explicit HeldStorage(storage::Queryable& held) : held_(held) {}
  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override {
    arrived.open();
    if (!let_through.pass()) return util::fail(util::Code::kInternal, "never let through");
    return held_.querier(range);
  }
  test::Gate arrived;
  test::Gate let_through;

 private:
  storage::Queryable& held_;
};

// The client leaves while samples are being read.
class LeavingClient final : public storage::Queryable {
 public:
  explicit LeavingClient(storage::Queryable& storage) : storage_(storage) {}
  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override {
    NX_ASSIGN(auto inner, storage_.querier(range));
    return std::make_unique<Querier>(std::move(inner), client);
  }
  std::stop_source client;

 private:
  class Set final : public storage::SeriesSet {
   public:
    Set(std::unique_ptr<storage::SeriesSet> inner, std::stop_source client)
        : inner_(std::move(inner)), client_(std::move(client)) {}
    [[nodiscard]] std::size_t size() const noexcept override { return inner_->size(); }
    [[nodiscard]] model::Labels labels(std::size_t i) const override { return inner_->labels(i); }
    [[nodiscard]] std::string_view label_value(std::size_t i,
                                               std::string_view name) const override {
      return inner_->label_value(i, name);
    }
    util::Result<void> read(std::size_t i, model::TimeRange range,
                            storage::SampleColumns& out) const override {
      auto client = client_;
      client.request_stop();
      return inner_->read(i, range, out);
    }
    [[nodiscard]] std::uint64_t samples_max(std::size_t i) const override {
      return inner_->samples_max(i);
    }

   private:
    std::unique_ptr<storage::SeriesSet> inner_;
    std::stop_source client_;
  };
  class Querier final : public storage::Querier {
   public:
    Querier(std::unique_ptr<storage::Querier> inner, std::stop_source client)
        : inner_(std::move(inner)), client_(std::move(client)) {}
    util::Result<std::unique_ptr<storage::SeriesSet>> select(
        std::span<const model::Matcher> matchers, storage::SeriesOrder order,
        const storage::Deadline& deadline) override {
      NX_ASSIGN(auto set, inner_->select(matchers, order, deadline));
      return std::make_unique<Set>(std::move(set), client_);
    }
    util::Result<std::vector<std::string>> label_names(const storage::LabelQuery& query,
                                                       const storage::Deadline& deadline) override {
      return inner_->label_names(query, deadline);
    }
    util::Result<std::vector<std::string>> label_values(
        const std::string& name, const storage::LabelQuery& query,
        const storage::Deadline& deadline) override {
      return inner_->label_values(name, query, deadline);
    }

   private:
    std::unique_ptr<storage::Querier> inner_;
    std::stop_source client_;
  };
  storage::Queryable& storage_;
};

class QueryLimits : public EngineTest {
 protected:
  using Answer = std::future<util::Result<QueryResult>>;
  // Asks from a thread of its own.
  Answer ask(storage::Queryable& storage, QueryOptions options = {}) {
    return std::async(std::launch::async, [this, &storage, options = std::move(options)] {
      return engine_->instant(storage, "m", 0, options);
    });
  }
};

// Goal: one slot, and whoever finds it taken waits in line until it is free, the client leaves, or
// the time is up. Method: the first query stands still inside storage.
TEST_F(QueryLimits, QueriesWaitForTheirTurn) {
  make_engine({.concurrent_queries_max = 1, .timeout = hours(24)});
  load({{"__name__", "m"}}, kMinute, {1});
  HeldStorage held(storage_);
  Answer first = ask(held);
  ASSERT_TRUE(held.arrived.pass());

  std::stop_source client;
  Answer canceled = ask(storage_, {.stop = client.get_token()});
  Answer late = ask(storage_, {.timeout = seconds(1)});
  Answer patient = ask(storage_);
  client.request_stop();
  const auto canceled_result = canceled.get();
  ASSERT_FALSE(canceled_result);
  EXPECT_EQ(canceled_result.error().code(), util::Code::kCanceled);
  // Its second begins when it is asked, which may be after any one advance.
  while (late.wait_for(milliseconds(1)) != std::future_status::ready) clock_.advance(seconds(1));
  const auto late_result = late.get();
  ASSERT_FALSE(late_result);
  EXPECT_EQ(late_result.error().code(), util::Code::kTimeout);

  held.let_through.open();
  const auto first_result = first.get();
  ASSERT_TRUE(first_result) << first_result.error().message();
  const auto patient_result = patient.get();
  ASSERT_TRUE(patient_result) << patient_result.error().message();
  EXPECT_EQ(print(*patient_result), (Printed{{"m", "1@0"}}));
}

TEST(QueryWeight, IsByHowFarSelectorsReach) {
  const auto weight_of = [](const std::string& query, std::int64_t span_ms) {
    const auto expr = parse(query, ParserOptions::all());
    EXPECT_TRUE(expr) << query;
    const auto count = static_cast<std::size_t>(span_ms / kMinute) + 1;
    return weigh(**expr, {.start = 0, .step_ms = kMinute, .count = count});
  };
  for (const std::string light : {"m", "sum(rate(m[5m])) / 2", "max_over_time(m[1h])", "vector(1)",
                                  "max_over_time(rate(m[5m])[30m:])"})
    EXPECT_EQ(weight_of(light, 60 * kMinute), QueryWeight::kLight) << light;
  for (const std::string heavy :
       {"rate(m[2h])", "-sum(m + on () (rate(m[1d])))", "max_over_time(rate(m[1h])[30m:])"})
    EXPECT_EQ(weight_of(heavy, 60 * kMinute), QueryWeight::kHeavy) << heavy;
  EXPECT_EQ(weight_of("m", 121 * kMinute), QueryWeight::kHeavy);
}

// Goal: a client of the present does not wait behind questions about a day, nor those behind it for
// ever. Method: heavy ones stand still inside storage, in three of four slots.
TEST_F(QueryLimits, LightQueriesHaveSlotsOfTheirOwn) {
  make_engine({.concurrent_queries_max = 4, .timeout = hours(24)});
  load({{"__name__", "m"}}, kMinute, {1});
  HeldStorage first(storage_);
  HeldStorage second(storage_);
  HeldStorage third(storage_);
  const auto ask_heavy = [&](storage::Queryable& storage) {
    return std::async(std::launch::async,
                      [&] { return engine_->instant(storage, "count_over_time(m[1d])", 0, {}); });
  };
  std::vector<Answer> heavy;
  for (HeldStorage* held : {&first, &second, &third}) {
    heavy.push_back(ask_heavy(*held));
    ASSERT_TRUE(held->arrived.pass());
  }
  Answer waiting = ask_heavy(storage_);
  for (int i = 0; i < 3; ++i) {
    const auto light = ask(storage_).get();
    ASSERT_TRUE(light) << light.error().message();
    EXPECT_EQ(print(*light), (Printed{{"m", "1@0"}}));
  }
  EXPECT_EQ(waiting.wait_for(milliseconds(1)), std::future_status::timeout);
  for (HeldStorage* held : {&first, &second, &third}) held->let_through.open();
  for (Answer& each : heavy) EXPECT_TRUE(each.get());
  EXPECT_TRUE(waiting.get());
}

// An answer that waits for a client that does not read is memory, too.
TEST_F(QueryLimits, AnswersHoldTheirMemoryUntilTheyGo) {
  constexpr std::uint64_t kMegabyte = 1U << 20U;
  make_engine({.memory_bytes_max = 16 * kMegabyte, .memory_bytes_total_max = 16 * kMegabyte});
  for (int i = 0; i < 20; ++i) load({{"__name__", "m"}, {"i", std::to_string(i)}}, kMinute, {1});
  const auto ask_much = [this] {
    return engine_->range(storage_, "m", {.start = 0, .end = 60'000'000, .step = seconds(1)}, {});
  };
  std::optional<util::Result<QueryResult>> first = ask_much();
  ASSERT_TRUE(*first) << first->error().message();
  EXPECT_GT((*first)->series.memory_bytes(), 9 * kMegabyte);
  const auto second = ask_much();
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), util::Code::kLimitExceeded);
  EXPECT_NE(second.error().message().find("common limit"), std::string::npos);
  first.reset();
  const auto third = ask_much();
  EXPECT_TRUE(third) << third.error().message();
}

// One series may take long: what was left half done is no answer.
TEST_F(QueryLimits, NobodyGetsTheAnswerOfAQueryThatWasLeft) {
  load({{"__name__", "m"}}, kMinute, {1, 2, 3});
  LeavingClient storage(storage_);
  const auto result = engine_->instant(storage, "sum_over_time(m[10m])", 2 * kMinute,
                                       {.stop = storage.client.get_token()});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), util::Code::kCanceled);
}

TEST_F(QueryLimits, AQueryMayHaveItsOwnLookBack) {
  load({{"__name__", "m"}}, kMinute, {1});
  const auto found = [&](milliseconds lookback) {
    const auto result =
        engine_->instant(storage_, "m", 10 * kMinute, QueryOptions{.lookback = lookback});
    return result ? result->series.size() : 99;
  };
  EXPECT_EQ(found(milliseconds(0)), 0U);  // The engine's five minutes.
  EXPECT_EQ(found(minutes(-1)), 0U);
  EXPECT_EQ(found(minutes(10)), 0U);  // The left end is open.
  EXPECT_EQ(found(minutes(10) + milliseconds(1)), 1U);
}

TEST_F(QueryLimits, AQueryMayOnlyShortenItsTime) {
  make_engine({.timeout = milliseconds(0)});
  const auto result = engine_->instant(storage_, "1", 0, QueryOptions{.timeout = hours(1)});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), util::Code::kTimeout);
}

TEST_F(QueryLimits, SamplesAreCounted) {
  load({{"__name__", "m"}}, kMinute, {1, 2, 3, 4});
  const QueryRange all{0, 3 * kMinute, minutes(1)};
  const auto plain = engine_->range(storage_, "m", all, {});
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->samples.queryable, 4U);
  // (t - 2m, t]: one sample at the first step, then two; each is decoded once.
  const auto windows = engine_->range(storage_, "sum_over_time(m[2m])", all, {});
  ASSERT_TRUE(windows);
  EXPECT_EQ(windows->samples.queryable, 7U);
  EXPECT_EQ(windows->samples.read, 4U);
  EXPECT_GE(windows->samples.peak, 2U);
  EXPECT_THAT(windows->samples.queryable_per_step, IsEmpty());
}

// PQ-E6: (168 + 8 · (1 span + 3 buckets) + 8) / 16 samples each.
TEST_F(QueryLimits, HistogramsCountByTheirSize) {
  make_engine({.extended_range_selectors = true, .per_step_stats = true});
  model::FloatHistogram histogram;
  histogram.count = 3;
  histogram.sum = 5;
  histogram.positive_spans = {{0, 3}};
  histogram.positive_buckets = {1, 1, 1};
  for (int i = 0; i < 3; ++i) storage_.append({{"__name__", "h"}}, i * kMinute, histogram);
  storage_.append({{"__name__", "h"}}, 3 * kMinute, 1.0);
  const QueryRange all{0, 3 * kMinute, minutes(1)};
  const auto counts = [&](std::string_view query) {
    const auto result = engine_->range(storage_, query, all, QueryOptions{.per_step_stats = true});
    EXPECT_TRUE(result);
    EXPECT_EQ(engine_->range(storage_, query, all, {})->samples.queryable,
              result->samples.queryable);
    return result->samples.queryable_per_step;
  };
  EXPECT_THAT(counts("h"), ElementsAre(13, 13, 13, 1));
  EXPECT_THAT(counts("count_over_time(h[2m])"), ElementsAre(13, 26, 26, 14));
  EXPECT_THAT(counts("sum(h)"), ElementsAre(13, 13, 13, 1));
  EXPECT_THAT(counts("h smoothed"), ElementsAre(13, 13, 13, 1));
  const auto matrix = engine_->instant(storage_, "h[3m]", 2 * kMinute, {});
  ASSERT_TRUE(matrix);
  EXPECT_EQ(matrix->samples.queryable, 39U);
  make_engine({.samples_max = 12});
  EXPECT_FALSE(engine_->instant(storage_, "h", 0, {}));
}

TEST_F(QueryLimits, SamplesAreCountedByStep) {
  make_engine({.extended_range_selectors = true, .per_step_stats = true});
  load({{"__name__", "m"}}, kMinute, {1, 2, 3, 4});
  const auto counts = [&](std::string_view query) {
    const QueryRange all{0, 3 * kMinute, minutes(1)};
    const auto result = engine_->range(storage_, query, all, QueryOptions{.per_step_stats = true});
    EXPECT_TRUE(result);
    const auto& steps = result->samples.queryable_per_step;
    EXPECT_EQ(std::accumulate(steps.begin(), steps.end(), 0ULL), result->samples.queryable);
    return steps;
  };
  EXPECT_THAT(counts("m offset 2m"), ElementsAre(0, 0, 1, 1));
  EXPECT_THAT(counts("sum_over_time(m[2m])"), ElementsAre(1, 2, 2, 2));
  // What @ pins is read once, and counts for each step.
  EXPECT_THAT(counts("sum_over_time(m[2m] @ 60)"), ElementsAre(2, 2, 2, 2));
  // A subquery's points count, not what they are made of.
  EXPECT_THAT(counts("sum_over_time((m + m)[2m:1m])"), ElementsAre(1, 2, 2, 2));
  // The sample in front of the window belongs to it.
  EXPECT_THAT(counts("increase(m[1m] anchored)"), ElementsAre(1, 2, 2, 2));
  EXPECT_THAT(counts("m smoothed"), ElementsAre(1, 1, 1, 1));
  EXPECT_THAT(counts("time()"), ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace narthex::promql
