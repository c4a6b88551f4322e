#include <gtest/gtest.h>

#include "narthex/exposition/text_parser.h"

namespace narthex::exposition {
namespace {

model::Labels labels_of(std::string_view series, FamilyContext context = {}) {
  SeriesLabels labels;
  const auto result = labels.parse(series, context);
  EXPECT_TRUE(result.has_value()) << result.error().message();
  return model::Labels::from_unsorted(labels.labels());
}

TEST(SeriesLabels, PlainAndQuotedForms) {
  EXPECT_EQ(labels_of("up"), (model::Labels{{"__name__", "up"}}));
  EXPECT_EQ(labels_of("up{}"), (model::Labels{{"__name__", "up"}}));
  EXPECT_EQ(labels_of("up { b = \"2\" , a=\"1\",}"),
            (model::Labels{{"__name__", "up"}, {"a", "1"}, {"b", "2"}}));
  EXPECT_EQ(labels_of("{\"a.b\",\"c d\"=\"e\"}"),
            (model::Labels{{"__name__", "a.b"}, {"c d", "e"}}));
  EXPECT_EQ(labels_of("{c=\"e\",\"a.b\"}"), (model::Labels{{"__name__", "a.b"}, {"c", "e"}}));
  EXPECT_EQ(labels_of("a{b=\"1\"c=\"2\"}"),
            (model::Labels{{"__name__", "a"}, {"b", "1"}, {"c", "2"}}));
}

TEST(SeriesLabels, EscapesInNamesAndValues) {
  EXPECT_EQ(labels_of(R"(a{b="x\\y\"z\n\t}"})"),
            (model::Labels{{"__name__", "a"}, {"b", "x\\y\"z\n\\t}"}}));
  EXPECT_EQ(labels_of(R"({"a\"b","c\\d"="e"})"),
            (model::Labels{{"__name__", "a\"b"}, {"c\\d", "e"}}));
}

TEST(SeriesLabels, BoundsGetTheirNormalFormInTheirOwnFamilyOnly) {
  const FamilyContext histogram{"h", model::MetricType::kHistogram};
  const FamilyContext summary{"s", model::MetricType::kSummary};
  EXPECT_EQ(labels_of("h_bucket{le=\"1\"}", histogram).get("le"), "1.0");
  EXPECT_EQ(labels_of("h_bucket{le=\"1e6\"}", histogram).get("le"), "1e+06");
  EXPECT_EQ(labels_of("h_bucket{le=\"+Inf\"}", histogram).get("le"), "+Inf");
  EXPECT_EQ(labels_of("h_bucket{le=\"many\"}", histogram).get("le"), "many");
  EXPECT_EQ(labels_of("g_bucket{le=\"1\"}", histogram).get("le"), "1");
  EXPECT_EQ(labels_of("h{quantile=\"1\"}", histogram).get("quantile"), "1");
  EXPECT_EQ(labels_of("s{quantile=\"0\"}", summary).get("quantile"), "0.0");
  EXPECT_EQ(labels_of("s{le=\"1\"}", summary).get("le"), "1");
}

TEST(SeriesLabels, ANameTwiceIsAnError) {
  SeriesLabels labels;
  const auto twice = labels.parse("a{b=\"1\",b=\"2\"}", {});
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().message(), "label name \"b\" is not unique: invalid sample");
  EXPECT_FALSE(labels.parse("a{__name__=\"c\"}", {}).has_value());
}

TEST(SeriesLabels, AValueThatNoLabelCanHoldIsAnError) {
  SeriesLabels labels;
  const std::string huge = "a{b=\"" + std::string(model::kLabelBytesMax + 1, 'x') + "\"}";
  const auto result = labels.parse(huge, {});
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code(), util::Code::kLimitExceeded);
}

}  // namespace
}  // namespace narthex::exposition
