// What the engine shows of the queries that run and of those that stood out.
#include "narthex/promql/query_activity.h"

#include <future>

#include <gmock/gmock.h>

#include "support/gate.h"
#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

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

class ActivityTest : public EngineTest {
 protected:
  using Answer = std::future<util::Result<QueryResult>>;
  Answer ask(storage::Queryable& storage, std::string query) {
    return std::async(std::launch::async, [this, &storage, query = std::move(query)] {
      const QueryOptions options{.origin = QueryOrigin{"10.0.0.1", "GET", "/api/v1/query_range"}};
      return engine_->range(storage, query, {.start = 0, .end = 120'000, .step = seconds(60)},
                            options);
    });
  }
  // A query that took `took` by the engine's own clock.
  void run(const std::string& query, milliseconds took) {
    HeldStorage held(storage_);
    Answer answer = ask(held, query);
    ASSERT_TRUE(held.arrived.pass());
    clock_.advance(took);
    held.let_through.open();
    answer.wait();
  }
  const QueryActivity& activity() { return engine_->activity(); }
};

TEST_F(ActivityTest, ShowsWhatRunsAndWhatWaits) {
  make_engine({.concurrent_queries_max = 1, .timeout = hours(24)});
  load({{"__name__", "m"}}, 60'000, {1, 2, 3});
  HeldStorage held(storage_);
  Answer first = ask(held, "m");
  ASSERT_TRUE(held.arrived.pass());
  clock_.advance(seconds(3));

  const auto running = activity().running();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].query.text, "m");
  EXPECT_FALSE(running[0].query.is_cut);
  EXPECT_TRUE(running[0].query.is_range);
  EXPECT_EQ(running[0].query.end, 120'000);
  EXPECT_EQ(running[0].query.step_ms, 60'000);
  EXPECT_EQ(running[0].query.client, "10.0.0.1");
  EXPECT_EQ(running[0].query.path, "/api/v1/query_range");
  EXPECT_FALSE(running[0].is_waiting);
  EXPECT_FALSE(running[0].is_canceled);
  EXPECT_DOUBLE_EQ(running[0].seconds, 3);

  // The one behind it is canceled while it waits for its turn.
  Answer second = ask(storage_, "sum(m)");
  std::vector<RunningQuery> both;
  while (both.size() < 2) both = activity().running();
  EXPECT_TRUE(both[1].is_waiting);
  EXPECT_LT(both[0].query.id, both[1].query.id);
  EXPECT_TRUE(engine_->activity().cancel(both[1].query.id));
  const auto canceled = second.get();
  ASSERT_FALSE(canceled);
  EXPECT_EQ(canceled.error().code(), util::Code::kCanceled);

  // And the one that runs.
  EXPECT_TRUE(engine_->activity().cancel(both[0].query.id));
  EXPECT_TRUE(activity().running().at(0).is_canceled);
  held.let_through.open();
  const auto ended = first.get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), util::Code::kCanceled);
  EXPECT_TRUE(activity().running().empty());
  EXPECT_FALSE(engine_->activity().cancel(both[0].query.id));
}

TEST_F(ActivityTest, RemembersWhatWasSlowOrFailed) {
  make_engine({.timeout = hours(24), .slow = seconds(2)});
  load({{"__name__", "m"}}, 60'000, {1, 2, 3});
  run("m", milliseconds(1'999));
  run("m + 1", milliseconds(2'000));
  ASSERT_FALSE(instant("m * on() m{x=~\"(\"}", 0));  // Does not parse: never was a query.
  load({{"__name__", "m"}, {"a", "b"}}, 60'000, {1, 2, 3});
  ASSERT_FALSE(instant("m * on() m", 0));

  const auto recent = activity().recent();
  ASSERT_EQ(recent.size(), 2U);
  EXPECT_EQ(recent[0].query.text, "m * on() m");
  EXPECT_THAT(recent[0].error, testing::HasSubstr("many-to-many matching not allowed"));
  EXPECT_EQ(recent[1].query.text, "m + 1");
  EXPECT_EQ(recent[1].error, "");
  EXPECT_DOUBLE_EQ(recent[1].seconds, 2);
  EXPECT_GT(recent[1].samples_peak, 0U);
}

TEST_F(ActivityTest, AddsUpWhatATextCosts) {
  make_engine({.timeout = hours(24)});
  load({{"__name__", "m"}}, 60'000, {1, 2, 3});
  run("m", seconds(1));
  run("sum(m)", seconds(5));
  run("m", seconds(3));
  const auto costs = activity().costs();
  ASSERT_EQ(costs.size(), 2U);
  EXPECT_EQ(costs[0].text, "sum(m)");
  EXPECT_EQ(costs[1].text, "m");
  EXPECT_EQ(costs[1].count, 2U);
  EXPECT_EQ(costs[1].error_count, 0U);
  EXPECT_DOUBLE_EQ(costs[1].seconds_total, 4);
  EXPECT_DOUBLE_EQ(costs[1].seconds_max, 3);
}

// Goal: whatever is asked, memory stays bounded, and the dearest text is never forgotten.
TEST_F(ActivityTest, IsBounded) {
  make_engine({.timeout = hours(24), .slow = milliseconds(0)});
  load({{"__name__", "m"}}, 60'000, {1});
  run("m", seconds(9));
  for (int i = 0; i < 500; ++i) {
    ASSERT_TRUE(instant("1 + " + std::to_string(i), 0));
  }
  EXPECT_EQ(activity().recent().size(), QueryActivity::kRecentMax);
  EXPECT_EQ(activity().recent().front().query.text, "1 + 499");
  EXPECT_EQ(activity().costs().size(), QueryActivity::kCostsMax);
  EXPECT_EQ(activity().costs().front().text, "m");

  // Cut between characters, wherever the limit falls.
  for (int shift = 0; shift < 4; ++shift) {
    std::string text(static_cast<std::size_t>(shift), ' ');
    text += "vector(1) # ";
    while (text.size() < 2 * QueryActivity::kTextBytesMax) text += "가";
    ASSERT_TRUE(instant(text, 0));
    const QueryDescription shown = activity().recent().front().query;
    EXPECT_TRUE(shown.is_cut);
    EXPECT_LE(shown.text.size(), QueryActivity::kTextBytesMax);
    EXPECT_GT(shown.text.size(), QueryActivity::kTextBytesMax - 4);
    EXPECT_TRUE(text.starts_with(shown.text));
    EXPECT_TRUE(shown.text.ends_with("가"));
  }
}

}  // namespace
}  // namespace narthex::promql
