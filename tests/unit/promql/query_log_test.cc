// The file of what runs, the file of what ran, and the memory that queries share.
#include "narthex/promql/query_log.h"

#include <gtest/gtest.h>

#include "narthex/promql/active_queries.h"
#include "narthex/util/env.h"

#include "support/simulated_env.h"
#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

constexpr util::WallNs kNow = 1'700'000'000'123'000'000;

class ActiveQueriesTest : public testing::Test {
 protected:
  std::unique_ptr<ActiveQueries> open(std::size_t slots) {
    auto opened = ActiveQueries::open(util::posix_env(), path_, slots);
    EXPECT_TRUE(opened) << opened.error().message();
    return *std::move(opened);
  }
  std::string content() { return util::posix_env().read_file(path_, 1U << 20U).value(); }

  const std::string path_ = testing::TempDir() + "/" +
                            testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".active";
};

TEST_F(ActiveQueriesTest, ShowsTheNextProcessWhatRan) {
  auto first = open(3);
  EXPECT_EQ(first->left_over(), "");
  const auto a = first->begin("sum(rate(a[5m]))", kNow);
  {
    const auto finished = first->begin("b", kNow);
  }
  const auto c = first->begin("c{x=\"y\"}", kNow);
  EXPECT_EQ(content().size(), 1 + 3 * 1'000U);
  const auto second = open(3);
  // As Prometheus writes them.
  const std::string expected =
      "[{\"query\":\"sum(rate(a[5m]))\",\"timestamp_sec\":1700000000},"
      "{\"query\":\"c{x=\\\"y\\\"}\",\"timestamp_sec\":1700000000}]";
  EXPECT_EQ(second->left_over(), expected);
  EXPECT_EQ(open(3)->left_over(), "");
}

TEST_F(ActiveQueriesTest, CutsAQueryThatIsTooLongForItsSlot) {
  for (const std::string& unit :
       {std::string("x"), std::string("\""), std::string("\x01"), std::string("ä")}) {
    std::string query;
    while (query.size() < 5'000) query += unit;
    {
      auto writer = open(1);
      const auto note = writer->begin(query, kNow);
      const std::string written = content();
      ASSERT_EQ(written.size(), 1'001U);
    }
    auto writer = open(1);
    {
      const auto note = writer->begin(query, kNow);
      const std::string list = open(1)->left_over();
      EXPECT_TRUE(list.starts_with("[{\"query\":\"")) << list;
      EXPECT_TRUE(list.ends_with("\",\"timestamp_sec\":1700000000}]")) << list;
      EXPECT_GT(list.size(), 980U);
    }
  }
}

TEST_F(ActiveQueriesTest, RunsQueriesThatFindNoSlot) {
  auto active = open(1);
  {
    const auto first = active->begin("first", kNow);
    const auto second = active->begin("second", kNow);
    EXPECT_EQ(content().find("second"), std::string::npos);
  }
  const auto third = active->begin("third", kNow);
  EXPECT_NE(content().find("third"), std::string::npos);
}

TEST_F(ActiveQueriesTest, StartsOnAnyFile) {
  for (const std::string& garbage :
       {std::string(), std::string("["), std::string(5'000, '\0'), std::string("no list")}) {
    ASSERT_TRUE(util::write_file_atomically(util::posix_env(), path_, garbage));
    EXPECT_EQ(open(2)->left_over(), "");
  }
}

class QueryLogTest : public EngineTest {
 protected:
  std::vector<std::string> lines() {
    std::vector<std::string> out;
    std::string all = env_.read_file("/log", 1U << 20U).value();
    for (std::size_t at = 0; at < all.size();) {
      const std::size_t end = all.find('\n', at);
      out.push_back(all.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  void open_log() { engine_->set_query_log(QueryLog::open(env_, "/log").value()); }

  test::SimulatedEnv env_;
};

TEST_F(QueryLogTest, WritesALineForEveryQueryThatRan) {
  load({{"__name__", "m"}}, 60'000, {1, 2, 3});
  open_log();
  ASSERT_TRUE(range("m", 0, 120'000, 60'000));
  ASSERT_FALSE(instant("m(", 0));  // Never became a query.
  ASSERT_FALSE(instant("label_replace(m, \"a\", \"b\", \"c\", \"(\")", 0));
  open_log();  // As a reload does.
  ASSERT_TRUE(instant("m", 60'000));
  const std::vector<std::string> written = lines();
  ASSERT_EQ(written.size(), 3U);
  EXPECT_NE(
      written[0].find(
          R"("msg":"promql query logged","params":{"end":"1970-01-01T00:02:00.000Z","query":"m","start":"1970-01-01T00:00:00.000Z","step":60})"),
      std::string::npos)
      << written[0];
  EXPECT_NE(written[0].find(R"("totalQueryableSamples":3)"), std::string::npos) << written[0];
  EXPECT_NE(written[1].find(R"("error":)"), std::string::npos) << written[1];
  EXPECT_NE(written[2].find(R"("step":0})"), std::string::npos) << written[2];
  engine_->set_query_log(nullptr);
  ASSERT_TRUE(instant("m", 0));
  EXPECT_EQ(lines().size(), 3U);
}

TEST_F(QueryLogTest, NamesTheRequest) {
  open_log();
  QueryOptions options;
  options.origin = QueryOrigin{"::1", "GET", "/api/v1/query"};
  ASSERT_TRUE(engine_->instant(storage_, "1", 0, options));
  EXPECT_NE(lines().at(0).find(
                R"("httpRequest":{"clientIP":"::1","method":"GET","path":"/api/v1/query"})"),
            std::string::npos);
}

TEST_F(EngineTest, QueriesShareTheirMemory) {
  constexpr std::uint64_t kKilobyte = 1'024;
  make_engine({.memory_bytes_max = 1'000 * kKilobyte, .memory_bytes_total_max = 100 * kKilobyte});
  load({{"__name__", "m"}}, 60'000, {1, 2, 3});
  const auto refused = range("m", 0, 210'000'000, 15'000);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), util::Code::kLimitExceeded);
  EXPECT_NE(refused.error().message().find("common limit"), std::string::npos)
      << refused.error().message();
  // What the refused one had taken is free again.
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(range("m", 0, 60'000'000, 15'000)) << i;
}

}  // namespace
}  // namespace narthex::promql
