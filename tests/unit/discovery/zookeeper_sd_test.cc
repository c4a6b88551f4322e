// Serversets and Nerve below a ZooKeeper that changes, goes away and lies.
#include "discovery/jute.h"
#include "unit/discovery/cloud_fixture.h"
#include "unit/discovery/zookeeper_server.h"

namespace narthex::discovery {
namespace {

using ::testing::ElementsAre;

std::string nerve(const std::string& host) {
  return R"({"host":")" + host + R"(","port":9100,"name":"n-)" + host + R"("})";
}

class ZookeeperTest : public CloudDiscovererTest {
 protected:
  ~ZookeeperTest() override { tasks_.stop(); }
  void start_nerve(std::vector<std::string> paths = {"/nerve"}) {
    NerveOptions options;
    options.servers = {zookeeper_.address()};
    options.paths = std::move(paths);
    start(options);
  }
  [[nodiscard]] bool has(const std::vector<std::string>& addresses) const {
    return test::eventually([&] { return sink_.addresses() == addresses; });
  }
  [[nodiscard]] bool comes_to(const std::vector<std::string>& addresses) {
    return advance_until([&] { return sink_.addresses() == addresses; }, std::chrono::minutes(5));
  }
  [[nodiscard]] bool fails_again() {
    const std::string series = "prometheus_sd_refresh_failures_total{mechanism=\"nerve\"}";
    const double before = std::max(0.0, metric(series));
    return advance_until([&] { return metric(series) > before; }, std::chrono::minutes(5));
  }
  test::ZookeeperServer zookeeper_;
};

TEST_F(ZookeeperTest, MembersOfServersets) {
  zookeeper_.set(
      "/jobs/web/member_0",
      R"({"serviceEndpoint":{"host":"h1","port":80},"additionalEndpoints":{"admin-x":{"host":"h2","port":81}},
      "status":"ALIVE","shard":3})");
  zookeeper_.set("/jobs/web/member_1", R"({"serviceEndpoint":{"host":"fd00::1","port":82}})");
  ServersetOptions options;
  options.servers = {zookeeper_.address()};
  options.paths = {"/jobs/"};
  start(options);
  ASSERT_TRUE(has({"h1:80", "[fd00::1]:82"}));
  EXPECT_EQ(meta("h1:80", "__meta_serverset_"), (Texts{{"path", "/jobs/web/member_0"},
                                                       {"endpoint_host", "h1"},
                                                       {"endpoint_port", "80"},
                                                       {"endpoint_host_admin_x", "h2"},
                                                       {"endpoint_port_admin_x", "81"},
                                                       {"status", "ALIVE"},
                                                       {"shard", "3"}}));
  EXPECT_EQ(meta("[fd00::1]:82", "__meta_serverset_").at("shard"), "0");
}

TEST_F(ZookeeperTest, NodesThatComeChangeAndGo) {
  zookeeper_.set("/nerve/a/m1", nerve("h1"));
  start_nerve();
  ASSERT_TRUE(has({"h1:9100"}));
  EXPECT_EQ(meta("h1:9100", "__meta_nerve_"), (Texts{{"path", "/nerve/a/m1"},
                                                     {"endpoint_host", "h1"},
                                                     {"endpoint_port", "9100"},
                                                     {"endpoint_name", "n-h1"}}));
  zookeeper_.set("/nerve/a/m2", nerve("h2"));
  ASSERT_TRUE(has({"h1:9100", "h2:9100"}));
  zookeeper_.set("/nerve/b/c/m3", nerve("h3"));
  ASSERT_TRUE(has({"h1:9100", "h2:9100", "h3:9100"}));
  for (const char* host : {"h4", "h5", "h6"}) {  // Every watch is set again.
    zookeeper_.set("/nerve/a/m1", nerve(host));
    ASSERT_TRUE(has({std::string(host) + ":9100", "h2:9100", "h3:9100"}));
  }
  zookeeper_.set("/nerve/a/m1", "not JSON");
  zookeeper_.remove("/nerve/a/m2");
  ASSERT_TRUE(has({"h6:9100", "h3:9100"})) << "what a member said before still counts";
  zookeeper_.set("/nerve/a/m1", "");
  ASSERT_TRUE(has({"h3:9100"}));
  zookeeper_.remove("/nerve/b/c/m3");
  ASSERT_TRUE(has({}));
  zookeeper_.set("/nerve/b/c/m3", nerve("h3"));
  ASSERT_TRUE(has({"h3:9100"}));
  EXPECT_EQ(zookeeper_.sessions(), 1);
}

TEST_F(ZookeeperTest, APathThatIsNotThereYet) {
  start_nerve({"/nerve", "/other"});
  ASSERT_TRUE(test::eventually([&] { return zookeeper_.reads("/other") == 2; }));
  zookeeper_.set("/nerve", nerve("h0"));
  ASSERT_TRUE(has({"h0:9100"}));
  zookeeper_.set("/nerve/m", nerve("h1"));
  zookeeper_.set("/other/m", nerve("h2"));
  ASSERT_TRUE(has({"h0:9100", "h1:9100", "h2:9100"}));
  zookeeper_.remove("/other/m");
  zookeeper_.remove("/other");
  ASSERT_TRUE(has({"h0:9100", "h1:9100"}));
  zookeeper_.set("/other/again", nerve("h3"));
  ASSERT_TRUE(has({"h0:9100", "h1:9100", "h3:9100"}));
}

TEST_F(ZookeeperTest, ALostServerIsLookedForAgainAndTargetsStay) {
  zookeeper_.set("/nerve/m1", nerve("h1"));
  zookeeper_.set("/nerve/m2", nerve("h2"));
  start_nerve();
  ASSERT_TRUE(has({"h1:9100", "h2:9100"}));
  zookeeper_.drop_connections();
  ASSERT_TRUE(test::eventually(
      [&] { return metric("prometheus_sd_refresh_failures_total{mechanism=\"nerve\"}") == 1; }));
  zookeeper_.remove("/nerve/m1");
  EXPECT_THAT(sink_.addresses(), ElementsAre("h1:9100", "h2:9100"));
  ASSERT_TRUE(comes_to({"h2:9100"}));
  zookeeper_.set("/nerve/m3", nerve("h3"));
  ASSERT_TRUE(has({"h2:9100", "h3:9100"}));
  EXPECT_EQ(zookeeper_.sessions(), 2);
}

TEST_F(ZookeeperTest, ASilentServerIsLeft) {
  zookeeper_.set("/nerve/m1", nerve("h1"));
  start_nerve();
  ASSERT_TRUE(has({"h1:9100"}));
  ASSERT_TRUE(advance_until([&] { return zookeeper_.pings() > 5; }, std::chrono::minutes(2)));
  EXPECT_EQ(zookeeper_.sessions(), 1) << "pings keep a session";
  zookeeper_.fall_silent(true);
  ASSERT_TRUE(fails_again());
  ASSERT_TRUE(fails_again()) << "a new session is not granted either";
  EXPECT_THAT(sink_.addresses(), ElementsAre("h1:9100"));
  zookeeper_.fall_silent(false);
  zookeeper_.set("/nerve/m1", nerve("h2"));
  ASSERT_TRUE(comes_to({"h2:9100"}));
}

TEST_F(ZookeeperTest, NonsenseIsAFailureAndTargetsStay) {
  zookeeper_.set("/nerve/m1", nerve("h1"));
  start_nerve();
  ASSERT_TRUE(has({"h1:9100"}));
  const std::string zeros(12, '\0');
  for (const std::string& nonsense :
       {std::string("x"),            // No header.
        zeros + "\x7f\xff\xff\xff",  // Data of two gigabytes that do not come.
        zeros.substr(0, 8) + std::string("\xff\xff\xff\x01", 4)}) {  // Another error.
    SCOPED_TRACE(nonsense.size());
    zookeeper_.answer_with(nonsense);
    zookeeper_.drop_connections();
    ASSERT_TRUE(fails_again());
    ASSERT_TRUE(fails_again());
    EXPECT_THAT(sink_.addresses(), ElementsAre("h1:9100"));
  }
  zookeeper_.answer_with("");
  zookeeper_.set("/nerve/m1", nerve("h2"));
  ASSERT_TRUE(comes_to({"h2:9100"}));
}

TEST_F(ZookeeperTest, TheNextServerIsTried) {
  zookeeper_.set("/nerve/m1", nerve("h1"));
  NerveOptions options;
  options.servers = {"127.0.0.1:1", zookeeper_.address()};
  options.paths = {"/"};
  start(options);
  ASSERT_TRUE(comes_to({"h1:9100"}));
}

TEST(Jute, WhatIsWrittenIsReadAndLiesEnd) {
  JuteWriter writer;
  writer.int32(-2).int64(std::int64_t{1} << 40).text("ab").flag(true);
  const std::string frame = writer.frame();
  JuteReader reader(frame);
  EXPECT_EQ(reader.int32(), 4 + 8 + 6 + 1);
  EXPECT_EQ(reader.int32(), -2);
  EXPECT_EQ(reader.int64(), std::int64_t{1} << 40);
  EXPECT_EQ(reader.text(), "ab");
  EXPECT_EQ(reader.rest(), "\1");
  EXPECT_TRUE(reader.is_sound());
  EXPECT_EQ(reader.int32(), 0);
  EXPECT_FALSE(reader.is_sound());
  JuteReader liar("\x7f\xff\xff\xff____");
  EXPECT_THAT(liar.texts(), ElementsAre(""));
  EXPECT_FALSE(liar.is_sound());
}

}  // namespace
}  // namespace narthex::discovery
