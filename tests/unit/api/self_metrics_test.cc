// The server's own metrics in protobuf and JSON. Protobuf is read back by the parser that scrapes.
#include "api/self_metrics.h"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "narthex/exposition/protobuf_parser.h"
#include "narthex/util/clock.h"
#include "narthex/util/number.h"

namespace narthex::api {
namespace {

using exposition::TextEvent;

constexpr double kBounds[] = {0.1, 1};
constexpr double kQuantiles[] = {0.5};

// A counter, a gauge, a summary, a histogram of both kinds; all made at 1,700,000,000 s.
void fill(telemetry::Registry& registry) {
  registry.counter("a_total", "Counts.", {{"k", "v\"\n"}}).add(3);
  registry.gauge("b", "Is.").set(-std::numeric_limits<double>::infinity());
  registry.summary("c", "Sums.", kQuantiles).observe(2);
  telemetry::Histogram& histogram =
      registry.histogram("d", "Spreads.", kBounds, {}, telemetry::Buckets::kBoundsAndExponential);
  for (const double v : {0.0, 0.05, 1.0, 1.0, 1.05, 4.0}) histogram.observe(v);
}

struct Read {
  std::vector<std::string> samples;  // name{labels} value
  std::vector<exposition::ExposedHistogram> histograms;
  std::vector<std::int64_t> starts;
};

Read read_back(const std::string& body, const exposition::HistogramOptions& options) {
  exposition::ProtobufParser parser;
  parser.reset(options);
  parser.feed(body, true);
  Read out;
  for (;;) {
    const TextEvent event = parser.next();
    if (event == TextEvent::kEnd) return out;
    if (event == TextEvent::kError || event == TextEvent::kNeedMore) {
      ADD_FAILURE() << "the parser does not like it";
      return out;
    }
    if (event != TextEvent::kSample) continue;
    if (const auto start = parser.start_timestamp_ms()) out.starts.push_back(*start);
    if (parser.is_histogram()) {
      auto histogram = parser.histogram();
      EXPECT_TRUE(histogram) << histogram.error().message();
      if (histogram) {
        const auto checked = exposition::check_counts(*histogram);
        EXPECT_TRUE(checked) << checked.error().message();
        out.histograms.push_back(*std::move(histogram));
      }
      continue;
    }
    std::string text;
    const auto labels = parser.labels();
    EXPECT_TRUE(labels);
    if (labels) {
      model::Labels all = model::Labels::from_unsorted({labels->data(), labels->size()});
      text = all.to_series_string();
    }
    text += ' ';
    util::append_value(text, parser.sample().value);
    out.samples.push_back(text);
  }
}

TEST(SelfMetrics, ProtobufIsWhatAScraperReads) {
  const util::FakeClock clock;
  telemetry::Registry registry(clock);
  fill(registry);
  std::string body;
  append_protobuf_families(body, registry.snapshot());

  const Read classic = read_back(body, {});
  EXPECT_EQ(classic.samples,
            (std::vector<std::string>{R"(a_total{k="v\"\n"} 3)", "b -Inf", "c_count 1", "c_sum 2",
                                      R"(c{quantile="0.5"} 2)", "d_count 6", "d_sum 7.1",
                                      R"(d_bucket{le="0.1"} 2)", R"(d_bucket{le="1.0"} 4)",
                                      R"(d_bucket{le="+Inf"} 6)"}))
      << testing::PrintToString(classic.samples);
  for (const std::int64_t start : classic.starts) EXPECT_EQ(start, 1'700'000'000'000);
  EXPECT_FALSE(classic.starts.empty());

  exposition::HistogramOptions options;
  options.scrape_native_histograms = true;
  const Read native = read_back(body, options);
  ASSERT_EQ(native.histograms.size(), 1U);
  const auto& histogram = native.histograms[0].integer;
  ASSERT_TRUE(histogram);
  EXPECT_EQ(histogram->schema, 3);
  EXPECT_EQ(histogram->count, 6U);
  EXPECT_EQ(histogram->zero_count, 1U);
  EXPECT_EQ(histogram->zero_threshold, 0x1p-128);
  // Indexes -34, 0, 1 and 16.
  EXPECT_EQ(histogram->positive_spans, (std::vector<model::Span>{{-34, 1}, {33, 2}, {14, 1}}));
  EXPECT_EQ(histogram->positive_deltas, (std::vector<std::int64_t>{1, 1, -1, 0}));
}

TEST(SelfMetrics, AHistogramWithoutObservationsIsANativeOneToo) {
  telemetry::Registry registry;
  registry.histogram("d", "Spreads.", kBounds, {}, telemetry::Buckets::kBoundsAndExponential);
  std::string body;
  append_protobuf_families(body, registry.snapshot());
  exposition::HistogramOptions options;
  options.scrape_native_histograms = true;
  EXPECT_EQ(read_back(body, options).histograms.size(), 1U);
}

TEST(SelfMetrics, JsonIsThatOfTheMessages) {
  const util::FakeClock clock;
  telemetry::Registry registry(clock);
  fill(registry);
  std::vector<std::string> got;
  for (const telemetry::FamilySnapshot& family : registry.snapshot())
    append_json_family(got.emplace_back(), family);
  const std::string created = R"("createdTimestamp":"2023-11-14T22:13:20Z")";
  const std::vector<std::string> want = {
      R"({"name":"a_total","help":"Counts.","type":"COUNTER","metric":[{"label":[{"name":"k","value":"v\"\n"}],)"
      R"("counter":{"value":3,)" +
          created + "}}]}",
      R"({"name":"b","help":"Is.","type":"GAUGE","metric":[{"gauge":{"value":"-Infinity"}}]})",
      R"({"name":"c","help":"Sums.","type":"SUMMARY","metric":[{"summary":{"sampleCount":"1","sampleSum":2,)"
      R"("quantile":[{"quantile":0.5,"value":2}],)" +
          created + "}}]}",
      R"({"name":"d","help":"Spreads.","type":"HISTOGRAM","metric":[{"histogram":{"sampleCount":"6",)"
      R"("sampleSum":7.1,"bucket":[{"cumulativeCount":"2","upperBound":0.1},{"cumulativeCount":"4","upperBound":1}],)" +
          created +
          R"(,"schema":3,"zeroThreshold":2.938735877055719e-39,"zeroCount":"1",)"
          R"("positiveSpan":[{"offset":-34,"length":1},{"offset":33,"length":2},{"offset":14,"length":1}],)"
          R"("positiveDelta":["1","1","-1","0"]}}]})"};
  EXPECT_EQ(got, want);
}

}  // namespace
}  // namespace narthex::api
