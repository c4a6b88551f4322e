// One Metric message, decoded into plain fields. Reused from metric to metric, so that a warm one
// allocates nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/exposition/exemplar.h"
#include "narthex/model/histogram.h"
#include "narthex/util/result.h"

namespace narthex::exposition {

// Threads: confined. Views live as long as the message.
struct ProtobufMetric {
  struct Quantile {
    double quantile = 0;
    double value = 0;
  };
  struct Bucket {
    double upper_bound = 0;
    double cumulative_count = 0;
    std::string_view exemplar;  // Data null: none.
  };

  std::vector<std::pair<std::string_view, std::string_view>> labels;  // As they came.
  std::int64_t timestamp_ms = 0;                                      // 0: none.
  std::optional<std::int64_t> start_timestamp_ms;
  double value = 0;           // Of a counter, gauge or untyped metric.
  std::string_view exemplar;  // Of a counter. Data null: none.

  std::uint64_t count = 0;  // Of a summary or histogram.
  double count_float = 0;
  double sum = 0;
  std::vector<Quantile> quantiles;
  std::vector<Bucket> buckets;

  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::uint64_t zero_count = 0;
  double zero_count_float = 0;
  std::vector<model::Span> positive_spans;
  std::vector<model::Span> negative_spans;
  std::vector<std::int64_t> positive_deltas;
  std::vector<std::int64_t> negative_deltas;
  std::vector<double> positive_counts;
  std::vector<double> negative_counts;
  std::vector<std::string_view> exemplars;  // Of a native histogram.

  // Throws protozero::exception when the bytes are no message.
  void decode(std::string_view message);

  [[nodiscard]] double classic_count() const noexcept {
    return count_float > 0 ? count_float : static_cast<double>(count);
  }
  [[nodiscard]] bool is_native_histogram() const noexcept {
    return !positive_spans.empty() || !negative_spans.empty() || zero_threshold > 0 ||
           zero_count > 0 || zero_count_float > 0;
  }
  [[nodiscard]] bool is_float_histogram() const noexcept {
    return count_float > 0 || zero_count_float > 0;
  }

 private:
  void clear() noexcept;
  void decode_histogram(std::string_view message);
  void decode_summary(std::string_view message);
  void decode_counter(std::string_view message);
};

// One Exemplar message. Throws protozero::exception when the bytes are none; kInvalidArgument for
// labels that are not valid UTF-8 or too long.
util::Result<ExposedExemplar> decode_exemplar(std::string_view message);
// Whether it says when it was taken. Throws as above.
[[nodiscard]] bool exemplar_has_timestamp(std::string_view message);

}  // namespace narthex::exposition
