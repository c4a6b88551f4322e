// What the engine does right now and what it did lately, for people: queries that run and can be
// canceled, the ones that were slow or failed, the ones that cost most altogether. Everything is
// bounded, texts included.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

namespace narthex::promql {

class Budget;

// What was asked for, and by whom.
struct QueryDescription {
  std::uint64_t id = 0;  // From 1 upwards, never twice in a process.
  std::string text;      // At most kTextBytesMax bytes of it.
  bool is_cut = false;   // Whether it was longer.
  bool is_range = false;
  model::TimestampMs start = 0;
  model::TimestampMs end = 0;
  std::int64_t step_ms = 0;     // 0 unless is_range.
  std::string client;           // Its address; empty: the server itself.
  std::string path;             // Of the request.
  util::WallNs started_ns = 0;  // When it came in, waiting included.
};

struct RunningQuery {
  QueryDescription query;
  double seconds = 0;
  bool is_waiting = false;         // For its turn.
  bool is_canceled = false;        // It was told to end and has not yet.
  std::uint64_t samples_peak = 0;  // Held at a time.
  std::uint64_t memory_bytes = 0;  // Now.
};

struct FinishedQuery {
  QueryDescription query;
  double seconds = 0;
  std::uint64_t samples_peak = 0;
  std::string error;  // Empty: it was merely slow.
};

// All the runs of one text since the process began, or since it came among the costliest.
struct QueryCost {
  std::string text;
  std::uint64_t count = 0;
  std::uint64_t error_count = 0;
  double seconds_total = 0;
  double seconds_max = 0;
  std::uint64_t samples_peak = 0;
};

// Threads: synchronized.
class QueryActivity {
 public:
  static constexpr std::size_t kTextBytesMax = 4'096;
  static constexpr std::size_t kRecentMax = 100;
  static constexpr std::size_t kCostsMax = 200;

  // Queries that take at least `slow` are remembered. The clock outlives it.
  QueryActivity(util::Clock& clock, std::chrono::milliseconds slow) : clock_(clock), slow_(slow) {}
  QueryActivity(const QueryActivity&) = delete;
  QueryActivity& operator=(const QueryActivity&) = delete;

  [[nodiscard]] std::chrono::milliseconds slow() const noexcept { return slow_; }
  // The oldest first.
  [[nodiscard]] std::vector<RunningQuery> running() const;
  // Slow or failed, the newest first.
  [[nodiscard]] std::vector<FinishedQuery> recent() const;
  // Descending by seconds_total.
  [[nodiscard]] std::vector<QueryCost> costs() const;
  // The query ends soon, with kCanceled. False: no query of that id runs (any more).
  bool cancel(std::uint64_t id);

  // A query from its arrival to its end. Threads: confined.
  class Run {
   public:
    // `description` without id and time. The query ends early when `client` asks it to stop, too.
    Run(QueryActivity& owner, QueryDescription description, const std::stop_token& client);
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    // Neither slow nor failed unless finish() said so.
    ~Run();

    // Stops when the client or cancel() says so.
    [[nodiscard]] std::stop_token stop_token() const noexcept { return stop_.get_token(); }
    void set_evaluating() noexcept { waiting_.store(false); }
    void finish(std::string_view error);

    // Shows what the query holds, for as long as it lives; the budget outlives it.
    class Watch {
     public:
      Watch(Run& run, const Budget& budget);
      Watch(const Watch&) = delete;
      Watch& operator=(const Watch&) = delete;
      ~Watch();

     private:
      Run& run_;
    };

   private:
    friend class QueryActivity;
    struct Forward {
      std::stop_source& to;
      void operator()() const noexcept { to.request_stop(); }
    };

    QueryActivity& owner_;
    QueryDescription description_;
    const util::SteadyNs start_ns_;
    std::stop_source stop_;
    const std::stop_callback<Forward> forward_;
    std::atomic<bool> waiting_{true};
    const Budget* budget_ = nullptr;  // Guarded by the owner's mutex.
    std::uint64_t samples_peak_ = 0;  // Of budgets that are gone; likewise.
  };

 private:
  [[nodiscard]] double seconds_since(util::SteadyNs start_ns) const;
  void add_cost(const Run& run, double seconds, bool failed) NX_REQUIRES(mutex_);

  util::Clock& clock_;
  const std::chrono::milliseconds slow_;
  mutable util::Mutex mutex_;
  std::uint64_t id_last_ NX_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Run*> running_ NX_GUARDED_BY(mutex_);
  std::deque<FinishedQuery> recent_ NX_GUARDED_BY(mutex_);  // The newest in front.
  std::map<std::string, QueryCost, std::less<>> costs_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
