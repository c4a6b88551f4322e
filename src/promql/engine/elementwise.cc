#include "promql/engine/elementwise.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "promql/engine/binary.h"
#include "promql/functions/dates.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/histogram_trim.h"

namespace narthex::promql {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Arguments = std::vector<ScalarColumn>;
using ColumnFunction = void (*)(ColumnRef, const Arguments&);

template <double (*kFunction)(double)>
void each(ColumnRef column, const Arguments&) {
  map_floats(column, [](double x, std::size_t) { return kFunction(x); });
}

template <class Part>
double date_part(double value, Part part) {
  // Outside of 64 bits there is no such date; Go's conversion gives the smallest integer there.
  constexpr double kLimit = 9223372036854775808.0;
  const auto seconds = value >= -kLimit && value < kLimit
                           ? static_cast<std::int64_t>(value)
                           : std::numeric_limits<std::int64_t>::min();
  return static_cast<double>(part(civil_time(seconds)));
}
template <auto kMember>
double civil(double value) {
  return date_part(value, [](const CivilTime& time) { return time.*kMember; });
}

double sign(double x) {
  return x < 0 ? -1 : (x > 0 ? 1 : x);
}
double degrees(double x) {
  return x * 180 / M_PI;
}
double radians(double x) {
  return x * M_PI / 180;
}

void clamp(ColumnRef column, const Arguments& arguments) {
  const ScalarColumn& low = arguments[0];
  const ScalarColumn& high = arguments[1];
  filter_floats(column, [&](double, std::size_t step) { return !(high[step] < low[step]); });
  map_floats(column, [&](double x, std::size_t step) {
    return max_with_nan(low[step], min_with_nan(high[step], x));
  });
}

void clamp_max(ColumnRef column, const Arguments& arguments) {
  map_floats(column,
             [&](double x, std::size_t step) { return min_with_nan(arguments[0][step], x); });
}

void clamp_min(ColumnRef column, const Arguments& arguments) {
  map_floats(column,
             [&](double x, std::size_t step) { return max_with_nan(arguments[0][step], x); });
}

void round_to(ColumnRef column, const Arguments& arguments) {
  map_floats(column, [&](double x, std::size_t step) {
    const double inverse = arguments.empty() ? 1 : 1 / arguments[0][step];
    return std::floor(x * inverse + 0.5) / inverse;
  });
}

struct ElementFunction {
  FunctionId id;
  ColumnFunction apply;
};
constexpr std::array kElementFunctions = {
    ElementFunction{FunctionId::kAbs, each<std::fabs>},
    ElementFunction{FunctionId::kAcos, each<std::acos>},
    ElementFunction{FunctionId::kAcosh, each<std::acosh>},
    ElementFunction{FunctionId::kAsin, each<std::asin>},
    ElementFunction{FunctionId::kAsinh, each<std::asinh>},
    ElementFunction{FunctionId::kAtan, each<std::atan>},
    ElementFunction{FunctionId::kAtanh, each<std::atanh>},
    ElementFunction{FunctionId::kCeil, each<std::ceil>},
    ElementFunction{FunctionId::kClamp, clamp},
    ElementFunction{FunctionId::kClampMax, clamp_max},
    ElementFunction{FunctionId::kClampMin, clamp_min},
    ElementFunction{FunctionId::kCos, each<std::cos>},
    ElementFunction{FunctionId::kCosh, each<std::cosh>},
    ElementFunction{FunctionId::kDayOfMonth, each<civil<&CivilTime::day>>},
    ElementFunction{FunctionId::kDayOfWeek, each<civil<&CivilTime::weekday>>},
    ElementFunction{FunctionId::kDayOfYear, each<civil<&CivilTime::day_of_year>>},
    ElementFunction{FunctionId::kDaysInMonth, each<civil<&CivilTime::days_in_month>>},
    ElementFunction{FunctionId::kDeg, each<degrees>},
    ElementFunction{FunctionId::kExp, each<std::exp>},
    ElementFunction{FunctionId::kFloor, each<std::floor>},
    ElementFunction{FunctionId::kHour, each<civil<&CivilTime::hour>>},
    ElementFunction{FunctionId::kLn, each<std::log>},
    ElementFunction{FunctionId::kLog10, each<std::log10>},
    ElementFunction{FunctionId::kLog2, each<std::log2>},
    ElementFunction{FunctionId::kMinute, each<civil<&CivilTime::minute>>},
    ElementFunction{FunctionId::kMonth, each<civil<&CivilTime::month>>},
    ElementFunction{FunctionId::kRad, each<radians>},
    ElementFunction{FunctionId::kRound, round_to},
    ElementFunction{FunctionId::kSgn, each<sign>},
    ElementFunction{FunctionId::kSin, each<std::sin>},
    ElementFunction{FunctionId::kSinh, each<std::sinh>},
    ElementFunction{FunctionId::kSqrt, each<std::sqrt>},
    ElementFunction{FunctionId::kTan, each<std::tan>},
    ElementFunction{FunctionId::kTanh, each<std::tanh>},
    ElementFunction{FunctionId::kYear, each<civil<&CivilTime::year>>},
};

const ElementFunction* find_element_function(FunctionId id) noexcept {
  const auto it = std::ranges::find(kElementFunctions, id, &ElementFunction::id);
  return it == kElementFunctions.end() ? nullptr : it;
}

class ElementwiseOp final : public DerivedOp {
 public:
  ElementwiseOp(VectorOpPtr input, ColumnFunction apply, Arguments arguments)
      : DerivedOp(std::move(input)), apply_(apply), arguments_(std::move(arguments)) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    out.histograms().clear();
    apply_(out, arguments_);
    return {};
  }

