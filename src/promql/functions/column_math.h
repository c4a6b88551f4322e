// Loops over columns, number by number.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

#include "narthex/promql/ast.h"
#include "narthex/promql/column.h"

namespace narthex::promql {

// values[step] = f(values[step], step) for every float. Runs of 64 present steps go through a plain
// loop.
template <class F>
void map_floats(ColumnRef column, F&& f) {
  double* const values = column.values();
  const auto present = column.present();
  for (std::size_t w = 0; w < present.size(); ++w) {
    const std::size_t base = w * 64;
    if (present[w] == ~std::uint64_t{0}) {
      for (std::size_t i = base; i < base + 64; ++i) values[i] = f(values[i], i);
      continue;
    }
    for (std::uint64_t bits = present[w]; bits != 0; bits &= bits - 1) {
      const std::size_t i = base + static_cast<std::size_t>(std::countr_zero(bits));
      values[i] = f(values[i], i);
    }
  }
}

// Removes the floats for which keep(value, step) is false.
template <class F>
void filter_floats(ColumnRef column, F&& keep) {
  const auto present = column.present();
  for (std::size_t w = 0; w < present.size(); ++w) {
    for (std::uint64_t bits = present[w]; bits != 0; bits &= bits - 1) {
      const std::size_t i = w * 64 + static_cast<std::size_t>(std::countr_zero(bits));
      if (!keep(column.values()[i], i)) present[w] &= ~(bits & (~bits + 1));
    }
  }
}

// An infinity in the direction looked for wins even against NaN; otherwise NaN wins (PQ §6.1, as
// Go's math package).
[[nodiscard]] inline double max_with_nan(double a, double b) noexcept {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (a == kInfinity || b == kInfinity) return kInfinity;
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  if (a == 0 && b == 0) return std::signbit(a) ? b : a;
  return std::max(a, b);
}
[[nodiscard]] inline double min_with_nan(double a, double b) noexcept {
  return -max_with_nan(-a, -b);
}

[[nodiscard]] constexpr bool is_trim(BinaryOp op) noexcept {
  return op == BinaryOp::kTrimUpper || op == BinaryOp::kTrimLower;
}

// Calls visit(f) with the function double(double, double) of an arithmetic operator, so that the
// choice stays out of loops.
template <class Visit>
void with_arithmetic(BinaryOp op, Visit&& visit) {
  switch (op) {
    case BinaryOp::kAdd:
      visit([](double a, double b) { return a + b; });
      break;
    case BinaryOp::kSub:
      visit([](double a, double b) { return a - b; });
      break;
    case BinaryOp::kMul:
      visit([](double a, double b) { return a * b; });
      break;
    case BinaryOp::kDiv:
      visit([](double a, double b) { return a / b; });
      break;
    case BinaryOp::kMod:
      visit([](double a, double b) { return std::fmod(a, b); });
      break;
    case BinaryOp::kPow:
      visit([](double a, double b) { return std::pow(a, b); });
      break;
    case BinaryOp::kAtan2:
      visit([](double a, double b) { return std::atan2(a, b); });
      break;
    default:
      break;
  }
}
// The same for comparisons: bool(double, double).
template <class Visit>
void with_comparison(BinaryOp op, Visit&& visit) {
  switch (op) {
    case BinaryOp::kEqual:
      visit([](double a, double b) { return a == b; });
      break;
    case BinaryOp::kNotEqual:
      visit([](double a, double b) { return a != b; });
      break;
    case BinaryOp::kLess:
      visit([](double a, double b) { return a < b; });
      break;
    case BinaryOp::kLessEqual:
      visit([](double a, double b) { return a <= b; });
      break;
    case BinaryOp::kGreater:
      visit([](double a, double b) { return a > b; });
      break;
    case BinaryOp::kGreaterEqual:
      visit([](double a, double b) { return a >= b; });
      break;
    default:
      break;
  }
}

}  // namespace narthex::promql
