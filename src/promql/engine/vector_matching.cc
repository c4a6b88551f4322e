// Arithmetic and comparisons between vectors. "Many" and "one" are the two sides of a match: left
// and right for one-to-one and group_left, right and left for group_right.
#include <algorithm>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "promql/engine/binary.h"
#include "promql/engine/match_groups.h"
#include "promql/functions/column_math.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/histogram_trim.h"

namespace narthex::promql {
namespace {

constexpr std::string_view kNotUnique =
    "multiple matches for labels: grouping labels must ensure unique matches";
constexpr std::string_view kManyToOneImplicit =
    "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)";

// In place of an index: the sample that a fill modifier puts where a group has none on that side.
constexpr std::uint32_t kFilled = UINT32_MAX;

struct Pair {
  std::uint32_t many;
  std::uint32_t one;
  std::uint32_t group;
};

// Fill values go by sides as they are matched: also with group_right, fill_left is for the "many"
// (PQ-B7; upstream's own tests have it so).
std::optional<double> many_fill(const Binary& binary) noexcept {
  return binary.matching->fill_left;
}
std::optional<double> one_fill(const Binary& binary) noexcept {
  return binary.matching->fill_right;
}

bool is_swapped(const Binary& binary) noexcept {
  return binary.matching->cardinality == Cardinality::kOneToMany;
}
const std::vector<std::uint32_t>& many_members(const Binary& binary, const MatchGroup& group) {
  return is_swapped(binary) ? group.right : group.left;
}
const std::vector<std::uint32_t>& one_members(const Binary& binary, const MatchGroup& group) {
  return is_swapped(binary) ? group.left : group.right;
}

bool is_filter(const Binary& binary) noexcept {
  return is_trim(binary.op) || (is_comparison(binary.op) && !binary.return_bool);
}

// What a matched pair of series is called.
class ResultNaming {
 public:
  ResultNaming(const QueryContext& context, const Binary& binary)
      : delayed_(context.options.delayed_name_removal),
        binary_(binary),
        matching_(*binary.matching) {}

  // one_value(name) is a label of the "one" side.
  template <class OneValue>
  [[nodiscard]] LabelledOp::Series name(const LabelledOp::Series& many,
                                        OneValue&& one_value) const {
    model::LabelsBuilder builder(many.labels);
    LabelledOp::Series result;
    if (is_filter(binary_)) {
      result.loses_name = many.loses_name;
    } else if (is_comparison(binary_.op) && delayed_) {
      result.loses_name = true;
    } else {
      builder.remove_if(is_name_label);
    }
    if (matching_.cardinality == Cardinality::kOneToOne) {
      const auto listed = [this](std::string_view name) {
        return std::ranges::find(matching_.labels, name) != matching_.labels.end();
      };
      builder.remove_if([&](std::string_view name) { return listed(name) != matching_.on; });
    } else {
      for (const std::string& name : matching_.include) builder.set(name, one_value(name));
    }
    result.labels = builder.build();
    return result;
  }

 private:
  const bool delayed_;
  const Binary& binary_;
  const VectorMatching& matching_;
};

class MatchOp final : public LabelledOp {
 public:
  MatchOp(QueryContext& context, const Binary& binary, VectorOpPtr many, VectorOpPtr one,
          std::vector<MatchGroup> groups, std::vector<Series> series,
          std::vector<std::vector<Pair>> pairs, std::size_t steps)
      : LabelledOp(std::move(series)),
        context_(context),
        binary_(binary),
        many_(std::move(many)),
        one_(std::move(one)),
        groups_(std::move(groups)),
        pairs_(std::move(pairs)),
        steps_(steps) {}

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    const std::vector<Pair>& pairs = pairs_[index];
    NX_TRY(fill_pair(pairs.front(), scratch, out));
    for (std::size_t i = 1; i < pairs.size(); ++i) {
      auto column = scratch.column(steps_);
      NX_TRY(fill_pair(pairs[i], scratch, column->ref()));
      if (merge_column(column->ref(), out)) continue;
      const bool same_group =
          std::ranges::any_of(pairs.begin(), pairs.begin() + static_cast<std::ptrdiff_t>(i),
                              [&](const Pair& p) { return p.group == pairs[i].group; });
      return fail_execution(std::string(same_group ? kNotUnique : kSameLabelset));
    }
    return {};
  }

