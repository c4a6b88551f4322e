#include "promql/engine/match_groups.h"

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
using GroupIds = boost::unordered_flat_map<std::string, std::uint32_t, TextHasher, std::equal_to<>>;

// Writes series signatures into one reused string.
class SignatureWriter {
 public:
  explicit SignatureWriter(const VectorMatching& matching) : matching_(matching) {}

  std::string_view write(const SeriesLabels& series, std::size_t index) {
    text_.clear();
    if (!matching_.on) {
      text_ = match_labels(matching_, series.labels(index)).bytes();
      return text_;
    }
    for (const std::string& name : matching_.labels) {
      const std::string_view value = series.label_value(index, name);
      const std::size_t size = value.size();
      text_.append(reinterpret_cast<const char*>(&size), sizeof size);
      text_.append(value);
    }
    return text_;
  }

 private:
  const VectorMatching& matching_;
  std::string text_;
};

}  // namespace

model::Labels match_labels(const VectorMatching& matching, const model::Labels& labels) {
  std::vector<std::string_view> names(matching.labels.begin(), matching.labels.end());
  if (matching.on) return labels.with_only(names);
  names.push_back(model::kMetricName);
  return labels.without(names);
}

util::Result<std::vector<MatchGroup>> match_groups(const QueryContext& context,
                                                   const VectorMatching& matching,
                                                   const SeriesLabels& left,
                                                   const SeriesLabels& right) {
  std::vector<MatchGroup> groups;
  GroupIds ids;
  SignatureWriter writer(matching);
  const auto assign = [&](const SeriesLabels& side,
                          std::vector<std::uint32_t> MatchGroup::* members) -> util::Result<void> {
    constexpr std::size_t kSeriesPerCheck = 1024;
    for (std::size_t i = 0; i < side.size(); ++i) {
      if (i % kSeriesPerCheck == 0) {
        NX_TRY(context.check());
      }
      const std::string_view signature = writer.write(side, i);
      auto it = ids.find(signature);
      if (it == ids.end()) {
        it = ids.emplace(std::string(signature), static_cast<std::uint32_t>(groups.size())).first;
        groups.emplace_back();
      }
      (groups[it->second].*members).push_back(static_cast<std::uint32_t>(i));
    }
    return {};
  };
  NX_TRY(assign(left, &MatchGroup::left));
  NX_TRY(assign(right, &MatchGroup::right));
  return groups;
}

}  // namespace narthex::promql
