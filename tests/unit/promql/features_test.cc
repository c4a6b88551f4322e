// What feature flags switch on, and what is particular to native histograms.
#include "narthex/model/stale.h"

#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

constexpr std::int64_t kMinute = 60'000;

class Features : public EngineTest {
 protected:
  Features() {
    make_engine({.extended_range_selectors = true,
                 .binop_fill_modifiers = true,
                 .use_start_timestamps = true});
  }
  // The only value of an instant query.
  double value(std::string_view query, model::TimestampMs time) {
    const auto result = instant(query, time);
    EXPECT_TRUE(result) << query << ": " << result.error().message();
    double found = model::stale_nan();
    if (!result) return found;
    EXPECT_EQ(result->series.size(), 1U) << query;
    for (std::size_t i = 0; i < result->series.size(); ++i) {
      result->series.for_each_point(
          i, [&](model::TimestampMs, double v) { found = v; },
          [&](model::TimestampMs, const model::FloatHistogram& h) { found = h.count; });
    }
    return found;
  }
  std::vector<std::string> warnings(std::string_view query, model::TimestampMs time) {
    const auto result = instant(query, time);
    EXPECT_TRUE(result) << query << ": " << result.error().message();
    return result ? result->annotations.warnings : std::vector<std::string>{};
  }
};

TEST_F(Features, TrimSplitsTheBucketAtTheBound) {
  load_text("h {{schema:-53 sum:20 count:8 custom_values:[4 8] buckets:[2 4 2]}}", kMinute);
  EXPECT_EQ(value("h </ 4", 0), 2);
  EXPECT_EQ(value("h </ 6", 0), 4);    // Half of (4, 8].
  EXPECT_EQ(value("h >/ 6", 0), 4);    // The other half, and what lies above 8.
  EXPECT_EQ(value("h </ 100", 0), 6);  // Nothing is known about how far the last bucket reaches.
  EXPECT_EQ(value("histogram_sum(h </ +Inf)", 0), 20);          // Untouched: the original sum.
  EXPECT_EQ(value("histogram_sum(h </ 6)", 0), 2 * 2 + 2 * 5);  // Middles of what stays.
  EXPECT_EQ(value("h </ NaN", 0), 0);
}

TEST_F(Features, TrimOfExponentialBucketsIsLogarithmic) {
  load_text("h {{schema:0 sum:9 count:7 z_bucket:1 z_bucket_w:0.5 offset:1 buckets:[2 4]}}",
            kMinute);
  EXPECT_NEAR(value("h </ 1.4142135623730951", 0), 2, 1e-12);  // Half of (1, 2] in octaves.
  EXPECT_NEAR(value("h >/ 0.25", 0), 6.5, 1e-12);  // Without negative buckets, zero is [0, 0.5].
  EXPECT_EQ(value("h >/ 0", 0), 7);
}

TEST_F(Features, FillStandsInForMissingSamples) {
  load_text("a{l=\"x\"} 1 _ 3", kMinute);
  load_text("b{l=\"x\"} 10 20 _", kMinute);
  load_text("b{l=\"y\"} _ 7 _", kMinute);
  make_engine({.lookback = std::chrono::seconds(30), .binop_fill_modifiers = true});
  EXPECT_EQ(range_printed("a + fill(0) b", 0, 2 * kMinute, kMinute),
            (Printed{{R"({l="x"})", "11@0 20@60000 3@120000"}, {R"({l="y"})", "7@60000"}}));
  EXPECT_EQ(range_printed("a + fill_right(100) b", 0, 2 * kMinute, kMinute),
            (Printed{{R"({l="x"})", "11@0 103@120000"}}));
  // A filled sample is still a sample: two on one side stay ambiguous.
  load_text("a{l=\"x\", m=\"2\"} 1", kMinute);
  EXPECT_FALSE(instant("a + on (l) fill_right(1) c", 0));
}

