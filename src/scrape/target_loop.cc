#include "scrape/target_loop.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/async/timer.h"
#include "narthex/util/log.h"

namespace narthex::scrape {

using util::Code;
using util::fail;

TargetLoop::TargetLoop(const Environment& environment, std::shared_ptr<const Target> target,
                       std::shared_ptr<const Job> job, std::uint64_t seed)
    : environment_(environment),
      seed_(seed),
      current_target_(target),
      current_job_(job),
      ingest_(environment.shared),
      plan_{.target = std::move(target), .job = std::move(job)} {}

void TargetLoop::change(std::shared_ptr<const Target> target, std::shared_ptr<const Job> job) {
  bool wake = false;
  {
    const util::MutexLock lock(mutex_);
    wake = plan_.job != job || plan_.target->interval != target->interval ||
           plan_.target->timeout != target->timeout;
    plan_ = {.target = std::move(target), .job = std::move(job)};
  }
  if (wake) doorbell_.ring();
}

void TargetLoop::retire() {
  {
    const util::MutexLock lock(mutex_);
    plan_.retired = true;
  }
  doorbell_.ring();
}

TargetLoop::Plan TargetLoop::plan() const {
  const util::MutexLock lock(mutex_);
  return plan_;
}

std::shared_ptr<const Target> TargetLoop::target() const {
  const util::MutexLock lock(mutex_);
  return plan_.target;
}

TargetStatus TargetLoop::status() const {
  const util::MutexLock lock(mutex_);
  TargetStatus status = status_;
  const Target& target = *plan_.target;
  status.pool = plan_.job->options.job_name;
  status.discovered_labels = target.discovered;
  status.labels = target.labels;
  status.scrape_url = target.url_text;
  status.interval = target.interval;
  status.timeout = target.timeout;
  return status;
}

async::Task<void> TargetLoop::run(std::shared_ptr<TargetLoop> self) {
  co_return co_await self->main();
}

// True: the time has come. False: something has changed.
async::Task<bool> TargetLoop::wait_for(util::WallNs at) {
  const util::SteadyNs steady = environment_.clock->steady_ns() +
                                std::max<std::int64_t>(0, at - environment_.clock->wall_ns());
  NX_CO_ASSIGN(const async::Awoken awoken,
               co_await doorbell_.wait_until(environment_.clock, steady));
  // A ring at the very moment that the slot begins must not cost the round.
  co_return awoken == async::Awoken::kByTime || environment_.clock->wall_ns() >= at;
}

async::Task<void> TargetLoop::main() {
  util::WallNs previous = 0;
  for (;;) {
    const Plan plan = this->plan();
    if (plan.retired) co_return co_await write_end_markers();
    if (plan.job != current_job_) ingest_.forget_decisions();
    current_target_ = plan.target;
    current_job_ = plan.job;

    // Wall clock: slots stay where they are over restarts. A timer that fires a little early must
    // not give its slot twice.
    const std::int64_t offset = current_target_->slot_offset_ns(seed_);
    util::WallNs slot = next_slot(environment_.clock->wall_ns(), offset, current_target_->interval);
    if (slot == previous) slot += std::chrono::nanoseconds(current_target_->interval).count();
    NX_CO_ASSIGN(const bool due, co_await wait_for(slot));
    if (!due) continue;
    previous = slot;
    const Slot round{.ideal = slot,
                     .start = environment_.clock->wall_ns(),
                     .steady_start = environment_.clock->steady_ns()};
    NX_CO_TRY(co_await scrape(round));
  }
}

model::TimestampMs TargetLoop::sample_time(const Slot& slot) const {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  const std::int64_t tolerance =
      std::min<std::int64_t>(std::chrono::nanoseconds(current_target_->interval).count() / 100,
                             current_job_->timestamp_tolerance.count());
  const bool snap =
      current_job_->adjust_timestamps && std::abs(slot.start - slot.ideal) <= tolerance;
  return (snap ? slot.ideal : slot.start) / kNsPerMs;
}

http::ClientRequest TargetLoop::request(util::SteadyNs deadline) const {
  http::ClientRequest request;
  request.url = current_target_->url;
  request.deadline = deadline;
  request.headers.add("User-Agent", current_job_->user_agent);
  request.headers.add("Accept", current_job_->accept);
  request.headers.add("Accept-Encoding",
                      current_job_->options.enable_compression ? "gzip" : "identity");
  request.headers.add(
      "X-Prometheus-Scrape-Timeout-Seconds",
      fmt::format("{}", std::chrono::duration<double>(current_target_->timeout).count()));
  return request;
}

// One round up to the batch. An error is what the target did wrong, what storage said, or
// kCanceled; abandon() follows.
async::Task<void> TargetLoop::read_and_commit(Slot slot) {
  const util::SteadyNs deadline =
      slot.steady_start + std::chrono::nanoseconds(current_target_->timeout).count();
  RoundStart start{
      .job = current_job_.get(), .target = current_target_.get(), .timestamp = sample_time(slot)};
  ingest_.begin_round(start);
  if (!current_job_->forced_error.empty())
    co_return fail(Code::kLimitExceeded, current_job_->forced_error);

  http::ClientRequest request = this->request(deadline);
  NX_CO_ASSIGN(const auto exchange, co_await current_job_->client->send(std::move(request)));
  if (exchange->status() != 200) {
    co_return fail(Code::kIo, "server returned HTTP status " + exchange->status_line());
  }
  NX_CO_ASSIGN(const auto format, body_format(exchange->headers().get("Content-Type"),
                                              current_job_->options.fallback_protocol));
  ingest_.expect_format(format);
  if (http::equals_ignoring_case(exchange->headers().get("Content-Encoding"), "gzip"))
    ingest_.expect_gzip();

  for (bool last = false; !last;) {
    // A piece at a time, so that targets which share the thread take turns.
    NX_CO_ASSIGN(const std::size_t bytes, co_await exchange->read(ingest_.buffer()));
    last = bytes == 0;
    NX_CO_TRY(ingest_.take(bytes, last));
  }
  co_return ingest_.commit(seconds_since(slot));
}

async::Task<void> TargetLoop::scrape(Slot slot) {
  if (last_start_ != 0) {
    environment_.shared->metrics->interval_length(current_target_->interval)
        .observe(static_cast<double>(slot.start - last_start_) / 1e9);
  }
  last_start_ = slot.start;
  const auto outcome = co_await read_and_commit(slot);
  if (outcome) {
    record(slot, std::string());
    co_return outcome;
  }
  if (outcome.error().code() == Code::kCanceled) co_return outcome;

  if (const auto stored = ingest_.abandon(seconds_since(slot)); !stored) {
    util::log_warn("Appending scrape report failed",
                   {{"scrape_pool", current_job_->options.job_name},
                    {"target", current_target_->url_text},
                    {"err", stored.error()}});
  }
  record(slot, outcome.error().message());
  co_return util::Result<void>();
}

double TargetLoop::seconds_since(const Slot& slot) const {
  return static_cast<double>(environment_.clock->steady_ns() - slot.steady_start) / 1e9;
}

void TargetLoop::record(const Slot& slot, const std::string& error) {
  if (!error.empty()) {
    util::log_debug("Scrape failed", {{"scrape_pool", current_job_->options.job_name},
                                      {"target", current_target_->url_text},
                                      {"err", error}});
    if (current_job_->failure_log) {
      current_job_->failure_log->write({.at = environment_.clock->wall_ns(),
                                        .job_name = current_job_->options.job_name,
                                        .target = current_target_->url_text,
                                        .error = error});
    }
  }
  const util::MutexLock lock(mutex_);
  // A target whose new series were refused is up: what storage knew of it went in.
  status_.last_error = error.empty() ? ingest_.refusal_text() : error;
  status_.last_scrape_ns = slot.start;
  status_.last_scrape_seconds = ingest_.report().seconds;
  status_.health = error.empty() ? TargetHealth::kUp : TargetHealth::kDown;
  status_.samples = ingest_.report().scraped;
  status_.series_refused = ingest_.report().refused;
}

// Waits long enough for a target that only moved between jobs to be scraped again, then ends its
// series at the first missed slot.
async::Task<void> TargetLoop::write_end_markers() {
  const std::int64_t interval = std::chrono::nanoseconds(current_target_->interval).count();
  const util::WallNs first =
      next_slot(environment_.clock->wall_ns(), current_target_->slot_offset_ns(seed_),
                current_target_->interval);
  const util::SteadyNs until = environment_.clock->steady_ns() +
                               (first - environment_.clock->wall_ns()) + interval + interval / 10;
  NX_CO_TRY(co_await async::sleep_until(environment_.clock, until));
  co_return ingest_.write_end_markers(*current_job_, *current_target_, first / 1'000'000);
}

}  // namespace narthex::scrape
