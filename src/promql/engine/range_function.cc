#include "promql/engine/range_function.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "narthex/model/metadata.h"
#include "narthex/model/names.h"
#include "narthex/util/check.h"

#include "promql/functions/histogram_kernels.h"
#include "promql/functions/histogram_math.h"
#include "promql/functions/range_kernels.h"
#include "promql/functions/start_times.h"

namespace narthex::promql {
namespace {

// What becomes of histogram samples.
enum class HistogramUse : std::uint8_t {
  kIgnored,  // Floats count; a window with both gets an info.
  kAlike,    // Histograms are samples like floats.
  kOwnKind,  // Either kind has a result of its own; a window with both gets a warning and nothing
             // else.
};

struct RangeFunction {
  FunctionId id;
  RangeKernel kernel;
  HistogramUse histograms;
};

using enum HistogramUse;
constexpr std::array kRangeFunctions = {
    RangeFunction{FunctionId::kAvgOverTime, kernel_avg, kOwnKind},
    RangeFunction{FunctionId::kChanges, kernel_changes, kAlike},
    RangeFunction{FunctionId::kCountOverTime, kernel_count, kAlike},
    RangeFunction{FunctionId::kDelta, kernel_delta, kOwnKind},
    RangeFunction{FunctionId::kDeriv, kernel_deriv, kIgnored},
    RangeFunction{FunctionId::kDoubleExponentialSmoothing, kernel_double_exponential_smoothing,
                  kIgnored},
    RangeFunction{FunctionId::kFirstOverTime, kernel_first, kAlike},
    RangeFunction{FunctionId::kIdelta, kernel_idelta, kOwnKind},
    RangeFunction{FunctionId::kIncrease, kernel_increase, kOwnKind},
    RangeFunction{FunctionId::kIrate, kernel_irate, kOwnKind},
    RangeFunction{FunctionId::kLastOverTime, kernel_last, kAlike},
    RangeFunction{FunctionId::kMadOverTime, kernel_mad, kIgnored},
    RangeFunction{FunctionId::kMaxOverTime, kernel_max, kIgnored},
    RangeFunction{FunctionId::kMinOverTime, kernel_min, kIgnored},
    RangeFunction{FunctionId::kPredictLinear, kernel_predict_linear, kIgnored},
    RangeFunction{FunctionId::kPresentOverTime, kernel_present, kAlike},
    RangeFunction{FunctionId::kQuantileOverTime, kernel_quantile, kIgnored},
    RangeFunction{FunctionId::kRate, kernel_rate, kOwnKind},
    RangeFunction{FunctionId::kResets, kernel_resets, kAlike},
    RangeFunction{FunctionId::kStddevOverTime, kernel_stddev, kIgnored},
    RangeFunction{FunctionId::kStdvarOverTime, kernel_stdvar, kIgnored},
    RangeFunction{FunctionId::kSumOverTime, kernel_sum, kOwnKind},
    RangeFunction{FunctionId::kTsOfFirstOverTime, kernel_ts_of_first, kAlike},
    RangeFunction{FunctionId::kTsOfLastOverTime, kernel_ts_of_last, kAlike},
    RangeFunction{FunctionId::kTsOfMaxOverTime, kernel_ts_of_max, kIgnored},
    RangeFunction{FunctionId::kTsOfMinOverTime, kernel_ts_of_min, kIgnored},
};

const RangeFunction* find_range_function(FunctionId id) noexcept {
  const auto it = std::ranges::find(kRangeFunctions, id, &RangeFunction::id);
  return it == kRangeFunctions.end() ? nullptr : it;
}

bool looks_like_counter(std::string_view name) noexcept {
  return name.ends_with("_total") || name.ends_with("_sum") || name.ends_with("_count") ||
         name.ends_with("_bucket");
}

// Functions that make use of the times at which counters started.
bool knows_starts(FunctionId id) noexcept {
  return id == FunctionId::kRate || id == FunctionId::kIncrease || id == FunctionId::kIrate ||
         id == FunctionId::kResets;
}

bool is_quantile(double q) noexcept {
  return q >= 0 && q <= 1;
}

// Counts what each window of a series holds.
void count_windows(std::span<const model::TimestampMs> timestamps, const WindowGrid& windows,
                   const SampleTally& tally) {
  if (timestamps.empty()) return;
  const bool by_step = tally.by_step();
  const std::uint64_t all = for_each_window(timestamps, windows, [&](const Window& w) {
    if (by_step) tally.add_at(w.step, w.size());
  });
  if (!by_step) tally.add(all);
}
void count_histogram_windows(const RangeSamples& samples, const WindowGrid& windows,
                             const SampleTally& tally) {
  if (samples.histograms.empty()) return;
  std::vector<std::uint64_t> worth_before;  // Of all in front of one.
  worth_before.reserve(samples.histograms.size() + 1);
  worth_before.push_back(0);
  for (const model::FloatHistogram* histogram : samples.histograms)
    worth_before.push_back(worth_before.back() + samples_worth(*histogram));
  const bool by_step = tally.by_step();
  std::uint64_t all = 0;
  for_each_window(samples.histogram_timestamps, windows, [&](const Window& w) {
    const std::uint64_t worth = worth_before[w.end] - worth_before[w.begin];
    if (by_step) tally.add_at(w.step, worth);
    all += worth;
  });
  if (!by_step) tally.add(all);
}

WindowGrid with_deadline(WindowGrid windows, const storage::Deadline& deadline) noexcept {
  windows.deadline = &deadline;
  return windows;
}

class RangeFunctionOp final : public VectorOp {
 public:
  RangeFunctionOp(QueryContext& context, RangeSourcePtr source, const WindowGrid& windows,
                  const RangeFunction& function, RangeCall call)
      : context_(context),
        source_(std::move(source)),
        windows_(with_deadline(windows, context.deadline)),
        function_(function),
        call_(std::move(call)),
        odd_quantiles_(function.id == FunctionId::kQuantileOverTime &&
                       !std::ranges::all_of(call_.first, is_quantile)) {}

