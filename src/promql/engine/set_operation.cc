// and, or, unless: which elements of one side stay depends on where the other side has points.
#include <algorithm>

#include "promql/engine/binary.h"
#include "promql/engine/match_groups.h"

namespace narthex::promql {
namespace {

using Presence = std::vector<std::uint64_t>;  // A bit a step; empty = nowhere.

void mark_presence(ColumnRef column, Presence& presence) {
  presence.resize(presence_words(column.steps()));
  const auto floats = column.present();
  for (std::size_t w = 0; w < presence.size(); ++w) presence[w] |= floats[w];
  for (const HistogramPoint& point : column.histograms()) {
    presence[point.step / 64] |= std::uint64_t{1} << (point.step % 64);
  }
}

enum class Keep : std::uint8_t { kWherePresent, kWhereAbsent };

void mask(ColumnRef column, const Presence& presence, Keep keep) {
  const auto floats = column.present();
  const auto word = [&](std::size_t w) {
    const std::uint64_t bits = presence.empty() ? 0 : presence[w];
    return keep == Keep::kWherePresent ? bits : ~bits;
  };
  for (std::size_t w = 0; w < floats.size(); ++w) floats[w] &= word(w);
  std::erase_if(column.histograms(), [&](const HistogramPoint& point) {
    return (word(point.step / 64) >> (point.step % 64) & 1U) == 0;
  });
}

// The series of one operator, each masked by its group's presence on the other side.
class MaskOp final : public DerivedOp {
 public:
  MaskOp(VectorOpPtr input, std::vector<std::uint32_t> group_of, std::vector<Presence> presence,
         Keep keep)
      : DerivedOp(std::move(input)),
        group_of_(std::move(group_of)),
        presence_(std::move(presence)),
        keep_(keep) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    const Presence& presence = presence_[group_of_[index]];
    if (presence.empty() && keep_ == Keep::kWherePresent) return {};
    NX_TRY(input().fill(index, scratch, out));
    if (!presence.empty()) mask(out, presence, keep_);
    return {};
  }

 private:
  std::vector<std::uint32_t> group_of_;
  std::vector<Presence> presence_;  // By group.
  Keep keep_;
};

// The series of two operators, one after the other.
class ConcatOp final : public VectorOp {
 public:
  ConcatOp(VectorOpPtr first, VectorOpPtr second)
      : first_(std::move(first)), second_(std::move(second)) {}
  [[nodiscard]] std::size_t size() const noexcept override {
    return first_->size() + second_->size();
  }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return index < first_->size() ? first_->labels(index) : second_->labels(index - first_->size());
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return index < first_->size() ? first_->label_value(index, name)
                                  : second_->label_value(index - first_->size(), name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return index < first_->size() ? first_->loses_name(index)
                                  : second_->loses_name(index - first_->size());
  }
  [[nodiscard]] bool same_name() const noexcept override { return false; }
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    if (index < first_->size()) return first_->fill(index, scratch, out);
    return second_->fill(index - first_->size(), scratch, out);
  }

 private:
  VectorOpPtr first_;
  VectorOpPtr second_;
};

using Members = std::vector<std::uint32_t> MatchGroup::*;

// Where `op`'s members of each group have points; only groups that have members on the other side
// too are looked at.
util::Result<std::vector<Presence>> presence_by_group(QueryContext& context, const VectorOp& op,
                                                      const std::vector<MatchGroup>& groups,
                                                      Members members, Members others,
                                                      std::size_t steps) {
  std::vector<Presence> presence(groups.size());
  const auto body = [&](std::size_t, std::size_t begin, std::size_t end,
                        Scratch& scratch) -> util::Result<void> {
    for (std::size_t g = begin; g < end; ++g) {
      if ((groups[g].*others).empty()) continue;
      for (const std::uint32_t i : groups[g].*members) {
        NX_TRY(context.check());
        auto column = scratch.column(steps);
        NX_TRY(op.fill(i, scratch, column->ref()));
        mark_presence(column->ref(), presence[g]);
      }
    }
    return {};
  };
  NX_TRY(for_ranges(context, cut_series(groups.size(), steps), body));
  return presence;
}

std::vector<std::uint32_t> group_of_each(const std::vector<MatchGroup>& groups, Members members,
                                         std::size_t count) {
  std::vector<std::uint32_t> group_of(count);
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const std::uint32_t i : groups[g].*members) group_of[i] = static_cast<std::uint32_t>(g);
  }
  return group_of;
}

}  // namespace

util::Result<VectorOpPtr> make_set_operation(QueryContext& context, const Binary& binary,
                                             VectorOpPtr left, VectorOpPtr right,
                                             std::size_t steps) {
  NX_ASSIGN(const std::vector<MatchGroup> groups,
            match_groups(context, *binary.matching, *left, *right));
  if (binary.op != BinaryOp::kOr) {
    NX_ASSIGN(
        std::vector<Presence> presence,
        presence_by_group(context, *right, groups, &MatchGroup::right, &MatchGroup::left, steps));
    std::vector<std::uint32_t> group_of = group_of_each(groups, &MatchGroup::left, left->size());
    const Keep keep = binary.op == BinaryOp::kAnd ? Keep::kWherePresent : Keep::kWhereAbsent;
    return std::make_unique<MaskOp>(std::move(left), std::move(group_of), std::move(presence),
                                    keep);
  }
  const bool disjoint = std::ranges::none_of(
      groups, [](const MatchGroup& g) { return !g.left.empty() && !g.right.empty(); });
  if (!disjoint) {
    // Left is looked at twice: for where it is, and for what it is.
    NX_ASSIGN(left, materialize(context, *left, steps));
    NX_ASSIGN(
        std::vector<Presence> presence,
        presence_by_group(context, *left, groups, &MatchGroup::left, &MatchGroup::right, steps));
    std::vector<std::uint32_t> group_of = group_of_each(groups, &MatchGroup::right, right->size());
    right = std::make_unique<MaskOp>(std::move(right), std::move(group_of), std::move(presence),
                                     Keep::kWhereAbsent);
  }
  return merge_duplicates(context, std::make_unique<ConcatOp>(std::move(left), std::move(right)),
                          steps, Duplicates::kMergeSteps);
}

}  // namespace narthex::promql
