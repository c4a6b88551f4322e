// A file with one JSON object a line for every query that ran (`query_log_file`), with the keys of
// Prometheus's query log.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "narthex/promql/query_result.h"
#include "narthex/util/clock.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::promql {

// The request that a query came with. The views live as long as the call.
struct QueryOrigin {
  std::string_view client_ip;
  std::string_view method;
  std::string_view path;
};

struct QueryLogEntry {
  std::string_view query;
  StepGrid grid;
  model::TimestampMs end = 0;
  bool is_range = false;  // An instant query logs a step of 0.
  util::WallNs now = 0;
  QueryTimings timings;
  QuerySamples samples;
  std::string_view error;  // Empty: it succeeded.
  const QueryOrigin* origin = nullptr;
};

// Threads: synchronized; a line is written whole.
class QueryLog {
 public:
  // Continues `path` at its end.
  static util::Result<std::shared_ptr<QueryLog>> open(util::Env& env, const std::string& path);
  util::Result<void> write(const QueryLogEntry& entry);

 private:
  explicit QueryLog(std::unique_ptr<util::WritableFile> file) : file_(std::move(file)) {}
  util::Mutex mutex_;
  std::unique_ptr<util::WritableFile> file_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