 private:
  util::Result<void> fill_pair(const Pair& pair, Scratch& scratch, ColumnRef out) const {
    const MatchGroup& group = groups_[pair.group];
    if (pair.many == kFilled) {
      NX_TRY(fill_gaps(*many_, many_members(binary_, group), *many_fill(binary_), scratch, out));
    } else {
      NX_TRY(many_->fill(pair.many, scratch, out));
    }
    if (out.empty()) return {};
    auto column = scratch.column(steps_);
    const ColumnRef one = column->ref();
    if (pair.one == kFilled) {
      NX_TRY(fill_gaps(*one_, one_members(binary_, group), *one_fill(binary_), scratch, one));
    } else {
      NX_TRY(one_->fill(pair.one, scratch, one));
    }
    const bool histograms = !out.histograms().empty() || !one.histograms().empty();
    HistogramList combined;
    std::vector<std::pair<std::size_t, double>>
        extra;  // Floats that histograms give: bool comparisons.
    if (histograms) combined = combine_histograms(out, one, extra);
    combine_floats(one, out);
    if (histograms) out.histograms() = std::move(combined);
    for (const auto& [step, value] : extra) out.set(step, value);
    return {};
  }

  // `value` at each step where none of `members` has a point.
  util::Result<void> fill_gaps(const VectorOp& side, const std::vector<std::uint32_t>& members,
                               double value, Scratch& scratch, ColumnRef out) const {
    out.set_all_present();
    std::fill_n(out.values(), out.steps(), value);
    for (const std::uint32_t member : members) {
      auto column = scratch.column(steps_);
      NX_TRY(side.fill(member, scratch, column->ref()));
      column->ref().for_each_float([&](std::size_t step) { out.unset(step); });
      for (const HistogramPoint& point : column->ref().histograms()) out.unset(point.step);
    }
    return {};
  }

  [[nodiscard]] bool swapped() const noexcept { return is_swapped(binary_); }

  // out = out op one where both have floats, nothing elsewhere.
  void combine_floats(ColumnRef one, ColumnRef out) const {
    const auto present = out.present();
    for (std::size_t w = 0; w < present.size(); ++w) present[w] &= one.present()[w];
    const double* const others = one.values();
    if (is_trim(binary_.op)) {
      if (out.float_count() > 0)
        inform_incompatible(context_, binary_, SampleKind::kFloat, SampleKind::kFloat);
      std::ranges::fill(present, std::uint64_t{0});
    } else if (!is_comparison(binary_.op)) {
      with_arithmetic(binary_.op, [&](auto f) {
        if (swapped()) {
          map_floats(out, [&](double x, std::size_t step) { return f(others[step], x); });
        } else {
          map_floats(out, [&](double x, std::size_t step) { return f(x, others[step]); });
        }
      });
    } else {
      compare_floats(others, out);
    }
  }

  void compare_floats(const double* others, ColumnRef out) const {
    with_comparison(binary_.op, [&](auto f) {
      const auto holds = [&](double x, std::size_t step) {
        return swapped() ? f(others[step], x) : f(x, others[step]);
      };
      if (binary_.return_bool) {
        map_floats(out, [&](double x, std::size_t step) { return holds(x, step) ? 1.0 : 0.0; });
        return;
      }
      filter_floats(out, holds);
      // A comparison gives the left value, also where the left side is the "one".
      if (swapped()) map_floats(out, [&](double, std::size_t step) { return others[step]; });
    });
  }

  // Results of the steps where at least one side has a histogram and the other has anything.
  HistogramList combine_histograms(ColumnRef many, ColumnRef one,
                                   std::vector<std::pair<std::size_t, double>>& floats) const {
    HistogramList results;
    auto m = many.histograms().begin();
    auto o = one.histograms().begin();
    while (m != many.histograms().end() || o != one.histograms().end()) {
      const bool has_m =
          m != many.histograms().end() && (o == one.histograms().end() || m->step <= o->step);
      const bool has_o =
          o != one.histograms().end() && (m == many.histograms().end() || o->step <= m->step);
      const std::uint32_t step = has_m ? m->step : o->step;
      ElementSide a{has_m ? m->histogram : nullptr, !has_m && many.has_float(step),
                    many.values()[step]};
      ElementSide b{has_o ? o->histogram : nullptr, !has_o && one.has_float(step),
                    one.values()[step]};
      if (has_m) ++m;
      if (has_o) ++o;
      if (!a.exists() || !b.exists()) continue;
      if (swapped()) std::swap(a, b);
      combine_element(step, a, b, results, floats);
    }
    return results;
  }

