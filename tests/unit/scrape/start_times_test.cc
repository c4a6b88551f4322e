// Zero samples where counters, summaries and histograms began to count.
#include "unit/scrape/ingest_fixture.h"
#include "unit/scrape/protobuf_message.h"

namespace narthex::scrape {
namespace {

class StartTimesTest : public IngestTest {
 protected:
  // The first round is at 1,001,000 ms, the next ones a second apart.
  StartTimesTest() {
    manager_.start_timestamps = true;
    switch_on({});
    format_ = exposition::ScrapeProtocol::kOpenMetricsText100;
  }
  void switch_on(ScrapeJobOptions options) {
    options.job_name = "j";
    auto made = make_job(std::move(options), manager_, &util::system_clock(), job_.get());
    ASSERT_TRUE(made.has_value());
    job_ = *made;
    ingest_.forget_decisions();
  }
  ScrapeManagerOptions manager_;
};

TEST_F(StartTimesTest, CounterBeginsWithZeroWhereItsCreatedLineSays) {
  const std::string body =
      "# TYPE a counter\na_total{x=\"1\"} 5\na_created{x=\"1\"} 999.5\n"
      "a_total{x=\"2\"} 7\na_created{x=\"2\"} 1000.25\n# EOF";
  for (const std::size_t part : {SIZE_MAX, std::size_t{3}}) {
    EXPECT_EQ(round(body, false, part), "");
  }
  EXPECT_EQ(appender_.text("a_total{instance=\"i\", job=\"j\", x=\"1\"}"),
            "999500=0 1001000=5 1002000=5");
  EXPECT_EQ(appender_.text("a_total{instance=\"i\", job=\"j\", x=\"2\"}"),
            "1000250=0 1001000=7 1002000=7");
  EXPECT_EQ(appender_.text("a_created{instance=\"i\", job=\"j\", x=\"1\"}"), "");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=2 1002000=2");
  EXPECT_EQ(got("scrape_samples_post_metric_relabeling"), "1001000=2 1002000=2");
}

TEST_F(StartTimesTest, ResetBetweenTwoScrapesIsMarked) {
  const auto body = [](const std::string& value, const std::string& created) {
    return "# TYPE a counter\na_total " + value + "\na_created " + created + "\n# EOF";
  };
  EXPECT_EQ(round(body("5", "900")), "");
  EXPECT_EQ(round(body("6", "900")), "");
  EXPECT_EQ(round(body("4", "1002.4")), "");
  EXPECT_EQ(round(body("5", "1002.4")), "");
  EXPECT_EQ(got("a_total"), "900000=0 1001000=5 1002000=6 1002400=0 1003000=4 1004000=5");
}

TEST_F(StartTimesTest, StartsThatMeanNothingLeaveNoTrace) {
  // Not before the sample, not a time, of a gauge's family.
  EXPECT_EQ(round("# TYPE a counter\na_total 1\na_created 1001\n# TYPE b counter\nb_total "
                  "1\nb_created NaN\n"
                  "# TYPE c counter\nc_total 1\nc_created -5\n# TYPE g gauge\ng_created 3\n# EOF"),
            "");
  EXPECT_EQ(got("a_total"), "1001000=1");
  EXPECT_EQ(got("b_total"), "1001000=1");
  EXPECT_EQ(got("c_total"), "1001000=1");
  EXPECT_EQ(got("g_created"), "1001000=3");
  EXPECT_EQ(appender_.appends(), 1U);
}

TEST_F(StartTimesTest, EveryLineOfAHistogramAndASummaryGetsOne) {
  EXPECT_EQ(
      round("# TYPE h histogram\nh_bucket{a=\"0\",le=\"+Inf\"} 9\nh_count{a=\"0\"} 9\n"
            "h_bucket{a=\"1\",le=\"1\"} 2\nh_bucket{a=\"1\",le=\"+Inf\"} 3\nh_count{a=\"1\"} "
            "3\nh_sum{a=\"1\"} 2.5\n"
            "h_created{a=\"1\"} 950\n"
            "# TYPE s summary\ns{quantile=\"0.5\"} 2\ns_count 3\ns_sum 4\ns_created 960\n# EOF"),
      "");
  const auto of = [this](const std::string& name, const std::string& le) {
    return appender_.text(name + "{a=\"1\", instance=\"i\", job=\"j\"" + le + "}");
  };
  EXPECT_EQ(of("h_bucket", ", le=\"1.0\""), "950000=0 1001000=2");
  EXPECT_EQ(of("h_bucket", ", le=\"+Inf\""), "950000=0 1001000=3");
  EXPECT_EQ(of("h_count", ""), "950000=0 1001000=3");
  EXPECT_EQ(of("h_sum", ""), "950000=0 1001000=2.5");
  EXPECT_EQ(appender_.text("h_count{a=\"0\", instance=\"i\", job=\"j\"}"), "1001000=9");
  EXPECT_EQ(got("s_count"), "960000=0 1001000=3");
  EXPECT_EQ(appender_.text("s{instance=\"i\", job=\"j\", quantile=\"0.5\"}"), "960000=0 1001000=2");
}

TEST_F(StartTimesTest, QuotedNamesHaveStarts) {
  EXPECT_EQ(round("# TYPE \"a.b\" counter\n{\"a.b_total\"} 5\n{\"a.b_created\"} 999\n# EOF"), "");
  EXPECT_EQ(appender_.text("{__name__=\"a.b_total\", instance=\"i\", job=\"j\"}"),
            "999000=0 1001000=5");
}

TEST_F(StartTimesTest, SeriesThatStorageHasNewerSamplesOfStayAsTheyAre) {
  const std::string body = "# TYPE a counter\na_total 5\na_created 999\n# EOF";
  EXPECT_EQ(round(body), "");
  fail_round();
  EXPECT_EQ(round(body), "");
  EXPECT_EQ(got("a_total"), "999000=0 1001000=5 1002000=stale 1003000=5");
  EXPECT_EQ(metrics_.out_of_order.value(), 0U);
}

TEST_F(StartTimesTest, GatheredHistogramBeginsEmpty) {
  target_.histograms.convert_classic_histograms_to_nhcb = true;
  EXPECT_EQ(
      round(
          "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\nh_count 3\nh_sum 2\n"
          "h_created 950\n# TYPE a counter\na_total 1\na_created 940\n# EOF"),
      "");
  ASSERT_EQ(appender_.histograms().size(), 2U);
  const storage::HistogramSample zero = appender_.histograms().front().second;
  EXPECT_EQ(zero.timestamp, 950'000);
  EXPECT_EQ(zero.integer->schema, model::kCustomBucketsSchema);
  EXPECT_EQ(zero.integer->custom_values, std::vector<double>{1});
  EXPECT_EQ(zero.integer->count, 0U);
  EXPECT_EQ(zero.integer->counter_reset_hint, model::CounterResetHint::kReset);
  EXPECT_EQ(got("a_total"), "940000=0 1001000=1");
}

TEST_F(StartTimesTest, ProtobufSaysItWithTheSample) {
  format_ = exposition::ScrapeProtocol::kPrometheusProto;
  target_.histograms.scrape_native_histograms = true;
  const Message start = Message().number(1, 990).number(2, 500'000'000);
  const Message counter = Message().real(1, 3).message(3, start);
  const Message native = Message()
                             .number(1, 3)
                             .real(2, 7)
                             .number(5, 6)
                             .real(6, 0.001)
                             .number(7, 3)
                             .message(12, Message().number(1, 0).number(2, 0))
                             .message(15, start);
  const std::string body =
      Message().text(1, "c").number(3, 0).message(4, Message().message(3, counter)).delimited() +
      Message().text(1, "h").number(3, 4).message(4, Message().message(7, native)).delimited();
  EXPECT_EQ(round(body), "");
  EXPECT_EQ(round(body), "");
  EXPECT_EQ(got("c"), "990500=0 1001000=3 1002000=3");
  ASSERT_EQ(appender_.histograms().size(), 3U);
  const storage::HistogramSample zero = appender_.histograms().front().second;
  EXPECT_EQ(zero.timestamp, 990'500);
  EXPECT_EQ(zero.integer->schema, 3);
  EXPECT_EQ(zero.integer->zero_threshold, 0.001);
  EXPECT_EQ(zero.integer->zero_count, 0U);
}

TEST_F(StartTimesTest, WithoutTheFeatureCreatedLinesAreSeries) {
  manager_.start_timestamps = false;
  switch_on({});
  EXPECT_EQ(round("# TYPE a counter\na_total 5\na_created 999\n# EOF"), "");
  EXPECT_EQ(got("a_total"), "1001000=5");
  EXPECT_EQ(got("a_created"), "1001000=999");
}

TEST_F(StartTimesTest, AsksForProtobufFirstUnlessTheConfigurationSaysOtherwise) {
  EXPECT_TRUE(job_->accept.starts_with("application/vnd.google.protobuf")) << job_->accept;
  ScrapeJobOptions options;
  options.protocols = {exposition::ScrapeProtocol::kPrometheusText004};
  switch_on(options);
  EXPECT_TRUE(job_->accept.starts_with("text/plain;version=0.0.4")) << job_->accept;
}

}  // namespace
}  // namespace narthex::scrape
