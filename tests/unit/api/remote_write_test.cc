#include "api/remote_write.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

#include <snappy.h>

#include <gtest/gtest.h>

#include "narthex/util/bytes.h"
#include "narthex/util/random.h"

#include "api/remote_write_wire.h"
#include "support/recording_writer.h"

namespace narthex::api {
namespace {

using storage::AppendOutcome;

// ---- what a sender writes

void append_bytes_field(std::string& out, std::uint32_t field, std::string_view bytes) {
  util::append_uvarint(out, field << 3U | 2U);
  util::append_uvarint(out, bytes.size());
  out += bytes;
}
void append_double_field(std::string& out, std::uint32_t field, double value) {
  util::append_uvarint(out, field << 3U | 1U);
  char bytes[8];
  util::store_le(bytes, std::bit_cast<std::uint64_t>(value));
  out.append(bytes, sizeof bytes);
}
void append_varint_field(std::string& out, std::uint32_t field, std::uint64_t value) {
  util::append_uvarint(out, field << 3U);
  util::append_uvarint(out, value);
}

class SeriesMessage {
 public:
  SeriesMessage& label(std::string_view name, std::string_view value) {
    std::string label;
    append_bytes_field(label, 1, name);
    append_bytes_field(label, 2, value);
    append_bytes_field(bytes_, 1, label);
    return *this;
  }
  SeriesMessage& sample(double value, model::TimestampMs timestamp) {
    std::string sample;
    append_double_field(sample, 1, value);
    append_varint_field(sample, 2, static_cast<std::uint64_t>(timestamp));
    append_bytes_field(bytes_, 2, sample);
    return *this;
  }
  SeriesMessage& field(std::uint32_t number, std::string_view bytes) {
    append_bytes_field(bytes_, number, bytes);
    return *this;
  }
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

std::string request_of(const std::vector<SeriesMessage>& series) {
  std::string out;
  for (const SeriesMessage& each : series) append_bytes_field(out, 1, each.bytes());
  return out;
}

std::string compressed(std::string_view body) {
  std::string out;
  snappy::Compress(body.data(), body.size(), &out);
  return out;
}

// ---- a storage that keeps everything, with faults on demand

class FakeAppender final : public storage::Appender {
 public:
  struct Stored {
    std::string series;
    model::TimestampMs timestamp;
    double value;
    friend bool operator==(const Stored&, const Stored&) = default;
  };

  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out) override {
    for (std::size_t i = 0; i < series.size(); ++i) {
      ++ensured;
      const std::string text = series[i].to_series_string();
      if (!refs.contains(text)) {
        if (refs.size() >= series_max) {
          out[i] = {storage::kNoSeries, storage::EnsureOutcome::kRefusedLimit};
          continue;
        }
        refs[text] = next_ref++;
      }
      out[i] = {refs[text], storage::EnsureOutcome::kCreated};
    }
    return {};
  }
  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                            storage::AppendReport& report) override {
    last_atomicity = atomicity;
    if (append_error) return std::unexpected(*append_error);
    std::map<storage::SeriesRef, std::string> names;
    for (const auto& [name, ref] : refs) names[ref] = name;
    for (std::size_t i = 0; i < batch.float_count(); ++i) {
      if (!names.contains(batch.refs[i]))
        report.floats.push_back({i, AppendOutcome::kUnknownSeries});
      if (batch.timestamps[i] == refused_timestamp) report.floats.push_back({i, refused_as});
    }
    if (!report.floats.empty() && atomicity == storage::Atomicity::kAllOrNothing) return {};
    for (std::size_t i = 0; i < batch.float_count(); ++i) {
      if (std::ranges::find(report.floats, i, &storage::Refusal::index) != report.floats.end())
        continue;
      stored.push_back({names[batch.refs[i]], batch.timestamps[i], batch.values[i]});
    }
    histograms.insert(histograms.end(), batch.histograms.begin(), batch.histograms.end());
    exemplars.insert(exemplars.end(), batch.exemplars.begin(), batch.exemplars.end());
    metadata.insert(metadata.end(), batch.metadata.begin(), batch.metadata.end());
    return {};
  }