  struct ElementSide {
    HistogramPtr histogram;
    bool is_float = false;
    double value = 0;
    [[nodiscard]] bool exists() const noexcept { return is_float || histogram; }
    [[nodiscard]] SampleKind kind() const noexcept {
      return histogram ? SampleKind::kHistogram : SampleKind::kFloat;
    }
  };

  void combine_element(std::uint32_t step, const ElementSide& left, const ElementSide& right,
                       HistogramList& results,
                       std::vector<std::pair<std::size_t, double>>& floats) const {
    const BinaryOp op = binary_.op;
    const bool equality = op == BinaryOp::kEqual || op == BinaryOp::kNotEqual;
    if (left.histogram && right.histogram && equality) {
      const bool keep =
          same_histogram(*left.histogram, *right.histogram) == (op == BinaryOp::kEqual);
      if (binary_.return_bool) {
        floats.emplace_back(step, keep ? 1.0 : 0.0);
      } else if (keep) {
        results.push_back({step, left.histogram});
      }
      return;
    }
    HistogramPtr result;
    if (left.histogram && right.histogram && (op == BinaryOp::kAdd || op == BinaryOp::kSub)) {
      result = add_or_subtract(*left.histogram, *right.histogram);
      if (result) results.push_back({step, std::move(result)});
      return;
    }
    if (op == BinaryOp::kMul && left.histogram && right.is_float) {
      result = scaled(*left.histogram, right.value);
    } else if (op == BinaryOp::kMul && left.is_float && right.histogram) {
      result = scaled(*right.histogram, left.value);
    } else if (op == BinaryOp::kDiv && left.histogram && right.is_float) {
      result = divided(*left.histogram, right.value);
    } else if (is_trim(op) && left.histogram && right.is_float) {
      result = trimmed(left.histogram, right.value, trim_side(op));
    } else {
      inform_incompatible(context_, binary_, left.kind(), right.kind());
      return;
    }
    results.push_back({step, std::move(result)});
  }

  // Null, and an annotation, if the two cannot be put together.
  [[nodiscard]] HistogramPtr add_or_subtract(const model::FloatHistogram& left,
                                             const model::FloatHistogram& right) const {
    const bool subtract = binary_.op == BinaryOp::kSub;
    const std::string_view operation = subtract ? "subtraction" : "addition";
    HistogramSum sum = subtract ? subtracted(left, right) : added(left, right);
    if (!sum.histogram) {
      context_.annotations.warn(
          binary_.position,
          fmt::format("incompatible bucket layout encountered for binary operator {}",
                      binary_op_text(binary_.op)));
      return nullptr;
    }
    if (sum.bounds_reconciled) {
      context_.annotations.inform(
          binary_.position,
          fmt::format("mismatched custom buckets were reconciled during {}", operation));
    }
    if (sum.conflicting_resets) {
      context_.annotations.warn(
          binary_.position,
          fmt::format("conflicting counter resets during histogram {}", operation));
    }
    return sum.histogram;
  }

  QueryContext& context_;
  const Binary& binary_;
  VectorOpPtr many_;
  VectorOpPtr one_;
  std::vector<MatchGroup> groups_;
  std::vector<std::vector<Pair>> pairs_;
  std::size_t steps_;
};

// Makes the pairs, refusing ambiguous ones.
class Matcher {
 public:
  Matcher(QueryContext& context, const Binary& binary, VectorOpPtr left, VectorOpPtr right,
          std::size_t steps)
      : context_(context),
        binary_(binary),
        naming_(context, binary),
        steps_(steps),
        swapped_(is_swapped(binary)),
        many_(std::move(swapped_ ? right : left)),
        one_(std::move(swapped_ ? left : right)) {}

  util::Result<VectorOpPtr> match() {
    NX_ASSIGN(groups_, match_groups(context_, *binary_.matching, swapped_ ? *one_ : *many_,
                                    swapped_ ? *many_ : *one_));
    if (fills()) collect_group_labels();
    NX_TRY(prepare_one_side());
    NX_TRY(prepare_many_side());
    pair_up();
    const bool may_clash = std::ranges::any_of(
        pairs_, [](const std::vector<Pair>& pairs) { return pairs.size() > 1; });
    auto matched = std::make_unique<MatchOp>(context_, binary_, std::move(many_), std::move(one_),
                                             std::move(groups_), std::move(series_),
                                             std::move(pairs_), steps_);
    if (!may_clash) return matched;
    // Now, not when somebody asks: a clash is an error even if nobody does.
    return materialize(context_, *matched, steps_);
  }