  [[nodiscard]] std::size_t size() const noexcept override { return source_->size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return source_->labels(index);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return source_->label_value(index, name);
  }
  [[nodiscard]] bool loses_name(std::size_t index) const noexcept override {
    return source_->loses_name(index);
  }
  [[nodiscard]] bool same_name() const noexcept override { return source_->same_name(); }

  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    RangeBuffer buffer(scratch);
    NX_TRY(source_->read(index, scratch, buffer));
    NX_TRY(fill_from(index, buffer.samples, scratch, out));
    // Loops that ended early have left a part of the column empty.
    return context_.check();
  }

 private:
  util::Result<void> fill_from(std::size_t index, const RangeSamples& samples, Scratch& scratch,
                               ColumnRef out) const {
    if (call_.extended) {
      HistogramNotes notes;
      fill_extended(function_.id, samples, windows_, *call_.extended, out, notes);
      count_extended(samples);
      annotate_histograms(index, notes);
      annotate_floats(index, out);
      return context_.budget.charge_samples(samples_worth(out));
    }
    if (samples.has_starts() && knows_starts(function_.id))
      return fill_by_starts(index, samples, out);
    const KernelArguments arguments{call_.first, call_.second};
    const std::uint64_t floats =
        function_.kernel(samples.floats, windows_, arguments, scratch.kernel(), out);
    annotate_floats(index, out);
    if (!samples.histograms.empty()) add_histograms(index, samples, out);
    if (call_.tally.by_step()) {
      count_windows(samples.floats.timestamps, windows_, call_.tally);
    } else {
      call_.tally.add(floats);
    }
    count_histogram_windows(samples, windows_, call_.tally);
    return context_.budget.charge_samples(samples_worth(out));
  }

