#include "scrape/ingest.h"

#include <zlib.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "unit/scrape/ingest_fixture.h"
#include "unit/scrape/protobuf_message.h"

namespace narthex::scrape {
namespace {

constexpr const char* kUp = "up{instance=\"i\", job=\"j\"}";

std::string gzip(std::string_view plain) {
  z_stream z{};
  ::deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&z, plain.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  ::deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  ::deflateEnd(&z);
  return out;
}

TEST_F(IngestTest, StoresSamplesWithTheLabelsOfTheTargetAndAReport) {
  EXPECT_EQ(round("# TYPE a counter\na 1\nb{x=\"y\"} 2\n"), "");
  EXPECT_EQ(got("a"), "1001000=1");
  EXPECT_EQ(appender_.text("b{instance=\"i\", job=\"j\", x=\"y\"}"), "1001000=2");
  EXPECT_EQ(got("up"), "1001000=1");
  EXPECT_EQ(got("scrape_duration_seconds"), "1001000=0.5");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=2");
  EXPECT_EQ(got("scrape_samples_post_metric_relabeling"), "1001000=2");
  EXPECT_EQ(got("scrape_series_added"), "1001000=2");
  EXPECT_EQ(appender_.series().size(), 7U);
  EXPECT_EQ(appender_.appends(), 1U) << "a round is one batch";
}

TEST_F(IngestTest, KnownSeriesAreNotAskedForAgain) {
  EXPECT_EQ(round("a 1\nb 2"), "");
  const std::size_t ensured = appender_.ensured();
  EXPECT_EQ(round("a 3\nb 4"), "");
  EXPECT_EQ(round("b 5\nc 0\na 6"), "") << "another order and a new one";
  EXPECT_EQ(appender_.ensured(), ensured + 1);
  EXPECT_EQ(got("a"), "1001000=1 1002000=3 1003000=6");
  EXPECT_EQ(got("b"), "1001000=2 1002000=4 1003000=5");
  EXPECT_EQ(got("scrape_series_added"), "1001000=2 1002000=0 1003000=1");
}

TEST_F(IngestTest, ASeriesThatIsGoneGetsAStaleMarkerOnce) {
  EXPECT_EQ(round("a 1\nb 2"), "");
  EXPECT_EQ(round("a 1"), "");
  EXPECT_EQ(round("a 1"), "");
  EXPECT_EQ(got("b"), "1001000=2 1002000=stale");
  EXPECT_EQ(round("a 1\nb 3"), "");
  EXPECT_EQ(got("b"), "1001000=2 1002000=stale 1004000=3");
  EXPECT_EQ(got("a"), "1001000=1 1002000=1 1003000=1 1004000=1");
}

TEST_F(IngestTest, AFailedRoundStoresNothingButMarkersAndUpZero) {
  EXPECT_EQ(round("a 1\nb 2"), "");
  EXPECT_NE(round("a 3\nc 1\nbroken"), "");
  EXPECT_EQ(got("a"), "1001000=1 1002000=stale");
  EXPECT_EQ(got("b"), "1001000=2 1002000=stale");
  EXPECT_EQ(got("c"), "");
  EXPECT_EQ(got("up"), "1001000=1 1002000=0");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=2 1002000=2");
  EXPECT_EQ(got("scrape_samples_post_metric_relabeling"), "1001000=2 1002000=0");
  fail_round();
  EXPECT_EQ(got("a"), "1001000=1 1002000=stale") << "markers are written once";
  EXPECT_EQ(round("a 4\nb 5"), "");
  EXPECT_EQ(got("a"), "1001000=1 1002000=stale 1004000=4");
  EXPECT_EQ(got("up"), "1001000=1 1002000=0 1003000=0 1004000=1");
}

TEST_F(IngestTest, TimestampsOfTheTargetAreKeptAndGetNoMarkers) {
  EXPECT_EQ(round("a 1 500\nb 2"), "");
  EXPECT_EQ(round("b 2"), "");
  EXPECT_EQ(got("a"), "500=1");
  ScrapeJobOptions options;
  options.track_timestamps_staleness = true;
  configure(options);
  EXPECT_EQ(round("c 1 600"), "");
  EXPECT_EQ(round(""), "");
  EXPECT_EQ(got("c"), "600=1 1004000=stale");
  options = {};
  options.honor_timestamps = false;
  configure(options);
  EXPECT_EQ(round("d 1 600"), "");
  EXPECT_EQ(round(""), "");
  EXPECT_EQ(got("d"), "1005000=1 1006000=stale");
}

TEST_F(IngestTest, ATimestampFarInTheFutureIsRefused) {
  EXPECT_EQ(round("a 1 1601001\nb 1 1601000"), "");
  EXPECT_EQ(got("a"), "");
  EXPECT_EQ(got("b"), "1601000=1");
  EXPECT_EQ(metrics_.out_of_bounds.value(), 1);
}

TEST_F(IngestTest, TheSecondOfTwoEqualSeriesIsDroppedAndCounted) {
  EXPECT_EQ(round("a 1\na 2\na 3"), "");
  EXPECT_EQ(got("a"), "1001000=1");
  EXPECT_EQ(metrics_.duplicate_timestamp.value(), 2);
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=3");
  EXPECT_EQ(got("scrape_samples_post_metric_relabeling"), "1001000=3");
  EXPECT_EQ(round("b 1 100\nb 2 200\nb 3 150"), "") << "with times of their own they are samples";
  EXPECT_EQ(got("b"), "100=1 200=2");
  EXPECT_EQ(metrics_.out_of_order.value(), 1);
  EXPECT_EQ(round("c{x=\"1\",y=\"2\"} 1\nc{y=\"2\",x=\"1\"} 5"), "") << "one series, two spellings";
  EXPECT_EQ(appender_.text("c{instance=\"i\", job=\"j\", x=\"1\", y=\"2\"}"), "1003000=1");
}

TEST_F(IngestTest, HonorLabelsDecidesWhoseLabelWins) {
  EXPECT_EQ(round("a{job=\"x\",exported_job=\"y\"} 1"), "");
  EXPECT_EQ(appender_.text(
                "a{exported_exported_job=\"x\", exported_job=\"y\", instance=\"i\", job=\"j\"}"),
            "1001000=1");
  ScrapeJobOptions options;
  options.honor_labels = true;
  configure(options);
  EXPECT_EQ(round("b{job=\"x\"} 1\nc{instance=\"\"} 2"), "");
  EXPECT_EQ(appender_.text("b{instance=\"i\", job=\"x\"}"), "1002000=1");
  EXPECT_EQ(appender_.text("c{job=\"j\"}"), "1002000=2");
}

TEST_F(IngestTest, MetricRelabellingRenamesAndDrops) {
  ScrapeJobOptions options;
  relabel::RelabelRule drop;
  drop.action = relabel::Action::kDrop;
  drop.source_labels = {"__name__"};
  drop.regex = "go_.*";
  relabel::RelabelRule rename;
  rename.source_labels = {"__name__"};
  rename.regex = "old_(.*)";
  rename.target_label = "__name__";
  rename.replacement = "new_$1";
  options.metric_relabel_configs = {drop, rename};
  configure(options);
  EXPECT_EQ(round("go_x 1\nold_y 2\nz 3"), "");
  EXPECT_EQ(round("go_x 1\nold_y 2\nz 3"), "");
  EXPECT_EQ(got("go_x"), "");
  EXPECT_EQ(got("new_y"), "1001000=2 1002000=2");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=3 1002000=3");
  EXPECT_EQ(got("scrape_samples_post_metric_relabeling"), "1001000=2 1002000=2");
}

TEST_F(IngestTest, NewRulesEndTheSeriesThatTheyReplace) {
  EXPECT_EQ(round("a 1\nb 2\nc 3"), "");
  ScrapeJobOptions options;
  relabel::RelabelRule rename;
  rename.source_labels = {"__name__"};
  rename.regex = "a";
  rename.target_label = "__name__";
  rename.replacement = "renamed";
  relabel::RelabelRule drop;
  drop.action = relabel::Action::kDrop;
  drop.source_labels = {"__name__"};
  drop.regex = "b";
  options.metric_relabel_configs = {rename, drop};
  configure(options);
  EXPECT_EQ(round("a 1\nb 2\nc 3"), "");
  EXPECT_EQ(got("a"), "1001000=1 1002000=stale");
  EXPECT_EQ(got("renamed"), "1002000=1");
  EXPECT_EQ(got("b"), "1001000=2 1002000=stale");
  EXPECT_EQ(got("c"), "1001000=3 1002000=3");
}

TEST_F(IngestTest, LimitsFailTheRound) {
  const auto check = [this](auto set, std::string_view body, std::string_view want) {
    ScrapeJobOptions options;
    set(options.limits);
    configure(options);
    EXPECT_EQ(round(body), want);
    EXPECT_EQ(appender_.last(kUp), want.empty() ? 1.0 : 0.0);
  };
  check([](ScrapeLimits& l) { l.samples = 2; }, "a 1\nb 2\nc 3", "sample limit exceeded");
  check([](ScrapeLimits& l) { l.samples = 3; }, "a 1\nb 2\nc 3", "");
  check([](ScrapeLimits& l) { l.labels = 3; }, "a{b=\"c\"} 1",
        "label_limit exceeded (metric: a, number of labels: 4, limit: 3)");
  check([](ScrapeLimits& l) { l.label_name_bytes = 8; }, "a{long_name=\"c\"} 1",
        "label_name_length_limit exceeded (metric: a, label name: long_name, length: 9, limit: 8)");
  check([](ScrapeLimits& l) { l.label_value_bytes = 3; }, "a{b=\"cdef\"} 1",
        "label_value_length_limit exceeded (metric: a, label name: b, value: \"cdef\", length: 4, "
        "limit: 3)");
  check([](ScrapeLimits& l) { l.body_size_bytes = 4; }, "a 1\n", "body size limit exceeded");
  check([](ScrapeLimits& l) { l.body_size_bytes = 5; }, "a 1\n", "");
  EXPECT_EQ(metrics_.sample_limit_exceeded.value(), 1);
  EXPECT_EQ(metrics_.body_size_limit_exceeded.value(), 1);
}

TEST_F(IngestTest, NamesMustBeThereAndValid) {
  EXPECT_EQ(round("{\"\"} 1"), "missing metric name (__name__ label)");
  EXPECT_EQ(round("{\"a\xff\"} 1"),
            "invalid metric name or label names: {__name__=\"a\\xff\", instance=\"i\", job=\"j\"}");
  ScrapeJobOptions options;
  options.name_scheme = model::NameScheme::kLegacy;
  configure(options);
  EXPECT_EQ(round("{\"a.b\"} 1").substr(0, 35), "invalid metric name or label names:");
}

TEST_F(IngestTest, ExtraMetricsReportLimitsAndSizes) {
  ScrapeJobOptions options;
  options.extra_scrape_metrics = true;
  options.limits.samples = 7;
  options.limits.body_size_bytes = 100;
  configure(options);
  EXPECT_EQ(round("a 1\n"), "");
  EXPECT_EQ(round(std::string(200, '\n')), "body size limit exceeded");
  EXPECT_EQ(round("x"),
            "expected value after metric, got \"\\n\" (\"INVALID\") while parsing: \"x\\n\"");
  EXPECT_EQ(got("scrape_timeout_seconds"), "1001000=10 1002000=10 1003000=10");
  EXPECT_EQ(got("scrape_sample_limit"), "1001000=7 1002000=7 1003000=7");
  EXPECT_EQ(got("scrape_body_size_bytes"), "1001000=4 1002000=-1 1003000=0");
}

TEST_F(IngestTest, ASeriesThatStorageHasDroppedIsAskedForAgain) {
  EXPECT_EQ(round("a 1\nb 1"), "");
  appender_.lose("a{instance=\"i\", job=\"j\"}");
  appender_.lose(kUp);
  EXPECT_EQ(round("a 2\nb 2"), "");
  EXPECT_EQ(round("a 3\nb 3"), "");
  EXPECT_EQ(got("a"), "1002000=2 1003000=3") << "the sample that found no series is made up for";
  EXPECT_EQ(got("b"), "1001000=1 1002000=2 1003000=3");
  EXPECT_EQ(got("up"), "1002000=1 1003000=1");
}

TEST_F(IngestTest, TellsStorageMetadataOfNewSeriesAndWhenTheyChange) {
  job_->append_metadata = true;
  const auto body = [](const char* help) {
    return fmt::format("# TYPE h summary\n# HELP h {}\nh_sum 1\nh_count 1\nh_other 1\nnone 1\n",
                       help);
  };
  EXPECT_EQ(round(body("One.")), "");
  ASSERT_EQ(appender_.metadata().size(), 2U) << "of the sum and the count";
  const model::Metadata one{model::MetricType::kSummary, "One.", ""};
  EXPECT_EQ(appender_.metadata()[0].metadata, one);
  EXPECT_EQ(round(body("Two.")), "");
  EXPECT_EQ(round(body("Two.")), "");
  EXPECT_EQ(appender_.metadata().back().metadata.help, "Two.");
  const std::size_t told = appender_.metadata().size();
  EXPECT_EQ(round(body("Two.")), "");
  EXPECT_EQ(appender_.metadata().size(), told) << "nothing is new";
}

TEST_F(IngestTest, TypeAndUnitBecomeLabels) {
  job_->type_and_unit_labels = true;
  format_ = exposition::ScrapeProtocol::kOpenMetricsText100;
  const auto body = [](const char* type) {
    return fmt::format(
        "# TYPE a_seconds {}\n# UNIT a_seconds seconds\na_seconds{{__type__=\"x\",__unit__=\"y\"}} "
        "1\n"
        "# TYPE b counter\nb_total 1\n"
        "none{{__type__=\"own\"}} 1\n# EOF\n",
        type);
  };
  EXPECT_EQ(round(body("gauge")), "");
  EXPECT_EQ(appender_.text(
                "a_seconds{__type__=\"gauge\", __unit__=\"seconds\", instance=\"i\", job=\"j\"}"),
            "1001000=1");
  EXPECT_EQ(appender_.text("b_total{__type__=\"counter\", instance=\"i\", job=\"j\"}"),
            "1001000=1");
  EXPECT_EQ(appender_.text("none{__type__=\"own\", instance=\"i\", job=\"j\"}"), "1001000=1");
  EXPECT_EQ(got("up"), "1001000=1") << "reports have no metadata";
  // Another type is another series, from the next round on; the old one ends.
  EXPECT_EQ(round(body("gauge")), "");
  EXPECT_EQ(round(body("unknown")), "");
  EXPECT_EQ(round(body("unknown")), "");
  EXPECT_EQ(appender_.text("a_seconds{__type__=\"gauge\", __unit__=\"seconds\", instance=\"i\", "
                           "job=\"j\"}"),
            "1001000=1 1002000=1 1003000=1 1004000=stale");
  EXPECT_EQ(appender_.text("a_seconds{__type__=\"x\", __unit__=\"seconds\", instance=\"i\", "
                           "job=\"j\"}"),
            "1004000=1");
}

TEST_F(IngestTest, AfterALongPauseEveryReferenceIsAskedForAgain) {
  EXPECT_EQ(round("a 1\nb 1"), "");
  const std::size_t ensured = appender_.ensured();
  now_ += 3'600'000;
  EXPECT_EQ(round("a 2\nb 2"), "");
  EXPECT_EQ(appender_.ensured(), ensured + 2);
  EXPECT_EQ(got("a"), "1001000=1 4602000=2");
}

TEST_F(IngestTest, NewSeriesBeyondTheBudgetAreRefusedTheOthersGoOn) {
  EXPECT_EQ(round("a 1"), "");
  appender_.refuse_beyond(6);
  EXPECT_EQ(round("b 1\na 2\nc 1"), "");
  EXPECT_EQ(got("a"), "1001000=1 1002000=2");
  EXPECT_EQ(ingest_.report().refused, 2U);
  EXPECT_EQ(ingest_.refusal_text(),
            "memory budget is spent: 2 new series refused, which differ most in label "
            "\"__name__\"");
  EXPECT_EQ(round("b 1\na 2\nc 1"), "");
  EXPECT_EQ(ingest_.report().refused, 2U) << "also while nobody asks storage";
  appender_.refuse_beyond(100);
  for (int i = 0; i < 16; ++i) EXPECT_EQ(round("b 5\na 3\nc 6"), "");
  EXPECT_EQ(appender_.last("b{instance=\"i\", job=\"j\"}"), 5.0)
      << "within 16 rounds they are offered again";
  EXPECT_EQ(appender_.last("c{instance=\"i\", job=\"j\"}"), 6.0);
  EXPECT_EQ(appender_.samples("a{instance=\"i\", job=\"j\"}"), 19U);
}

TEST_F(IngestTest, AnAppendThatFailsIsAFailedRound) {
  EXPECT_EQ(round("a 1"), "");
  appender_.fail_with(util::Error(util::Code::kNoSpace, "disk full"));
  EXPECT_EQ(round("a 2"), "disk full / disk full");
  appender_.fail_with(std::nullopt);
  EXPECT_EQ(round("a 3"), "");
  EXPECT_EQ(got("a"), "1001000=1 1003000=3");
}

TEST_F(IngestTest, TheEndOfATargetEndsItsSeries) {
  EXPECT_EQ(round("a 1\nb 1 5"), "");
  ASSERT_TRUE(ingest_.write_end_markers(*job_, target_, 1'005'000).has_value());
  EXPECT_EQ(got("a"), "1001000=1 1005000=stale");
  EXPECT_EQ(got("b"), "5=1");
  EXPECT_EQ(got("up"), "1001000=1 1005000=stale");
}

TEST_F(IngestTest, EveryPartSizeAndCompressionGivesTheSame) {
  std::string body = "# HELP h Help.\n# TYPE h histogram\n";
  for (int i = 0; i < 200; ++i)
    body += fmt::format("h_bucket{{le=\"{}\",x=\"line\nbreak\"}} {}\n", i, i * i);
  body += "last 1";
  for (const std::size_t part : {1U, 2U, 7U, 64U, 1000U}) {
    EXPECT_EQ(round(body, false, part), "");
    EXPECT_EQ(round(gzip(body), true, part), "");
  }
  EXPECT_EQ(
      appender_.samples("h_bucket{instance=\"i\", job=\"j\", le=\"199.0\", x=\"line\\nbreak\"}"),
      10U);
  EXPECT_EQ(appender_.series().size(), 206U);
  EXPECT_EQ(ingest_.metadata().find("h")->metadata.help, "Help.");
  EXPECT_EQ(ingest_.metadata().find("h")->metadata.type, model::MetricType::kHistogram);
}

TEST_F(IngestTest, HostileBodiesAreBoundedByWhatTheySend) {
  EXPECT_EQ(round(std::string(40 << 20, 'x')), "a line is longer than 8 MiB");
  EXPECT_EQ(round("a{b=\"" + std::string(40 << 20, 'x')), "a line is longer than 8 MiB");
  EXPECT_EQ(round(gzip("a{b=\"" + std::string(20 << 20, 'x')), true),
            "a line is longer than 8 MiB");
  EXPECT_EQ(round(gzip(std::string(20 << 20, '\n')), true), "") << "blank lines cost nothing";
  appender_.refuse_beyond(10);
  std::string many;
  for (int i = 0; i < 1'200'000; ++i) many += fmt::format("a{{b=\"{}\"}} 1\n", i);
  EXPECT_EQ(round(many),
            "scrape needs more than 64 MiB of memory; a larger body_size_limit allows more");
  appender_.refuse_beyond(1000);
  EXPECT_EQ(round("not gzip", true), "gzip: incorrect header check");
  EXPECT_EQ(round(gzip("a 1\n").substr(0, 20), true), "gzip: unexpected EOF");
  EXPECT_EQ(round("<html><body>404</body></html>").substr(0, 28), "expected a valid start token");
  EXPECT_EQ(round("a 1"), "") << "and the target is as good as before";
}

// Goal: the cache never changes what is stored.
// Method: random bodies whose lines come, go, repeat and change places; storage must hold what a
// model without any cache says.
TEST_F(IngestTest, EqualsAModelWithoutACache) {
  util::Random random(3);
  std::map<std::string, std::vector<std::string>> model;
  std::map<std::string, bool> before;
  for (int round_index = 0; round_index < 400; ++round_index) {
    std::string body;
    std::map<std::string, bool> now;
    const bool broken = random.below(10) == 0;
    std::vector<std::string> names;
    for (int i = 0; i < 12; ++i)
      names.push_back("m" + std::to_string(random.below(round_index % 50 < 25 ? 12 : 40)));
    if (random.below(2) == 0) std::ranges::sort(names);
    const std::string t = std::to_string(now_ + 1000);
    for (const std::string& name : names) {
      const std::string value = std::to_string(random.below(100));
      body += name + " " + value + "\n";
      if (!broken && !now[name]) model[name].push_back(t + "=" + value);
      now[name] = true;
    }
    if (broken) body += "}\n", now.clear();
    EXPECT_EQ(round(body).empty(), !broken);
    for (const auto& [name, there] : before) {
      if (!now.contains(name)) model[name].push_back(t + "=stale");
    }
    before = now;
  }
  for (const auto& [name, samples] : model) {
    std::string want;
    for (const std::string& sample : samples) want += (want.empty() ? "" : " ") + sample;
    EXPECT_EQ(got(name), want) << name;
  }
}

// ---- OpenMetrics ----

TEST_F(IngestTest, OpenMetricsIsReadInWhateverPiecesItComes) {
  format_ = exposition::ScrapeProtocol::kOpenMetricsText100;
  const std::string_view body =
      "# HELP a Help.\n# TYPE a counter\n# UNIT a_seconds seconds\na_total{b=\"c\"} 1\n"
      "a_total{b=\"} 2\"} 2 # {id=\"x\"} 0.5\n{\"u.v\"} 3 1000.5\n# EOF\n";
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{4096}})
    EXPECT_EQ(round(body, false, part), "") << part;
  EXPECT_EQ(appender_.text("a_total{b=\"c\", instance=\"i\", job=\"j\"}"),
            "1001000=1 1002000=1 1003000=1");
  EXPECT_EQ(appender_.text("a_total{b=\"} 2\", instance=\"i\", job=\"j\"}"),
            "1001000=2 1002000=2 1003000=2");
  EXPECT_EQ(appender_.text("{__name__=\"u.v\", instance=\"i\", job=\"j\"}"), "1000500=3");
  EXPECT_EQ(got("scrape_series_added"), "1001000=3 1002000=0 1003000=0");
  EXPECT_EQ(ingest_.metadata().find("a")->metadata,
            (model::Metadata{model::MetricType::kCounter, "Help.", ""}));
  EXPECT_EQ(ingest_.metadata().find("a_seconds")->metadata.unit, "seconds");
  ASSERT_EQ(appender_.exemplars().size(), 3U);
  const auto [series, exemplar] = appender_.exemplars().back();
  EXPECT_EQ(series, "a_total{b=\"} 2\", instance=\"i\", job=\"j\"}");
  EXPECT_EQ(exemplar.timestamp, 1'003'000);
  EXPECT_EQ(exemplar.value, 0.5);
  EXPECT_EQ(exemplar.labels, (model::Labels{{"id", "x"}}));
}

