#include "tsdb/index/label_index.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/hash.h"

#include "tsdb/index/selection.h"

namespace narthex::tsdb {

LabelIndex::~LabelIndex() = default;

std::uint32_t LabelIndex::hash_pair(NameId name, std::string_view value) noexcept {
  return static_cast<std::uint32_t>(util::mix64(util::hash64(value), name));
}

NameId LabelIndex::find_name(std::string_view name) const {
  const auto it = name_ids_.find(name);
  return it == name_ids_.end() ? kNoName : it->second;
}

PairId LabelIndex::find_pair(NameId name, std::string_view value) const {
  return pair_ids_.find(hash_pair(name, value), [&](PairId pair) {
    const Pair& entry = pairs_[pair];
    return entry.name == name && entry.value() == value;
  });
}

PairId LabelIndex::intern(std::string_view name, std::string_view value) {
  NameId name_id = find_name(name);
  if (name_id == kNoName) {
    name_id = static_cast<NameId>(names_.size());
    const std::string_view text = symbols_.add(name);
    symbol_bytes_ += name.size();
    names_.push_back({text, {}});
    names_of_ids_.ensure(name_id) = text;
    name_ids_.emplace(text, name_id);
  }
  if (const PairId known = find_pair(name_id, value); known != kNoPair) return known;

  PairId pair = next_pair_;
  if (free_pairs_.empty()) {
    ++next_pair_;
  } else {
    pair = free_pairs_.back();
    free_pairs_.pop_back();
  }
  Pair& entry = pairs_.ensure(pair);
  const std::string_view text = symbols_.add(value);
  symbol_bytes_ += value.size();
  entry.name = name_id;
  entry.text = text.data();
  entry.value_bytes = static_cast<std::uint32_t>(text.size());
  names_[name_id].pairs.push_back(pair);
  pair_ids_.insert(hash_pair(name_id, value), pair);
  return pair;
}

bool LabelIndex::has_labels(SeriesId id, const model::Labels& labels) const noexcept {
  const auto pairs = sets_of_series_[id].pairs();
  auto it = labels.begin();
  for (const PairId pair : pairs) {
    if (it == labels.end() || *it != label(pair)) return false;
    ++it;
  }
  return it == labels.end();
}

SeriesId LabelIndex::find_locked(const model::Labels& labels, std::uint32_t hash) const {
  return series_ids_.find(hash, [&](SeriesId id) { return has_labels(id, labels); });
}

void LabelIndex::find(std::span<const model::Labels> series, std::span<const std::uint32_t> hashes,
                      std::span<SeriesId> out) const {
  constexpr std::size_t kAhead = 8;
  const util::ReadLock lock(mutex_);
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (i + kAhead < series.size()) series_ids_.prefetch(hashes[i + kAhead]);
    out[i] = find_locked(series[i], hashes[i]);
  }
}

PairId LabelIndex::Writer::pair_for(model::LabelView wanted, std::size_t position) {
  if (position < previous_.size() && index_.label(previous_[position]) == wanted)
    return previous_[position];
  return index_.intern(wanted.name, wanted.value);
}

SeriesId LabelIndex::Writer::find_or_add(const model::Labels& labels, std::uint32_t hash,
                                         SeriesId id) {
  if (const SeriesId known = index_.find_locked(labels, hash); known != kNoSeriesId) return known;
  current_.clear();
  for (const model::LabelView wanted : labels)
    current_.push_back(pair_for(wanted, current_.size()));
  index_.add_series(id, current_, hash);
  previous_.swap(current_);
  return id;
}

void LabelIndex::add_series(SeriesId id, std::span<const PairId> pairs, std::uint32_t hash) {
  auto* block =
      static_cast<std::uint32_t*>(sets_.allocate((pairs.size() + 1) * sizeof(std::uint32_t)));
  block[0] = static_cast<std::uint32_t>(pairs.size());
  std::ranges::copy(pairs, block + 1);
  sets_of_series_.ensure(id) = LabelSet(block);
  for (const PairId pair : pairs) {
    Postings& postings = pairs_[pair].postings;
    const std::size_t before = postings.heap_bytes();
    postings.add(id);
    postings_bytes_ += postings.heap_bytes() - before;
  }
  series_ids_.insert(hash, id);
  series_end_ = std::max(series_end_, id + 1);
}

util::Result<std::vector<SelectedSeries>> LabelIndex::select(
    std::span<const model::Matcher> matchers, const storage::Deadline& deadline) const {
  return Selection(*this, deadline).run(matchers);
}

LabelSet LabelIndex::labels_of(SeriesId id) const {
  const util::ReadLock lock(mutex_);
  const LabelSet* set = sets_of_series_.find(id);
  return set == nullptr ? LabelSet{} : *set;
}

model::Labels LabelIndex::labels(LabelSet set) const {
  model::LabelsEncoder encoder;
  for (const PairId pair : set.pairs()) {
    const model::LabelView view = label(pair);
    encoder.add(view.name, view.value);
  }
  return std::move(encoder).finish();
}

std::string_view LabelIndex::value(LabelSet set, std::string_view name) const noexcept {
  for (const PairId pair : set.pairs()) {
    const model::LabelView view = label(pair);
    if (view.name == name) return view.value;
  }
  return {};
}

bool LabelIndex::less(LabelSet a, LabelSet b) const noexcept {
  const auto left = a.pairs();
  const auto right = b.pairs();
  const std::size_t common = std::min(left.size(), right.size());
  for (std::size_t i = 0; i < common; ++i) {
    if (left[i] != right[i]) return label(left[i]) < label(right[i]);
  }
  return left.size() < right.size();
}

