#include "narthex/promql/query_activity.h"

#include <algorithm>
#include <utility>

#include "promql/engine/budget.h"

namespace narthex::promql {
namespace {

constexpr double kNsPerSecond = 1e9;

// How much of the text fits, without half a character at its end.
std::size_t fitting_bytes(std::string_view text) {
  if (text.size() <= QueryActivity::kTextBytesMax) return text.size();
  std::size_t bytes = QueryActivity::kTextBytesMax;
  const auto continues = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  // A character of UTF-8 has at most four bytes.
  for (int i = 0; i < 3 && continues(bytes); ++i) --bytes;
  return bytes;
}

}  // namespace

QueryActivity::Run::Run(QueryActivity& owner, QueryDescription description,
                        const std::stop_token& client)
    : owner_(owner),
      description_(std::move(description)),
      start_ns_(owner.clock_.steady_ns()),
      forward_(client, Forward{stop_}) {
  const std::size_t bytes = fitting_bytes(description_.text);
  description_.is_cut = bytes < description_.text.size();
  description_.text.resize(bytes);
  description_.started_ns = owner_.clock_.wall_ns();
  const util::MutexLock lock(owner_.mutex_);
  description_.id = ++owner_.id_last_;
  owner_.running_.emplace(description_.id, this);
}

QueryActivity::Run::~Run() {
  const util::MutexLock lock(owner_.mutex_);
  owner_.running_.erase(description_.id);
}

void QueryActivity::Run::finish(std::string_view error) {
  const double seconds = owner_.seconds_since(start_ns_);
  const util::MutexLock lock(owner_.mutex_);
  owner_.add_cost(*this, seconds, !error.empty());
  if (error.empty() && seconds < std::chrono::duration<double>(owner_.slow_).count()) return;
  FinishedQuery finished;
  finished.query = description_;
  finished.seconds = seconds;
  finished.samples_peak = samples_peak_;
  finished.error = error.substr(0, fitting_bytes(error));
  owner_.recent_.push_front(std::move(finished));
  if (owner_.recent_.size() > kRecentMax) owner_.recent_.pop_back();
}

QueryActivity::Run::Watch::Watch(Run& run, const Budget& budget) : run_(run) {
  const util::MutexLock lock(run_.owner_.mutex_);
  run_.budget_ = &budget;
}

QueryActivity::Run::Watch::~Watch() {
  const util::MutexLock lock(run_.owner_.mutex_);
  run_.samples_peak_ = std::max(run_.samples_peak_, run_.budget_->samples_peak());
  run_.budget_ = nullptr;
}

std::vector<RunningQuery> QueryActivity::running() const {
  std::vector<RunningQuery> out;
  const util::MutexLock lock(mutex_);
  out.reserve(running_.size());
  for (const auto& [id, run] : running_) {
    RunningQuery& query = out.emplace_back();
    query.query = run->description_;
    query.seconds = seconds_since(run->start_ns_);
    query.is_waiting = run->waiting_.load();
    query.is_canceled = run->stop_.stop_requested();
    query.samples_peak = run->samples_peak_;
    if (run->budget_ == nullptr) continue;
    query.samples_peak = run->budget_->samples_peak();
    query.memory_bytes = run->budget_->bytes();
  }
  return out;
}

std::vector<FinishedQuery> QueryActivity::recent() const {
  const util::MutexLock lock(mutex_);
  return {recent_.begin(), recent_.end()};
}

std::vector<QueryCost> QueryActivity::costs() const {
  std::vector<QueryCost> out;
  {
    const util::MutexLock lock(mutex_);
    out.reserve(costs_.size());
    for (const auto& [text, cost] : costs_) out.push_back(cost);
  }
  std::ranges::stable_sort(out, std::ranges::greater(), &QueryCost::seconds_total);
  return out;
}

bool QueryActivity::cancel(std::uint64_t id) {
  // A share in the query's, which may end meanwhile: what waits for the token is not called under
  // the lock.
  std::stop_source stop(std::nostopstate);
  {
    const util::MutexLock lock(mutex_);
    const auto found = running_.find(id);
    if (found == running_.end()) return false;
    stop = found->second->stop_;
  }
  stop.request_stop();
  return true;
}

double QueryActivity::seconds_since(util::SteadyNs start_ns) const {
  return static_cast<double>(clock_.steady_ns() - start_ns) / kNsPerSecond;
}

void QueryActivity::add_cost(const Run& run, double seconds, bool failed) {
  const std::string& text = run.description_.text;
  auto found = costs_.find(text);
  if (found == costs_.end()) {
    if (costs_.size() >= kCostsMax) {
      // The cheapest makes room.
      const auto cheapest = std::ranges::min_element(
          costs_, {}, [](const auto& e) { return e.second.seconds_total; });
      costs_.erase(cheapest);
    }
    found = costs_.emplace(text, QueryCost()).first;
    found->second.text = text;
  }
  QueryCost& cost = found->second;
  ++cost.count;
  if (failed) ++cost.error_count;
  cost.seconds_total += seconds;
  cost.seconds_max = std::max(cost.seconds_max, seconds);
  cost.samples_peak = std::max(cost.samples_peak, run.samples_peak_);
}

}  // namespace narthex::promql
