#include "promql/engine/histogram_functions.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/check.h"
#include "narthex/util/number.h"

#include "promql/functions/histogram_quantile.h"

namespace narthex::promql {
namespace {

constexpr std::string_view kBucketLabel = "le";
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

// histogram_count and the like: one number of each native histogram; floats are not seen.
class HistogramPartOp final : public DerivedOp {
 public:
  HistogramPartOp(VectorOpPtr input, FunctionId function)
      : DerivedOp(std::move(input)), function_(function) {}
  util::Result<void> fill(std::size_t index, Scratch& scratch, ColumnRef out) const override {
    NX_TRY(input().fill(index, scratch, out));
    std::ranges::fill(out.present(), std::uint64_t{0});
    for (const HistogramPoint& point : out.histograms())
      out.set(point.step, part(*point.histogram));
    out.histograms().clear();
    return {};
  }

 private:
  [[nodiscard]] double part(const model::FloatHistogram& h) const {
    switch (function_) {
      case FunctionId::kHistogramCount:
        return h.count;
      case FunctionId::kHistogramSum:
        return h.sum;
      case FunctionId::kHistogramAvg:
        return h.sum / h.count;
      case FunctionId::kHistogramStdvar:
        return native_variance(h);
      default:
        return std::sqrt(native_variance(h));
    }
  }
  FunctionId function_;
};

// What is asked of every histogram: one quantile, or the share between two bounds; by step.
struct Question {
  bool fraction = false;
  ScalarColumn first;       // The quantile, or the lower bound.
  ScalarColumn second;      // The upper bound.
  std::string label_value;  // For histogram_quantiles.
};

// One histogram of the vector: its classic buckets, its native samples, or (wrongly) both.
struct HistogramGroup {
  model::Labels labels;  // Without le.
  bool loses_name = false;
  struct Bucket {
    std::uint32_t series;
    double upper;
  };
  std::vector<Bucket> buckets;
  std::vector<std::uint32_t> natives;
};

class HistogramQuery {
 public:
  HistogramQuery(QueryContext& context, Position argument, const StepGrid& grid)
      : context_(context), argument_(argument), grid_(grid) {}

  util::Result<VectorOpPtr> run(VectorOpPtr input, const std::vector<Question>& questions,
                                const std::string& label, std::uint64_t mark) {
    NX_ASSIGN(input_, materialize(context_, *input, grid_.count));
    collect_groups();
    std::vector<LabelledOp::Series> series;
    NX_ASSIGN(ChargedBlock out,
              make_block(context_, groups_.size() * questions.size(), grid_.count));
    for (const HistogramGroup& group : groups_) {
      NX_TRY(context_.check());
      for (std::size_t q = 0; q < questions.size(); ++q) {
        LabelledOp::Series one{group.labels, group.loses_name};
        if (!label.empty()) {
          model::LabelsBuilder builder(one.labels);
          builder.set(label, questions[q].label_value);
          one.labels = builder.build();
        }
        answer(group, questions[q], out.block.row(series.size()));
        series.push_back(std::move(one));
      }
    }
    context_.budget.release_samples_to(mark);
    return std::make_unique<MaterializedOp>(std::move(series), std::move(out.block),
                                            std::move(out.charge));
  }

 private:
  void collect_groups() {
    boost::unordered_flat_map<model::Labels, std::size_t, model::LabelsHasher> ids;
    const auto group_of = [&](model::Labels labels) -> HistogramGroup& {
      const auto [it, created] = ids.try_emplace(labels, groups_.size());
      if (created) groups_.push_back({std::move(labels), false, {}, {}});
      return groups_[it->second];
    };
    constexpr std::string_view kBucketLabels[] = {kBucketLabel};
    for (std::uint32_t i = 0; i < input_->size(); ++i) {
      const ColumnRef row = input_->row(i);
      if (row.float_count() > 0) {
        const std::string_view le = input_->label_value(i, kBucketLabel);
        if (const auto upper = util::parse_double(le)) {
          HistogramGroup& group = group_of(input_->labels(i).without(kBucketLabels));
          group.buckets.push_back({i, *upper});
          group.loses_name = group.loses_name || input_->loses_name(i);
        } else {
          context_.annotations.warn(
              argument_,
              fmt::format("bucket label \"le\" is missing or has a malformed value of {}{}",
                          model::quoted(le), for_metric(input_->labels(i))));
        }
      }
      if (!row.histograms().empty()) {
        HistogramGroup& group = group_of(input_->labels(i));
        group.natives.push_back(i);
        group.loses_name = group.loses_name || input_->loses_name(i);
      }
    }
  }

  // Known only where the name has not been removed yet.
  static std::string for_metric(const model::Labels& labels) {
    const std::string_view name = labels.metric_name();
    return name.empty() ? "" : " for metric name " + model::quoted(name);
  }

