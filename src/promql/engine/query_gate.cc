#include "promql/engine/query_gate.h"

#include <chrono>

namespace narthex::promql {
namespace {

// How late a waiting query may notice that it was canceled or ran out of time.
constexpr std::chrono::milliseconds kCheckEvery{20};

util::Error give_up(const util::Error& error) {
  const bool canceled = error.code() == util::Code::kCanceled;
  return {error.code(), canceled ? "query was canceled in query execution"
                                 : "query timed out in query execution"};
}

}  // namespace

void QueryGate::take_slot(Line& line, QueryWeight weight) {
  ++running_;
  if (weight == QueryWeight::kHeavy) ++running_heavy_;
  line.front().admitted = true;
  line.front().turn.notify_one();
  admitted_.splice(admitted_.end(), line, line.begin());
}

void QueryGate::admit() {
  while (running_ < slots_) {
    const bool heavy = !heavy_.empty() && running_heavy_ < heavy_slots_;
    if (heavy && (light_.empty() || heavy_.front().ticket < light_.front().ticket)) {
      take_slot(heavy_, QueryWeight::kHeavy);
    } else if (!light_.empty()) {
      take_slot(light_, QueryWeight::kLight);
    } else {
      return;
    }
  }
}

util::Result<QueryGate::Pass> QueryGate::enter(const storage::Deadline& deadline,
                                               QueryWeight weight) {
  if (const auto state = deadline.check(); !state) return std::unexpected(give_up(state.error()));
  const util::MutexLock lock(mutex_);
  Line& line = weight == QueryWeight::kHeavy ? heavy_ : light_;
  const auto self = line.emplace(line.end(), next_ticket_++);
  admit();
  while (!self->admitted) {
    if (self->turn.wait_for(mutex_, kCheckEvery, [&] { return self->admitted; })) break;
    if (const auto state = deadline.check(); !state) {
      line.erase(self);
      return std::unexpected(give_up(state.error()));
    }
  }
  admitted_.erase(self);
  return Pass(*this, weight);
}

std::size_t QueryGate::waiting() const {
  const util::MutexLock lock(mutex_);
  return light_.size() + heavy_.size();
}

void QueryGate::leave(QueryWeight weight) {
  const util::MutexLock lock(mutex_);
  --running_;
  if (weight == QueryWeight::kHeavy) --running_heavy_;
  admit();
}

}  // namespace narthex::promql
