#include "scrape/target.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

ScrapeJobOptions job_options() {
  ScrapeJobOptions job;
  job.job_name = "j";
  job.interval = std::chrono::seconds(15);
  job.timeout = std::chrono::seconds(5);
  return job;
}

util::Result<std::optional<Target>> make(const model::Labels& discovered,
                                         const ScrapeJobOptions& job) {
  const auto rules = relabel::RelabelRules::compile(job.relabel_configs, job.name_scheme).value();
  return make_target(initial_labels(discovered, job), job, rules);
}

TEST(Target, GetsLabelsUrlAndTimingFromTheJob) {
  ScrapeJobOptions job = job_options();
  job.params = {{"module", {"a b", "c"}}, {"x", {"1"}}};
  const auto target = make({{"__address__", "h:9100"}, {"zone", "z"}, {"__meta_rack", "r"}}, job);
  ASSERT_TRUE(target.has_value()) << target.error().message();
  EXPECT_EQ((*target)->labels,
            (model::Labels{{"instance", "h:9100"}, {"job", "j"}, {"zone", "z"}}));
  EXPECT_EQ((*target)->url_text, "http://h:9100/metrics?module=a+b&module=c&x=1");
  EXPECT_EQ((*target)->interval, std::chrono::seconds(15));
  EXPECT_EQ((*target)->timeout, std::chrono::seconds(5));
  EXPECT_EQ((*target)->discovered.get("__scrape_interval__"), "15s");
  EXPECT_EQ((*target)->discovered.get("__meta_rack"), "r");
}

TEST(Target, RelabellingDecidesAboutEverything) {
  ScrapeJobOptions job = job_options();
  const auto set = [&job](std::string label, std::string value) {
    relabel::RelabelRule rule;
    rule.target_label = std::move(label);
    rule.replacement = std::move(value);
    job.relabel_configs.push_back(rule);
  };
  set("__address__", "[::1]:80");
  set("__scheme__", "https");
  set("__metrics_path__", "probe me/ä");
  set("__param_target", "http://x/?y");
  set("__scrape_interval__", "1m");
  set("__scrape_timeout__", "30s");
  set("instance", "i");
  const auto target = make({{"__address__", "h"}}, job);
  ASSERT_TRUE(target.has_value()) << target.error().message();
  EXPECT_EQ((*target)->url_text, "https://[::1]:80/probe%20me/%C3%A4?target=http%3A%2F%2Fx%2F%3Fy");
  EXPECT_EQ((*target)->interval, std::chrono::minutes(1));
  EXPECT_EQ((*target)->labels, (model::Labels{{"instance", "i"}, {"job", "j"}}));
}

TEST(Target, DroppedIsNoError) {
  ScrapeJobOptions job = job_options();
  relabel::RelabelRule drop;
  drop.action = relabel::Action::kDrop;
  drop.source_labels = {"__address__"};
  drop.regex = "bad.*";
  job.relabel_configs = {drop};
  EXPECT_FALSE(make({{"__address__", "bad:1"}}, job).value().has_value());
  EXPECT_TRUE(make({{"__address__", "good:1"}}, job).value().has_value());
}

TEST(Target, LabelsThatMakeNoTargetSayWhy) {
  const auto check = [](std::string label, std::string value, std::string_view want) {
    ScrapeJobOptions job = job_options();
    relabel::RelabelRule rule;
    rule.target_label = std::move(label);
    rule.replacement = std::move(value);
    job.relabel_configs = {rule};
    const auto target = make({{"__address__", "h:1"}}, job);
    ASSERT_FALSE(target.has_value()) << want;
    EXPECT_EQ(target.error().message(), want);
  };
  check("__address__", "", "no address");
  check("__address__", "h/p", "\"h/p\" is not a valid hostname");
  check("__scrape_interval__", "x",
        "error parsing scrape interval: not a valid duration string: \"x\"");
  check("__scrape_interval__", "0", "scrape interval cannot be 0");
  check("__scrape_timeout__", "0s", "scrape timeout cannot be 0");
  check("__scrape_timeout__", "16s",
        "scrape timeout cannot be greater than scrape interval (\"16s\" > \"15s\")");
  check("__scrape_native_histograms__", "maybe",
        "error parsing scrape native histograms: strconv.ParseBool: parsing \"maybe\": invalid "
        "syntax");
  check("zone", "a\xff", "invalid label value for \"zone\": \"a\\xff\"");
}

TEST(Slots, LieAtTheOffsetAndAfterNow) {
  const auto interval = std::chrono::milliseconds(1500);
  for (util::WallNs now = 1'000'000'000'000; now < 1'000'004'000'000; now += 77'777) {
    const util::WallNs slot = next_slot(now, 123'456'789, interval);
    EXPECT_GT(slot, now);
    EXPECT_LE(slot, now + 1'500'000'000);
    EXPECT_EQ(slot % 1'500'000'000, 123'456'789);
  }
}

TEST(Slots, DependOnTargetAndServer) {
  Target a;
  a.url_text = "http://a/metrics";
  a.interval = std::chrono::seconds(15);
  Target b = a;
  b.url_text = "http://b/metrics";
  EXPECT_NE(a.slot_offset_ns(1), b.slot_offset_ns(1));
  EXPECT_NE(a.slot_offset_ns(1), a.slot_offset_ns(2));
  EXPECT_LT(a.slot_offset_ns(1), 15'000'000'000);
}

}  // namespace
}  // namespace narthex::scrape
