// The syntax tree of a PromQL expression, as the parser gives it: checked, typed, with positions.
// Language: docs/ARCHITECTURE.md. A tree is never deeper than kExprDepthMax levels, so walking,
// printing and destroying it may recurse. Threads: values; immutable once parsed.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/duration.h"
#include "narthex/model/matcher.h"
#include "narthex/model/timestamp.h"
#include "narthex/promql/functions.h"
#include "narthex/promql/value_type.h"

namespace narthex::promql {

// Levels from the root to the deepest leaf, duration expressions included.
inline constexpr std::size_t kExprDepthMax = 1000;

// Bytes [start, end) of the query text.
struct Position {
  std::uint32_t start = 0;
  std::uint32_t end = 0;
  friend bool operator==(const Position&, const Position&) = default;
};

enum class ExprKind : std::uint8_t {
  kNumber,
  kString,
  kVectorSelector,
  kMatrixSelector,
  kSubquery,
  kCall,
  kAggregate,
  kBinary,
  kUnary,
  kParen,
  kDuration,  // Only inside selectors and subqueries, and below other duration expressions.
};

struct Expr {
  explicit Expr(ExprKind k) noexcept : kind(k) {}
  virtual ~Expr() = default;
  Expr(const Expr&) = delete;
  Expr& operator=(const Expr&) = delete;

  const ExprKind kind;
  Position position;
};
using ExprPtr = std::unique_ptr<Expr>;

// Precondition: the expression is of that kind.
template <class T>
[[nodiscard]] const T& as(const Expr& expr) noexcept {
  return static_cast<const T&>(expr);
}
template <class T>
[[nodiscard]] T& as(Expr& expr) noexcept {
  return static_cast<T&>(expr);
}
// Null when it is of another kind.
template <class T>
[[nodiscard]] const T* as_if(const Expr* expr) noexcept {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<const T*>(expr) : nullptr;
}
template <class T>
[[nodiscard]] T* as_if(Expr* expr) noexcept {
  return expr != nullptr && expr->kind == T::kKind ? static_cast<T*>(expr) : nullptr;
}

struct NumberLiteral final : Expr {
  static constexpr ExprKind kKind = ExprKind::kNumber;
  NumberLiteral() noexcept : Expr(kKind) {}
  double value = 0;
  bool is_duration = false;  // Written as one: `value` is its seconds, and it prints as a duration.
};

struct StringLiteral final : Expr {
  static constexpr ExprKind kKind = ExprKind::kString;
  StringLiteral() noexcept : Expr(kKind) {}
  std::string value;  // Unescaped; may hold any bytes (\xFF).
};

enum class DurationOp : std::uint8_t {
  kAdd,  // Without lhs: a sign, or (wrapped) just parentheses around a number.
  kSub,  // Without lhs: a sign.
  kMul,
  kDiv,
  kMod,
  kPow,
  kStep,   // step(): the query's step, no operands.
  kRange,  // range(): the query's end - start, no operands.
  kMinOf,
  kMaxOf,
};

// Arithmetic on seconds that depends on the query's step or range, or was not folded.
// Operands are NumberLiterals or DurationExprs.
struct DurationExpr final : Expr {
  static constexpr ExprKind kKind = ExprKind::kDuration;
  DurationExpr() noexcept : Expr(kKind) {}
  DurationOp op = DurationOp::kAdd;
  bool wrapped = false;  // Stood in parentheses.
  ExprPtr lhs;           // Null for signs, step() and range().
  ExprPtr rhs;           // Null for step() and range().
};

enum class AtKind : std::uint8_t { kNone, kTimestamp, kStart, kEnd };

// `@` and `offset`.
struct TimeModifiers {
  AtKind at = AtKind::kNone;
  model::TimestampMs at_timestamp = 0;        // For kTimestamp.
  model::DurationMs offset{0};                // May be negative; unset while offset_expr is there.
  std::unique_ptr<DurationExpr> offset_expr;  // To be evaluated once per query, in seconds.
};

enum class Extension : std::uint8_t { kNone, kAnchored, kSmoothed };

struct VectorSelector final : Expr {
  static constexpr ExprKind kKind = ExprKind::kVectorSelector;
  VectorSelector() noexcept : Expr(kKind) {}
  std::string name;  // As written in front of the braces; empty if not. `matchers` holds it too.
  model::Matchers matchers;  // In order of writing, that of `name` last.
  TimeModifiers time;
  Extension extension = Extension::kNone;
  // The second argument of info(): may match everything.
  bool may_match_empty = false;
};

// selector[range]. @, offset and extension are the inner selector's.
struct MatrixSelector final : Expr {
  static constexpr ExprKind kKind = ExprKind::kMatrixSelector;
  MatrixSelector() noexcept : Expr(kKind) {}
  std::unique_ptr<VectorSelector> selector;  // Never null.
  model::DurationMs range{0};
  std::unique_ptr<DurationExpr> range_expr;  // If set, it stands for `range`.
};

// expr[range:step]
struct Subquery final : Expr {
  static constexpr ExprKind kKind = ExprKind::kSubquery;
  Subquery() noexcept : Expr(kKind) {}
  ExprPtr expr;
  model::DurationMs range{0};
  std::unique_ptr<DurationExpr> range_expr;
  model::DurationMs step{0};  // 0 without step_expr: the default step.
  std::unique_ptr<DurationExpr> step_expr;
  TimeModifiers time;
};

struct Call final : Expr {
  static constexpr ExprKind kKind = ExprKind::kCall;
  Call() noexcept : Expr(kKind) {}
  const FunctionSignature* function = nullptr;  // Never null.
  std::vector<ExprPtr> args;                    // Checked against the signature.
};

enum class AggregateOp : std::uint8_t {
  kSum,
  kAvg,
  kCount,
  kMin,
  kMax,
  kGroup,
  kStddev,
  kStdvar,
  kTopk,
  kBottomk,
  kCountValues,
  kQuantile,
  kLimitk,
  kLimitRatio,
};
[[nodiscard]] std::string_view aggregate_op_text(AggregateOp op) noexcept;
// Takes (param, expr).
[[nodiscard]] bool has_param(AggregateOp op) noexcept;

struct Aggregate final : Expr {
  static constexpr ExprKind kKind = ExprKind::kAggregate;
  Aggregate() noexcept : Expr(kKind) {}
  AggregateOp op = AggregateOp::kSum;
  bool without = false;
  std::vector<std::string> grouping;  // Label names, in order of writing.
  ExprPtr param;                      // Set iff has_param(op).
  ExprPtr expr;
};

enum class BinaryOp : std::uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kAtan2,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kTrimUpper,  // </
  kTrimLower,  // >/
  kAnd,
  kOr,
  kUnless,
};
[[nodiscard]] std::string_view binary_op_text(BinaryOp op) noexcept;
[[nodiscard]] constexpr bool is_comparison(BinaryOp op) noexcept {
  return op >= BinaryOp::kEqual && op <= BinaryOp::kGreaterEqual;
}
[[nodiscard]] constexpr bool is_set_operator(BinaryOp op) noexcept {
  return op >= BinaryOp::kAnd;
}

