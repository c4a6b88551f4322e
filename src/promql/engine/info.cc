#include "promql/engine/info.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "narthex/promql/ast.h"

namespace narthex::promql {
namespace {

// What an info metric and the series it tells about have in common.
constexpr std::array<std::string_view, 2> kIdentifyingLabels = {"instance", "job"};
constexpr std::uint32_t kNone = UINT32_MAX;

bool is_identifying(std::string_view name) noexcept {
  return std::ranges::find(kIdentifyingLabels, name) != kIdentifyingLabels.end();
}

bool matches_all(const model::Matchers& matchers, const model::Labels& labels) {
  return std::ranges::all_of(matchers,
                             [&](const model::Matcher& m) { return m.matches_labels(labels); });
}

// Empty if a series has none of the identifying labels: then nothing tells about it.
std::string signature_of(const SeriesLabels& series, std::size_t index) {
  std::string signature;
  bool any = false;
  for (const std::string_view name : kIdentifyingLabels) {
    const std::string_view value = series.label_value(index, name);
    any = any || !value.empty();
    signature.append(value).push_back('\xff');  // No valid label value contains it.
  }
  return any ? signature : std::string();
}

std::vector<std::uint32_t> steps_of(ColumnRef column) {
  std::vector<std::uint32_t> steps;
  column.for_each_float(
      [&](std::size_t step) { steps.push_back(static_cast<std::uint32_t>(step)); });
  for (const HistogramPoint& point : column.histograms()) steps.push_back(point.step);
  return steps;
}

// Which info series hold at each step for the series with one signature.
struct Timeline {
  // Distinct sets of info series, one of each info metric at most.
  std::vector<std::vector<std::uint32_t>> sets = {{}};
  std::vector<std::uint32_t> set_at;  // By step: index into `sets`.
};

class InfoJoin {
 public:
  InfoJoin(QueryContext& context, const InfoMatchers& matchers, const MaterializedOp& base,
           const InfoSeries& info, std::size_t steps)
      : context_(context), matchers_(matchers), base_(base), info_(info), steps_(steps) {
    keeps_unmatched_ = std::ranges::all_of(
        matchers.data, [](const model::Matcher& m) { return m.matches_empty(); });
    nothing_.set_at.assign(steps, 0);
  }

  util::Result<VectorOpPtr> run() {
    for (std::uint32_t i = 0; i < info_.values->size(); ++i)
      candidates_[signature_of(*info_.values, i)].push_back(i);
    for (std::uint32_t i = 0; i < base_.size(); ++i) {
      NX_TRY(context_.check());
      NX_TRY(place(i));
    }
    NX_ASSIGN(ChargedBlock out, make_block(context_, series_.size(), steps_));
    for (const Placement& placement : placements_) {
      NX_TRY(copy(placement, out.block));
    }
    return std::make_unique<MaterializedOp>(std::move(series_), std::move(out.block),
                                            std::move(out.charge));
  }

 private:
  // Which row of the result a base series goes to, by set of its timeline.
  struct Placement {
    std::uint32_t base;
    const Timeline* timeline;
    std::vector<std::uint32_t> rows;  // kNone: dropped, or the set is never met.
  };

  util::Result<void> place(std::uint32_t base) {
    const std::vector<std::uint32_t> steps = steps_of(base_.row(base));
    if (steps.empty()) return {};
    const model::Labels labels = base_.labels(base);
    // Info metrics are not told about by others, nor by themselves.
    const bool is_info = matches_all(matchers_.name, labels);
    const Timeline* timeline = &nothing_;
    if (!is_info) {
      NX_ASSIGN(timeline, timeline_of(signature_of(base_, base)));
    }
    Placement placement{base, timeline, std::vector<std::uint32_t>(timeline->sets.size(), kNone)};
    std::vector<bool> placed(timeline->sets.size(), false);
    for (const std::uint32_t step : steps) {
      const std::uint32_t set = timeline->set_at[step];
      if (placed[set]) continue;
      placed[set] = true;
      if (timeline->sets[set].empty() && !is_info && !keeps_unmatched_) continue;
      NX_ASSIGN(model::Labels enriched, enrich(labels, timeline->sets[set]));
      placement.rows[set] = row_of(std::move(enriched), base_.loses_name(base));
    }
    placements_.push_back(std::move(placement));
    return {};
  }

