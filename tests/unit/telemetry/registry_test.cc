#include "narthex/telemetry/registry.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "narthex/util/worker_pool.h"

namespace narthex::telemetry {
namespace {

std::string text(const Registry& registry) {
  std::string out;
  registry.append_text(out);
  return out;
}

TEST(Registry, WritesFamiliesAndMembersSorted) {
  Registry registry;
  registry.gauge("b_gauge", "A gauge.").set(-1.5);
  registry.counter("a_total", "A counter.", {{"code", "500"}}).increment();
  registry.counter("a_total", "A counter.", {{"code", "200"}}).add(3);
  EXPECT_EQ(text(registry),
            "# HELP a_total A counter.\n"
            "# TYPE a_total counter\n"
            "a_total{code=\"200\"} 3\n"
            "a_total{code=\"500\"} 1\n"
            "# HELP b_gauge A gauge.\n"
            "# TYPE b_gauge gauge\n"
            "b_gauge -1.5\n");
}

TEST(Registry, EscapesHelpAndValues) {
  Registry registry;
  registry.gauge("g", "a\\b\nc \"d\"", {{"path", "a\\b\nc\"d"}}).set(1);
  EXPECT_EQ(text(registry),
            "# HELP g a\\\\b\\nc \"d\"\n"
            "# TYPE g gauge\n"
            "g{path=\"a\\\\b\\nc\\\"d\"} 1\n");
}

TEST(Registry, TheSameNameAndLabelsAreTheSameMember) {
  Registry registry;
  Counter& first = registry.counter("c", "help", {{"a", "1"}});
  first.add(2);
  for (int i = 0; i < 1000; ++i) registry.counter("c", "help", {{"a", std::to_string(i + 2)}});
  EXPECT_EQ(&registry.counter("c", "help", {{"a", "1"}}), &first);
  EXPECT_EQ(first.value(), 2);
}

TEST(RegistryDeathTest, OneNameHasOneType) {
  Registry registry;
  registry.counter("c", "help");
  EXPECT_DEATH(registry.gauge("c", "help"), "metric c is registered with two types");
}

TEST(Registry, HistogramsAreCumulativeAndUpperBoundsInclusive) {
  Registry registry;
  const double bounds[] = {0.1, 1, 10};
  Histogram& histogram = registry.histogram("h", "Help.", bounds, {{"k", "v"}});
  for (const double v : {0.05, 0.1, 0.5, 10.0, 11.0}) histogram.observe(v);
  EXPECT_EQ(text(registry),
            "# HELP h Help.\n"
            "# TYPE h histogram\n"
            "h_bucket{k=\"v\",le=\"0.1\"} 2\n"
            "h_bucket{k=\"v\",le=\"1\"} 3\n"
            "h_bucket{k=\"v\",le=\"10\"} 4\n"
            "h_bucket{k=\"v\",le=\"+Inf\"} 5\n"
            "h_sum{k=\"v\"} 21.65\n"
            "h_count{k=\"v\"} 5\n");
}

TEST(Histogram, NanBelongsToNoFiniteBucket) {
  const double bounds[] = {1};
  Histogram histogram(bounds);
  histogram.observe(std::numeric_limits<double>::quiet_NaN());
  const Histogram::Snapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.buckets[0].second, 0U);
  EXPECT_EQ(snapshot.buckets[1].second, 1U);
  EXPECT_TRUE(std::isnan(snapshot.sum));
}

TEST(ExponentialBuckets, BoundsBelongToTheBucketBelow) {
  const auto index_of = [](double value) {
    ExponentialBuckets buckets;
    buckets.observe(value);
    return buckets.positive().at(0).first;
  };
  EXPECT_EQ(index_of(1), 0);
  EXPECT_EQ(index_of(std::nextafter(1, 2)), 1);
  EXPECT_EQ(index_of(2), 8);
  EXPECT_EQ(index_of(0.5), -8);
  EXPECT_EQ(index_of(std::exp2(3.0 / 8)), 3);
  EXPECT_EQ(index_of(1e300), static_cast<int>(std::ceil(std::log2(1e300) * 8)));
  EXPECT_EQ(index_of(std::numeric_limits<double>::infinity()), 8192);
}

TEST(ExponentialBuckets, ZeroSignsAndNan) {
  ExponentialBuckets buckets;
  for (const double v : {0.0, 1e-40, -3.0, -3.0, std::nan("")}) buckets.observe(v);
  EXPECT_EQ(buckets.zero_count(), 2U);
  EXPECT_TRUE(buckets.positive().empty());
  EXPECT_EQ(buckets.negative(), (ExponentialBuckets::Indexed{{13, 2}}));
}

// Goal: however wide the values spread, memory stays bounded, no observation is lost, and each is
// in the bucket that the schema of the end puts it into.
TEST(ExponentialBuckets, HalvesItsResolutionInsteadOfGrowing) {
  ExponentialBuckets buckets;
  ExponentialBuckets::Indexed want;
  for (int i = -1000; i <= 1000; ++i) buckets.observe(std::exp2(i + 0.5));
  EXPECT_LE(buckets.positive().size(), 160U);
  EXPECT_EQ(buckets.zero_count(), 872U);  // Up to 2^-128.
  ASSERT_EQ(buckets.schema(), -3);        // 1129 octaves in buckets of 8.
  for (int i = -128; i <= 1000; ++i) {
    const int index = static_cast<int>(std::ceil((i + 0.5) / 8));
    if (want.empty() || want.back().first != index) want.emplace_back(index, 0);
    ++want.back().second;
  }
  EXPECT_EQ(buckets.positive(), want);
}

TEST(Histogram, ExponentialBucketsCountTheSameObservations) {
  const double bounds[] = {1};
  Histogram histogram(bounds, Buckets::kBoundsAndExponential);
  for (const double v : {0.5, 1.0, 4.0}) histogram.observe(v);
  const Histogram::Snapshot snapshot = histogram.snapshot();
  EXPECT_EQ(snapshot.buckets[0].second, 2U);
  EXPECT_EQ(snapshot.count, 3U);
  ASSERT_TRUE(snapshot.exponential);
  EXPECT_EQ(snapshot.exponential->positive(),
            (ExponentialBuckets::Indexed{{-8, 1}, {0, 1}, {16, 1}}));
  EXPECT_FALSE(Histogram(bounds).snapshot().exponential);
}

TEST(Registry, SummariesShowQuantilesSumAndCount) {
  Registry registry;
  const double quantiles[] = {0.5, 0.99};
  Summary& summary = registry.summary("s", "Help.", quantiles);
  EXPECT_EQ(text(registry),
            "# HELP s Help.\n"
            "# TYPE s summary\n"
            "s{quantile=\"0.5\"} NaN\n"
            "s{quantile=\"0.99\"} NaN\n"
            "s_sum 0\n"
            "s_count 0\n");
  for (int i = 100; i >= 1; --i) summary.observe(i);
  const Summary::Snapshot snapshot = summary.snapshot();
  EXPECT_EQ(snapshot.quantiles[0].second, 50);
  EXPECT_EQ(snapshot.quantiles[1].second, 99);
  EXPECT_EQ(snapshot.sum, 5050);
  EXPECT_EQ(snapshot.count, 100U);
}

TEST(Summary, QuantilesAreOfTheNewestObservations) {
  const double quantiles[] = {0, 1};
  Summary summary(quantiles);
  for (int i = 0; i < 5000; ++i) summary.observe(i);
  const Summary::Snapshot snapshot = summary.snapshot();
  EXPECT_EQ(snapshot.quantiles[0].second, 5000 - 1024);
  EXPECT_EQ(snapshot.quantiles[1].second, 4999);
  EXPECT_EQ(snapshot.count, 5000U);
}

TEST(Registry, ACallbackIsAskedWhenSomebodyLooksAndIsGoneWithItsHandle) {
  Registry registry;
  double value = 1;
  {
    const Registry::Callback handle = registry.callback(FamilyType::kGauge, "live", "Help.",
                                                        {{"x", "1"}}, [&value] { return value; });
    value = 42;
    EXPECT_EQ(text(registry), "# HELP live Help.\n# TYPE live gauge\nlive{x=\"1\"} 42\n");
  }
  EXPECT_EQ(text(registry), "");
}

TEST(Registry, AssigningACallbackForgetsTheOldOne) {
  Registry registry;
  const auto constant = [](double v) { return [v] { return v; }; };
  Registry::Callback handle =
      registry.callback(FamilyType::kGauge, "g", "Help.", {{"n", "1"}}, constant(1));
  handle = registry.callback(FamilyType::kGauge, "g", "Help.", {{"n", "2"}}, constant(2));
  EXPECT_EQ(text(registry), "# HELP g Help.\n# TYPE g gauge\ng{n=\"2\"} 2\n");
  const Registry::Callback moved = std::move(handle);
  handle = Registry::Callback();
  EXPECT_NE(text(registry), "");
}

TEST(Registry, LosesNoUpdateUnderManyThreads) {
  Registry registry;
  const double bounds[] = {0.5};
  const double quantiles[] = {0.5};
  util::WorkerPool pool("test", 4, 64);
  pool.parallel_for(64, [&](std::size_t i) {
    Counter& counter = registry.counter("c", "help", {{"k", std::to_string(i % 4)}});
    for (int n = 0; n < 200; ++n) {
      counter.increment();
      registry.gauge("g", "help").add(1);
      registry.histogram("h", "help", bounds).observe(n % 2);
      registry.summary("s", "help", quantiles).observe(n);
    }
    static_cast<void>(text(registry));
  });
  double total = 0;
  for (int k = 0; k < 4; ++k)
    total += registry.counter("c", "help", {{"k", std::to_string(k)}}).value();
  EXPECT_EQ(total, 64 * 200);
  EXPECT_EQ(registry.gauge("g", "help").value(), 64 * 200);
  EXPECT_EQ(registry.histogram("h", "help", bounds).snapshot().count, 64U * 200U);
  EXPECT_EQ(registry.summary("s", "help", quantiles).snapshot().count, 64U * 200U);
}

}  // namespace
}  // namespace narthex::telemetry
