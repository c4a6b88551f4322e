// From a checked syntax tree to operators. Two walks: the first announces what will be fetched and
// when, the second makes the operators, innermost first; those that must see all of their input are
// computed on the way.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "narthex/promql/ast.h"

#include "promql/engine/range_source.h"
#include "promql/engine/selection.h"
#include "promql/engine/vector_op.h"
#include "promql/functions/extended_range.h"

namespace narthex::promql {

// One number a step.
using ScalarColumn = std::vector<double>;

// Threads: confined; the operators it makes borrow the plan and the context.
class Plan {
 public:
  explicit Plan(QueryContext& context) : context_(context) {}

  // First, once: with the whole expression.
  util::Result<void> announce(const Expr& root);

  // Precondition: value_type(expr) is kVector / kScalar / kString / kMatrix.
  util::Result<VectorOpPtr> vector(const Expr& expr, const StepGrid& grid);
  util::Result<ScalarColumn> scalar(const Expr& expr, const StepGrid& grid);
  [[nodiscard]] static std::string string(const Expr& expr);
  struct Range {
    RangeSourcePtr source;
    WindowGrid windows;
    std::optional<ExtendedRange> extended = std::nullopt;
  };
  util::Result<Range> range(const Expr& expr, const StepGrid& grid);

 private:
  struct Timing {
    RefGrid refs;
    std::int64_t range_ms = 0;
  };
  [[nodiscard]] bool is_invariant(const Expr& expr) const;
  [[nodiscard]] bool computes_once(const Expr& expr, const StepGrid& grid) const;

  util::Result<void> announce(const Expr& expr, const StepGrid& grid);
  util::Result<RefGrid> refs_of(const TimeModifiers& time, const StepGrid& grid) const;
  util::Result<RefGrid> refs_of(const TimeModifiers& time, const RefGrid& outer) const;
  util::Result<StepGrid> subquery_grid(const Subquery& subquery, const StepGrid& grid) const;
  util::Result<std::int64_t> positive_duration(const DurationExpr* expr,
                                               std::int64_t literal_ms) const;
  // What a selector with such windows fetches.
  [[nodiscard]] model::TimeRange fetch_range(const RefGrid& refs, std::int64_t window_ms,
                                             Extension extension) const noexcept;
  util::Result<void> announce_matrix(const MatrixSelector& matrix, const StepGrid& grid);
  // What the first selector of an expression looks at, with the offsets and @ around it.
  util::Result<RefGrid> first_refs(const Expr& expr, const RefGrid& outer) const;

  util::Result<VectorOpPtr> selector(const VectorSelector& selector, const StepGrid& grid,
                                     SelectorValue what);
  util::Result<VectorOpPtr> info_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> range_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> absent_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> timestamp_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> label_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> sort_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> histogram_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> elementwise_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> date_call(const Call& call, const StepGrid& grid);
  util::Result<VectorOpPtr> aggregate(const Aggregate& aggregate, const StepGrid& grid);
  util::Result<VectorOpPtr> binary(const Binary& binary, const StepGrid& grid);
  util::Result<VectorOpPtr> unary(const Unary& unary, const StepGrid& grid);
  util::Result<ScalarColumn> scalar_call(const Call& call, const StepGrid& grid);

  // While it lives, what is planned gets another value of a member.
  template <class T>
  class Override {
   public:
    Override(T& member, T value) : member_(member), before_(std::exchange(member, value)) {}
    Override(const Override&) = delete;
    Override& operator=(const Override&) = delete;
    ~Override() { member_ = before_; }

   private:
    T& member_;
    const T before_;
  };

  [[nodiscard]] SampleTally tally() const noexcept { return {context_.samples, counts_for_}; }
  [[nodiscard]] CountsFor counts_for_once() const noexcept {
    return counts_for_ == CountsFor::kNoStep ? CountsFor::kNoStep : CountsFor::kEachStep;
  }

  QueryContext& context_;
  Selections selections_;
  HistogramDetail detail_ = HistogramDetail::kAll;  // What selectors give.
  CountsFor counts_for_ = CountsFor::kItsStep;
};

// The value of a duration expression in milliseconds; its errors carry the byte range.
util::Result<std::int64_t> evaluate_duration(const QueryContext& context, const DurationExpr& expr);

}  // namespace narthex::promql