TEST_F(IngestTest, OpenMetricsWithoutItsEndIsNoBody) {
  format_ = exposition::ScrapeProtocol::kOpenMetricsText100;
  EXPECT_EQ(round("a 1\n"), "data does not end with # EOF");
  EXPECT_EQ(round("a 1\n# EOF\na 2\n"), "unexpected data after # EOF");
  EXPECT_EQ(got("a"), "");
  EXPECT_EQ(round("a 1\n# EOF"), "");
}

// ---- Protobuf ----

Message label(std::string_view name, std::string_view value) {
  return Message().text(1, name).text(2, value);
}

std::string counter_family(double value) {
  const Message exemplar = Message().message(1, label("id", "x")).real(2, 0.5);
  const Message metric = Message()
                             .message(1, label("code", "200"))
                             .message(3, Message().real(1, value).message(2, exemplar));
  return Message().text(1, "requests").text(2, "Help.").number(3, 0).message(4, metric).delimited();
}

// Count 3 (one of them zero), sum 7, buckets 1 and 2 of schema 3 with one observation each; classic
// bounds 1 and +Inf.
std::string histogram_family() {
  const Message span = Message().number(1, 2).number(2, 2);
  const Message bucket = Message().number(1, 2).real(2, 1.0);
  const Message histogram = Message()
                                .number(1, 3)
                                .real(2, 7)
                                .message(3, bucket)
                                .number(5, 6)
                                .real(6, 0.001)
                                .number(7, 1)
                                .message(12, span)
                                .number(13, 2)
                                .number(13, 0);
  return Message()
      .text(1, "latency")
      .number(3, 4)
      .message(4, Message().message(7, histogram))
      .delimited();
}

