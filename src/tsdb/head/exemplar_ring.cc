#include "tsdb/head/exemplar_ring.h"

#include <algorithm>
#include <bit>

namespace narthex::tsdb {

using storage::ExemplarPoint;

namespace {

constexpr std::size_t kLabelCharactersMax = 128;

// Names and values together; every byte that does not continue a character begins one.
std::size_t characters(const model::Labels& labels) {
  std::size_t count = 0;
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  for (const model::LabelView label : labels) {
    count += static_cast<std::size_t>(std::ranges::count_if(label.name, begins));
    count += static_cast<std::size_t>(std::ranges::count_if(label.value, begins));
  }
  return count;
}

bool same(const ExemplarPoint& a, const ExemplarPoint& b) {
  return a.timestamp == b.timestamp && a.labels == b.labels &&
         std::bit_cast<std::uint64_t>(a.value) == std::bit_cast<std::uint64_t>(b.value);
}

bool all_match(const model::Matchers& matchers, const model::Labels& labels) {
  return std::ranges::all_of(matchers, [&labels](const model::Matcher& matcher) {
    return matcher.matches(labels.get(matcher.name()));
  });
}

}  // namespace

ExemplarRing::ExemplarRing(std::size_t capacity) : slots_(capacity) {}
ExemplarRing::~ExemplarRing() = default;

ExemplarOutcome ExemplarRing::check_locked(const model::Labels& series,
                                           const ExemplarPoint& exemplar) const {
  if (slots_.empty()) return ExemplarOutcome::kDisabled;
  if (characters(exemplar.labels) > kLabelCharactersMax) return ExemplarOutcome::kTooLong;
  const auto it = series_.find(series.bytes());
  if (it == series_.end()) return ExemplarOutcome::kOk;
  const ExemplarPoint& newest = it->second->newest;
  if (same(newest, exemplar)) return ExemplarOutcome::kDuplicate;
  // At one time they ascend by value: what a client sends again in one piece is refused whole.
  const bool older = exemplar.timestamp < newest.timestamp ||
                     (exemplar.timestamp == newest.timestamp && exemplar.value < newest.value);
  return older ? ExemplarOutcome::kOutOfOrder : ExemplarOutcome::kOk;
}

ExemplarOutcome ExemplarRing::check(const model::Labels& series,
                                    const ExemplarPoint& exemplar) const {
  const util::MutexLock lock(mutex_);
  return check_locked(series, exemplar);
}

void ExemplarRing::clear_slot(Slot& slot) {
  if (slot.series == nullptr) return;
  --stored_;
  if (--slot.series->count == 0) series_.erase(std::string_view(slot.series->labels.bytes()));
  slot = {};
}

ExemplarOutcome ExemplarRing::append(const model::Labels& series, ExemplarPoint exemplar) {
  const util::MutexLock lock(mutex_);
  const ExemplarOutcome outcome = check_locked(series, exemplar);
  if (outcome == ExemplarOutcome::kOutOfOrder)
    counters_.out_of_order.fetch_add(1, std::memory_order_relaxed);
  if (outcome != ExemplarOutcome::kOk) return outcome;
  Slot& slot = slots_[next_];
  clear_slot(slot);
  auto it = series_.find(series.bytes());
  if (it == series_.end()) {
    auto entry = std::make_unique<Series>();
    entry->labels = series;
    const std::string_view key = entry->labels.bytes();
    it = series_.emplace(key, std::move(entry)).first;
  }
  Series& of = *it->second;
  ++of.count;
  ++stored_;
  of.newest = exemplar;
  slot = {&of, std::move(exemplar)};
  next_ = (next_ + 1) % slots_.size();
  counters_.appended.fetch_add(1, std::memory_order_relaxed);
  return ExemplarOutcome::kOk;
}

void ExemplarRing::resize(std::size_t capacity) {
  const util::MutexLock lock(mutex_);
  if (capacity == slots_.size()) return;
  std::vector<Slot> kept;
  // From the oldest on; what does not fit goes first.
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[(next_ + i) % slots_.size()];
    if (slot.series == nullptr) continue;
    if (stored_ > capacity) {
      clear_slot(slot);
    } else {
      kept.push_back(std::move(slot));
    }
  }
  next_ = capacity == 0 ? 0 : kept.size() % capacity;
  kept.resize(capacity);
  slots_ = std::move(kept);
}

std::vector<storage::SeriesExemplars> ExemplarRing::select(
    model::TimeRange range, std::span<const model::Matchers> any_of) const {
  const util::MutexLock lock(mutex_);
  boost::unordered_flat_map<const Series*, storage::SeriesExemplars> found;
  for (const auto& [bytes, series] : series_) {
    const bool wanted = std::ranges::any_of(any_of, [&series](const model::Matchers& matchers) {
      return all_match(matchers, series->labels);
    });
    if (wanted) found[series.get()].series = series->labels;
  }
  if (found.empty()) return {};
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& slot = slots_[(next_ + i) % slots_.size()];
    if (slot.series == nullptr || !range.contains(slot.exemplar.timestamp)) continue;
    if (const auto it = found.find(slot.series); it != found.end())
      it->second.exemplars.push_back(slot.exemplar);
  }
  std::vector<storage::SeriesExemplars> out;
  for (auto& [series, one] : found) {
    if (!one.exemplars.empty()) out.push_back(std::move(one));
  }
  std::ranges::sort(out, {}, &storage::SeriesExemplars::series);
  return out;
}

ExemplarStats ExemplarRing::stats() const {
  const util::MutexLock lock(mutex_);
  ExemplarStats out{
      .capacity = slots_.size(), .stored = stored_, .series = series_.size(), .oldest = 0};
  for (std::size_t i = 0; i < slots_.size() && stored_ != 0; ++i) {
    const Slot& slot = slots_[(next_ + i) % slots_.size()];
    if (slot.series == nullptr) continue;
    out.oldest = slot.exemplar.timestamp;
    break;
  }
  return out;
}

}  // namespace narthex::tsdb