 private:
  [[nodiscard]] const std::vector<std::uint32_t>& many_of(const MatchGroup& g) const {
    return many_members(binary_, g);
  }
  [[nodiscard]] const std::vector<std::uint32_t>& one_of(const MatchGroup& g) const {
    return one_members(binary_, g);
  }

  [[nodiscard]] bool fills() const noexcept {
    return many_fill(binary_).has_value() || one_fill(binary_).has_value();
  }

  // Series that are asked for more than once, or must be looked at before, are computed once and
  // kept.
  util::Result<void> prepare_one_side() {
    const bool repeated =
        fills() || std::ranges::any_of(groups_, [this](const MatchGroup& g) {
          return one_of(g).size() > 1 || (!one_of(g).empty() && many_of(g).size() > 1);
        });
    if (!repeated) return {};
    NX_ASSIGN(auto kept, materialize(context_, *one_, steps_));
    for (const MatchGroup& group : groups_) {
      if (one_of(group).size() > 1) {
        NX_TRY(refuse_duplicates(group, *kept));
      }
    }
    one_ = std::move(kept);
    return {};
  }

  // At no step may two series of a group be there; but without any element on the other side
  // nothing is matched at all, unless it is filled.
  util::Result<void> refuse_duplicates(const MatchGroup& group, const MaterializedOp& one) {
    const std::vector<std::uint32_t>& members = one_of(group);
    std::vector<std::uint32_t> holder(steps_, UINT32_MAX);
    for (const std::uint32_t member : members) {
      const ColumnRef row = one.row(member);
      std::vector<std::size_t> steps;
      row.for_each_float([&](std::size_t step) { steps.push_back(step); });
      for (const HistogramPoint& point : row.histograms()) steps.push_back(point.step);
      for (const std::size_t step : steps) {
        if (holder[step] != UINT32_MAX) {
          bool matters = fills();
          if (!matters) {
            NX_ASSIGN(matters, many_has_points_at(step));
          }
          if (matters) return fail_execution(duplicate_text(one, holder[step], member));
        }
        holder[step] = member;
      }
    }
    return {};
  }

