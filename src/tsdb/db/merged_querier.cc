#include "tsdb/db/merged_querier.h"

#include <algorithm>

#include <boost/unordered/unordered_flat_map.hpp>

#include "tsdb/block/chunk_samples.h"

namespace narthex::tsdb {
namespace {

using storage::SampleColumns;
using storage::SeriesSet;

class MergedSeriesSet final : public SeriesSet {
 public:
  explicit MergedSeriesSet(std::vector<std::unique_ptr<SeriesSet>> sets) : sets_(std::move(sets)) {
    boost::unordered_flat_map<std::string_view, std::uint32_t> known;
    std::size_t total = 0;
    for (const auto& set : sets_) total += set->size();
    // Views in the map point into labels_: it must not move.
    labels_.reserve(total);
    known.reserve(total);
    for (std::uint32_t part = 0; part < sets_.size(); ++part) {
      for (std::size_t i = 0; i < sets_[part]->size(); ++i) {
        labels_.push_back(sets_[part]->labels(i));
        const auto [it, is_new] =
            known.try_emplace(labels_.back().bytes(), static_cast<std::uint32_t>(members_.size()));
        if (is_new) {
          members_.push_back(
              {.labels = static_cast<std::uint32_t>(labels_.size() - 1), .parts = {}});
        } else {
          labels_.pop_back();
        }
        members_[it->second].parts.push_back({part, i});
      }
    }
  }
  void sort_by_labels() {
    std::ranges::sort(members_, [this](const Member& a, const Member& b) {
      return labels_[a.labels] < labels_[b.labels];
    });
  }

  [[nodiscard]] std::size_t size() const noexcept override { return members_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return labels_[members_[index].labels];
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return labels_[members_[index].labels].get(name);
  }
  util::Result<void> read(std::size_t index, model::TimeRange range,
                          SampleColumns& out) const override {
    for (const Part& part : members_[index].parts) {
      const ColumnsMark begin = mark_of(out);
      NX_TRY(sets_[part.set]->read(part.index, range, out));
      merge_runs(out, begin);
    }
    return {};
  }
  [[nodiscard]] std::uint64_t samples_max(std::size_t index) const override {
    std::uint64_t count = 0;
    for (const Part& part : members_[index].parts)
      count += sets_[part.set]->samples_max(part.index);
    return count;
  }

 private:
  struct Part {
    std::uint32_t set = 0;
    std::size_t index = 0;
  };
  struct Member {
    std::uint32_t labels = 0;
    std::vector<Part> parts;
  };
  std::vector<std::unique_ptr<SeriesSet>> sets_;
  std::vector<model::Labels> labels_;
  std::vector<Member> members_;
};

class MergedQuerier final : public storage::Querier {
 public:
  explicit MergedQuerier(std::vector<std::unique_ptr<storage::Querier>> parts)
      : parts_(std::move(parts)) {}

  util::Result<std::unique_ptr<SeriesSet>> select(std::span<const model::Matcher> matchers,
                                                  storage::SeriesOrder order,
                                                  const storage::Deadline& deadline) override {
    std::vector<std::unique_ptr<SeriesSet>> sets;
    for (const auto& part : parts_) {
      NX_ASSIGN(auto set, part->select(matchers, order, deadline));
      if (set->size() != 0) sets.push_back(std::move(set));
    }
    if (sets.size() == 1) return std::move(sets.front());
    auto merged = std::make_unique<MergedSeriesSet>(std::move(sets));
    if (order == storage::SeriesOrder::kByLabels) merged->sort_by_labels();
    return merged;
  }

  util::Result<std::vector<std::string>> label_names(const storage::LabelQuery& query,
                                                     const storage::Deadline& deadline) override {
    return unite(query.limit,
                 [&](storage::Querier& part) { return part.label_names(query, deadline); });
  }
  util::Result<std::vector<std::string>> label_values(const std::string& name,
                                                      const storage::LabelQuery& query,
                                                      const storage::Deadline& deadline) override {
    return unite(query.limit,
                 [&](storage::Querier& part) { return part.label_values(name, query, deadline); });
  }

 private:
  template <class Ask>
  util::Result<std::vector<std::string>> unite(std::size_t limit, const Ask& ask) {
    std::vector<std::string> all;
    for (const auto& part : parts_) {
      // Each part's first `limit` are enough for the first `limit` of all.
      NX_ASSIGN(std::vector<std::string> some, ask(*part));
      std::vector<std::string> merged;
      merged.reserve(all.size() + some.size());
      std::ranges::set_union(std::move(all), std::move(some), std::back_inserter(merged));
      all = std::move(merged);
    }
    if (limit != 0 && all.size() > limit) all.resize(limit);
    return all;
  }

  std::vector<std::unique_ptr<storage::Querier>> parts_;
};

}  // namespace

std::unique_ptr<storage::Querier> merge_queriers(
    std::vector<std::unique_ptr<storage::Querier>> parts) {
  if (parts.size() == 1) return std::move(parts.front());
  return std::make_unique<MergedQuerier>(std::move(parts));
}

}  // namespace narthex::tsdb
