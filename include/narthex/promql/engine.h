// The PromQL engine: text in, columns out. docs/ARCHITECTURE.md, "Life of a query", tells how.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string_view>

#include "narthex/model/timestamp.h"
#include "narthex/promql/active_queries.h"
#include "narthex/promql/query_activity.h"
#include "narthex/promql/query_log.h"
#include "narthex/promql/query_result.h"
#include "narthex/storage/queryable.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"
#include "narthex/util/worker_pool.h"

namespace narthex::promql {

struct EngineOptions {
  std::size_t concurrent_queries_max =
      20;  // More wait for their turn, within their timeout. At least 1.
  std::chrono::milliseconds timeout{120'000};  // Counts from the call, the wait included.
  std::uint64_t samples_max = 50'000'000;      // One query may hold this many at a time.
  std::uint64_t memory_bytes_max = std::uint64_t{2} << 30U;  // One query's columns and samples.
  // Those of all queries that run at a time: the one that finds no room fails.
  std::uint64_t memory_bytes_total_max = std::uint64_t{8} << 30U;
  std::chrono::milliseconds lookback{300'000};
  std::chrono::milliseconds subquery_step_default{
      60'000};  // For [range:]: the global evaluation interval.

  std::chrono::milliseconds slow{1'000};  // Queries that take as long are remembered as slow ones.

  // Feature flags (flags.md).
  bool experimental_functions = false;
  bool extended_range_selectors = false;
  bool binop_fill_modifiers = false;
  bool delayed_name_removal = false;
  bool type_and_unit_labels = false;
  bool use_start_timestamps = false;
  bool per_step_stats = false;  // Allows QueryOptions::per_step_stats.
};

// Of one query.
struct QueryOptions {
  std::chrono::milliseconds lookback{0};                            // <= 0: the engine's.
  std::optional<std::chrono::milliseconds> timeout = std::nullopt;  // Only shortens the engine's.
  std::stop_token stop{};                            // The client went away, the server stops.
  bool per_step_stats = false;                       // Needs EngineOptions::per_step_stats.
  std::optional<QueryOrigin> origin = std::nullopt;  // For the query log and the activity.
};

struct QueryRange {
  model::TimestampMs start = 0;
  model::TimestampMs end = 0;             // Inclusive; >= start.
  std::chrono::milliseconds step{1'000};  // > 0.
};

// Errors, by code, and the API's error type:
// - kInvalidArgument (bad_data): the query does not parse or type-check: the parser's message, with
//   its position.
// - kExecution (execution): the evaluation failed, for example on ambiguous matching.
// - kLimitExceeded (execution): too many samples or too much memory.
// - kTimeout (timeout), kCanceled (canceled): `query timed out in …`, `query was canceled in …`.
// - kInternal (internal): storage failed: its message. kUnavailable passes through.
// Threads: synchronized.
class Engine {
 public:
  // Big queries run partly on `workers`, the rest of each on the caller's thread. All references
  // outlive the engine.
  Engine(EngineOptions options, util::WorkerPool& workers, util::Clock& clock,
         telemetry::Registry& registry);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  util::Result<QueryResult> instant(storage::Queryable& storage, std::string_view query,
                                    model::TimestampMs time, const QueryOptions& options);
  // Always a matrix. kInvalidArgument too for an expression that is neither scalar nor instant
  // vector.
  util::Result<QueryResult> range(storage::Queryable& storage, std::string_view query,
                                  const QueryRange& range, const QueryOptions& options);

  // Queries that run, and those that stood out.
  [[nodiscard]] QueryActivity& activity() const noexcept;
  // As made; see set_subquery_step().
  [[nodiscard]] const EngineOptions& options() const noexcept;
  // The configuration was reloaded: queries from now on take this for [range:]. > 0.
  void set_subquery_step(std::chrono::milliseconds step) noexcept;
  // Queries that end from now on are logged there; null: nowhere.
  void set_query_log(std::shared_ptr<QueryLog> log);
  // Queries are noted there while they run. Outlives the engine. Call before the first query.
  void set_active_queries(ActiveQueries& active) noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::promql
