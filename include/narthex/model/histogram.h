// Native histograms: plain data, one layout for the integer and the floating point form.
// Exponential schemas -4…8: bucket i covers (2^((i-1)·2^-s), 2^(i·2^-s)]; schema -53: explicit
// upper bounds in custom_values. Format of buckets: spans name runs of consecutive bucket indexes;
// the first span's offset is absolute, later ones count from the end of the span before. Threads:
// values.
#pragma once

#include <cstdint>
#include <vector>

namespace narthex::model {

enum class CounterResetHint : std::uint8_t { kUnknown = 0, kReset = 1, kNotReset = 2, kGauge = 3 };

inline constexpr std::int32_t kCustomBucketsSchema = -53;
inline constexpr std::int32_t kExponentialSchemaMin = -4;
inline constexpr std::int32_t kExponentialSchemaMax = 8;

struct Span {
  std::int32_t offset = 0;
  std::uint32_t length = 0;
  friend bool operator==(const Span&, const Span&) = default;
};

// Counts are absolute numbers.
struct FloatHistogram {
  CounterResetHint counter_reset_hint = CounterResetHint::kUnknown;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  double zero_count = 0;
  double count = 0;
  double sum = 0;  // The stale marker's bits here make the whole sample stale.
  std::vector<Span> positive_spans;
  std::vector<Span> negative_spans;
  std::vector<double> positive_buckets;
  std::vector<double> negative_buckets;
  std::vector<double>
      custom_values;  // Upper bounds, strictly ascending, schema -53 only; +Inf is implied.
};

// Bucket counts are differences: the first absolute, each further one relative to the bucket
// before.
struct IntHistogram {
  CounterResetHint counter_reset_hint = CounterResetHint::kUnknown;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::uint64_t zero_count = 0;
  std::uint64_t count = 0;
  double sum = 0;
  std::vector<Span> positive_spans;
  std::vector<Span> negative_spans;
  std::vector<std::int64_t> positive_deltas;
  std::vector<std::int64_t> negative_deltas;
  std::vector<double> custom_values;
};

}  // namespace narthex::model