  std::uint32_t row_of(model::Labels labels, bool loses_name) {
    const auto [it, created] =
        rows_.try_emplace(labels, static_cast<std::uint32_t>(series_.size()));
    if (created) series_.push_back({std::move(labels), loses_name});
    return it->second;
  }

  // Labels that the base series has already stay as they are.
  util::Result<model::Labels> enrich(const model::Labels& labels,
                                     const std::vector<std::uint32_t>& set) const {
    model::LabelsBuilder added;
    for (const std::uint32_t info : set) {
      for (const model::LabelView label : info_.values->labels(info)) {
        if (label.name == model::kMetricName || is_identifying(label.name) ||
            !is_wanted(label.name)) {
          continue;
        }
        const std::string_view other = added.get(label.name);
        if (!other.empty() && other != label.value)
          return fail_execution(fmt::format("conflicting label: {}", label.name));
        if (!labels.has(label.name)) added.set(label.name, label.value);
      }
    }
    model::LabelsBuilder builder(labels);
    for (const auto& [name, value] : added.labels()) builder.set(name, value);
    return builder.build();
  }

  [[nodiscard]] bool is_wanted(std::string_view name) const {
    return matchers_.data.empty() ||
           std::ranges::any_of(matchers_.data,
                               [&](const model::Matcher& m) { return m.name() == name; });
  }

  util::Result<const Timeline*> timeline_of(const std::string& signature) {
    const auto candidates = candidates_.find(signature);
    if (signature.empty() || candidates == candidates_.end()) return &nothing_;
    const auto [it, created] = timelines_.try_emplace(signature);
    if (!created) return &it->second;
    // std::map: a result that does not depend on the order of hashes.
    std::map<std::string_view, std::vector<std::uint32_t>> chosen;  // By info metric and step.
    for (const std::uint32_t info : candidates->second) {
      auto& at = chosen[info_.values->label_value(info, model::kMetricName)];
      if (at.empty()) at.assign(steps_, kNone);
      NX_TRY(choose(info, at));
    }
    std::map<std::vector<std::uint32_t>, std::uint32_t> known = {{{}, 0}};
    std::vector<std::uint32_t> set;
    for (std::size_t step = 0; step < steps_; ++step) {
      set.clear();
      for (const auto& [name, at] : chosen) {
        if (at[step] != kNone) set.push_back(at[step]);
      }
      Timeline& timeline = it->second;
      const auto [found, is_new] =
          known.try_emplace(set, static_cast<std::uint32_t>(timeline.sets.size()));
      if (is_new) timeline.sets.push_back(set);
      timeline.set_at.push_back(found->second);
    }
    return &it->second;
  }

  // Of several series of one info metric, the newest sample wins.
  util::Result<void> choose(std::uint32_t info, std::vector<std::uint32_t>& chosen) {
    auto times = scratch_.column(steps_);
    NX_TRY(info_.timestamps->fill(info, scratch_, times->ref()));
    if (times->ref().empty()) return {};
    auto values = scratch_.column(steps_);
    NX_TRY(info_.values->fill(info, scratch_, values->ref()));
    if (!values->ref().histograms().empty())
      return fail_execution("info metric has histogram samples: " +
                            info_.values->labels(info).to_series_string());
    util::Result<void> outcome;
    times->ref().for_each_float([&](std::size_t step) {
      if (chosen[step] == kNone) {
        chosen[step] = info;
        return;
      }
      const double other = time_of(chosen[step], step);
      const double time = times->ref().values()[step];
      if (time > other) chosen[step] = info;
      if (time == other && outcome) outcome = duplicate(chosen[step], info);
    });
    return outcome;
  }