 private:
  ColumnFunction apply_;
  Arguments arguments_;
};

class NegationOp final : public DerivedOp {
 public:
  using DerivedOp::DerivedOp;
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    map_floats(out, [](double x, std::size_t) { return -x; });
    for (HistogramPoint& point : out.histograms()) point.histogram = scaled(*point.histogram, -1);
    return {};
  }
};

class VectorScalarOp final : public DerivedOp {
 public:
  VectorScalarOp(QueryContext& context, const Binary& binary, VectorOpPtr input,
                 ScalarColumn number, ScalarSide side)
      : DerivedOp(std::move(input)),
        context_(context),
        binary_(binary),
        number_(std::move(number)),
        side_(side) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    if (is_comparison(binary_.op)) {
      compare(out);
    } else if (is_trim(binary_.op)) {
      note_incompatible_floats(out);
    } else {
      calculate(out);
    }
    if (!out.histograms().empty()) calculate_histograms(out);
    return {};
  }

 private:
  void calculate(ColumnRef out) const {
    with_arithmetic(binary_.op, [&](auto f) {
      if (side_ == ScalarSide::kRight) {
        map_floats(out, [&](double x, std::size_t step) { return f(x, number_[step]); });
      } else {
        map_floats(out, [&](double x, std::size_t step) { return f(number_[step], x); });
      }
    });
  }

  void compare(ColumnRef out) const {
    with_comparison(binary_.op, [&](auto f) {
      const auto holds = [&](double x, std::size_t step) {
        return side_ == ScalarSide::kRight ? f(x, number_[step]) : f(number_[step], x);
      };
      if (binary_.return_bool) {
        map_floats(out, [&](double x, std::size_t step) { return holds(x, step) ? 1.0 : 0.0; });
      } else {
        filter_floats(out, holds);
      }
    });
  }

  void note_incompatible_floats(ColumnRef out) const {
    if (out.float_count() > 0)
      inform_incompatible(context_, binary_, SampleKind::kFloat, SampleKind::kFloat);
    std::ranges::fill(out.present(), std::uint64_t{0});
  }

  void calculate_histograms(ColumnRef out) const {
    HistogramList& points = out.histograms();
    std::size_t kept = 0;
    for (HistogramPoint& point : points) {
      HistogramPtr result = calculate_histogram(point.histogram, number_[point.step]);
      if (result) points[kept++] = {point.step, std::move(result)};
    }
    points.resize(kept);
  }

  // Null, and an info, where the operator knows no histograms.
  [[nodiscard]] HistogramPtr calculate_histogram(const HistogramPtr& histogram,
                                                 double number) const {
    const bool right = side_ == ScalarSide::kRight;
    if (binary_.op == BinaryOp::kMul) return scaled(*histogram, number);
    if (binary_.op == BinaryOp::kDiv && right) return divided(*histogram, number);
    if (is_trim(binary_.op) && right) return trimmed(histogram, number, trim_side(binary_.op));
    inform_incompatible(context_, binary_, right ? SampleKind::kHistogram : SampleKind::kFloat,
                        right ? SampleKind::kFloat : SampleKind::kHistogram);
    return nullptr;
  }

  QueryContext& context_;
  const Binary& binary_;
  const ScalarColumn number_;
  const ScalarSide side_;
};

}  // namespace

VectorOpPtr make_negation(VectorOpPtr input) {
  return std::make_unique<NegationOp>(std::move(input));
}

VectorOpPtr make_vector_scalar(QueryContext& context, const Binary& binary, VectorOpPtr input,
                               ScalarColumn number, ScalarSide side) {
  return std::make_unique<VectorScalarOp>(context, binary, std::move(input), std::move(number),
                                          side);
}

void apply_scalars(BinaryOp op, ScalarColumn& left, const ScalarColumn& right) {
  with_arithmetic(op, [&](auto f) {
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = f(left[i], right[i]);
  });
  with_comparison(op, [&](auto f) {
    for (std::size_t i = 0; i < left.size(); ++i) left[i] = f(left[i], right[i]) ? 1.0 : 0.0;
  });
}

bool is_elementwise_function(FunctionId id) noexcept {
  return find_element_function(id) != nullptr;
}

VectorOpPtr make_elementwise(FunctionId id, VectorOpPtr input,
                             std::vector<ScalarColumn> arguments) {
  return std::make_unique<ElementwiseOp>(std::move(input), find_element_function(id)->apply,
                                         std::move(arguments));
}

util::Result<ScalarColumn> only_float(QueryContext& context, const VectorOp& op, std::size_t steps,
                                      std::uint64_t mark) {
  ScalarColumn values(steps, kNan);
  std::vector<std::uint8_t> found(steps, 0);  // 2 = more than one.
  const ScratchPool::Loan loan = context.scratches.take();
  Scratch& scratch = *loan;
  for (std::size_t i = 0; i < op.size(); ++i) {
    NX_TRY(context.check());
    auto column = scratch.column(steps);
    const ColumnRef row = column->ref();
    NX_TRY(op.fill(i, scratch, row));
    row.for_each_float([&](std::size_t step) {
      values[step] = found[step] == 0 ? row.values()[step] : kNan;
      if (found[step] < 2) ++found[step];
    });
  }
  context.budget.release_samples_to(mark);
  return values;
}

}  // namespace narthex::promql
