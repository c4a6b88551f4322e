#include "promql/engine/grouping.h"

#include <algorithm>
#include <string>
#include <string_view>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/util/hash.h"

namespace narthex::promql {
namespace {

struct TextHasher {
  using is_avalanching = void;
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return util::hash64(text); }
};

// The labels of a series' group, encoded in a string that is reused.
class GroupKey {
 public:
  explicit GroupKey(const Aggregate& aggregate) : without_(aggregate.without) {
    names_.assign(aggregate.grouping.begin(), aggregate.grouping.end());
    if (without_) names_.push_back(model::kMetricName);
    std::ranges::sort(names_);
    const auto repeated = std::ranges::unique(names_);
    names_.erase(repeated.begin(), repeated.end());
  }

  std::string_view of(const SeriesLabels& series, std::size_t index) {
    if (without_) {
      labels_ = series.labels(index).without(names_);
      return labels_.bytes();
    }
    encoder_.clear();
    for (const std::string_view name : names_) encoder_.add(name, series.label_value(index, name));
    return encoder_.bytes();
  }

 private:
  const bool without_;
  std::vector<std::string_view> names_;  // Sorted, unique.
  model::Labels labels_;
  model::LabelsEncoder encoder_;
};

void sort_members(Grouping& grouping) {
  grouping.group_begin.assign(grouping.count() + 1, 0);
  for (const std::uint32_t group : grouping.group_of) grouping.group_begin[group + 1] += 1;
  for (std::size_t g = 0; g < grouping.count(); ++g)
    grouping.group_begin[g + 1] += grouping.group_begin[g];
  std::vector<std::uint32_t> next(grouping.group_begin.begin(), grouping.group_begin.end() - 1);
  grouping.members.resize(grouping.group_of.size());
  for (std::size_t i = 0; i < grouping.group_of.size(); ++i) {
    grouping.members[next[grouping.group_of[i]]++] = static_cast<std::uint32_t>(i);
  }
}

}  // namespace

util::Result<Grouping> group_series(const QueryContext& context, const Aggregate& aggregate,
                                    const SeriesLabels& series) {
  constexpr std::size_t kSeriesPerCheck = 1024;
  Grouping grouping;
  grouping.group_of.resize(series.size());
  boost::unordered_flat_map<std::string, std::uint32_t, TextHasher, std::equal_to<>> ids;
  GroupKey key(aggregate);
  for (std::size_t i = 0; i < series.size(); ++i) {
    if (i % kSeriesPerCheck == 0) {
      NX_TRY(context.check());
    }
    const std::string_view text = key.of(series, i);
    auto it = ids.find(text);
    if (it == ids.end()) {
      it = ids.emplace(std::string(text), static_cast<std::uint32_t>(grouping.count())).first;
      grouping.labels.push_back(model::Labels::from_bytes(std::string(text)));
    }
    grouping.group_of[i] = it->second;
  }
  sort_members(grouping);
  return grouping;
}

}  // namespace narthex::promql