  std::map<std::string, storage::SeriesRef> refs;
  storage::SeriesRef next_ref = 1;
  std::size_t series_max = SIZE_MAX;
  std::size_t ensured = 0;
  storage::Atomicity last_atomicity = storage::Atomicity::kKeepGood;
  std::optional<util::Error> append_error;
  model::TimestampMs refused_timestamp = -1;
  AppendOutcome refused_as = AppendOutcome::kOk;
  std::vector<Stored> stored;
  std::vector<storage::HistogramSample> histograms;
  std::vector<storage::Exemplar> exemplars;
  std::vector<storage::MetadataUpdate> metadata;
};

class RemoteWriteTest : public testing::Test {
 protected:
  test::RecordingWriter send_raw(std::string body,
                                 std::string_view content_type = "application/x-protobuf",
                                 std::string_view encoding = "snappy") {
    http::Request request;
    request.method = "POST";
    request.body = std::move(body);
    if (!content_type.empty()) request.headers.add("Content-Type", std::string(content_type));
    if (!encoding.empty()) request.headers.add("Content-Encoding", std::string(encoding));
    test::RecordingWriter writer;
    (other_ != nullptr ? *other_ : receiver_).handle(request, writer);
    return writer;
  }
  test::RecordingWriter send(const std::vector<SeriesMessage>& series) {
    return send_raw(compressed(request_of(series)));
  }

  util::FakeClock clock_;
  const model::TimestampMs now_ = clock_.wall_ms();
  telemetry::Registry registry_;
  FakeAppender appender_;
  RemoteWriteReceiver receiver_{appender_, clock_, registry_, {}};
  RemoteWriteReceiver* other_ = nullptr;  // Set: it is asked instead.
};

SeriesMessage up(std::string_view job = "a") {
  return SeriesMessage().label("__name__", "up").label("job", job);
}

TEST_F(RemoteWriteTest, StoresSamples) {
  const auto answer = send({up().sample(1, now_).sample(2, now_ + 1), up("b").sample(-0.5, now_)});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.body, "");
  EXPECT_EQ(answer.headers.get("X-Prometheus-Remote-Write-Samples-Written"), "3");
  EXPECT_EQ(answer.headers.get("X-Prometheus-Remote-Write-Histograms-Written"), "0");
  EXPECT_EQ(appender_.stored, (std::vector<FakeAppender::Stored>{{"up{job=\"a\"}", now_, 1},
                                                                 {"up{job=\"a\"}", now_ + 1, 2},
                                                                 {"up{job=\"b\"}", now_, -0.5}}));
}

TEST_F(RemoteWriteTest, KnowsSeriesAgainWithoutReadingTheirLabels) {
  EXPECT_EQ(send({up().sample(1, now_)}).status, 204);
  EXPECT_EQ(send({up().sample(2, now_ + 1), up("b").sample(1, now_)}).status, 204);
  EXPECT_EQ(appender_.ensured, 2U);
  EXPECT_EQ(appender_.stored.size(), 3U);
}

TEST_F(RemoteWriteTest, LabelsNeedNotBeSortedNorInOnePiece) {
  SeriesMessage scattered;
  scattered.label("job", "a")
      .sample(1, now_)
      .label("__name__", "up")
      .label("empty", "")
      .sample(2, now_ + 1);
  EXPECT_EQ(send({scattered}).status, 204);
  EXPECT_EQ(appender_.stored, (std::vector<FakeAppender::Stored>{{"up{job=\"a\"}", now_, 1},
                                                                 {"up{job=\"a\"}", now_ + 1, 2}}));
}

TEST_F(RemoteWriteTest, SeriesThatStorageHasDroppedAreMadeAgain) {
  EXPECT_EQ(send({up().sample(1, now_), up("b").sample(1, now_)}).status, 204);
  appender_.refs.erase("up{job=\"a\"}");
  EXPECT_EQ(send({up().sample(2, now_ + 1), up("b").sample(2, now_ + 1)}).status, 204);
  EXPECT_EQ(appender_.stored.size(), 4U);
  EXPECT_EQ(appender_.ensured, 3U);
}