TEST_F(IngestTest, ProtobufIsReadInWhateverPiecesItComes) {
  format_ = exposition::ScrapeProtocol::kPrometheusProto;
  for (const std::size_t part : {std::size_t{1}, std::size_t{7}, std::size_t{4096}}) {
    EXPECT_EQ(round(counter_family(static_cast<double>(part)) + histogram_family(), false, part),
              "");
  }
  EXPECT_EQ(appender_.text("requests{code=\"200\", instance=\"i\", job=\"j\"}"),
            "1001000=1 1002000=7 1003000=4096");
  EXPECT_EQ(got("latency_count"), "1001000=3 1002000=3 1003000=3");
  EXPECT_EQ(got("latency_bucket", ""), "");
  EXPECT_EQ(appender_.text("latency_bucket{instance=\"i\", job=\"j\", le=\"1.0\"}"),
            "1001000=2 1002000=2 1003000=2");
  EXPECT_EQ(appender_.text("latency_bucket{instance=\"i\", job=\"j\", le=\"+Inf\"}"),
            "1001000=3 1002000=3 1003000=3");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=5 1002000=5 1003000=5");
  EXPECT_EQ(got("scrape_series_added"), "1001000=5 1002000=0 1003000=0");
  EXPECT_EQ(ingest_.metadata().find("requests")->metadata.type, model::MetricType::kCounter);
  EXPECT_EQ(appender_.exemplars().size(), 3U);
  EXPECT_TRUE(appender_.histograms().empty());
}

