#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"
#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class FileDiscovererTest : public DiscovererTest {
 protected:
  // As careful programs do it: the new content appears at once.
  void write(const std::string& name, const std::string& content) const {
    std::ofstream(dir_ / "new", std::ios::binary) << content;
    std::filesystem::rename(dir_ / "new", dir_ / name);
  }
  void start_on(const std::vector<std::string>& patterns,
                std::chrono::milliseconds interval = 5min) {
    FileOptions options;
    for (const std::string& pattern : patterns) options.files.push_back(dir_ / pattern);
    options.refresh_interval = interval;
    start(options);
  }

  test::TempDir dir_;
};

TEST_F(FileDiscovererTest, ReadsJsonAndYamlWithTheirLabels) {
  write("a.json", R"([{"targets":["a:1","b:2"],"labels":{"env":"prod"}},{"targets":["c:3"]}])");
  write("b.yml", "- targets: ['d:4']\n  labels:\n    env: test\n    port: 17\n");
  write("c.txt", "not looked at");
  start_on({"*.json", "*.yml"});
  ASSERT_TRUE(test::eventually([&] { return sink_.updates() > 0; }));
  ASSERT_THAT(sink_.addresses(), ElementsAre("a:1", "b:2", "c:3", "d:4"));
  EXPECT_EQ(sink_.at("b:2").get("env"), "prod");
  EXPECT_EQ(sink_.at("b:2").get("__meta_filepath"), dir_ / "a.json");
  EXPECT_EQ(sink_.at("d:4").get("port"), "17");
}

TEST_F(FileDiscovererTest, ChangesAreSeenAtOnce) {
  start_on({"*.json"});
  ASSERT_TRUE(test::eventually([&] { return sink_.updates() > 0; }));
  EXPECT_THAT(sink_.addresses(), IsEmpty());
  write("a.json", R"([{"targets":["a:1"]}])");
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().size() == 1; }));
  write("a.json", R"([{"targets":["a:2"]}])");
  ASSERT_TRUE(
      test::eventually([&] { return sink_.addresses() == std::vector<std::string>{"a:2"}; }));
  std::filesystem::remove(dir_ / "a.json");
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().empty(); }));
}

TEST_F(FileDiscovererTest, ABrokenFileKeepsWhatItHadAndIsCounted) {
  write("a.json", R"([{"targets":["a:1"]}])");
  write("b.json", R"([{"targets":["b:1"]}])");
  start_on({"*.json"});
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().size() == 2; }));
  const char* const kBroken[] = {R"([{"targets":["a:2"])",
                                 R"([null])",
                                 R"({"targets":["a:2"]})",
                                 R"([{"targets":"a:2"}])",
                                 R"([{"targets":[1]}])",
                                 R"([{"targets":["a:2"],"labels":{"x":1}}])",
                                 R"([{"targets":["a:2"],"labels":{"":"x"}}])",
                                 R"([{"targets":["a:2"],"more":1}])"};
  double failures = 0;
  for (const char* content : kBroken) {
    SCOPED_TRACE(content);
    write("a.json", content);
    ASSERT_TRUE(test::eventually(
        [&] { return metric("prometheus_sd_file_read_errors_total") > failures; }));
    failures = metric("prometheus_sd_file_read_errors_total");
    EXPECT_THAT(sink_.addresses(), ElementsAre("a:1", "b:1"));
  }
  write("a.json", R"([])");
  ASSERT_TRUE(
      test::eventually([&] { return sink_.addresses() == std::vector<std::string>{"b:1"}; }));
}

// A directory that comes later cannot be watched yet: the interval finds it.
TEST_F(FileDiscovererTest, TheRefreshIntervalFindsWhatWatchingMisses) {
  start_on({"later/*.yml"}, 10s);
  ASSERT_TRUE(test::eventually([&] { return sink_.updates() > 0; }));
  EXPECT_GE(metric("prometheus_sd_file_watcher_errors_total"), 1);
  std::filesystem::create_directory(dir_ / "later");
  write("later/a.yml", "- targets: [a:1]\n");
  ASSERT_TRUE(advance_until([&] { return sink_.addresses().size() == 1; }, 15s));
  // From now on it is watched.
  write("later/a.yml", "- targets: [a:1, b:1]\n");
  ASSERT_TRUE(test::eventually([&] { return sink_.addresses().size() == 2; }));
}

TEST_F(FileDiscovererTest, NestingAndAliasesAreBounded) {
  std::string deep(100'000, '[');
  write("a.json", deep);
  write(
      "b.yml",
      "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
      "d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\n"
      "f: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\n");
  start_on({"*.json", "*.yml"});
  ASSERT_TRUE(
      test::eventually([&] { return metric("prometheus_sd_file_read_errors_total") >= 2; }));
  EXPECT_THAT(sink_.addresses(), IsEmpty());
}

}  // namespace
}  // namespace narthex::discovery