enum class Cardinality : std::uint8_t {
  kOneToOne,
  kManyToOne,   // group_left
  kOneToMany,   // group_right
  kManyToMany,  // Set operators.
};

struct VectorMatching {
  Cardinality cardinality = Cardinality::kOneToOne;
  bool on = false;                   // Else ignoring.
  std::vector<std::string> labels;   // Of on/ignoring.
  std::vector<std::string> include;  // Of group_left/group_right.
  std::optional<double> fill_left;   // Value for a missing left-hand sample.
  std::optional<double> fill_right;
};

struct Binary final : Expr {
  static constexpr ExprKind kKind = ExprKind::kBinary;
  Binary() noexcept : Expr(kKind) {}
  BinaryOp op = BinaryOp::kAdd;
  bool return_bool = false;
  ExprPtr lhs;
  ExprPtr rhs;
  std::optional<VectorMatching> matching;  // Set iff both sides are instant vectors.
};

struct Unary final : Expr {
  static constexpr ExprKind kKind = ExprKind::kUnary;
  Unary() noexcept : Expr(kKind) {}
  bool negative = true;  // '-', else '+'.
  ExprPtr expr;
};

struct Paren final : Expr {
  static constexpr ExprKind kKind = ExprKind::kParen;
  Paren() noexcept : Expr(kKind) {}
  ExprPtr expr;
};

// Precondition: not a DurationExpr.
[[nodiscard]] ValueType value_type(const Expr& expr) noexcept;
// Removes parentheses.
[[nodiscard]] const Expr& unwrap_parens(const Expr& expr) noexcept;
// A copy that shares nothing with the original.
[[nodiscard]] ExprPtr clone(const Expr& expr);

}  // namespace narthex::promql
