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

util::Result<QueryGate::Pass> QueryGate::enter(const storage::Deadline& deadline) {
  const util::MutexLock lock(mutex_);
  const std::uint64_t ticket = next_ticket_++;
  waiting_.insert(ticket);
  const auto my_turn = [&]() NX_NO_THREAD_SAFETY_ANALYSIS {
    return running_ < slots_ && *waiting_.begin() == ticket;
  };
  for (;;) {
    const auto state = deadline.check();
    if (!state || my_turn()) {
      waiting_.erase(ticket);
      if (!state) {
        freed_.notify_all();
        return std::unexpected(give_up(state.error()));
      }
      ++running_;
      freed_.notify_all();  // There may be a slot for the next in line too.
      return Pass(*this);
    }
    freed_.wait_for(mutex_, kCheckEvery, my_turn);
  }
}

void QueryGate::leave() {
  {
    const util::MutexLock lock(mutex_);
    --running_;
  }
  freed_.notify_all();
}

}  // namespace narthex::promql
