#include "scrape/metadata_cache.h"

#include <gtest/gtest.h>

namespace narthex::scrape {
namespace {

void round(MetadataCache& cache, std::string_view text) {
  exposition::TextParser parser;
  parser.reset();
  parser.feed(text, true);
  cache.begin_round();
  for (auto event = parser.next(); event != exposition::TextEvent::kEnd; event = parser.next())
    cache.on_line(metadata_line(parser, event));
  cache.end_round();
}

TEST(MetadataCache, FollowsWhatTheTargetSays) {
  MetadataInterner interner;
  MetadataCache cache(&interner);
  round(cache, "# HELP a One\\ntwo.\n# TYPE a counter\n# TYPE b gauge\n");
  ASSERT_NE(cache.find("a"), nullptr);
  EXPECT_EQ(cache.find("a")->metadata,
            (model::Metadata{model::MetricType::kCounter, "One\ntwo.", ""}));
  EXPECT_EQ(cache.find("b")->metadata.type, model::MetricType::kGauge);
  round(cache, "# TYPE b gauge\n# HELP a Changed.\n# TYPE a counter\n");
  EXPECT_EQ(cache.find("a")->metadata.help, "Changed.");
  EXPECT_EQ(cache.size(), 2U);
}

TEST(MetadataCache, ForgetsAfterTenRounds) {
  MetadataInterner interner;
  MetadataCache cache(&interner);
  round(cache, "# TYPE a counter\n# TYPE b gauge\n");
  for (int i = 0; i < 10; ++i) round(cache, "# TYPE b gauge\n");
  EXPECT_NE(cache.find("a"), nullptr);
  round(cache, "# TYPE b gauge\n");
  EXPECT_EQ(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("b"), nullptr);
  round(cache, "# TYPE b gauge\n# TYPE a gauge\n");
  EXPECT_EQ(cache.find("a")->metadata.type, model::MetricType::kGauge);
}

TEST(MetadataCache, EqualFamiliesOfTwoTargetsAreOneObject) {
  MetadataInterner interner;
  MetadataCache one(&interner);
  MetadataCache two(&interner);
  round(one, "# HELP a Text.\n# TYPE a counter\n");
  round(two, "# TYPE a counter\n# HELP a Text.\n");
  EXPECT_EQ(one.find("a"), two.find("a"));
}

}  // namespace
}  // namespace narthex::scrape
