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

bool QueryGate::may_enter(std::uint64_t ticket, QueryWeight weight) const {
  if (running_ >= slots_) return false;
  const bool room_for_heavy = running_heavy_ < heavy_slots_;
  if (weight == QueryWeight::kHeavy) {
    return room_for_heavy && *waiting_heavy_.begin() == ticket &&
           (waiting_light_.empty() || ticket < *waiting_light_.begin());
  }
  // A heavy one that came before goes first, if it may go at all.
  return *waiting_light_.begin() == ticket &&
         (!room_for_heavy || waiting_heavy_.empty() || ticket < *waiting_heavy_.begin());
}

util::Result<QueryGate::Pass> QueryGate::enter(const storage::Deadline& deadline,
                                               QueryWeight weight) {
  const util::MutexLock lock(mutex_);
  std::set<std::uint64_t>& waiting =
      weight == QueryWeight::kHeavy ? waiting_heavy_ : waiting_light_;
  const std::uint64_t ticket = next_ticket_++;
  waiting.insert(ticket);
  const auto my_turn = [&]() NX_NO_THREAD_SAFETY_ANALYSIS { return may_enter(ticket, weight); };
  for (;;) {
    const auto state = deadline.check();
    if (!state || my_turn()) {
      waiting.erase(ticket);
      if (!state) {
        freed_.notify_all();
        return std::unexpected(give_up(state.error()));
      }
      ++running_;
      if (weight == QueryWeight::kHeavy) ++running_heavy_;
      freed_.notify_all();  // There may be a slot for the next in line too.
      return Pass(*this, weight);
    }
    freed_.wait_for(mutex_, kCheckEvery, my_turn);
  }
}

void QueryGate::leave(QueryWeight weight) {
  {
    const util::MutexLock lock(mutex_);
    --running_;
    if (weight == QueryWeight::kHeavy) --running_heavy_;
  }
  freed_.notify_all();
}

}  // namespace narthex::promql
