// The receive path of remote write: from the compressed body of a request to stored samples. Real
// senders put 2,000 samples of as many series into a request, or, when they catch up, several of
// each.
#include <bit>

#include <snappy.h>

#include <benchmark/benchmark.h>

#include "narthex/tsdb/db.h"
#include "narthex/util/bytes.h"
#include "narthex/util/random.h"

#include "api/remote_write.h"
#include "support/recording_writer.h"
#include "support/temp_dir.h"

namespace narthex::api {
namespace {

constexpr model::TimestampMs kStart = 1'700'000'000'000;
constexpr std::size_t kSeries = 5'000;
constexpr std::size_t kSeriesPerRequest = 500;

void append_bytes_field(std::string& out, std::uint32_t field, std::string_view bytes) {
  util::append_uvarint(out, field << 3U | 2U);
  util::append_uvarint(out, bytes.size());
  out += bytes;
}

std::string label_fields(std::size_t i) {
  const std::pair<std::string, std::string> labels[] = {
      {"__name__", "node_something_metric_" + std::to_string(i % 500 / 4) + "_total"},
      {"cluster", "eu-central-1a"},
      {"cpu", std::to_string(i % 4)},
      {"instance", "10.0.0." + std::to_string(i / 500) + ":9100"},
      {"job", "kubernetes-nodes"},
      {"mode", i % 2 == 0 ? "user" : "system"}};
  std::string out;
  for (const auto& [name, value] : labels) {
    std::string label;
    append_bytes_field(label, 1, name);
    append_bytes_field(label, 2, value);
    append_bytes_field(out, 1, label);
  }
  return out;
}

// Makes the requests of a sender, round after round, each later than the one before.
class Sender {
 public:
  explicit Sender(std::size_t samples_per_series)
      : samples_per_series_(samples_per_series), values_(kSeries, 1000) {
    for (std::size_t i = 0; i < kSeries; ++i) labels_.push_back(label_fields(i));
  }
  std::vector<std::string> next_round() {
    std::vector<std::string> requests;
    for (std::size_t begin = 0; begin < kSeries; begin += kSeriesPerRequest) {
      std::string body;
      for (std::size_t i = begin; i < begin + kSeriesPerRequest; ++i)
        append_bytes_field(body, 1, series_message(i));
      snappy::Compress(body.data(), body.size(), &requests.emplace_back());
    }
    next_step_ += samples_per_series_;
    return requests;
  }

 private:
  std::string series_message(std::size_t i) {
    std::string message = labels_[i];
    for (std::size_t k = 0; k < samples_per_series_; ++k) {
      if (random_.below(100) < 57) values_[i] += static_cast<double>(random_.below(90));
      std::string sample(9, '\x09');
      util::store_le(sample.data() + 1, std::bit_cast<std::uint64_t>(values_[i]));
      sample += '\x10';
      util::append_uvarint(
          sample, static_cast<std::uint64_t>(kStart) + (next_step_ + k) * std::uint64_t{15'000});
      append_bytes_field(message, 2, sample);
    }
    return message;
  }

  const std::size_t samples_per_series_;
  util::Random random_{3};
  std::vector<std::string> labels_;
  std::vector<double> values_;
  std::size_t next_step_ = 0;
};

// Takes everything and keeps nothing.
class NullAppender final : public storage::Appender {
 public:
  util::Result<void> ensure_series(std::span<const model::Labels> series,
                                   std::span<storage::EnsuredSeries> out) override {
    for (std::size_t i = 0; i < series.size(); ++i)
      out[i] = {next_++, storage::EnsureOutcome::kCreated};
    return {};
  }
  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity,
                            storage::AppendReport&) override {
    samples += batch.float_count();
    return {};
  }
  std::uint64_t samples = 0;

 private:
  storage::SeriesRef next_ = 1;
};

void receive_rounds(benchmark::State& state, storage::Appender& appender) {
  const auto samples_per_series = static_cast<std::size_t>(state.range(0));
  Sender sender(samples_per_series);
  telemetry::Registry registry;
  RemoteWriteReceiver receiver(appender, util::system_clock(), registry, {});
  http::Request request;
  request.headers.add("Content-Type", "application/x-protobuf");
  request.headers.add("Content-Encoding", "snappy");
  std::size_t body_bytes = 0;
  const auto send = [&](std::vector<std::string> bodies) {
    for (std::string& body : bodies) {
      body_bytes += body.size();
      request.body = std::move(body);
      test::RecordingWriter writer;
      receiver.handle(request, writer);
      if (writer.status != 204) state.SkipWithError(writer.body.c_str());
    }
  };
  send(sender.next_round());  // Makes the series.
  body_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    std::vector<std::string> bodies = sender.next_round();
    state.ResumeTiming();
    send(std::move(bodies));
  }
  const auto samples = state.iterations() * static_cast<std::int64_t>(kSeries * samples_per_series);
  state.SetItemsProcessed(samples);
  state.SetBytesProcessed(static_cast<std::int64_t>(body_bytes));
}

void BM_RemoteWrite_Receive(benchmark::State& state) {
  NullAppender appender;
  receive_rounds(state, appender);
}
BENCHMARK(BM_RemoteWrite_Receive)
    ->ArgName("samples_per_series")
    ->Arg(1)
    ->Arg(8)
    ->Iterations(40)
    ->Unit(benchmark::kMillisecond);

void BM_RemoteWrite_Store(benchmark::State& state) {
  const test::TempDir directory;
  tsdb::DbOptions options;
  options.path = directory / "data";
  auto db = tsdb::Db::open(std::move(options));
  if (!db) {
    state.SkipWithError(db.error().message().c_str());
    return;
  }
  receive_rounds(state, **db);
}
BENCHMARK(BM_RemoteWrite_Store)
    ->ArgName("samples_per_series")
    ->Arg(1)
    ->Arg(8)
    ->Iterations(40)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace narthex::api
