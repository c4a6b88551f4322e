// Warnings and infos that pile up while a query runs (promql.md §7).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "narthex/model/timestamp.h"
#include "narthex/promql/ast.h"
#include "narthex/promql/query_result.h"
#include "narthex/util/mutex.h"

namespace narthex::promql {

// One classic histogram whose bucket counts had to be made to ascend.
struct MonotonicityFix {
  double bucket_min = 0;  // The range of upper bounds that were changed.
  double bucket_max = 0;
  double difference_max = 0;
  model::TimestampMs timestamp = 0;
};

// Threads: synchronized.
class AnnotationSink {
 public:
  explicit AnnotationSink(std::string_view query_text) : query_text_(query_text) {}

  void warn(Position where, std::string_view text);
  void inform(Position where, std::string_view text);
  void warn_quantile(Position where, double quantile);
  // `count` more windows in which samples of a metric claim overlapping lives.
  void warn_start_overlap(Position where, std::string_view metric_name, std::uint64_t count);
  // Many of these make one info: ranges are widened, samples counted.
  void inform_fixed(Position where, std::string_view metric_name, const MonotonicityFix& fix);

  [[nodiscard]] Annotations take();

 private:
  struct Fixes {
    MonotonicityFix widest;
    model::TimestampMs last_timestamp = 0;
    std::uint64_t count = 0;
  };
  [[nodiscard]] std::string located(std::string_view kind, Position where,
                                    std::string_view text) const;

  using ByMetric = std::pair<std::uint32_t, std::string>;  // Start byte and metric.

  const std::string_view query_text_;
  util::Mutex mutex_;
  std::set<std::string> warnings_ NX_GUARDED_BY(mutex_);
  std::set<std::string> infos_ NX_GUARDED_BY(mutex_);
  std::map<ByMetric, Fixes> fixes_ NX_GUARDED_BY(mutex_);
  std::map<ByMetric, std::uint64_t> start_overlaps_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::promql