TEST_F(RemoteWriteTest, InvalidSeriesAreSkippedAndCounted) {
  const auto answer =
      send({SeriesMessage().label("job", "no name").sample(1, now_),
            up().label("job", "twice").sample(1, now_), up("\xff").sample(1, now_),
            SeriesMessage().label("__name__", "up").label("", "x").sample(1, now_).sample(2, now_),
            SeriesMessage().sample(1, now_), up().sample(7, now_)});
  EXPECT_EQ(answer.status, 204);
  ASSERT_EQ(appender_.stored.size(), 1U);
  EXPECT_EQ(appender_.stored[0].value, 7);
  std::string metrics;
  registry_.append_text(metrics);
  EXPECT_NE(metrics.find("prometheus_api_remote_write_invalid_labels_samples_total 6\n"),
            std::string::npos)
      << metrics;
}

TEST_F(RemoteWriteTest, OneRefusedSampleRefusesTheRequest) {
  appender_.refused_timestamp = now_ - 5;
  appender_.refused_as = AppendOutcome::kTooOld;
  const auto answer = send({up().sample(1, now_), up("b").sample(1, now_ - 5)});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "too old sample\n");
  EXPECT_EQ(appender_.last_atomicity, storage::Atomicity::kAllOrNothing);
  EXPECT_TRUE(appender_.stored.empty());
}