  // Rare: only where two series of one info metric hold at the same step.
  [[nodiscard]] double time_of(std::uint32_t info, std::size_t step) {
    auto times = scratch_.column(steps_);
    const auto filled = info_.timestamps->fill(info, scratch_, times->ref());
    return filled ? times->ref().values()[step] : 0;  // It could be filled before.
  }

  [[nodiscard]] util::Result<void> duplicate(std::uint32_t a, std::uint32_t b) const {
    return fail_execution(fmt::format("found duplicate series for info metric: existing {}, new {}",
                                      info_.values->labels(a).to_string(),
                                      info_.values->labels(b).to_string()));
  }

  util::Result<void> copy(const Placement& placement, const ColumnBlock& block) {
    const ColumnRef from = base_.row(placement.base);
    for (std::size_t set = 0; set < placement.rows.size(); ++set) {
      const std::uint32_t row = placement.rows[set];
      // Two sets may lead to the same labels: the first of them takes all points along.
      const bool done = std::find(placement.rows.begin(),
                                  placement.rows.begin() + static_cast<std::ptrdiff_t>(set),
                                  row) != placement.rows.begin() + static_cast<std::ptrdiff_t>(set);
      if (row == kNone || done) continue;
      auto part = scratch_.column(steps_);
      const auto goes_here = [&](std::size_t step) {
        return placement.rows[placement.timeline->set_at[step]] == row;
      };
      const ColumnRef to = part->ref();
      from.for_each_float([&](std::size_t step) {
        if (goes_here(step)) to.set(step, from.values()[step]);
      });
      for (const HistogramPoint& point : from.histograms()) {
        if (goes_here(point.step)) to.add(point.step, point.histogram);
      }
      if (!merge_column(to, block.row(row))) return fail_execution(std::string(kSameLabelset));
    }
    return {};
  }

  QueryContext& context_;
  const InfoMatchers& matchers_;
  const MaterializedOp& base_;
  const InfoSeries& info_;
  const std::size_t steps_;
  bool keeps_unmatched_ = true;
  Timeline nothing_;
  Scratch scratch_;
  boost::unordered_flat_map<std::string, std::vector<std::uint32_t>> candidates_;
  std::map<std::string, Timeline> timelines_;  // Stable addresses.
  std::vector<Placement> placements_;
  std::vector<LabelledOp::Series> series_;
  boost::unordered_flat_map<model::Labels, std::uint32_t, model::LabelsHasher> rows_;
};

}  // namespace

util::Result<InfoMatchers> info_matchers(const Expr* argument) {
  InfoMatchers out;
  if (argument != nullptr) {
    const auto* selector = as_if<VectorSelector>(&unwrap_parens(*argument));
    if (selector == nullptr) return fail_execution("info(): expected label selectors only");
    for (const model::Matcher& matcher : selector->matchers)
      (matcher.name() == model::kMetricName ? out.name : out.data).push_back(matcher);
  }
  const bool any_positive = std::ranges::any_of(out.name, [](const model::Matcher& m) {
    return m.op() == model::MatchOp::kEqual || m.op() == model::MatchOp::kRegex;
  });
  if (out.name.empty()) {
    out.name.push_back(model::Matcher::equal(std::string(model::kMetricName), "target_info"));
  } else if (!any_positive) {
    NX_ASSIGN(
        model::Matcher any_info,
        model::Matcher::make(model::MatchOp::kRegex, std::string(model::kMetricName), ".+_info"));
    out.name.push_back(std::move(any_info));
  }
  return out;
}

util::Result<VectorOpPtr> make_info(QueryContext& context, const InfoMatchers& matchers,
                                    const MaterializedOp& base, const InfoSeries& info,
                                    std::size_t steps) {
  return InfoJoin(context, matchers, base, info, steps).run();
}

}  // namespace narthex::promql
