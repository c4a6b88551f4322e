// /api/narthex/v1/queries.
#include <future>

#include <gmock/gmock.h>

#include "support/gate.h"
#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

using testing::HasSubstr;

class ActivityApiTest : public ApiHttpTest {
 protected:
  boost::json::object asked() {
    const boost::json::value body = boost::json::parse(get("/api/narthex/v1/queries"));
    return body.at("data").as_object();
  }
};

TEST_F(ActivityApiTest, ShowsCostsAndErrors) {
  load();
  build();
  ASSERT_EQ(ask("GET", "/api/v1/query?query=up&time=1000").status, 200);
  ASSERT_EQ(ask("GET", "/api/v1/query?query=up&time=1010").status, 200);
  ASSERT_EQ(ask("GET", "/api/v1/query?query=up*on()up&time=1000").status, 422);
  const boost::json::object data = asked();
  EXPECT_TRUE(data.at("running").as_array().empty());
  EXPECT_EQ(data.at("slowSeconds").to_number<double>(), 1);
  EXPECT_FALSE(data.at("canCancel").as_bool());
  const boost::json::array& recent = data.at("recent").as_array();
  ASSERT_EQ(recent.size(), 1U);
  EXPECT_EQ(recent[0].at("query").as_string(), "up*on()up");
  EXPECT_EQ(recent[0].at("type").as_string(), "instant");
  EXPECT_EQ(recent[0].at("path").as_string(), "/api/v1/query");
  EXPECT_EQ(recent[0].at("id").as_string(), "3");
  EXPECT_THAT(std::string(recent[0].at("error").as_string()), HasSubstr("many-to-many"));
  ASSERT_EQ(data.at("top").as_array().size(), 2U);
  std::uint64_t runs = 0;
  for (const boost::json::value& top : data.at("top").as_array())
    runs += top.at("count").to_number<std::uint64_t>();
  EXPECT_EQ(runs, 3U);
}

TEST_F(ActivityApiTest, CancelsOnlyWithTheAdminApi) {
  build();
  EXPECT_EQ(ask("DELETE", "/api/narthex/v1/queries/1").body,
            error("unavailable", "admin APIs disabled"));
  options_.enable_admin = true;
  build();
  EXPECT_TRUE(asked().at("canCancel").as_bool());
  EXPECT_EQ(ask("DELETE", "/api/narthex/v1/queries/1").status, 404);
  for (const char* bad : {"x", "-1", "1x", "99999999999999999999999"}) {
    EXPECT_EQ(ask("DELETE", std::string("/api/narthex/v1/queries/") + bad).status, 400) << bad;
  }
  EXPECT_EQ(ask("POST", "/api/narthex/v1/queries/1").status, 405);
}

// Goal: a running query is seen and ended from outside. Method: it stands in the engine's storage.
TEST_F(ActivityApiTest, EndsAQueryThatRuns) {
  class Held final : public storage::Queryable {
   public:
    util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange) override {
      arrived.open();
      if (!let_through.pass()) return util::fail(util::Code::kInternal, "never let through");
      return util::fail(util::Code::kCanceled, "canceled");
    }
    test::Gate arrived;
    test::Gate let_through;
  };
  options_.enable_admin = true;
  build();
  Held held;
  auto answer =
      std::async(std::launch::async, [&] { return engine_.instant(held, "up{a=\"<b>\"}", 0, {}); });
  ASSERT_TRUE(held.arrived.pass());
  const boost::json::array running = asked().at("running").as_array();
  ASSERT_EQ(running.size(), 1U);
  EXPECT_EQ(running[0].at("query").as_string(), "up{a=\"<b>\"}");
  EXPECT_EQ(running[0].at("state").as_string(), "evaluating");
  const std::string id(running[0].at("id").as_string());
  EXPECT_EQ(ask("DELETE", "/api/narthex/v1/queries/" + id).status, 204);
  EXPECT_EQ(asked().at("running").as_array().at(0).at("state").as_string(), "canceled");
  held.let_through.open();
  EXPECT_FALSE(answer.get());
  EXPECT_EQ(ask("DELETE", "/api/narthex/v1/queries/" + id).status, 404);
}

}  // namespace
}  // namespace narthex::api
