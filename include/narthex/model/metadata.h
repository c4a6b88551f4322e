// What a target says about a metric family.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::model {

// The numbers are those of the log's metadata record (storage-format.md §8).
enum class MetricType : std::uint8_t {
  kUnknown = 0,
  kCounter = 1,
  kGauge = 2,
  kHistogram = 3,
  kGaugeHistogram = 4,
  kSummary = 5,
  kInfo = 6,
  kStateset = 7,
};
// unknown, counter, gauge, histogram, gaugehistogram, summary, info, stateset
[[nodiscard]] std::string_view metric_type_text(MetricType type) noexcept;

// Labels that carry the type and the unit (the feature type-and-unit-labels).
inline constexpr std::string_view kTypeLabel = "__type__";
inline constexpr std::string_view kUnitLabel = "__unit__";

struct Metadata {
  MetricType type = MetricType::kUnknown;
  std::string help;
  std::string unit;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

}  // namespace narthex::model
