// Native histograms on their way from an exposition into storage: checked, compact, and no finer
// than a job allows. Classic histograms become native ones with explicit bounds here, too.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

// What becomes of histograms: the keys of the same names.
struct HistogramOptions {
  bool scrape_native_histograms = false;
  bool always_scrape_classic_histograms = false;
  bool convert_classic_histograms_to_nhcb = false;
  friend bool operator==(const HistogramOptions&, const HistogramOptions&) = default;
};

// Exactly one is set.
struct ExposedHistogram {
  std::shared_ptr<const model::IntHistogram> integer;
  std::shared_ptr<const model::FloatHistogram> floating;
};

// How fine a histogram may be.
struct ResolutionLimits {
  std::size_t buckets_max = 0;  // native_histogram_bucket_limit; 0: no limit.
  std::int32_t schema_max = model::kExponentialSchemaMax;
};

// The largest schema whose buckets grow by at least `factor` (native_histogram_min_bucket_factor)
// from one to the next; the finest there is for a factor of 1 and less.
[[nodiscard]] std::int32_t schema_for_factor(double factor) noexcept;

// Joins the spans that a target sent, drops empty buckets, and brings schemas beyond 8 to 8.
// kInvalidArgument: spans and buckets that contradict each other, a schema that nobody knows. At
// most `histogram`'s own number of buckets is allocated.
util::Result<void> normalize(model::IntHistogram& histogram);
util::Result<void> normalize(model::FloatHistogram& histogram);

// kInvalidArgument: a count is negative, or the buckets hold more observations than the histogram
// says it has, or, where all counts are integers and the sum is a number, fewer.
util::Result<void> check_counts(const ExposedHistogram& histogram);

// Halves the resolution until the limits hold. kLimitExceeded: "histogram bucket limit exceeded".
util::Result<void> limit_resolution(model::IntHistogram& histogram, const ResolutionLimits& limits);
util::Result<void> limit_resolution(model::FloatHistogram& histogram,
                                    const ResolutionLimits& limits);

// Collects the series of one classic histogram. Threads: confined.
class ClassicHistogram {
 public:
  void clear() noexcept;
  void add_bucket(double upper_bound, double cumulative_count);
  void set_count(double count) noexcept { count_ = count; }
  void set_sum(double sum) noexcept { sum_ = sum; }
  // The histogram with the bounds as custom values (schema -53): integer when all counts are.
  // nullopt when the series make none: a bound that is no number, counts that fall or are negative,
  // a count that is not that of the +Inf bucket.
  [[nodiscard]] std::optional<ExposedHistogram> convert();
  [[nodiscard]] bool empty() const noexcept { return buckets_.empty() && !count_; }

 private:
  struct Bucket {
    double upper_bound = 0;
    double cumulative_count = 0;
  };
  [[nodiscard]] bool is_sound() const noexcept;

  std::vector<Bucket> buckets_;
  std::optional<double> count_;
  double sum_ = 0;
};

}  // namespace narthex::exposition