  void answer(const HistogramGroup& group, const Question& question, ColumnRef out) {
    std::vector<const model::FloatHistogram*> natives(grid_.count, nullptr);
    for (const std::uint32_t i : group.natives) {
      for (const HistogramPoint& point : input_->row(i).histograms())
        natives[point.step] = point.histogram.get();
    }
    std::vector<ClassicBucket> buckets;
    for (std::size_t step = 0; step < grid_.count; ++step) {
      buckets.clear();
      for (const HistogramGroup::Bucket& bucket : group.buckets) {
        const ColumnRef row = input_->row(bucket.series);
        if (row.has_float(step)) buckets.push_back({bucket.upper, row.values()[step]});
      }
      if (natives[step] != nullptr && !buckets.empty()) {
        context_.annotations.warn(
            argument_,
            "vector contains a mix of classic and native histograms" + for_metric(group.labels));
      } else if (natives[step] != nullptr) {
        out.set(step, answer_native(*natives[step], group, question, step));
      } else if (!buckets.empty()) {
        out.set(step, answer_classic(buckets, group, question, step));
      }
    }
  }

  double answer_classic(std::vector<ClassicBucket>& buckets, const HistogramGroup& group,
                        const Question& question, std::size_t step) {
    const double q = question.first[step];
    if (!question.fraction && (q < 0 || q > 1)) return q < 0 ? -kInfinity : kInfinity;
    BucketFix fix;
    const bool usable = normalize_buckets(buckets, fix);
    if (fix.forced && !question.fraction && !std::isnan(q)) {
      context_.annotations.inform_fixed(
          argument_, group.labels.metric_name(),
          {fix.bucket_min, fix.bucket_max, fix.difference_max, grid_.at(step)});
    }
    if (!usable) return kNan;
    return question.fraction ? classic_fraction(q, question.second[step], buckets)
                             : classic_quantile(q, buckets);
  }

  double answer_native(const model::FloatHistogram& histogram, const HistogramGroup& group,
                       const Question& question, std::size_t step) {
    const NativeResult result =
        question.fraction ? native_fraction(question.first[step], question.second[step], histogram)
                          : native_quantile(question.first[step], histogram);
    const std::string metric = for_metric(group.labels);
    switch (result.nans) {
      case NanObservations::kNone:
        break;
      case NanObservations::kResultIsNan:
        context_.annotations.inform(
            argument_, "input to histogram_quantile has NaN observations, result is NaN" + metric);
        break;
      case NanObservations::kResultIsSkewed:
        context_.annotations.inform(
            argument_,
            "input to histogram_quantile has NaN observations, result is skewed higher" + metric);
        break;
      case NanObservations::kExcluded:
        context_.annotations.inform(argument_,
                                    "input to histogram_fraction has NaN observations, which are "
                                    "excluded from all fractions" +
                                        metric);
        break;
    }
    return result.value;
  }

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();
  QueryContext& context_;
  const Position argument_;
  const StepGrid grid_;
  std::unique_ptr<MaterializedOp> input_;
  std::vector<HistogramGroup> groups_;
};

void warn_odd_quantiles(QueryContext& context, const Expr& argument,
                        const ScalarColumn& quantiles) {
  for (const double q : quantiles) {
    if (!(q >= 0 && q <= 1)) context.annotations.warn_quantile(argument.position, q);
  }
}

}  // namespace

util::Result<VectorOpPtr> make_histogram_function(QueryContext& context, Plan& plan,
                                                  const Call& call, const StepGrid& grid) {
  const FunctionId id = call.function->id;
  const std::uint64_t mark = context.budget.sample_mark();
  std::vector<Question> questions;
  std::string label;
  const Expr* vector_argument = call.args.front().get();
  if (id == FunctionId::kHistogramQuantile) {
    NX_ASSIGN(ScalarColumn quantiles, plan.scalar(*call.args[0], grid));
    warn_odd_quantiles(context, *call.args[0], quantiles);
    questions.push_back({false, std::move(quantiles), {}, {}});
    vector_argument = call.args[1].get();
  } else if (id == FunctionId::kHistogramFraction) {
    NX_ASSIGN(ScalarColumn lower, plan.scalar(*call.args[0], grid));
    NX_ASSIGN(ScalarColumn upper, plan.scalar(*call.args[1], grid));
    questions.push_back({true, std::move(lower), std::move(upper), {}});
    vector_argument = call.args[2].get();
  } else if (id == FunctionId::kHistogramQuantiles) {
    label = Plan::string(*call.args[1]);
    if (!model::is_valid_label_name(label, model::NameScheme::kUtf8)) {
      return fail_execution("invalid label name " + model::quoted(label));
    }
    for (std::size_t i = 2; i < call.args.size(); ++i) {
      NX_ASSIGN(ScalarColumn quantiles, plan.scalar(*call.args[i], grid));
      warn_odd_quantiles(context, *call.args[i], quantiles);
      std::string text;
      if (!quantiles.empty()) util::append_openmetrics(text, quantiles.front());
      questions.push_back({false, std::move(quantiles), {}, std::move(text)});
    }
  } else {
    NX_ASSIGN(VectorOpPtr input, plan.vector(*vector_argument, grid));
    return drop_names(context, std::make_unique<HistogramPartOp>(std::move(input), id), grid.count,
                      Duplicates::kMergeSteps, NameLabels::kMetricNameAlone);
  }
  NX_ASSIGN(VectorOpPtr input, plan.vector(*vector_argument, grid));
  HistogramQuery query(context, vector_argument->position, grid);
  NX_ASSIGN(VectorOpPtr result, query.run(std::move(input), questions, label, mark));
  return drop_names(context, std::move(result), grid.count, Duplicates::kMergeSteps);
}

}  // namespace narthex::promql
