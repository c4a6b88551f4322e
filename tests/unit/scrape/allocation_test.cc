// Counts allocations of the whole process: an executable of its own, so that replacing operator new
// disturbs no other test.
#include <atomic>
#include <cstdlib>
#include <new>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "scrape/ingest.h"

namespace {
std::atomic<std::size_t> allocations = 0;
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* p = std::malloc(bytes == 0 ? 1 : bytes)) return p;
  std::abort();
}
void operator delete(void* p) noexcept {
  std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
  std::free(p);
}

namespace narthex::scrape {
namespace {

// Takes everything, keeps nothing.
class SinkAppender final : public storage::Appender {
 public:
  util::Result<void> ensure_series(std::span<const model::Labels>,
                                   std::span<storage::EnsuredSeries> out) override {
    for (storage::EnsuredSeries& series : out)
      series = {.ref = ++refs_, .outcome = storage::EnsureOutcome::kCreated};
    return {};
  }
  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity,
                            storage::AppendReport&) override {
    samples_ += batch.float_count();
    return {};
  }
  [[nodiscard]] std::size_t samples() const noexcept { return samples_; }

 private:
  storage::SeriesRef refs_ = 0;
  std::size_t samples_ = 0;
};

std::string body_of(int lines, int round) {
  std::string body = "# HELP demo_requests_total Requests.\n# TYPE demo_requests_total counter\n";
  for (int i = 0; i < lines; ++i) {
    body += fmt::format(
        "demo_requests_total{{instance_id=\"{:05}\",path=\"/api/{:03}\",code=\"200\"}} {}\n", i,
        i % 997, i * 1.5 + round);
  }
  return body;
}

// Goal: a warm round costs a few allocations for its buffers, and none for its lines.
TEST(Allocations, AWarmRoundAllocatesNothingForItsLines) {
  telemetry::Registry registry;
  Metrics metrics(registry);
  SinkAppender appender;
  Shared shared;
  shared.appender = &appender;
  shared.metrics = &metrics;
  Target target;
  target.labels = model::Labels{{"instance", "i"}, {"job", "j"}};
  ScrapeJobOptions options;
  options.job_name = "j";
  const auto job = make_job(options, {}, &util::system_clock(), nullptr).value();
  Ingest ingest(&shared);

  constexpr int kLines = 20'000;
  std::size_t counted = 0;
  for (int round = 0; round < 5; ++round) {
    const std::string body = body_of(kLines, round);
    std::string_view rest = body;
    const std::size_t before = allocations;
    ingest.begin_round(
        {.job = job.get(), .target = &target, .timestamp = 1'000'000 + round * 1000});
    for (bool last = false; !last;) {
      const std::span<char> buffer = ingest.buffer();
      const std::size_t bytes = std::min(buffer.size(), rest.size());
      std::copy_n(rest.begin(), bytes, buffer.begin());
      rest.remove_prefix(bytes);
      last = bytes == 0;
      ASSERT_TRUE(ingest.take(bytes, last).has_value());
    }
    ASSERT_TRUE(ingest.commit(0.1).has_value());
    counted = allocations - before;
  }
  EXPECT_EQ(appender.samples(), 5U * (kLines + 5));
  EXPECT_LT(counted, 16U);
}

}  // namespace
}  // namespace narthex::scrape
