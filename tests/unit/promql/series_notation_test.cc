#include "narthex/promql/series_notation.h"

#include <gtest/gtest.h>

#include "narthex/model/stale.h"

namespace narthex::promql {
namespace {

std::vector<NotatedValue> values_of(std::string_view text) {
  auto series = parse_series_notation(text);
  EXPECT_TRUE(series.has_value()) << series.error().message();
  return series ? std::move(series->values) : std::vector<NotatedValue>{};
}

// Floats as numbers, omitted ones as "_", stale markers as "stale".
std::string shown(std::string_view text) {
  std::string out;
  for (const NotatedValue& value : values_of(text)) {
    if (!out.empty()) out += ' ';
    switch (value.kind) {
      case NotatedValue::Kind::kOmitted:
        out += '_';
        break;
      case NotatedValue::Kind::kFloat:
        out +=
            model::is_stale(value.value) ? "stale" : std::to_string(static_cast<int>(value.value));
        break;
      case NotatedValue::Kind::kHistogram:
        out += "h" + std::to_string(static_cast<int>(value.histogram->count));
        break;
    }
  }
  return out;
}

TEST(SeriesNotation, ExpandsEveryForm) {
  EXPECT_EQ(shown("m 1 -2 +3"), "1 -2 3");
  EXPECT_EQ(shown("m 5x2"), "5 5 5");
  EXPECT_EQ(shown("m 5x0"), "5");
  EXPECT_EQ(shown("m 1+10x3"), "1 11 21 31");
  EXPECT_EQ(shown("m -1-10x2 7"), "-1 -11 -21 7");
  EXPECT_EQ(shown("m _ 1 _x3 2"), "_ 1 _ _ _ 2");
  EXPECT_EQ(shown("m stale stalex2"), "stale stale stale stale");
  EXPECT_EQ(shown("m\t1e2 2.5e+1   0x3"), "100 25 0 0 0 0");
  EXPECT_EQ(shown("m {{count:4}}x1 {{count:1}}+{{count:2}}x2 {{count:9}}-{{count:2}}x1"),
            "h4 h4 h1 h3 h5 h9 h7");
  EXPECT_EQ(shown("m"), "");
}

TEST(SeriesNotation, ReadsLabelsInEveryForm) {
  const auto labels = [](std::string_view text) {
    const auto parsed = parse_series_labels(text);
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message();
    return parsed->labels.to_series_string() + "|" + std::string(parsed->rest);
  };
  EXPECT_EQ(labels("up 1"), "up| 1");
  EXPECT_EQ(labels("up{a='b',c=\"\"}@st 1"), "up{a=\"b\"}|@st 1");
  EXPECT_EQ(labels("{\"a b\", \"c.d\"=`e`,} 1").substr(0, 1), "{");
  EXPECT_EQ(labels("sum{by=\"x\"} 2"), "sum{by=\"x\"}| 2");
}

TEST(SeriesNotation, SaysWhetherTheHintWasWritten) {
  const auto values = values_of("m {{count:1 counter_reset_hint:gauge}} {{count:1}}");
  ASSERT_EQ(values.size(), 2U);
  EXPECT_TRUE(values[0].hint_stated);
  EXPECT_EQ(values[0].histogram->counter_reset_hint, model::CounterResetHint::kGauge);
  EXPECT_FALSE(values[1].hint_stated);
}

TEST(SeriesNotation, AddsHistogramsOfAFinerSchemaInTheCoarserOne) {
  const auto values = values_of("m {{schema:0 buckets:[1 1]}}+{{schema:1 buckets:[1 2 3]}}x1");
  ASSERT_EQ(values.size(), 2U);
  // Schema 1's buckets 0, 1, 2 are schema 0's 0, 1, 1.
  EXPECT_EQ(values[1].histogram->positive_buckets, (std::vector<double>{2, 6}));
}

TEST(SeriesNotation, RefusesWhatItCannotRead) {
  for (const std::string_view text : {"m 1 2a",
                                      "m 1-2",
                                      "m 1+2",
                                      "m 1x",
                                      "m 1x2x3",
                                      "m {{",
                                      "m {{count}}",
                                      "m {{count:}}",
                                      "m {{buckets:[1}}",
                                      "m {{count:1count:2}}",
                                      "m {{schema:1.5}}",
                                      "m {{}}{{}}",
                                      "m a",
                                      "m{a=b} 1",
                                      "m{a} 1",
                                      "{",
                                      "1",
                                      "m _y",
                                      "m stal",
                                      "m 1 x3",
                                      "m {{schema:-53 custom_values:[1]}}+{{schema:0}}x1",
                                      "m {{counter_reset_hint:perhaps}}"}) {
    EXPECT_FALSE(parse_series_notation(text).has_value()) << text;
  }
}

TEST(SeriesNotation, BoundsHowMuchOneWordCanMake) {
  EXPECT_TRUE(parse_series_notation("m 1x999999").has_value());
  EXPECT_FALSE(parse_series_notation("m 1x1000000").has_value());
  EXPECT_FALSE(parse_series_notation("m _x99999999999999999999").has_value());
  EXPECT_FALSE(parse_series_notation("m 1x600000 1x600000").has_value());
  EXPECT_FALSE(parse_series_notation("m {{}}+{{}}x99999999").has_value());
}

}  // namespace
}  // namespace narthex::promql