TEST_F(IngestTest, NativeHistogramsAreStoredInPlaceOfClassicOnes) {
  format_ = exposition::ScrapeProtocol::kPrometheusProto;
  target_.histograms.scrape_native_histograms = true;
  EXPECT_EQ(round(histogram_family()), "");
  ASSERT_EQ(appender_.histograms().size(), 1U);
  const auto [series, sample] = appender_.histograms().front();
  EXPECT_EQ(series, "latency{instance=\"i\", job=\"j\"}");
  EXPECT_EQ(sample.timestamp, 1'001'000);
  EXPECT_EQ(sample.integer->schema, 3);
  EXPECT_EQ(sample.integer->positive_deltas, (std::vector<std::int64_t>{1, 0}));
  EXPECT_EQ(got("latency_count"), "");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=1");

  target_.histograms.always_scrape_classic_histograms = true;
  EXPECT_EQ(round(histogram_family()), "");
  EXPECT_EQ(appender_.histograms().size(), 2U);
  EXPECT_EQ(got("latency_count"), "1002000=3");
}

TEST_F(IngestTest, LimitsOnNativeHistogramsHalveTheResolution) {
  format_ = exposition::ScrapeProtocol::kPrometheusProto;
  target_.histograms.scrape_native_histograms = true;
  ScrapeJobOptions options;
  options.histogram_buckets_max = 1;
  configure(options);
  EXPECT_EQ(round(histogram_family()), "");
  EXPECT_EQ(appender_.histograms().back().second.integer->schema, 2);
  EXPECT_EQ(appender_.histograms().back().second.integer->positive_deltas,
            (std::vector<std::int64_t>{2}));
  options.histogram_buckets_max = 0;
  options.histogram_bucket_factor_min = 2;
  configure(options);
  EXPECT_EQ(round(histogram_family()), "");
  EXPECT_EQ(appender_.histograms().back().second.integer->schema, 0);
}