TEST_F(Features, AnchoredCountsFromTheSampleBeforeTheWindow) {
  load_text("m_total 1 2 3 9 10", kMinute);
  EXPECT_EQ(value("increase(m_total[1m] anchored)", 3 * kMinute + 1'000), 6);
  EXPECT_EQ(value("changes(m_total[1m] anchored)", 3 * kMinute), 1);
  EXPECT_EQ(print(*instant("m_total[1m] anchored", 3 * kMinute + 1'000)),
            (Printed{{"m_total", "3@121000 9@180000 9@181000"}}));
  const auto refused = instant("deriv(m_total[1m] anchored)", 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(),
            "anchored modifier can only be used with: changes, delta, increase, rate, resets - not "
            "with deriv");
}

TEST_F(Features, SmoothedInterpolatesAtBothEnds) {
  load_text("m_total 0 60 120 10", kMinute);
  EXPECT_EQ(value("m_total smoothed", 30'000), 30);
  EXPECT_EQ(value("increase(m_total[1m] smoothed)", 90'000), 60);
  // From 90 at 1:30 to 120, then from zero to 5.
  EXPECT_EQ(value("increase(m_total[1m] smoothed)", 150'000), 35);
  EXPECT_EQ(print(*instant("m_total[1m] smoothed", 90'000)),
            (Printed{{"m_total", "30@30000 60@60000 90@90000"}}));
}

TEST_F(Features, InfoAddsLabelsOfTheInfoMetricThatHolds) {
  load_text("m{instance=\"i\", job=\"j\"} 1 2 3", kMinute);
  load_text("target_info{instance=\"i\", job=\"j\", v=\"1\"} 1 1 stale", kMinute);
  load_text("target_info{instance=\"i\", job=\"j\", v=\"2\"} _ _ 1", kMinute);
  EXPECT_EQ(range_printed("info(m)", 0, 2 * kMinute, kMinute),
            (Printed{{R"(m{instance="i", job="j", v="1"})", "1@0 2@60000"},
                     {R"(m{instance="i", job="j", v="2"})", "3@120000"}}));
  EXPECT_EQ(instant_printed("info(m, {v=\"3\"})", 0), Printed{});
  load_text("other_info{instance=\"i\", job=\"j\", v=\"9\"} 1", kMinute);
  const auto conflict = instant("info(m, {__name__=~\".+_info\"})", 0);
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().message(), "conflicting label: v");
}

TEST_F(Features, StartTimestampsRevealResetsThatValuesHide) {
  const model::Labels labels{{"__name__", "m_total"}};
  load_text("m_total 5 6 7", kMinute);
  for (const std::int64_t t : {std::int64_t{0}, kMinute, 2 * kMinute})
    storage_.set_start(labels, t, t - 30'000);
  EXPECT_EQ(value("resets(m_total[5m])", 2 * kMinute), 2);
  EXPECT_EQ(value("irate(m_total[5m])", 2 * kMinute), 7.0 / 60);
  EXPECT_EQ(value("start_timestamp(m_total)", 2 * kMinute), 90);
  make_engine({});
  EXPECT_EQ(value("resets(m_total[5m])", 2 * kMinute), 0);
  EXPECT_EQ(instant_printed("start_timestamp(m_total)", 2 * kMinute), Printed{});
}

TEST_F(Features, HistogramSumsAreCompensatedAndMeansDoNotOverflow) {
  load_text("h{i=\"1\"} {{sum:1e100 count:1e308 buckets:[1]}}", kMinute);
  load_text("h{i=\"2\"} {{sum:1 count:1e308 buckets:[2]}}", kMinute);
  load_text("h{i=\"3\"} {{sum:-1e100 count:1e308 buckets:[3]}}", kMinute);
  EXPECT_EQ(value("histogram_sum(sum(h))", 0), 1);
  EXPECT_NEAR(value("histogram_count(avg(h))", 0) / 1e308, 1, 1e-12);
}

TEST_F(Features, TotalsAloneFindResetsWhileReading) {
  load_text(
      "h {{count:4 sum:4 buckets:[4]}} {{count:6 sum:6 buckets:[6]}} {{count:1 sum:1 buckets:[1]}}",
      kMinute);
  EXPECT_EQ(value("histogram_count(increase(h[2m] anchored))", 2 * kMinute), 3);
  EXPECT_EQ(warnings("histogram_count(sum_over_time(h[5m]))", 2 * kMinute).size(), 1U);
}

TEST_F(Features, HistogramPartsKeepTypeAndUnit) {
  load_text("h{__type__=\"histogram\", __unit__=\"seconds\"} {{count:4 sum:4 buckets:[4]}}",
            kMinute);
  EXPECT_EQ(instant_printed("histogram_count(h)", 0),
            (Printed{{R"({__type__="histogram", __unit__="seconds"})", "4@0"}}));
  EXPECT_EQ(instant_printed("histogram_quantile(0.5, h)", 0).begin()->first, "{}");
}

TEST_F(Features, CountersAreKnownByTheirTypeLabelWhereThereAreAny) {
  load_text("m{__type__=\"counter\"} 1 2 3", kMinute);
  load_text("n_total{__type__=\"gauge\"} 1 2 3", kMinute);
  const auto infos = [&](std::string_view query) {
    return instant(query, kMinute)->annotations.infos;
  };
  EXPECT_EQ(infos("rate(m[5m])").size(), 1U);
  EXPECT_TRUE(infos("rate(n_total[5m])").empty());
  make_engine({.type_and_unit_labels = true});
  EXPECT_TRUE(infos("rate(m[5m])").empty());
  EXPECT_EQ(infos("rate(n_total[5m])"),
            (std::vector<std::string>{
                "PromQL info: metric might not be a counter, __type__ label is not set to "
                "\"counter\" or \"histogram\", got \"gauge\": \"n_total\" (1:6)"}));
}

TEST_F(Features, ClashesAreErrorsEvenWhenNobodyLooks) {
  load_text("a{g=\"1\"} 1", kMinute);
  load_text("b{g=\"1\"} 1", kMinute);
  EXPECT_FALSE(instant("abs({g=\"1\"}) and on (none) vector(1) > 2", 0));
  EXPECT_FALSE(instant("nothing * on (g) rate({g=\"1\"}[5m] offset -1m) or abs({g=\"1\"})", 0));
}

TEST_F(Features, SubqueriesWithoutStepFollowTheReload) {
  load_text("m 1 2 3 4 5", kMinute);
  EXPECT_EQ(value("count_over_time(m[4m:])", 4 * kMinute), 4);
  engine_->set_subquery_step(std::chrono::minutes(2));
  EXPECT_EQ(value("count_over_time(m[4m:])", 4 * kMinute), 2);
}

}  // namespace
}  // namespace narthex::promql
