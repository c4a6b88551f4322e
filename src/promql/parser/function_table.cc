#include <algorithm>

#include "narthex/promql/functions.h"

namespace narthex::promql {
namespace {

using Id = FunctionId;
constexpr std::uint8_t kUnlimited = Arity::kUnlimited;
constexpr bool kExperimental = true;

// v = instant vector, m = range vector, s = scalar, t = string (text).
constexpr ValueType type_of(char letter) noexcept {
  switch (letter) {
    case 'm':
      return ValueType::kMatrix;
    case 's':
      return ValueType::kScalar;
    case 't':
      return ValueType::kString;
    default:
      return ValueType::kVector;
  }
}

constexpr FunctionSignature row(Id id, std::string_view name, std::string_view types, char returns,
                                Arity arity, bool experimental = false) noexcept {
  FunctionSignature signature;
  signature.id = id;
  signature.name = name;
  signature.returns = type_of(returns);
  signature.arity = arity;
  signature.experimental = experimental;
  signature.type_count = static_cast<std::uint8_t>(types.size());
  for (std::size_t i = 0; i < types.size(); ++i) signature.types[i] = type_of(types[i]);
  return signature;
}

constexpr std::array<FunctionSignature, kFunctionCount> kFunctions = {
    row(Id::kAbs, "abs", "v", 'v', {1, 1}),
    row(Id::kAbsent, "absent", "v", 'v', {1, 1}),
    row(Id::kAbsentOverTime, "absent_over_time", "m", 'v', {1, 1}),
    row(Id::kAcos, "acos", "v", 'v', {1, 1}),
    row(Id::kAcosh, "acosh", "v", 'v', {1, 1}),
    row(Id::kAsin, "asin", "v", 'v', {1, 1}),
    row(Id::kAsinh, "asinh", "v", 'v', {1, 1}),
    row(Id::kAtan, "atan", "v", 'v', {1, 1}),
    row(Id::kAtanh, "atanh", "v", 'v', {1, 1}),
    row(Id::kAvgOverTime, "avg_over_time", "m", 'v', {1, 1}),
    row(Id::kCeil, "ceil", "v", 'v', {1, 1}),
    row(Id::kChanges, "changes", "m", 'v', {1, 1}),
    row(Id::kClamp, "clamp", "vss", 'v', {3, 3}),
    row(Id::kClampMax, "clamp_max", "vs", 'v', {2, 2}),
    row(Id::kClampMin, "clamp_min", "vs", 'v', {2, 2}),
    row(Id::kCos, "cos", "v", 'v', {1, 1}),
    row(Id::kCosh, "cosh", "v", 'v', {1, 1}),
    row(Id::kCountOverTime, "count_over_time", "m", 'v', {1, 1}),
    row(Id::kDayOfMonth, "day_of_month", "v", 'v', {0, 1}),
    row(Id::kDayOfWeek, "day_of_week", "v", 'v', {0, 1}),
    row(Id::kDayOfYear, "day_of_year", "v", 'v', {0, 1}),
    row(Id::kDaysInMonth, "days_in_month", "v", 'v', {0, 1}),
    row(Id::kDeg, "deg", "v", 'v', {1, 1}),
    row(Id::kDelta, "delta", "m", 'v', {1, 1}),
    row(Id::kDeriv, "deriv", "m", 'v', {1, 1}),
    row(Id::kDoubleExponentialSmoothing, "double_exponential_smoothing", "mss", 'v', {3, 3},
        kExperimental),
    row(Id::kEnd, "end", "", 's', {0, 0}, kExperimental),
    row(Id::kExp, "exp", "v", 'v', {1, 1}),
    row(Id::kFirstOverTime, "first_over_time", "m", 'v', {1, 1}),
    row(Id::kFloor, "floor", "v", 'v', {1, 1}),
    row(Id::kHistogramAvg, "histogram_avg", "v", 'v', {1, 1}),
    row(Id::kHistogramCount, "histogram_count", "v", 'v', {1, 1}),
    row(Id::kHistogramFraction, "histogram_fraction", "ssv", 'v', {3, 3}),
    row(Id::kHistogramQuantile, "histogram_quantile", "sv", 'v', {2, 2}),
    row(Id::kHistogramQuantiles, "histogram_quantiles", "vts", 'v', {3, 12}, kExperimental),
    row(Id::kHistogramStddev, "histogram_stddev", "v", 'v', {1, 1}),
    row(Id::kHistogramStdvar, "histogram_stdvar", "v", 'v', {1, 1}),
    row(Id::kHistogramSum, "histogram_sum", "v", 'v', {1, 1}),
    row(Id::kHour, "hour", "v", 'v', {0, 1}),
    row(Id::kIdelta, "idelta", "m", 'v', {1, 1}),
    row(Id::kIncrease, "increase", "m", 'v', {1, 1}),
    row(Id::kInfo, "info", "vv", 'v', {1, 2}, kExperimental),
    row(Id::kIrate, "irate", "m", 'v', {1, 1}),
    row(Id::kLabelJoin, "label_join", "vttt", 'v', {3, kUnlimited}),
    row(Id::kLabelReplace, "label_replace", "vtttt", 'v', {5, 5}),
    row(Id::kLastOverTime, "last_over_time", "m", 'v', {1, 1}),
    row(Id::kLn, "ln", "v", 'v', {1, 1}),
    row(Id::kLog10, "log10", "v", 'v', {1, 1}),
    row(Id::kLog2, "log2", "v", 'v', {1, 1}),
    row(Id::kMadOverTime, "mad_over_time", "m", 'v', {1, 1}, kExperimental),
    row(Id::kMaxOf, "max_of", "ss", 's', {2, 2}, kExperimental),
    row(Id::kMaxOverTime, "max_over_time", "m", 'v', {1, 1}),
    row(Id::kMinOf, "min_of", "ss", 's', {2, 2}, kExperimental),
    row(Id::kMinOverTime, "min_over_time", "m", 'v', {1, 1}),
    row(Id::kMinute, "minute", "v", 'v', {0, 1}),
    row(Id::kMonth, "month", "v", 'v', {0, 1}),
    row(Id::kPi, "pi", "", 's', {0, 0}),
    row(Id::kPredictLinear, "predict_linear", "ms", 'v', {2, 2}),
    row(Id::kPresentOverTime, "present_over_time", "m", 'v', {1, 1}),
    row(Id::kQuantileOverTime, "quantile_over_time", "sm", 'v', {2, 2}),
    row(Id::kRad, "rad", "v", 'v', {1, 1}),
    row(Id::kRange, "range", "", 's', {0, 0}, kExperimental),
    row(Id::kRate, "rate", "m", 'v', {1, 1}),
    row(Id::kResets, "resets", "m", 'v', {1, 1}),
    row(Id::kRound, "round", "vs", 'v', {1, 2}),
    row(Id::kScalar, "scalar", "v", 's', {1, 1}),
    row(Id::kSgn, "sgn", "v", 'v', {1, 1}),
    row(Id::kSin, "sin", "v", 'v', {1, 1}),
    row(Id::kSinh, "sinh", "v", 'v', {1, 1}),
    row(Id::kSort, "sort", "v", 'v', {1, 1}),
    row(Id::kSortByLabel, "sort_by_label", "vt", 'v', {1, kUnlimited}, kExperimental),
    row(Id::kSortByLabelDesc, "sort_by_label_desc", "vt", 'v', {1, kUnlimited}, kExperimental),
    row(Id::kSortDesc, "sort_desc", "v", 'v', {1, 1}),
    row(Id::kSqrt, "sqrt", "v", 'v', {1, 1}),
    row(Id::kStart, "start", "", 's', {0, 0}, kExperimental),
    row(Id::kStartTimestamp, "start_timestamp", "v", 'v', {1, 1}, kExperimental),
    row(Id::kStddevOverTime, "stddev_over_time", "m", 'v', {1, 1}),
    row(Id::kStdvarOverTime, "stdvar_over_time", "m", 'v', {1, 1}),
    row(Id::kStep, "step", "", 's', {0, 0}, kExperimental),
    row(Id::kSumOverTime, "sum_over_time", "m", 'v', {1, 1}),
    row(Id::kTan, "tan", "v", 'v', {1, 1}),
    row(Id::kTanh, "tanh", "v", 'v', {1, 1}),
    row(Id::kTime, "time", "", 's', {0, 0}),
    row(Id::kTimestamp, "timestamp", "v", 'v', {1, 1}),
    row(Id::kTsOfFirstOverTime, "ts_of_first_over_time", "m", 'v', {1, 1}, kExperimental),
    row(Id::kTsOfLastOverTime, "ts_of_last_over_time", "m", 'v', {1, 1}, kExperimental),
    row(Id::kTsOfMaxOverTime, "ts_of_max_over_time", "m", 'v', {1, 1}, kExperimental),
    row(Id::kTsOfMinOverTime, "ts_of_min_over_time", "m", 'v', {1, 1}, kExperimental),
    row(Id::kVector, "vector", "s", 'v', {1, 1}),
    row(Id::kYear, "year", "v", 'v', {0, 1}),
};

constexpr bool in_order_of_ids_and_names() noexcept {
  for (std::size_t i = 0; i < kFunctions.size(); ++i) {
    if (static_cast<std::size_t>(kFunctions[i].id) != i) return false;
    if (i > 0 && kFunctions[i - 1].name >= kFunctions[i].name) return false;
  }
  return true;
}
static_assert(in_order_of_ids_and_names());

}  // namespace

const FunctionSignature& function_signature(FunctionId id) noexcept {
  return kFunctions[static_cast<std::size_t>(id)];
}

const FunctionSignature* find_function(std::string_view name) noexcept {
  const auto* const found =
      std::ranges::lower_bound(kFunctions, name, {}, &FunctionSignature::name);
  return found != kFunctions.end() && found->name == name ? &*found : nullptr;
}

std::span<const FunctionSignature> all_functions() noexcept {
  return kFunctions;
}

}  // namespace narthex::promql
