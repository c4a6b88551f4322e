#include "promql/functions/histogram_sum.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "promql/functions/histogram_math.h"
#include "promql/functions/kahan.h"

namespace narthex::promql {
namespace {

using Buckets = SparseHistogram::Buckets;

void add_to(double& value, double& rest, double x) noexcept {
  KahanSum sum{value, rest};
  sum.add(x);
  value = sum.sum;
  rest = sum.compensation;
}

// Where both sides have the same buckets, which is the rule, nothing moves.
bool add_in_place(Buckets& values, std::vector<double>& rests, const Buckets& other) {
  if (!std::ranges::equal(values, other, {}, &Buckets::value_type::first,
                          &Buckets::value_type::first)) {
    return false;
  }
  for (std::size_t i = 0; i < values.size(); ++i)
    add_to(values[i].second, rests[i], other[i].second);
  return true;
}

void add_buckets(Buckets& values, std::vector<double>& rests, const Buckets& other) {
  if (add_in_place(values, rests, other)) return;
  Buckets sums;
  std::vector<double> sum_rests;
  sums.reserve(values.size() + other.size());
  sum_rests.reserve(values.size() + other.size());
  std::size_t i = 0;
  std::size_t j = 0;
  while (i < values.size() || j < other.size()) {
    const bool take_ours =
        j == other.size() || (i < values.size() && values[i].first <= other[j].first);
    const bool take_other =
        i == values.size() || (j < other.size() && other[j].first <= values[i].first);
    sums.push_back(take_ours ? values[i] : Buckets::value_type{other[j].first, 0});
    sum_rests.push_back(take_ours ? rests[i] : 0);
    if (take_other) add_to(sums.back().second, sum_rests.back(), other[j].second);
    if (take_ours) ++i;
    if (take_other) ++j;
  }
  values = std::move(sums);
  rests = std::move(sum_rests);
}

void add_rests(Buckets& values, const std::vector<double>& rests) {
  for (std::size_t i = 0; i < values.size(); ++i) values[i].second += rests[i];
}

// h *= factor and h /= divisor, number by number: they round differently.
template <class F>
void change_all(SparseHistogram& h, F&& change) {
  change(h.zero_count);
  change(h.count);
  change(h.sum);
  for (Buckets* side : {&h.positive, &h.negative}) {
    for (auto& bucket : *side) change(bucket.second);
  }
}
void divide_all(SparseHistogram& h, double divisor) {
  change_all(h, [divisor](double& x) { x /= divisor; });
}

double largest_number(const SparseHistogram& h) noexcept {
  double largest = std::max({std::fabs(h.zero_count), std::fabs(h.count), std::fabs(h.sum)});
  for (const Buckets* side : {&h.positive, &h.negative}) {
    for (const auto& bucket : *side) largest = std::max(largest, std::fabs(bucket.second));
  }
  return largest;
}

bool same_layout(const SparseHistogram& a, const SparseHistogram& b) {
  return a.schema == b.schema && a.zero_threshold == b.zero_threshold &&
         a.custom_values == b.custom_values;
}

}  // namespace

template <class F>
void HistogramTotal::change(F&& f) {
  change_all(value_, f);
  f(rest_.zero_count);
  f(rest_.count);
  f(rest_.sum);
  for (std::vector<double>* side : {&rest_.positive, &rest_.negative}) {
    for (double& rest : *side) f(rest);
  }
}

void HistogramTotal::add(const model::FloatHistogram& histogram) {
  using enum model::CounterResetHint;
  saw_reset_ = saw_reset_ || histogram.counter_reset_hint == kReset;
  saw_not_reset_ = saw_not_reset_ || histogram.counter_reset_hint == kNotReset;
  take(SparseHistogram(histogram), 1);
}

void HistogramTotal::merge(const HistogramTotal& later) {
  if (later.empty()) return;
  saw_reset_ = saw_reset_ || later.saw_reset_;
  saw_not_reset_ = saw_not_reset_ || later.saw_not_reset_;
  mixed_schemas_ = mixed_schemas_ || later.mixed_schemas_;
  bounds_reconciled_ = bounds_reconciled_ || later.bounds_reconciled_;
  HistogramTotal settled = later;
  settled.settle();
  if (later.is_mean_) settled.change([&](double& x) { x *= later.count_; });
  take(std::move(settled.value_), later.count_);
}

// `histogram` is the sum of `members` histograms.
void HistogramTotal::take(SparseHistogram histogram, double members) {
  if (mixed_schemas_) return;
  if (count_ == 0) {
    count_ = members;
    value_ = std::move(histogram);
    rest_.positive.assign(value_.positive.size(), 0);
    rest_.negative.assign(value_.negative.size(), 0);
    return;
  }
  if (kind_ == Kind::kMean && !is_mean_ && may_overflow(histogram)) {
    is_mean_ = true;
    change([this](double& x) { x /= count_; });
  }
  const double count = count_ + members;
  if (is_mean_) {
    const double kept = count_ / count;
    change([kept](double& x) { x *= kept; });
    divide_all(histogram, count);
  }
  count_ = count;
  add_sparse(std::move(histogram));
}

void HistogramTotal::add_sparse(SparseHistogram histogram) {
  if (!same_layout(value_, histogram)) {
    settle();
    const Reconciled reconciled = reconcile(value_, histogram);
    mixed_schemas_ = reconciled == Reconciled::kImpossible;
    if (mixed_schemas_) return;
    bounds_reconciled_ = bounds_reconciled_ || reconciled == Reconciled::kYesWithOtherBounds;
    rest_.positive.assign(value_.positive.size(), 0);
    rest_.negative.assign(value_.negative.size(), 0);
  }
  value_.hint = join_hints(value_.hint, histogram.hint).hint;
  add_to(value_.zero_count, rest_.zero_count, histogram.zero_count);
  add_to(value_.count, rest_.count, histogram.count);
  add_to(value_.sum, rest_.sum, histogram.sum);
  add_buckets(value_.positive, rest_.positive, histogram.positive);
  add_buckets(value_.negative, rest_.negative, histogram.negative);
}

// Adds the compensations and forgets them.
void HistogramTotal::settle() {
  value_.zero_count += rest_.zero_count;
  value_.count += rest_.count;
  value_.sum += rest_.sum;
  add_rests(value_.positive, rest_.positive);
  add_rests(value_.negative, rest_.negative);
  rest_ = Rest{};
  rest_.positive.assign(value_.positive.size(), 0);
  rest_.negative.assign(value_.negative.size(), 0);
}

bool HistogramTotal::may_overflow(const SparseHistogram& histogram) const noexcept {
  return std::isinf(largest_number(value_) + largest_number(histogram));
}

HistogramPtr HistogramTotal::result() const {
  HistogramTotal settled = *this;
  settled.settle();
  if (kind_ == Kind::kMean && !is_mean_ && count_ != 1) divide_all(settled.value_, count_);
  return std::make_shared<const model::FloatHistogram>(settled.value_.pack());
}

}  // namespace narthex::promql