  util::Result<bool> many_has_points_at(std::size_t step) {
    const ScratchPool::Loan loan = context_.scratches.take();
    Scratch& scratch = *loan;
    for (std::size_t i = 0; i < many_->size(); ++i) {
      NX_TRY(context_.check());
      auto column = scratch.column(steps_);
      NX_TRY(many_->fill(i, scratch, column->ref()));
      const HistogramList& histograms = column->ref().histograms();
      if (column->ref().has_float(step) ||
          std::ranges::any_of(histograms,
                              [&](const HistogramPoint& point) { return point.step == step; })) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::string duplicate_text(const MaterializedOp& one, std::size_t a,
                                           std::size_t b) const {
    model::Labels first = one.labels(a);
    model::Labels second = one.labels(b);
    if (second < first) std::swap(first, second);
    return fmt::format(
        "found duplicate series for the match group {} on the {} hand-side of the operation: [{}, "
        "{}];many-to-many "
        "matching not allowed: matching labels must be unique on one side",
        match_labels(*binary_.matching, first).to_string(), swapped_ ? "left" : "right",
        first.to_string(), second.to_string());
  }

  // One-to-one with several series of a group on the left: they must take turns wherever the right
  // one is there.
  util::Result<void> prepare_many_side() {
    const bool one_to_one = binary_.matching->cardinality == Cardinality::kOneToOne;
    const auto is_crowded = [&](const MatchGroup& g) {
      return one_to_one && many_of(g).size() > 1 && (!one_of(g).empty() || one_fill(binary_));
    };
    if (!fills() && !std::ranges::any_of(groups_, is_crowded)) return {};
    NX_ASSIGN(auto kept, materialize(context_, *many_, steps_));
    const ScratchPool::Loan loan = context_.scratches.take();
    Scratch& scratch = *loan;
    for (const MatchGroup& group : groups_) {
      if (!is_crowded(group)) continue;
      auto present = scratch.column(steps_);
      for (const std::uint32_t o : one_of(group)) {
        auto column = scratch.column(steps_);
        NX_TRY(one_->fill(o, scratch, column->ref()));
        // No clash: they have been checked against each other.
        if (!merge_column(column->ref(), present->ref()))
          return fail_execution(std::string(kSameLabelset));
      }
      if (take_turns(group, *kept, present->ref())) continue;
      return fail_execution(std::string(kManyToOneImplicit));
    }
    many_ = std::move(kept);
    return {};
  }

  [[nodiscard]] bool take_turns(const MatchGroup& group, const MaterializedOp& many,
                                ColumnRef one) const {
    std::vector<bool> relevant(steps_, one_fill(binary_).has_value());
    one.for_each_float([&](std::size_t step) { relevant[step] = true; });
    for (const HistogramPoint& point : one.histograms()) relevant[point.step] = true;
    std::vector<bool> taken(steps_, false);
    bool clash = false;
    const auto take = [&](std::size_t step) {
      clash = clash || (relevant[step] && taken[step]);
      taken[step] = true;
    };
    for (const std::uint32_t m : many_of(group)) {
      many.row(m).for_each_float(take);
      for (const HistogramPoint& point : many.row(m).histograms()) take(point.step);
    }
    return !clash;
  }

  [[nodiscard]] auto value_of(std::uint32_t one) const {
    return [this, one](std::string_view name) { return one_->label_value(one, name); };
  }

  void pair_up() {
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      const std::vector<std::uint32_t>& many = many_of(groups_[g]);
      const std::vector<std::uint32_t>& one = one_of(groups_[g]);
      const LabelledOp::Series filled{fills() ? group_labels_[g] : model::Labels(), false};
      const auto filled_value = [&](std::string_view name) { return filled.labels.get(name); };
      for (const std::uint32_t m : many) {
        const LabelledOp::Series named{many_->labels(m), many_->loses_name(m)};
        for (const std::uint32_t o : one) add_pair(named, value_of(o), {m, o, g});
        if (one_fill(binary_)) add_pair(named, filled_value, {m, kFilled, g});
      }
      if (!many_fill(binary_)) continue;
      for (const std::uint32_t o : one) add_pair(filled, value_of(o), {kFilled, o, g});
    }
  }

  // What all members of a group have in common: the labels of a filled sample.
  void collect_group_labels() {
    for (const MatchGroup& group : groups_) {
      const bool from_many = !many_of(group).empty();
      const SeriesLabels& side = from_many ? *many_ : *one_;
      const std::uint32_t member = from_many ? many_of(group).front() : one_of(group).front();
      group_labels_.push_back(match_labels(*binary_.matching, side.labels(member)));
    }
  }

  template <class OneValue>
  void add_pair(const LabelledOp::Series& many, OneValue&& one_value, Pair pair) {
    LabelledOp::Series result = naming_.name(many, one_value);
    const auto [it, created] =
        by_labels_.try_emplace(result.labels, static_cast<std::uint32_t>(series_.size()));
    if (created) {
      series_.push_back(std::move(result));
      pairs_.emplace_back();
    }
    pairs_[it->second].push_back(pair);
  }

  QueryContext& context_;
  const Binary& binary_;
  const ResultNaming naming_;
  const std::size_t steps_;
  const bool swapped_;
  VectorOpPtr many_;
  VectorOpPtr one_;
  std::vector<MatchGroup> groups_;
  boost::unordered_flat_map<model::Labels, std::uint32_t, model::LabelsHasher> by_labels_;
  std::vector<model::Labels> group_labels_;  // By group, when a side is filled.
  std::vector<LabelledOp::Series> series_;
  std::vector<std::vector<Pair>> pairs_;
};

}  // namespace

void inform_incompatible(QueryContext& context, const Binary& binary, SampleKind left,
                         SampleKind right) {
  const auto text = [](SampleKind kind) {
    return kind == SampleKind::kFloat ? "float" : "histogram";
  };
  context.annotations.inform(
      binary.position,
      fmt::format("incompatible sample types encountered for binary operator \"{}\": {} {} {}",
                  binary_op_text(binary.op), text(left), binary_op_text(binary.op), text(right)));
}

util::Result<VectorOpPtr> make_vector_matching(QueryContext& context, const Binary& binary,
                                               VectorOpPtr left, VectorOpPtr right,
                                               std::size_t steps) {
  return Matcher(context, binary, std::move(left), std::move(right), steps).match();
}

}  // namespace narthex::promql