TEST_F(IngestTest, BrokenProtobufFailsTheRound) {
  format_ = exposition::ScrapeProtocol::kPrometheusProto;
  const std::string whole = counter_family(1) + histogram_family();
  const std::size_t border = counter_family(1).size();
  for (std::size_t length = 1; length < whole.size(); ++length) {
    EXPECT_EQ(round(whole.substr(0, length)).empty(), length == border) << length;
  }
  EXPECT_NE(round("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "");
  EXPECT_NE(round("<html></html>"), "");
  EXPECT_EQ(round(Message().text(1, "a\xff").delimited()), "invalid name: \"a\\xff\"");
}

// ---- Classic histograms that become native ones ----

TEST_F(IngestTest, ClassicHistogramsOfATextBecomeNativeOnes) {
  target_.histograms.convert_classic_histograms_to_nhcb = true;
  const std::string_view body =
      "# TYPE h histogram\nh_bucket{a=\"1\",le=\"1\"} 2\nh_bucket{a=\"1\",le=\"+Inf\"} 3\n"
      "h_sum{a=\"1\"} 5\nh_count{a=\"1\"} 3\nh_bucket{a=\"2\",le=\"+Inf\"} 1\nh_count{a=\"2\"} 1\n"
      "# TYPE g gauge\ng 1\n"
      "# TYPE bad histogram\nbad_bucket{le=\"1\"} 2\nbad_bucket{le=\"+Inf\"} 1\nbad_count 1\n";
  EXPECT_EQ(round(body, false, 10), "");
  ASSERT_EQ(appender_.histograms().size(), 2U);
  const auto [series, sample] = appender_.histograms().front();
  EXPECT_EQ(series, "h{a=\"1\", instance=\"i\", job=\"j\"}");
  EXPECT_EQ(sample.integer->schema, model::kCustomBucketsSchema);
  EXPECT_EQ(sample.integer->custom_values, std::vector<double>{1});
  EXPECT_EQ(sample.integer->positive_deltas, (std::vector<std::int64_t>{2, -1}));
  EXPECT_EQ(sample.integer->sum, 5);
  EXPECT_EQ(got("g"), "1001000=1");
  EXPECT_EQ(got("scrape_samples_scraped"), "1001000=3");
  EXPECT_EQ(got("bad_count"), "");

  target_.histograms.always_scrape_classic_histograms = true;
  EXPECT_EQ(round(body), "");
  EXPECT_EQ(appender_.histograms().size(), 4U);
  EXPECT_EQ(got("h_count", "a=\"1\", "), "1002000=3");
  EXPECT_EQ(got("bad_count"), "1002000=1");
}

}  // namespace
}  // namespace narthex::scrape