  void count_extended(const RangeSamples& samples) const {
    const auto sizes = extended_window_sizes(samples, windows_, *call_.extended);
    if (!call_.tally.by_step()) {
      call_.tally.add(std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0}));
      return;
    }
    for (std::size_t step = 0; step < sizes.size(); ++step) call_.tally.add_at(step, sizes[step]);
  }

  util::Result<void> fill_by_starts(std::size_t index, const RangeSamples& samples,
                                    ColumnRef out) const {
    HistogramNotes notes;
    if (function_.id == FunctionId::kResets) {
      fill_alike(function_.id, samples, windows_, out);
    } else if (function_.id == FunctionId::kIrate) {
      fill_own_kind(function_.id, samples, windows_, out, notes);
    } else {
      fill_started(function_.id, samples, windows_, out, notes);
    }
    count_windows(samples.floats.timestamps, windows_, call_.tally);
    count_histogram_windows(samples, windows_, call_.tally);
    annotate_histograms(index, notes);
    annotate_floats(index, out);
    return context_.budget.charge_samples(samples_worth(out));
  }

  [[nodiscard]] std::string metric_name(std::size_t index) const {
    return model::quoted(source_->label_value(index, model::kMetricName));
  }

  // By the type label where series have one, else by the habit of naming.
  void annotate_counter(std::size_t index) const {
    const std::string_view name = source_->label_value(index, model::kMetricName);
    if (name.empty()) return;
    if (!context_.options.type_and_unit_labels) {
      if (looks_like_counter(name)) return;
      context_.annotations.inform(call_.argument,
                                  fmt::format("metric might not be a counter, name does not end "
                                              "in _total/_sum/_count/_bucket: {}",
                                              model::quoted(name)));
      return;
    }
    const std::string_view type = source_->label_value(index, model::kTypeLabel);
    if (type == "counter" || type == "histogram") return;
    context_.annotations.inform(
        call_.argument, fmt::format("metric might not be a counter, __type__ label is not set to "
                                    "\"counter\" or \"histogram\", got {}: {}",
                                    model::quoted(type), model::quoted(name)));
  }

  void annotate_floats(std::size_t index, ColumnRef out) const {
    const bool wants_counter =
        function_.id == FunctionId::kRate || function_.id == FunctionId::kIncrease;
    if (wants_counter && out.float_count() > 0) annotate_counter(index);
    if (!odd_quantiles_) return;
    out.for_each_float([&](std::size_t step) {
      if (!is_quantile(call_.first[step]))
        context_.annotations.warn_quantile(call_.parameter, call_.first[step]);
    });
  }

  void add_histograms(std::size_t index, const RangeSamples& samples, ColumnRef out) const {
    switch (function_.histograms) {
      case kIgnored: {
        bool both = false;
        for_each_window(samples.histogram_timestamps, windows_,
                        [&](const Window& w) { both = both || out.has_float(w.step); });
        if (both) {
          context_.annotations.inform(call_.argument,
                                      fmt::format("ignored histograms in a range containing both "
                                                  "floats and histograms for metric name {}",
                                                  metric_name(index)));
        }
        return;
      }
      case kAlike: {
        out.clear();
        fill_alike(function_.id, samples, windows_, out);
        return;
      }
      case kOwnKind: {
        HistogramNotes notes;
        fill_own_kind(function_.id, samples, windows_, out, notes);
        annotate_histograms(index, notes);
        return;
      }
    }
  }

  void annotate_histograms(std::size_t index, const HistogramNotes& notes) const {
    const auto warn = [&](bool happened, std::string_view text) {
      if (happened)
        context_.annotations.warn(call_.argument, fmt::format("{} {}", text, metric_name(index)));
    };
    warn(notes.mixed_kinds, "encountered a mix of histograms and floats for metric name");
    warn(notes.mixed_schemas,
         "vector contains a mix of histograms with exponential and custom buckets schemas for "
         "metric name");
    warn(notes.not_counter, "this native histogram metric is not a counter:");
    warn(notes.not_gauge, "this native histogram metric is not a gauge:");
    if (notes.start_overlaps > 0) {
      context_.annotations.warn_start_overlap(
          call_.argument, source_->label_value(index, model::kMetricName), notes.start_overlaps);
    }
    if (notes.bounds_reconciled) {
      context_.annotations.inform(
          call_.argument,
          fmt::format("mismatched custom buckets were reconciled during {}", notes.operation));
    }
    if (notes.conflicting_resets) {
      context_.annotations.warn(
          call_.argument,
          fmt::format("conflicting counter resets during histogram {}", notes.operation));
    }
  }

  QueryContext& context_;
  RangeSourcePtr source_;
  const WindowGrid windows_;
  const RangeFunction& function_;
  const RangeCall call_;
  const bool odd_quantiles_;
};

util::Result<void> check_factor(std::span<const double> factors, std::string_view what,
                                std::string_view symbol) {
  for (const double factor : factors) {
    if (factor <= 0 || factor >= 1) {
      return fail_execution(
          fmt::format("invalid {} factor. Expected: 0 < {} < 1, got: {:f}", what, symbol, factor));
    }
  }
  return {};
}

}  // namespace

bool is_range_function(FunctionId id) noexcept {
  return find_range_function(id) != nullptr;
}

bool range_function_keeps_name(FunctionId id) noexcept {
  return id == FunctionId::kLastOverTime || id == FunctionId::kFirstOverTime;
}

util::Result<VectorOpPtr> make_range_function(QueryContext& context, RangeSourcePtr source,
                                              const WindowGrid& windows, RangeCall call) {
  const RangeFunction* function = find_range_function(call.function);
  NX_CHECK(function != nullptr, "function {} takes no range", static_cast<int>(call.function));
  if (call.function == FunctionId::kDoubleExponentialSmoothing && source->size() > 0) {
    NX_TRY(check_factor(call.first, "smoothing", "sf"));
    NX_TRY(check_factor(call.second, "trend", "tf"));
  }
  return std::make_unique<RangeFunctionOp>(context, std::move(source), windows, *function,
                                           std::move(call));
}

util::Result<std::vector<std::uint64_t>> presence_in_windows(QueryContext& context,
                                                             const RangeSource& source,
                                                             const WindowGrid& windows,
                                                             SampleTally tally) {
  std::vector<std::uint64_t> present(presence_words(windows.steps));
  const ScratchPool::Loan loan = context.scratches.take();
  Scratch& scratch = *loan;
  for (std::size_t i = 0; i < source.size(); ++i) {
    NX_TRY(context.check());
    RangeBuffer buffer(scratch);
    NX_TRY(source.read(i, scratch, buffer));
    const auto mark = [&](const Window& w) {
      present[w.step / 64] |= std::uint64_t{1} << (w.step % 64);
    };
    for (const auto times :
         {buffer.samples.floats.timestamps, buffer.samples.histogram_timestamps}) {
      for_each_window(times, windows, mark);
      count_windows(times, windows, tally);
    }
  }
  return present;
}

}  // namespace narthex::promql
