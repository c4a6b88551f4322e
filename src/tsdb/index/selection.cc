#include "tsdb/index/selection.h"

#include <algorithm>

namespace narthex::tsdb {

using model::MatchOp;

namespace {

// A deadline is looked at once in so many values or series.
constexpr std::size_t kCheckEvery = 4096;

}  // namespace

util::Result<std::vector<SelectedSeries>> Selection::run(std::span<const model::Matcher> matchers) {
  NX_TRY(deadline_.check());
  {
    const util::ReadLock lock(index_.mutex_);
    for (const model::Matcher& matcher : matchers) classify(matcher);
    if (empty_) return std::vector<SelectedSeries>{};
    if (!positives_.empty()) intersect_positives();
    if (have_base_) subtract_negatives();
  }
  if (!have_base_) {
    // The fewest values first: that is the cheapest way to a base.
    std::ranges::sort(deferred_, {},
                      [](const Deferred& d) { return std::pair(!d.positive, d.value_count); });
    if (!deferred_.empty() && deferred_.front().positive) {
      NX_TRY(apply_by_values(deferred_.front()));
      deferred_.erase(deferred_.begin());
    } else {
      const util::ReadLock lock(index_.mutex_);
      take_all_series();
    }
    const util::ReadLock lock(index_.mutex_);
    subtract_negatives();
  }
  std::vector<Deferred> filters;
  for (const Deferred& deferred : deferred_) {
    if (base_.size() / 4 > deferred.value_count) {
      NX_TRY(apply_by_values(deferred));
    } else {
      filters.push_back(deferred);
    }
  }
  NX_ASSIGN(auto series, collect());
  for (const Deferred& deferred : filters) NX_TRY(filter(deferred, series));
  return series;
}

void Selection::classify(const model::Matcher& matcher) {
  const NameId name = index_.find_name(matcher.name());
  const bool positive = !matcher.matches_empty();
  if (name == LabelIndex::kNoName) {
    // No series has the label: all are like the empty value.
    empty_ = empty_ || positive;
    return;
  }
  // Outside the lambda: clang's analysis does not carry the lock into it.
  const std::size_t pair_count = index_.names_[name].pairs.size();
  const auto defer = [&] { deferred_.push_back({&matcher, name, pair_count, positive}); };
  const bool equality = matcher.op() == MatchOp::kEqual || matcher.op() == MatchOp::kNotEqual;
  if (equality) {
    if (matcher.value().empty()) return defer();  // Absent, or present.
    return classify_values(matcher, name, {&matcher.value(), 1});
  }
  const model::Regex& regex = *matcher.regex();
  if (regex.matches_everything()) {
    empty_ = empty_ || matcher.op() == MatchOp::kNotRegex;
    return;
  }
  const auto& literals = regex.literals();
  if (!literals || std::ranges::binary_search(*literals, std::string())) return defer();
  classify_values(matcher, name, *literals);
}

// `values` are exactly the ones that a positive matcher wants, or that a negative one does not.
void Selection::classify_values(const model::Matcher& matcher, NameId name,
                                std::span<const std::string> values) {
  std::vector<PairId> pairs;
  for (const std::string& value : values) {
    if (const PairId pair = index_.find_pair(name, value); pair != kNoPair) pairs.push_back(pair);
  }
  if (matcher.op() == MatchOp::kEqual || matcher.op() == MatchOp::kRegex) {
    empty_ = empty_ || pairs.empty();
    positives_.push_back(std::move(pairs));
  } else {
    negatives_.insert(negatives_.end(), pairs.begin(), pairs.end());
  }
}

IdList Selection::unite(std::span<const PairId> pairs) const {
  std::vector<std::span<const SeriesId>> lists;
  lists.reserve(pairs.size());
  for (const PairId pair : pairs) lists.push_back(index_.pairs_[pair].postings.ids());
  return unite_disjoint(lists);
}

void Selection::intersect_positives() {
  const auto total = [this](const std::vector<PairId>& pairs) {
    std::size_t count = 0;
    for (const PairId pair : pairs) count += index_.pairs_[pair].postings.size();
    return count;
  };
  std::ranges::sort(positives_, {}, total);
  base_ = unite(positives_.front());
  have_base_ = true;
  for (std::size_t i = 1; i < positives_.size() && !base_.empty(); ++i) {
    const auto& pairs = positives_[i];
    if (pairs.size() == 1) {
      intersect(base_, index_.pairs_[pairs[0]].postings.ids());
    } else {
      intersect(base_, unite(pairs));
    }
  }
}

void Selection::subtract_negatives() {
  for (const PairId pair : negatives_) subtract(base_, index_.pairs_[pair].postings.ids());
}

void Selection::take_all_series() {
  have_base_ = true;
  base_.reserve(index_.series_ids_.size());
  constexpr SeriesId kPage = decltype(index_.sets_of_series_)::kPageElements;
  for (SeriesId id = 1; id < index_.series_end_;) {
    const LabelSet* set = index_.sets_of_series_.find(id);
    if (set == nullptr) {
      id = (id / kPage + 1) * kPage;
      continue;
    }
    if (set->block() != nullptr) base_.push_back(id);
    ++id;
  }
}

util::Result<void> Selection::apply_by_values(const Deferred& deferred) {
  std::vector<PairId> pairs;
  {
    const util::ReadLock lock(index_.mutex_);
    pairs = index_.names_[deferred.name].pairs;
  }
  // Positive: the values that match; negative: those that do not.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    if (i % kCheckEvery == 0) NX_TRY(deadline_.check());
    if (deferred.matcher->matches(index_.pairs_[pairs[i]].value()) == deferred.positive)
      pairs[kept++] = pairs[i];
  }
  pairs.resize(kept);

  const util::ReadLock lock(index_.mutex_);
  IdList ids = unite(pairs);
  if (!deferred.positive) {
    subtract(base_, ids);
  } else if (have_base_) {
    intersect(base_, ids);
  } else {
    base_ = std::move(ids);
    have_base_ = true;
  }
  return {};
}

util::Result<std::vector<SelectedSeries>> Selection::collect() const {
  NX_TRY(deadline_.check());
  std::vector<SelectedSeries> series;
  series.reserve(base_.size());
  const util::ReadLock lock(index_.mutex_);
  for (const SeriesId id : base_) {
    const LabelSet* set = index_.sets_of_series_.find(id);
    // Series may have gone since their postings were read.
    if (set != nullptr && set->block() != nullptr) series.push_back({id, *set});
  }
  return series;
}

util::Result<void> Selection::filter(const Deferred& deferred,
                                     std::vector<SelectedSeries>& series) const {
  boost::unordered_flat_map<PairId, bool> verdicts;
  const bool verdict_if_absent = !deferred.positive;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (i % kCheckEvery == 0) NX_TRY(deadline_.check());
    bool verdict = verdict_if_absent;
    for (const PairId pair : series[i].labels.pairs()) {
      const LabelIndex::Pair& entry = index_.pairs_[pair];
      if (entry.name != deferred.name) continue;
      const auto [it, is_new] = verdicts.try_emplace(pair, false);
      if (is_new) it->second = deferred.matcher->matches(entry.value());
      verdict = it->second;
      break;
    }
    if (verdict) series[kept++] = series[i];
  }
  series.resize(kept);
  return {};
}

}  // namespace narthex::tsdb
