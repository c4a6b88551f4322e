#include "tsdb/block/block_selection.h"

#include <algorithm>
#include <optional>
#include <vector>

namespace narthex::tsdb {
namespace {

using model::MatchOp;

// A deadline is looked at once in so many values.
constexpr std::size_t kCheckEvery = 4096;

using Entries = std::vector<const IndexReader::ValueEntry*>;

// What one matcher asks for: the series of these values, or all but those.
struct Demand {
  Entries entries;
  bool positive = true;
};

// The values that the matcher names one by one, if it does: what it wants, or (negated) refuses.
std::optional<std::span<const std::string>> named_values(const model::Matcher& matcher) {
  if (matcher.op() == MatchOp::kEqual || matcher.op() == MatchOp::kNotEqual) {
    return std::span(&matcher.value(), 1);
  }
  if (const auto& literals = matcher.regex()->literals()) return std::span(*literals);
  return std::nullopt;
}

util::Result<Demand> demand_of(const IndexReader& index, const model::Matcher& matcher,
                               const storage::Deadline& deadline) {
  Demand demand{.entries = {}, .positive = !matcher.matches_empty()};
  const bool negated = matcher.op() == MatchOp::kNotEqual || matcher.op() == MatchOp::kNotRegex;
  // A list of names is the answer when it says which values to take (or to take away).
  if (const auto named = named_values(matcher); named && negated != demand.positive) {
    for (const std::string& value : *named) {
      if (const auto* entry = index.find_value(matcher.name(), value)) {
        demand.entries.push_back(entry);
      }
    }
    return demand;
  }
  const auto values = index.values(matcher.name());
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % kCheckEvery == 0) NX_TRY(deadline.check());
    if (matcher.matches(values[i].value) == demand.positive) demand.entries.push_back(&values[i]);
  }
  return demand;
}

util::Result<IdList> unite(const IndexReader& index, const Entries& entries) {
  std::vector<IdList> lists;
  lists.reserve(entries.size());
  for (const auto* entry : entries) {
    NX_ASSIGN(IdList list, index.postings(*entry));
    lists.push_back(std::move(list));
  }
  if (lists.size() == 1) return std::move(lists.front());
  const std::vector<std::span<const SeriesId>> views(lists.begin(), lists.end());
  return unite_disjoint(views);
}

}  // namespace

util::Result<IdList> select_block_series(const IndexReader& index,
                                         std::span<const model::Matcher> matchers,
                                         const storage::Deadline& deadline) {
  NX_TRY(deadline.check());
  std::vector<Demand> demands;
  for (const model::Matcher& matcher : matchers) {
    NX_ASSIGN(Demand demand, demand_of(index, matcher, deadline));
    if (demand.positive && demand.entries.empty()) return IdList{};
    if (demand.positive || !demand.entries.empty()) demands.push_back(std::move(demand));
  }
  // The positive ones first, those with the fewest values ahead: each only narrows what is left.
  std::ranges::stable_sort(
      demands, {}, [](const Demand& d) { return std::pair(!d.positive, d.entries.size()); });
  std::optional<IdList> ids;
  for (const Demand& demand : demands) {
    if (ids && ids->empty()) break;
    NX_TRY(deadline.check());
    if (!ids && !demand.positive) {
      NX_ASSIGN(ids, index.all_postings());
    }
    NX_ASSIGN(IdList of_demand, unite(index, demand.entries));
    if (!ids) {
      ids = std::move(of_demand);
    } else if (demand.positive) {
      intersect(*ids, of_demand);
    } else {
      subtract(*ids, of_demand);
    }
  }
  if (!ids) return index.all_postings();
  return *std::move(ids);
}

}  // namespace narthex::tsdb
