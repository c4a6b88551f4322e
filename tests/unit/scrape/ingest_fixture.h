// One target, fed by hand: what the tests of Ingest share.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "scrape/ingest.h"
#include "support/memory_appender.h"

namespace narthex::scrape {

// One target with the labels job="j", instance="i", fed by hand: a round every second.
class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    shared_.appender = &appender_;
    shared_.metrics = &metrics_;
    target_.labels = model::Labels{{"instance", "i"}, {"job", "j"}};
    target_.timeout = std::chrono::seconds(10);
    configure({});
  }
  void configure(ScrapeJobOptions options) {
    options.job_name = "j";
    auto made = make_job(std::move(options), {}, &util::system_clock(), job_.get());
    ASSERT_TRUE(made.has_value()) << made.error().message();
    job_ = *made;
    ingest_.forget_decisions();
  }

  // Feeds a body in parts of at most `part` bytes; what went wrong, or "".
  std::string round(std::string_view body, bool compressed = false, std::size_t part = SIZE_MAX) {
    now_ += 1000;
    ingest_.begin_round({.job = job_.get(), .target = &target_, .timestamp = now_});
    ingest_.expect_format(format_);
    if (compressed) ingest_.expect_gzip();
    util::Result<void> outcome;
    for (bool last = false; outcome && !last;) {
      const std::span<char> buffer = ingest_.buffer();
      const std::size_t bytes = std::min({buffer.size(), body.size(), part});
      std::copy_n(body.begin(), bytes, buffer.begin());
      body.remove_prefix(bytes);
      last = bytes == 0;
      outcome = ingest_.take(bytes, last);
    }
    if (outcome) outcome = ingest_.commit(0.5);
    if (outcome) return {};
    const auto stored = ingest_.abandon(0.5);
    return outcome.error().message() + (stored ? "" : " / " + stored.error().message());
  }
  void fail_round() {
    now_ += 1000;
    ingest_.begin_round({.job = job_.get(), .target = &target_, .timestamp = now_});
    EXPECT_TRUE(ingest_.abandon(0.5).has_value());
  }
  // Samples of a series of the target.
  std::string got(const std::string& name, const std::string& more = {}) const {
    return appender_.text(name + "{" + more + "instance=\"i\", job=\"j\"}");
  }

  telemetry::Registry registry_;
  Metrics metrics_{registry_};
  test::MemoryAppender appender_;
  Shared shared_;
  Target target_;
  std::shared_ptr<Job> job_;
  Ingest ingest_{&shared_};
  model::TimestampMs now_ = 1'000'000;
  exposition::ScrapeProtocol format_ = exposition::ScrapeProtocol::kPrometheusText004;
};

}  // namespace narthex::scrape
