#include "promql/engine/annotations.h"

#include <algorithm>
#include <chrono>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/promql/parser.h"
#include "narthex/util/number.h"

namespace narthex::promql {
namespace {

std::string general(double value) {
  std::string out;
  util::append_general(out, value);
  return out;
}

// 2006-01-02T15:04:05Z, with as many of the milliseconds as are not zero.
std::string rfc3339(model::TimestampMs t) {
  constexpr std::int64_t kMsPerSecond = 1000;
  std::int64_t ms = t % kMsPerSecond;
  if (ms < 0) ms += kMsPerSecond;
  std::string out = fmt::format("{:%Y-%m-%dT%H:%M:%S}",
                                fmt::gmtime(static_cast<std::time_t>((t - ms) / kMsPerSecond)));
  if (ms != 0) {
    std::string fraction = fmt::format(".{:03}", ms);
    fraction.erase(fraction.find_last_not_of('0') + 1);
    out += fraction;
  }
  out += 'Z';
  return out;
}

}  // namespace

std::string AnnotationSink::located(std::string_view kind, Position where,
                                    std::string_view text) const {
  return fmt::format("PromQL {}: {} ({})", kind, text, line_and_column(query_text_, where.start));
}

void AnnotationSink::warn(Position where, std::string_view text) {
  std::string full = located("warning", where, text);
  const util::MutexLock lock(mutex_);
  warnings_.insert(std::move(full));
}

void AnnotationSink::inform(Position where, std::string_view text) {
  std::string full = located("info", where, text);
  const util::MutexLock lock(mutex_);
  infos_.insert(std::move(full));
}

void AnnotationSink::warn_quantile(Position where, double quantile) {
  warn(where, "quantile value should be between 0 and 1, got " + general(quantile));
}

void AnnotationSink::inform_fixed(Position where, std::string_view metric_name,
                                  const MonotonicityFix& fix) {
  const util::MutexLock lock(mutex_);
  const auto [it, created] = fixes_.try_emplace({where.start, std::string(metric_name)});
  Fixes& fixes = it->second;
  fixes.count += 1;
  if (created) {
    fixes.widest = fix;
    fixes.last_timestamp = fix.timestamp;
    return;
  }
  MonotonicityFix& widest = fixes.widest;
  widest.bucket_min = std::min(widest.bucket_min, fix.bucket_min);
  widest.bucket_max = std::max(widest.bucket_max, fix.bucket_max);
  widest.difference_max = std::max(widest.difference_max, fix.difference_max);
  widest.timestamp = std::min(widest.timestamp, fix.timestamp);
  fixes.last_timestamp = std::max(fixes.last_timestamp, fix.timestamp);
}

void AnnotationSink::warn_start_overlap(Position where, std::string_view metric_name,
                                        std::uint64_t count) {
  const util::MutexLock lock(mutex_);
  start_overlaps_[{where.start, std::string(metric_name)}] += count;
}

Annotations AnnotationSink::take() {
  const util::MutexLock lock(mutex_);
  for (const auto& [key, count] : start_overlaps_) {
    const std::string times = count > 1 ? fmt::format(" ({} occurrences)", count) : "";
    warnings_.insert(located("warning", {.start = key.first, .end = key.first},
                             fmt::format("sample has start time that overlaps with previous sample "
                                         "timestamp for metric {}{}",
                                         model::quoted(key.second), times)));
  }
  start_overlaps_.clear();
  for (const auto& [key, fixes] : fixes_) {
    const std::string metric =
        key.second.empty() ? "" : fmt::format(" for metric name {}", model::quoted(key.second));
    const std::string text = fmt::format(
        "input to histogram_quantile needed to be fixed for monotonicity (see "
        "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile){}, "
        "from buckets {} to {}, "
        "with a max diff of {:.2g}, over {} samples from {} to {}",
        metric, general(fixes.widest.bucket_min), general(fixes.widest.bucket_max),
        fixes.widest.difference_max, fixes.count, rfc3339(fixes.widest.timestamp),
        rfc3339(fixes.last_timestamp));
    infos_.insert(located("info", {.start = key.first, .end = key.first}, text));
  }
  fixes_.clear();
  Annotations out;
  out.warnings.assign(warnings_.begin(), warnings_.end());
  out.infos.assign(infos_.begin(), infos_.end());
  return out;
}

}  // namespace narthex::promql
