#include "tsdb/db/merged_querier.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_set.hpp>

#include "narthex/util/hash.h"

#include "tsdb/block/chunk_samples.h"

namespace narthex::tsdb {
namespace {

using storage::SampleColumns;
using storage::SeriesSet;

class MergedSeriesSet final : public SeriesSet {
 public:
  explicit MergedSeriesSet(std::vector<std::unique_ptr<SeriesSet>> sets) : sets_(std::move(sets)) {
    list_parts(list_members());
  }
  void sort_by_labels() {
    std::ranges::sort(
        members_, [this](const Member& a, const Member& b) { return labels_of(a) < labels_of(b); });
  }

  [[nodiscard]] std::size_t size() const noexcept override { return members_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return model::Labels::from_bytes(std::string(labels_of(members_[index]).bytes()));
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return labels_of(members_[index]).get(name);
  }
  util::Result<void> read(std::size_t index, model::TimeRange range,
                          SampleColumns& out) const override {
    for (const Part& part : parts(index)) {
      const ColumnsMark begin = mark_of(out);
      NX_TRY(sets_[part.set]->read(part.index, range, out));
      merge_runs(out, begin);
    }
    return {};
  }
  [[nodiscard]] std::uint64_t samples_max(std::size_t index) const override {
    std::uint64_t count = 0;
    for (const Part& part : parts(index)) count += sets_[part.set]->samples_max(part.index);
    return count;
  }

 private:
  // A series of one of the sets.
  struct Part {
    std::uint32_t set = 0;
    std::uint32_t index = 0;
  };
  struct Member {
    std::size_t labels_begin = 0;  // In label_bytes_.
    std::uint32_t labels_size = 0;
    std::uint32_t part_count = 0;
    std::size_t parts_begin = 0;  // In parts_.
  };

  // Returns the member that each series of each set belongs to, in that order.
  std::vector<std::uint32_t> list_members() {
    std::size_t total = 0;
    std::size_t largest = 0;
    for (const auto& set : sets_) {
      total += set->size();
      largest = std::max(largest, set->size());
    }
    const auto labels_at = [this](std::uint32_t member) {
      return labels_of(members_[member]).bytes();
    };
    const auto hash = [&](std::uint32_t member) { return util::hash64(labels_at(member)); };
    const auto equal = [&](std::uint32_t a, std::uint32_t b) {
      return labels_at(a) == labels_at(b);
    };
    boost::unordered_flat_set<std::uint32_t, decltype(hash), decltype(equal)> known(largest, hash,
                                                                                    equal);
    std::vector<std::uint32_t> member_of;
    member_of.reserve(total);
    members_.reserve(largest);
    for (const auto& set : sets_) {
      for (std::size_t i = 0; i < set->size(); ++i) {
        // Put down as a new one, and taken back if it is known.
        const std::size_t begin = label_bytes_.size();
        label_bytes_ += set->labels(i).bytes();
        members_.push_back(
            {.labels_begin = begin,
             .labels_size = static_cast<std::uint32_t>(label_bytes_.size() - begin)});
        const auto [it, is_new] = known.insert(static_cast<std::uint32_t>(members_.size() - 1));
        if (!is_new) {
          members_.pop_back();
          label_bytes_.resize(begin);
        }
        members_[*it].part_count += 1;
        member_of.push_back(*it);
      }
    }
    return member_of;
  }

  void list_parts(const std::vector<std::uint32_t>& member_of) {
    std::size_t begin = 0;
    for (Member& member : members_) {
      member.parts_begin = begin;
      begin += std::exchange(member.part_count, 0);
    }
    parts_.resize(begin);
    auto owner = member_of.begin();
    for (std::uint32_t set = 0; set < sets_.size(); ++set) {
      for (std::uint32_t i = 0; i < sets_[set]->size(); ++i) {
        Member& member = members_[*owner++];
        parts_[member.parts_begin + member.part_count++] = {set, i};
      }
    }
  }

  [[nodiscard]] model::LabelsRef labels_of(const Member& member) const noexcept {
    return model::LabelsRef(
        std::string_view(label_bytes_).substr(member.labels_begin, member.labels_size));
  }
  [[nodiscard]] std::span<const Part> parts(std::size_t index) const noexcept {
    return std::span(parts_).subspan(members_[index].parts_begin, members_[index].part_count);
  }

  std::vector<std::unique_ptr<SeriesSet>> sets_;
  std::string label_bytes_;
  std::vector<Member> members_;
  std::vector<Part> parts_;  // By member, in the order of the sets.
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
