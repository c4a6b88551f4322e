#include "narthex/promql/query_log.h"

#include <iterator>

#include <fmt/format.h>

#include "narthex/util/json_text.h"
#include "narthex/util/time_text.h"

namespace narthex::promql {
namespace {

void append_time(std::string& out, std::string_view key, std::int64_t wall_ms) {
  fmt::format_to(std::back_inserter(out), "\"{}\":\"", key);
  util::append_utc_ms(out, wall_ms);
  out.push_back('"');
}

void append_text(std::string& out, std::string_view key, std::string_view text) {
  fmt::format_to(std::back_inserter(out), "\"{}\":", key);
  util::append_json_text(out, text);
}

void append_params(std::string& out, const QueryLogEntry& entry) {
  constexpr std::int64_t kMsPerSecond = 1'000;
  out += R"(,"params":{)";
  append_time(out, "end", entry.end);
  out.push_back(',');
  append_text(out, "query", entry.query);
  out.push_back(',');
  append_time(out, "start", entry.grid.start);
  fmt::format_to(std::back_inserter(out), ",\"step\":{}}}",
                 entry.is_range ? entry.grid.step_ms / kMsPerSecond : 0);
}

void append_stats(std::string& out, const QueryLogEntry& entry) {
  const QueryTimings& t = entry.timings;
  fmt::format_to(
      std::back_inserter(out),
      R"(,"stats":{{"timings":{{"evalTotalTime":{},"execQueueTime":{},"execTotalTime":{},"innerEvalTime":{},)"
      R"("queryPreparationTime":{},"resultSortTime":{}}},)"
      R"("samples":{{"peakSamples":{},"samplesRead":{},"totalQueryableSamples":{}}}}})",
      t.preparation + t.evaluation + t.sort, t.queue, t.total, t.evaluation, t.preparation, t.sort,
      entry.samples.peak, entry.samples.read, entry.samples.queryable);
}

void append_origin(std::string& out, const QueryOrigin& origin) {
  out += R"(,"httpRequest":{)";
  append_text(out, "clientIP", origin.client_ip);
  out.push_back(',');
  append_text(out, "method", origin.method);
  out.push_back(',');
  append_text(out, "path", origin.path);
  out.push_back('}');
}

}  // namespace

util::Result<std::shared_ptr<QueryLog>> QueryLog::open(util::Env& env, const std::string& path) {
  auto file = env.open_writable(path, util::WriteMode::kAppend);
  if (!file) {
    return util::fail(file.error().code(),
                      fmt::format("the query log: {}", file.error().message()));
  }
  return std::shared_ptr<QueryLog>(new QueryLog(*std::move(file)));
}

util::Result<void> QueryLog::write(const QueryLogEntry& entry) {
  constexpr std::int64_t kNsPerMs = 1'000'000;
  std::string line = "{";
  append_time(line, "time", entry.now / kNsPerMs);
  line += R"(,"level":"INFO","msg":"promql query logged")";
  append_params(line, entry);
  append_stats(line, entry);
  if (!entry.error.empty()) {
    line.push_back(',');
    append_text(line, "error", entry.error);
  }
  if (entry.origin != nullptr) append_origin(line, *entry.origin);
  line += "}\n";
  const util::MutexLock lock(mutex_);
  return file_->append(line);
}

}  // namespace narthex::promql