TEST_F(RemoteWriteTest, TheFarFutureIsRefused) {
  EXPECT_EQ(send({up().sample(1, now_ + 600'000)}).status, 204);
  const auto answer = send({up().sample(1, now_ + 600'001)});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "out of bounds: timestamp is too far in the future\n");
}

TEST_F(RemoteWriteTest, StorageFailuresMakeTheSenderTryAgain) {
  appender_.append_error = util::Error(util::Code::kNoSpace, "write wal: No space left on device");
  const auto full = send({up().sample(1, now_)});
  EXPECT_EQ(full.status, 500);
  EXPECT_EQ(full.body, "write wal: No space left on device\n");
  appender_.append_error = util::Error(util::Code::kUnavailable, "closed");
  EXPECT_EQ(send({up().sample(1, now_)}).status, 503);
}

TEST_F(RemoteWriteTest, ASpentBudgetKeepsOutNewSeriesOnly) {
  EXPECT_EQ(send({up().sample(1, now_)}).status, 204);
  appender_.series_max = 1;
  const auto answer = send({up().sample(2, now_ + 1), up("b").sample(1, now_)});
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "1 new series refused: the memory budget for series is spent\n");
  EXPECT_EQ(appender_.stored.size(), 2U);
  appender_.series_max = 2;
  EXPECT_EQ(send({up("b").sample(1, now_)}).status, 204);
}

TEST_F(RemoteWriteTest, HeadersDecideWhatIsRead) {
  const std::string body = compressed(request_of({up().sample(1, now_)}));
  EXPECT_EQ(send_raw(body, "", "").status, 204);
  EXPECT_EQ(send_raw(body, "application/x-protobuf; proto=prometheus.WriteRequest").status, 204);
  const auto check = [&](std::string_view type, std::string_view encoding, std::string_view want) {
    const auto answer = send_raw(body, type, encoding);
    EXPECT_EQ(answer.status, 415);
    EXPECT_EQ(answer.body, want);
  };
  check("text/plain", "snappy",
        "expected application/x-protobuf as the first (media) part, got text/plain content-type\n");
  check("application/x-protobuf;proto=foo.Bar", "snappy",
        "got application/x-protobuf;proto=foo.Bar content type; unknown remote write protobuf "
        "message foo.Bar, supported: "
        "prometheus.WriteRequest, io.prometheus.write.v2.Request\n");
  check("application/x-protobuf", "gzip",
        "gzip encoding (compression) is not accepted by this server; only snappy is acceptable\n");
}

TEST_F(RemoteWriteTest, MessagesThatAreNotAcceptedAreRefused) {
  const std::string body = compressed(request_of({up().sample(1, now_)}));
  telemetry::Registry registry;
  RemoteWriteReceiver only_v1(appender_, clock_, registry, {.messages = {.v2 = false}});
  other_ = &only_v1;
  EXPECT_EQ(send_raw(body).status, 204);
  auto answer = send_raw(body, "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  EXPECT_EQ(answer.status, 415);
  EXPECT_EQ(answer.body,
            "io.prometheus.write.v2.Request protobuf message is not accepted by this server; "
            "accepted [prometheus.WriteRequest]\n");
  telemetry::Registry second;
  RemoteWriteReceiver only_v2(appender_, clock_, second, {.messages = {.v1 = false}});
  other_ = &only_v2;
  EXPECT_EQ(send_raw(body).status, 415);
}

TEST_F(RemoteWriteTest, BadBodiesAreRefused) {
  EXPECT_EQ(send_raw("\xff\xff\xff").body, "snappy: corrupt input\n");
  EXPECT_EQ(send_raw("").status, 400);
  // Claims 30 MiB and holds nothing.
  std::string claim;
  util::append_uvarint(claim, 30U << 20U);
  EXPECT_EQ(send_raw(claim).status, 400);
  EXPECT_EQ(send_raw(compressed(std::string(33U << 20U, '\0'))).status, 400);
  EXPECT_EQ(send_raw(compressed("not protobuf")).status, 400);
  const std::string good = request_of({up().sample(1, now_)});
  EXPECT_EQ(send_raw(compressed(std::string_view(good).substr(0, good.size() - 1))).status, 400);
  EXPECT_EQ(send({up().field(2, "\x09short")}).status, 400);
}

TEST_F(RemoteWriteTest, ReadsHistograms) {
  std::string span;
  append_varint_field(span, 1, util::zigzag(-2));
  append_varint_field(span, 2, 2);
  std::string packed;
  util::append_uvarint(packed, util::zigzag(3));
  util::append_uvarint(packed, util::zigzag(-1));
  std::string histogram;
  append_varint_field(histogram, 1, 7);
  append_double_field(histogram, 3, 2.5);
  append_varint_field(histogram, 4, util::zigzag(3));
  append_double_field(histogram, 5, 0.001);
  append_varint_field(histogram, 6, 2);
  append_bytes_field(histogram, 11, span);
  append_bytes_field(histogram, 12, packed);
  append_varint_field(histogram, 14, 3);
  append_varint_field(histogram, 15, static_cast<std::uint64_t>(now_));
  EXPECT_EQ(send({up().field(4, histogram)}).status, 204);
  ASSERT_EQ(appender_.histograms.size(), 1U);
  ASSERT_TRUE(appender_.histograms[0].integer);
  const model::IntHistogram& h = *appender_.histograms[0].integer;
  EXPECT_EQ(h.count, 7U);
  EXPECT_EQ(h.sum, 2.5);
  EXPECT_EQ(h.schema, 3);
  EXPECT_EQ(h.zero_count, 2U);
  EXPECT_EQ(h.positive_spans, (std::vector<model::Span>{{-2, 2}}));
  EXPECT_EQ(h.positive_deltas, (std::vector<std::int64_t>{3, -1}));
  EXPECT_EQ(h.counter_reset_hint, model::CounterResetHint::kGauge);
  EXPECT_EQ(appender_.histograms[0].timestamp, now_);
}

TEST_F(RemoteWriteTest, ExemplarsNeverFailARequest) {
  std::string label;
  append_bytes_field(label, 1, "trace_id");
  append_bytes_field(label, 2, "abc");
  std::string exemplar;
  append_bytes_field(exemplar, 1, label);
  append_double_field(exemplar, 2, 4);
  append_varint_field(exemplar, 3, static_cast<std::uint64_t>(now_));
  std::string long_label;
  append_bytes_field(long_label, 1, "trace_id");
  append_bytes_field(long_label, 2, std::string(200, 'x'));
  std::string too_long;
  append_bytes_field(too_long, 1, long_label);
  const auto answer = send({up().sample(1, now_).field(3, exemplar).field(3, too_long)});
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(answer.headers.get("X-Prometheus-Remote-Write-Exemplars-Written"), "1");
  ASSERT_EQ(appender_.exemplars.size(), 1U);
  EXPECT_EQ(appender_.exemplars[0].labels.get("trace_id"), "abc");
}

// Goal: no bytes crash the reader or make it read past the end. Method: a good body with random
// bytes changed or cut.
TEST_F(RemoteWriteTest, SurvivesDamage) {
  std::string histogram;
  append_varint_field(histogram, 1, 7);
  append_bytes_field(histogram, 12, "\x02\x04\x06");
  append_bytes_field(histogram, 16, std::string(16, '\0'));
  const std::string good =
      request_of({up().sample(1, now_).field(4, histogram).field(3, "\x0a\x02\x0a\x00"),
                  up("b").sample(2, now_)});
  util::Random random(11);
  for (int round = 0; round < 20'000; ++round) {
    std::string body =
        good.substr(0, random.below(8) == 0 ? random.below(good.size()) : good.size());
    for (std::uint64_t changes = random.below(4); changes > 0 && !body.empty(); --changes) {
      body[random.below(body.size())] = static_cast<char>(random.next());
    }
    const int status = send_raw(compressed(body)).status;
    ASSERT_TRUE(status == 204 || status == 400) << status;
  }
}

// ---- 2.0

class RequestV2 {
 public:
  RequestV2() { symbol(""); }
  std::uint64_t symbol(std::string_view text) {
    append_bytes_field(symbols_, 4, text);
    return count_++;
  }
  // Label references of name and value pairs.
  std::string refs(std::initializer_list<std::pair<std::string_view, std::string_view>> labels) {
    std::string packed;
    for (const auto& [name, value] : labels) {
      util::append_uvarint(packed, symbol(name));
      util::append_uvarint(packed, symbol(value));
    }
    std::string out;
    append_bytes_field(out, 1, packed);
    return out;
  }
  void series(std::string_view fields) { append_bytes_field(series_, 5, fields); }
  // Series first: readers may not count on the order.
  [[nodiscard]] std::string body() const { return series_ + symbols_; }

 private:
  std::string symbols_;
  std::string series_;
  std::uint64_t count_ = 0;
};

std::string sample_field(double value, model::TimestampMs timestamp, model::TimestampMs start) {
  std::string sample;
  append_double_field(sample, 1, value);
  append_varint_field(sample, 2, static_cast<std::uint64_t>(timestamp));
  append_varint_field(sample, 3, static_cast<std::uint64_t>(start));
  std::string out;
  append_bytes_field(out, 2, sample);
  return out;
}

std::string sample_field(double value, model::TimestampMs timestamp) {
  return sample_field(value, timestamp, timestamp - 1);
}

class RemoteWriteV2Test : public RemoteWriteTest {
 protected:
  test::RecordingWriter send_v2(const std::string& body) {
    return send_raw(compressed(body),
                    "application/x-protobuf;proto=io.prometheus.write.v2.Request");
  }
  static std::string written(const test::RecordingWriter& answer) {
    std::string out;
    for (const char* kind : {"Samples", "Histograms", "Exemplars"}) {
      out += answer.headers.get(std::string("X-Prometheus-Remote-Write-") + kind + "-Written");
      out += ' ';
    }
    return out;
  }
};

TEST_F(RemoteWriteV2Test, StoresSamplesUnderTheSameSeriesAs10) {
  RequestV2 request;
  request.series(request.refs({{"__name__", "up"}, {"job", "a"}}) + sample_field(1, now_) +
                 sample_field(2, now_ + 1));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(written(answer), "2 0 0 ");
  EXPECT_EQ(send({up().sample(3, now_ + 2)}).status, 204);
  EXPECT_EQ(appender_.stored, (std::vector<FakeAppender::Stored>{{"up{job=\"a\"}", now_, 1},
                                                                 {"up{job=\"a\"}", now_ + 1, 2},
                                                                 {"up{job=\"a\"}", now_ + 2, 3}}));
  EXPECT_EQ(appender_.ensured, 1U);
}

TEST_F(RemoteWriteV2Test, GoodSeriesAreStoredAndBadOnesNamed) {
  appender_.refused_timestamp = now_ - 5;
  appender_.refused_as = AppendOutcome::kTooOld;
  RequestV2 request;
  const std::string good = request.refs({{"__name__", "up"}, {"job", "a"}});
  request.series(good + sample_field(1, now_ - 5) + sample_field(2, now_));
  request.series(request.refs({{"job", "no name"}}) + sample_field(1, now_));
  std::string outside;
  append_bytes_field(outside, 1, "\x7f\x01");
  request.series(outside + sample_field(1, now_));
  std::string odd;
  append_bytes_field(odd, 1, "\x01");
  request.series(odd + sample_field(1, now_));
  request.series(request.refs({{"__name__", "empty"}}));
  request.series(request.refs({{"__name__", "future"}}) + sample_field(1, now_ + 600'001) +
                 sample_field(1, now_ + 600'000));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body,
            "labelRefs 0 = 127 outside of symbols table (size 11)\n"
            "invalid labelRefs length 1\n"
            "TimeSeries must contain at least one sample or histogram\n"
            "invalid metric name or labels: no metric name\n"
            "out of bounds: timestamp is too far in the future for series {__name__=\"future\"}\n"
            "too old sample for series {__name__=\"up\", job=\"a\"}\n");
  EXPECT_EQ(written(answer), "2 0 0 ");
  EXPECT_EQ(appender_.stored, (std::vector<FakeAppender::Stored>{{"up{job=\"a\"}", now_, 2},
                                                                 {"future", now_ + 600'000, 1}}));
}

TEST_F(RemoteWriteV2Test, SeriesThatStorageHasDroppedAreMadeAgain) {
  RequestV2 request;
  request.series(request.refs({{"__name__", "up"}}) + sample_field(1, now_));
  request.series(request.refs({{"__name__", "down"}}) + sample_field(1, now_));
  EXPECT_EQ(send_v2(request.body()).status, 204);
  appender_.refs.erase("up");
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 204);
  EXPECT_EQ(written(answer), "2 0 0 ");
  EXPECT_EQ(appender_.stored.size(), 4U);
}

TEST_F(RemoteWriteV2Test, ReadsHistogramsAndExemplars) {
  RequestV2 request;
  std::string histogram;
  append_varint_field(histogram, 1, 1);
  append_varint_field(histogram, 15, static_cast<std::uint64_t>(now_));
  std::string exemplar = request.refs({{"trace_id", "abc"}});
  append_double_field(exemplar, 2, 4);
  append_varint_field(exemplar, 3, static_cast<std::uint64_t>(now_));
  std::string series = request.refs({{"__name__", "h"}});
  append_bytes_field(series, 3, histogram);
  append_bytes_field(series, 4, exemplar);
  request.series(series);
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 204) << answer.body;
  EXPECT_EQ(written(answer), "0 1 1 ");
  ASSERT_EQ(appender_.exemplars.size(), 1U);
  EXPECT_EQ(appender_.exemplars[0].labels.get("trace_id"), "abc");
  EXPECT_EQ(appender_.exemplars[0].value, 4);
}

TEST_F(RemoteWriteV2Test, StoresWhatASeriesSaysOfItself) {
  RequestV2 request;
  const auto metadata = [](std::uint64_t type, std::uint64_t help, std::uint64_t unit) {
    std::string message;
    append_varint_field(message, 1, type);
    append_varint_field(message, 3, help);
    append_varint_field(message, 4, unit);
    std::string out;
    append_bytes_field(out, 5, message);
    return out;
  };
  const auto add = [&](std::string_view name, const std::string& said) {
    request.series(request.refs({{"__name__", name}}) + sample_field(1, now_) + said);
  };
  const std::uint64_t help = request.symbol("Seconds spent.");
  const std::uint64_t unit = request.symbol("seconds");
  const std::uint64_t broken = request.symbol("\xff");
  add("a", metadata(1, help, unit));
  add("b", metadata(0, 0, 0));
  add("c", metadata(2, 999, unit));
  add("d", metadata(2, broken, unit));
  add("e", metadata(99, help, 0));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 204) << answer.body;
  EXPECT_EQ(written(answer), "5 0 0 ");
  ASSERT_EQ(appender_.metadata.size(), 2U);
  EXPECT_EQ(appender_.metadata[0].metadata,
            (model::Metadata{model::MetricType::kCounter, "Seconds spent.", "seconds"}));
  EXPECT_EQ(appender_.metadata[1].metadata,
            (model::Metadata{model::MetricType::kUnknown, "Seconds spent.", ""}));
}

TEST_F(RemoteWriteV2Test, AZeroStandsWhereSomethingBeganToCount) {
  RemoteWriteReceiver receiver(appender_, clock_, registry_, {.start_timestamps = true});
  other_ = &receiver;
  const model::TimestampMs start = now_ - 60'000;
  const auto send_samples = [&](std::string_view name, const std::string& samples) {
    RequestV2 request;
    request.series(request.refs({{"__name__", name}}) + samples);
    // One that nobody may store stands in between.
    request.series(request.refs({{"job", "no name"}}) + sample_field(9, now_, start));
    return send_v2(request.body());
  };
  // Twice the same start, then one of its own; the last two say nothing that is of use.
  const auto answer =
      send_samples("a", sample_field(1, now_, start) + sample_field(2, now_ + 10, start) +
                            sample_field(1, now_ + 30, now_ + 20) + sample_field(2, now_ + 40, 0) +
                            sample_field(3, now_ + 50, now_ + 50));
  EXPECT_EQ(written(answer), "5 0 0 ") << "zeros are nobody's samples";
  using Stored = FakeAppender::Stored;
  const std::vector<Stored> want = {{"a", start, 0},     {"a", now_, 1},      {"a", now_ + 10, 2},
                                    {"a", now_ + 20, 0}, {"a", now_ + 30, 1}, {"a", now_ + 40, 2},
                                    {"a", now_ + 50, 3}};
  EXPECT_EQ(appender_.stored, want);
  // A start that is known is not stored again, and one that storage refuses is no complaint.
  appender_.stored.clear();
  appender_.refused_timestamp = now_ + 60;
  appender_.refused_as = AppendOutcome::kOutOfOrder;
  const auto again = send_samples(
      "a", sample_field(4, now_ + 55, now_ + 20) + sample_field(5, now_ + 70, now_ + 60));
  EXPECT_EQ(written(again), "2 0 0 ");
  EXPECT_EQ(again.body.find("out of order"), std::string::npos) << again.body;
  EXPECT_EQ(appender_.stored, (std::vector<Stored>{{"a", now_ + 55, 4}, {"a", now_ + 70, 5}}));
  // Nothing of the kind without the feature.
  other_ = nullptr;
  appender_.stored.clear();
  send_samples("b", sample_field(1, now_, start));
  EXPECT_EQ(appender_.stored, (std::vector<Stored>{{"b", now_, 1}}));
}

TEST_F(RemoteWriteV2Test, AnEmptyHistogramStandsWhereOneBeganToCount) {
  RemoteWriteReceiver receiver(appender_, clock_, registry_, {.start_timestamps = true});
  other_ = &receiver;
  const auto histogram = [&](model::TimestampMs timestamp, model::TimestampMs start) {
    std::string message;
    append_varint_field(message, 1, 3);                // Count.
    append_varint_field(message, 4, util::zigzag(2));  // Schema.
    append_varint_field(message, 15, static_cast<std::uint64_t>(timestamp));
    append_varint_field(message, 17, static_cast<std::uint64_t>(start));
    std::string out;
    append_bytes_field(out, 3, message);
    return out;
  };
  RequestV2 request;
  request.series(request.refs({{"__name__", "h"}}) + histogram(now_, now_ - 5) +
                 histogram(now_ + 86'400'000, now_ - 4) + histogram(now_ + 1, now_ - 5));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(written(answer), "0 2 0 ");
  ASSERT_EQ(appender_.histograms.size(), 3U);
  EXPECT_EQ(appender_.histograms[0].timestamp, now_ - 5);
  EXPECT_EQ(appender_.histograms[0].integer->count, 0U);
  EXPECT_EQ(appender_.histograms[0].integer->schema, 2);
  EXPECT_EQ(appender_.histograms[0].integer->counter_reset_hint, model::CounterResetHint::kReset);
  EXPECT_EQ(appender_.histograms[1].timestamp, now_);
  EXPECT_EQ(appender_.histograms[1].integer->count, 3U);
  EXPECT_EQ(appender_.histograms[2].timestamp, now_ + 1);
}

TEST_F(RemoteWriteV2Test, TypeAndUnitBecomeLabels) {
  RemoteWriteReceiver receiver(appender_, clock_, registry_, {.type_and_unit_labels = true});
  other_ = &receiver;
  RequestV2 request;
  const auto metadata = [](std::uint64_t type, std::uint64_t unit) {
    std::string message;
    append_varint_field(message, 1, type);
    append_varint_field(message, 4, unit);
    std::string out;
    append_bytes_field(out, 5, message);
    return out;
  };
  const std::uint64_t unit = request.symbol("seconds");
  const auto add = [&](const std::string& refs, const std::string& said) {
    request.series(refs + sample_field(1, now_) + said);
  };
  add(request.refs({{"__name__", "a"}, {"__type__", "gauge"}}), metadata(1, unit));
  add(request.refs({{"__name__", "b"}, {"__unit__", "volts"}}), metadata(2, 0));
  add(request.refs({{"__name__", "c"}}), "");
  EXPECT_EQ(written(send_v2(request.body())), "3 0 0 ");
  using Stored = FakeAppender::Stored;
  EXPECT_EQ(appender_.stored,
            (std::vector<Stored>{{"a{__type__=\"counter\", __unit__=\"seconds\"}", now_, 1},
                                 {"b{__type__=\"gauge\", __unit__=\"volts\"}", now_, 1},
                                 {"c", now_, 1}}));
}

TEST_F(RemoteWriteV2Test, StorageFailuresStoreNothing) {
  appender_.append_error = util::Error(util::Code::kNoSpace, "no space");
  RequestV2 request;
  request.series(request.refs({{"__name__", "up"}}) + sample_field(1, now_));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(written(answer), "0 0 0 ");
}

// Goal: a few bytes that name a large symbol very often cost no memory.
TEST_F(RemoteWriteV2Test, RepeatedSymbolsAreBounded) {
  RequestV2 request;
  const std::uint64_t large = request.symbol(std::string(400'000, 'x'));
  std::string packed;
  util::append_uvarint(packed, large);
  util::append_uvarint(packed, large);
  std::string refs;
  append_bytes_field(refs, 1, packed);
  for (int i = 0; i < 1'000; ++i) request.series(refs + sample_field(1, now_));
  const auto answer = send_v2(request.body());
  EXPECT_EQ(answer.status, 400);
  EXPECT_EQ(answer.body, "labels of the request are too long\n");
  std::string many;
  for (int i = 0; i < 100'000; ++i) many += packed;
  refs.clear();
  append_bytes_field(refs, 1, many);
  RequestV2 one;
  one.symbol(std::string(400'000, 'x'));
  one.series(refs + sample_field(1, now_));
  EXPECT_EQ(send_v2(one.body()).body, "labels are too long\n");
  EXPECT_TRUE(appender_.stored.empty());
}

TEST_F(RemoteWriteV2Test, SurvivesDamage) {
  RequestV2 request;
  std::string series = request.refs({{"__name__", "up"}, {"job", "a"}}) + sample_field(1, now_);
  append_bytes_field(series, 3, "\x08\x01");
  append_bytes_field(series, 4, request.refs({{"trace_id", "abc"}}));
  request.series(series);
  const std::string good = request.body();
  util::Random random(12);
  for (int round = 0; round < 20'000; ++round) {
    std::string body =
        good.substr(0, random.below(8) == 0 ? random.below(good.size()) : good.size());
    for (std::uint64_t changes = random.below(4); changes > 0 && !body.empty(); --changes) {
      body[random.below(body.size())] = static_cast<char>(random.next());
    }
    const int status = send_v2(body).status;
    ASSERT_TRUE(status == 204 || status == 400) << status;
  }
}

}  // namespace
}  // namespace narthex::api
