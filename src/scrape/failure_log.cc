#include "scrape/failure_log.h"

#include <chrono>

#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include "narthex/util/log.h"

namespace narthex::scrape {
namespace {

// RFC 3339 with milliseconds.
std::string time_text(util::WallNs at) {
  constexpr util::WallNs kNsPerSecond = 1'000'000'000;
  const auto seconds = static_cast<std::time_t>(at / kNsPerSecond);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(seconds),
                     at % kNsPerSecond / 1'000'000);
}

}  // namespace

util::Result<void> FailureLog::open() {
  auto file = util::posix_env().open_writable(path_, util::WriteMode::kAppend);
  if (!file)
    return std::unexpected(std::move(file).error().with_context("scrape_failure_log_file"));
  const util::MutexLock lock(mutex_);
  file_ = *std::move(file);
  reported_ = false;
  return {};
}

void FailureLog::write(const Entry& entry) {
  const boost::json::object line = {{"time", time_text(entry.at)},
                                    {"level", "ERROR"},
                                    {"msg", entry.error},
                                    {"job_name", entry.job_name},
                                    {"target", entry.target}};
  const std::string text = boost::json::serialize(line) + "\n";
  const util::MutexLock lock(mutex_);
  if (!file_) return;
  const auto written = file_->append(text);
  if (written || reported_) return;
  reported_ = true;
  util::log_error("Writing the scrape failure log failed",
                  {{"file", path_}, {"err", written.error()}});
}

util::Result<std::shared_ptr<FailureLog>> FailureLogs::get(const std::string& path) {
  if (path.empty()) return std::shared_ptr<FailureLog>();
  std::shared_ptr<FailureLog>& log = by_path_[path];
  if (!log) {
    auto fresh = std::make_shared<FailureLog>(path);
    NX_TRY(fresh->open());
    log = std::move(fresh);
  }
  return log;
}

util::Result<void> FailureLogs::reopen() {
  std::erase_if(by_path_, [](const auto& item) { return item.second.use_count() <= 1; });
  for (const auto& [path, log] : by_path_) NX_TRY(log->open());
  return {};
}

}  // namespace narthex::scrape