namespace {

std::vector<std::string> sorted_strings(std::vector<std::string_view> views, std::size_t limit) {
  if (limit == 0 || limit >= views.size()) {
    std::ranges::sort(views);  // partial_sort of everything would be a heap sort, twice as slow.
    return {views.begin(), views.end()};
  }
  const auto end = views.begin() + static_cast<std::ptrdiff_t>(limit);
  std::ranges::partial_sort(views, end);
  return {views.begin(), end};
}

}  // namespace

std::vector<std::string> LabelIndex::label_names(std::size_t limit) const {
  const util::ReadLock lock(mutex_);
  std::vector<std::string_view> names;
  for (const Name& name : names_) {
    if (!name.pairs.empty()) names.push_back(name.name);
  }
  return sorted_strings(std::move(names), limit);
}

std::vector<std::string> LabelIndex::label_names(std::span<const SelectedSeries> series,
                                                 std::size_t limit) const {
  std::vector<bool> seen;
  std::vector<std::string_view> names;
  for (const SelectedSeries& one : series) {
    for (const PairId pair : one.labels.pairs()) {
      const NameId name = pairs_[pair].name;
      if (name >= seen.size()) seen.resize(name + std::size_t{1});
      if (seen[name]) continue;
      seen[name] = true;
      names.push_back(names_of_ids_[name]);
    }
  }
  return sorted_strings(std::move(names), limit);
}

std::vector<std::string> LabelIndex::label_values(std::string_view name, std::size_t limit) const {
  std::vector<PairId> pairs;
  {
    const util::ReadLock lock(mutex_);
    const NameId id = find_name(name);
    if (id != kNoName) pairs = names_[id].pairs;
  }
  std::vector<std::string_view> values;
  values.reserve(pairs.size());
  for (const PairId pair : pairs) values.push_back(pairs_[pair].value());
  return sorted_strings(std::move(values), limit);
}

std::vector<std::string> LabelIndex::label_values(std::span<const SelectedSeries> series,
                                                  std::string_view name, std::size_t limit) const {
  NameId id = kNoName;
  {
    const util::ReadLock lock(mutex_);
    id = find_name(name);
  }
  std::vector<PairId> pairs;
  for (const SelectedSeries& one : series) {
    for (const PairId pair : one.labels.pairs()) {
      if (pairs_[pair].name != id) continue;
      if (pairs.empty() || pairs.back() != pair) pairs.push_back(pair);  // Neighbours often agree.
      break;
    }
  }
  std::ranges::sort(pairs);
  pairs.erase(std::ranges::unique(pairs).begin(), pairs.end());
  std::vector<std::string_view> values;
  values.reserve(pairs.size());
  for (const PairId pair : pairs) values.push_back(pairs_[pair].value());
  return sorted_strings(std::move(values), limit);
}

std::size_t LabelIndex::series_count() const {
  const util::ReadLock lock(mutex_);
  return series_ids_.size();
}

std::size_t LabelIndex::pair_count() const {
  const util::ReadLock lock(mutex_);
  return pair_ids_.size();
}

std::size_t LabelIndex::symbol_bytes() const {
  const util::ReadLock lock(mutex_);
  return symbol_bytes_;
}

std::size_t LabelIndex::memory_bytes() const {
  const util::ReadLock lock(mutex_);
  std::size_t values_bytes = 0;
  for (const Name& name : names_)
    values_bytes += sizeof(Name) + name.pairs.capacity() * sizeof(PairId);
  return symbols_.bytes() + sets_.bytes() + postings_bytes_ + values_bytes + pair_ids_.bytes() +
         series_ids_.bytes() + pairs_.bytes() + sets_of_series_.bytes() + names_of_ids_.bytes();
}

namespace {

void keep_largest(std::vector<NameCount>& list, std::size_t limit) {
  const auto larger = [](const NameCount& a, const NameCount& b) {
    return a.count != b.count ? a.count > b.count : a.name < b.name;
  };
  const std::size_t kept = std::min(limit, list.size());
  std::ranges::partial_sort(list, list.begin() + static_cast<std::ptrdiff_t>(kept), larger);
  list.resize(kept);
}

}  // namespace

CardinalityReport LabelIndex::cardinality(std::size_t limit) const {
  struct PairCount {
    PairId pair;
    std::uint64_t count;
  };
  CardinalityReport report;
  std::vector<PairCount> pairs;
  {
    const util::ReadLock lock(mutex_);
    report.label_pairs = pair_ids_.size();
    pairs.reserve(report.label_pairs);
    for (const Name& name : names_) {
      if (name.pairs.empty()) continue;
      std::uint64_t value_bytes = 0;
      for (const PairId pair : name.pairs) {
        const Pair& entry = pairs_[pair];
        value_bytes += std::uint64_t{entry.value_bytes} * entry.postings.size();
        pairs.push_back({pair, entry.postings.size()});
        if (name.name == model::kMetricName) {
          report.series_by_metric.push_back({std::string(entry.value()), entry.postings.size()});
        }
      }
      report.values_by_label.push_back({std::string(name.name), name.pairs.size()});
      report.bytes_by_label.push_back({std::string(name.name), value_bytes});
    }
  }
  const std::size_t kept = std::min(limit, pairs.size());
  std::ranges::partial_sort(pairs, pairs.begin() + static_cast<std::ptrdiff_t>(kept),
                            std::greater{}, &PairCount::count);
  pairs.resize(kept);
  for (const PairCount& one : pairs) {
    const model::LabelView view = label(one.pair);
    report.series_by_pair.push_back({fmt::format("{}={}", view.name, view.value), one.count});
  }
  keep_largest(report.series_by_metric, limit);
  keep_largest(report.values_by_label, limit);
  keep_largest(report.bytes_by_label, limit);
  return report;
}

}  // namespace narthex::tsdb
