// The signatures of PromQL's functions: what the parser checks calls against, and how the engine
// tells functions apart. What they compute is the engine's matter.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "narthex/promql/value_type.h"

namespace narthex::promql {

// In the order of the names; function_signature() indexes by it.
enum class FunctionId : std::uint8_t {
  kAbs,
  kAbsent,
  kAbsentOverTime,
  kAcos,
  kAcosh,
  kAsin,
  kAsinh,
  kAtan,
  kAtanh,
  kAvgOverTime,
  kCeil,
  kChanges,
  kClamp,
  kClampMax,
  kClampMin,
  kCos,
  kCosh,
  kCountOverTime,
  kDayOfMonth,
  kDayOfWeek,
  kDayOfYear,
  kDaysInMonth,
  kDeg,
  kDelta,
  kDeriv,
  kDoubleExponentialSmoothing,
  kEnd,
  kExp,
  kFirstOverTime,
  kFloor,
  kHistogramAvg,
  kHistogramCount,
  kHistogramFraction,
  kHistogramQuantile,
  kHistogramQuantiles,
  kHistogramStddev,
  kHistogramStdvar,
  kHistogramSum,
  kHour,
  kIdelta,
  kIncrease,
  kInfo,
  kIrate,
  kLabelJoin,
  kLabelReplace,
  kLastOverTime,
  kLn,
  kLog10,
  kLog2,
  kMadOverTime,
  kMaxOf,
  kMaxOverTime,
  kMinOf,
  kMinOverTime,
  kMinute,
  kMonth,
  kPi,
  kPredictLinear,
  kPresentOverTime,
  kQuantileOverTime,
  kRad,
  kRange,
  kRate,
  kResets,
  kRound,
  kScalar,
  kSgn,
  kSin,
  kSinh,
  kSort,
  kSortByLabel,
  kSortByLabelDesc,
  kSortDesc,
  kSqrt,
  kStart,
  kStartTimestamp,
  kStddevOverTime,
  kStdvarOverTime,
  kStep,
  kSumOverTime,
  kTan,
  kTanh,
  kTime,
  kTimestamp,
  kTsOfFirstOverTime,
  kTsOfLastOverTime,
  kTsOfMaxOverTime,
  kTsOfMinOverTime,
  kVector,
  kYear,
};
inline constexpr std::size_t kFunctionCount = static_cast<std::size_t>(FunctionId::kYear) + 1;

// How many arguments a call may have.
struct Arity {
  static constexpr std::uint8_t kUnlimited = 255;
  std::uint8_t min = 0;
  std::uint8_t max = 0;
};

struct FunctionSignature {
  static constexpr std::size_t kArgumentTypesMax = 5;

  FunctionId id{};
  std::string_view name;
  ValueType returns = ValueType::kVector;
  Arity arity;
  bool experimental = false;  // Callable only with promql-experimental-functions.
  std::uint8_t type_count = 0;
  std::array<ValueType, kArgumentTypesMax> types{};

  // The types in order; arguments past the end have the last one's type.
  [[nodiscard]] constexpr std::span<const ValueType> argument_types() const noexcept {
    return {types.data(), type_count};
  }
  // Precondition: the function takes arguments.
  [[nodiscard]] constexpr ValueType argument_type(std::size_t index) const noexcept {
    return types[index < type_count ? index : type_count - 1U];
  }
};

[[nodiscard]] const FunctionSignature& function_signature(FunctionId id) noexcept;
// Null for an unknown name; names are case-sensitive. The result lives for ever.
[[nodiscard]] const FunctionSignature* find_function(std::string_view name) noexcept;
// All of them, sorted by name.
[[nodiscard]] std::span<const FunctionSignature> all_functions() noexcept;

}  // namespace narthex::promql
