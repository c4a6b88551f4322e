#include "narthex/promql/engine.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <limits>
#include <numeric>
#include <string>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "narthex/promql/parser.h"

#include "promql/engine/plan.h"
#include "promql/engine/query_gate.h"
#include "promql/functions/histogram_math.h"

namespace narthex::promql {
namespace {

constexpr double kNsPerSecond = 1e9;
constexpr std::array kQuantiles = {0.5, 0.9, 0.99};

// The engine's own metrics.
struct Metrics {
  telemetry::Gauge& queries;
  telemetry::Counter& samples;
  telemetry::Gauge& log_enabled;
  telemetry::Counter& log_failures;
  telemetry::Summary& queue_time;
  telemetry::Summary& prepare_time;
  telemetry::Summary& eval_time;
  telemetry::Summary& sort_time;

  explicit Metrics(telemetry::Registry& registry)
      : queries(registry.gauge("prometheus_engine_queries",
                               "Queries that run or wait for their turn.")),
        samples(registry.counter("prometheus_engine_query_samples_total",
                                 "Samples that queries have read.")),
        log_enabled(registry.gauge("prometheus_engine_query_log_enabled",
                                   "Whether queries are logged: 1 or 0.")),
        log_failures(registry.counter("prometheus_engine_query_log_failures_total",
                                      "Queries that could not be logged.")),
        queue_time(slice(registry, "queue_time")),
        prepare_time(slice(registry, "prepare_time")),
        eval_time(slice(registry, "inner_eval")),
        sort_time(slice(registry, "result_sort")) {}

 private:
  static telemetry::Summary& slice(telemetry::Registry& registry, std::string name) {
    return registry.summary("prometheus_engine_query_duration_seconds", "Query timings", kQuantiles,
                            {{"slice", std::move(name)}});
  }
};

// Counts a query as long as it lives. Threads: confined.
class Counted {
 public:
  explicit Counted(telemetry::Gauge& gauge) : gauge_(gauge) { gauge_.add(1); }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() { gauge_.add(-1); }

 private:
  telemetry::Gauge& gauge_;
};

model::Labels final_labels(const SeriesLabels& series, std::size_t index) {
  return series.loses_name(index) ? without_name_labels(series.labels(index))
                                  : series.labels(index);
}

// Rows that turn out to have equal labels once names are gone are one series.
util::Result<void> merge_equal_rows(std::vector<model::Labels>& labels,
                                    std::vector<std::uint32_t>& rows, const ColumnBlock& block) {
  boost::unordered_flat_map<std::string_view, std::size_t> first;
  std::size_t kept = 0;
  std::vector<std::size_t> keep;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto [it, created] = first.try_emplace(labels[i].bytes(), i);
    if (created) {
      keep.push_back(i);
    } else if (!merge_column(block.row(rows[i]), block.row(rows[it->second]))) {
      return fail_execution(std::string(kSameLabelset));
    }
  }
  first.clear();
  for (const std::size_t i : keep) {
    if (kept != i) labels[kept] = std::move(labels[i]);
    rows[kept++] = rows[i];
  }
  labels.resize(kept);
  rows.resize(kept);
  return {};
}

template <class Order>
void sort_by_labels(std::vector<model::Labels>& labels, Order& others) {
  std::vector<std::uint32_t> order(labels.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) { return labels[a] < labels[b]; });
  std::vector<model::Labels> sorted_labels(labels.size());
  Order sorted_others(labels.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    sorted_labels[i] = std::move(labels[order[i]]);
    sorted_others[i] = std::move(others[order[i]]);
  }
  labels = std::move(sorted_labels);
  others = std::move(sorted_others);
}

// One query from text to result. Threads: confined, but for what it hands to the workers.
class Run {
 public:
  Run(QueryContext& context, util::Clock& clock, QueryResult& result)
      : context_(context), clock_(clock), plan_(context), result_(result) {}

  util::Result<void> evaluate(const Expr& expr) {
    NX_TRY(plan_.announce(expr));
    switch (value_type(expr)) {
      case ValueType::kString:
        result_.type = ValueType::kString;
        result_.text = Plan::string(expr);
        return {};
      case ValueType::kScalar:
        return evaluate_scalar(expr);
      case ValueType::kMatrix:
        return evaluate_matrix(expr);
      case ValueType::kVector:
        return evaluate_vector(expr);
    }
    return {};
  }
  [[nodiscard]] double sort_seconds() const noexcept { return sort_seconds_; }

 private:
  util::Result<void> evaluate_scalar(const Expr& expr) {
    NX_ASSIGN(ScalarColumn values, plan_.scalar(expr, context_.grid));
    if (!context_.is_range) {
      result_.type = ValueType::kScalar;
      result_.scalar = values.front();
      return {};
    }
    NX_ASSIGN(ChargedBlock out, make_block(context_, 1, context_.grid.count));
    std::ranges::copy(values, out.block.row(0).values());
    out.block.row(0).set_all_present();
    NX_TRY(context_.budget.charge_samples(values.size()));
    result_.type = ValueType::kMatrix;
    result_.series = ResultSeries(context_.grid, {model::Labels()}, {0}, std::move(out.block));
    return {};
  }

  util::Result<void> evaluate_vector(const Expr& expr) {
    NX_ASSIGN(const VectorOpPtr op, plan_.vector(expr, context_.grid));
    NX_ASSIGN(ChargedBlock out, make_block(context_, op->size(), context_.grid.count));
    const auto fill = [&](std::size_t, std::size_t begin, std::size_t end,
                          Scratch& scratch) -> util::Result<void> {
      for (std::size_t i = begin; i < end; ++i) {
        NX_TRY(context_.check());
        NX_TRY(op->fill(i, scratch, out.block.row(i)));
      }
      return {};
    };
    NX_TRY(for_ranges(context_, cut_series(op->size(), context_.grid.count), fill));
    std::vector<model::Labels> labels;
    std::vector<std::uint32_t> rows;
    bool any_lost_name = false;
    for (std::uint32_t i = 0; i < op->size(); ++i) {
      if (out.block.row(i).empty()) continue;
      any_lost_name = any_lost_name || op->loses_name(i);
      labels.push_back(final_labels(*op, i));
      rows.push_back(i);
    }
    if (any_lost_name) {
      NX_TRY(merge_equal_rows(labels, rows, out.block));
    }
    result_.type = context_.is_range ? ValueType::kMatrix : ValueType::kVector;
    if (context_.is_range) sorted([&] { sort_by_labels(labels, rows); });
    result_.series =
        ResultSeries(context_.grid, std::move(labels), std::move(rows), std::move(out.block));
    return {};
  }

  // A range vector, which only instant queries have: the samples as they are.
  util::Result<void> evaluate_matrix(const Expr& expr) {
    NX_ASSIGN(const Plan::Range range, plan_.range(expr, context_.grid));
    std::vector<model::Labels> labels;
    std::vector<storage::SampleColumns> samples;
    const ScratchPool::Loan loan = context_.scratches.take();
    Scratch& scratch = *loan;
    for (std::size_t i = 0; i < range.source->size(); ++i) {
      NX_TRY(context_.check());
      RangeBuffer buffer(scratch);
      NX_TRY(range.source->read(i, scratch, buffer));
      NX_ASSIGN(storage::SampleColumns cut, cut_window(buffer.samples, range));
      const std::size_t count = cut.float_values.size() + cut.histograms.size();
      if (count == 0) continue;
      std::uint64_t worth = cut.float_values.size();
      for (const model::FloatHistogram& histogram : cut.histograms)
        worth += samples_worth(histogram);
      count_at_the_only_step(worth);
      NX_TRY(context_.budget.charge_samples(worth));
      NX_TRY(context_.budget.charge_bytes(count * (sizeof(model::TimestampMs) + sizeof(double))));
      labels.push_back(final_labels(*range.source, i));
      samples.push_back(std::move(cut));
    }
    sorted([&] { sort_by_labels(labels, samples); });
    if (std::ranges::adjacent_find(labels) != labels.end())
      return fail_execution(std::string(kSameLabelset));
    result_.type = ValueType::kMatrix;
    result_.series = ResultSeries(std::move(labels), std::move(samples));
    return {};
  }

  void count_at_the_only_step(std::uint64_t samples) {
    if (context_.samples.by_step()) {
      context_.samples.add_queryable_at(0, samples);
    } else {
      context_.samples.add_queryable(samples);
    }
  }

  static util::Result<storage::SampleColumns> cut_window(const RangeSamples& samples,
                                                         const Plan::Range& range) {
    storage::SampleColumns out;
    const WindowGrid& windows = range.windows;
    if (range.extended) {
      if (!samples.histograms.empty()) {
        const bool anchored = range.extended->extension == Extension::kAnchored;
        return fail_execution(fmt::format("{} modifier is not supported with histograms",
                                          anchored ? "anchored" : "smoothed"));
      }
      BoundedFloats bounded = bounded_window(samples.floats, windows, *range.extended);
      out.float_timestamps = std::move(bounded.timestamps);
      out.float_values = std::move(bounded.values);
      return out;
    }
    for_each_window(samples.floats.timestamps, windows, [&](const Window& w) {
      const auto times = samples.floats.timestamps.subspan(w.begin, w.size());
      const auto values = samples.floats.values.subspan(w.begin, w.size());
      out.float_timestamps.assign(times.begin(), times.end());
      out.float_values.assign(values.begin(), values.end());
    });
    for_each_window(samples.histogram_timestamps, windows, [&](const Window& w) {
      for (std::size_t i = w.begin; i < w.end; ++i) {
        out.histogram_timestamps.push_back(samples.histogram_timestamps[i]);
        out.histograms.push_back(*samples.histograms[i]);
      }
    });
    return out;
  }

  template <class Sort>
  void sorted(Sort&& sort) {
    const util::SteadyNs start = clock_.steady_ns();
    sort();
    sort_seconds_ += static_cast<double>(clock_.steady_ns() - start) / kNsPerSecond;
  }

  QueryContext& context_;
  util::Clock& clock_;
  Plan plan_;
  QueryResult& result_;
  double sort_seconds_ = 0;
};

util::Result<std::size_t> step_count(const QueryRange& range, std::uint64_t memory_bytes_max) {
  const std::int64_t step_ms = range.step.count();
  if (step_ms <= 0 || range.end < range.start) {
    return util::fail(
        util::Code::kInvalidArgument,
        "a range query needs a positive step and an end that is not before its start");
  }
  const std::uint64_t width =
      static_cast<std::uint64_t>(range.end) - static_cast<std::uint64_t>(range.start);
  const std::uint64_t count = width / static_cast<std::uint64_t>(step_ms) + 1;
  // A handful of columns must fit, or nothing can be computed.
  constexpr std::uint64_t kColumnsMin = 8;
  if (count == 0 || count > memory_bytes_max / (kColumnsMin * sizeof(double)) ||
      count > std::numeric_limits<std::uint32_t>::max()) {
    return util::fail(
        util::Code::kLimitExceeded,
        fmt::format("query has {} steps, more than its memory limit allows: enlarge its step",
                    count));
  }
  return static_cast<std::size_t>(count);
}

}  // namespace

struct Engine::State {
  State(EngineOptions o, util::WorkerPool& w, util::Clock& c, telemetry::Registry& registry)
      : options(o),
        subquery_step_ms(o.subquery_step_default.count()),
        workers(w),
        clock(c),
        gate(o.concurrent_queries_max),
        scratches(2 * (w.thread_count() + 1)),
        memory(std::make_shared<SharedBudget>(o.memory_bytes_total_max)),
        activity(c, o.slow),
        metrics(registry) {
    registry.gauge("prometheus_engine_queries_concurrent_max", "How many queries may run at once.")
        .set(static_cast<double>(o.concurrent_queries_max));
  }

  struct Request {
    std::string_view text;
    StepGrid grid;
    bool is_range;
    model::TimestampMs end;
  };
  static QueryDescription describe(const Request& request, const QueryOptions& query);
  // Evaluates and logs.
  util::Result<QueryResult> run(storage::Queryable& storage, const Request& request,
                                const QueryOptions& query);
  util::Result<QueryResult> evaluate(storage::Queryable& storage, const Request& request,
                                     const QueryOptions& query, QueryActivity::Run& activity_run);
  void log(const Request& request, const QueryOptions& query,
           const util::Result<QueryResult>& outcome);

  const EngineOptions options;
  std::atomic<std::int64_t> subquery_step_ms;
  util::WorkerPool& workers;
  util::Clock& clock;
  QueryGate gate;
  ScratchPool scratches;
  const std::shared_ptr<SharedBudget> memory;
  QueryActivity activity;
  Metrics metrics;
  ActiveQueries* active = nullptr;
  std::atomic<std::shared_ptr<QueryLog>> query_log;
};

QueryDescription Engine::State::describe(const Request& request, const QueryOptions& query) {
  QueryDescription out;
  out.text = request.text;
  out.is_range = request.is_range;
  out.start = request.grid.start;
  out.end = request.end;
  out.step_ms = request.is_range ? request.grid.step_ms : 0;
  if (query.origin) {
    out.client = query.origin->client_ip;
    out.path = query.origin->path;
  }
  return out;
}

util::Result<QueryResult> Engine::State::run(storage::Queryable& storage, const Request& request,
                                             const QueryOptions& query) {
  QueryActivity::Run activity_run(activity, describe(request, query), query.stop);
  util::Result<QueryResult> outcome = evaluate(storage, request, query, activity_run);
  log(request, query, outcome);
  // What does not parse never became a query.
  if (outcome) {
    activity_run.finish("");
  } else if (outcome.error().code() != util::Code::kInvalidArgument) {
    activity_run.finish(outcome.error().message());
  }
  return outcome;
}

void Engine::State::log(const Request& request, const QueryOptions& query,
                        const util::Result<QueryResult>& outcome) {
  const std::shared_ptr<QueryLog> to = query_log.load();
  if (!to) return;
  // What does not parse never became a query.
  if (!outcome && outcome.error().code() == util::Code::kInvalidArgument) return;
  QueryLogEntry entry;
  entry.query = request.text;
  entry.grid = request.grid;
  entry.end = request.end;
  entry.is_range = request.is_range;
  entry.now = clock.wall_ns();
  entry.origin = query.origin ? &*query.origin : nullptr;
  if (outcome) {
    entry.timings = outcome->timings;
    entry.samples = outcome->samples;
  } else {
    entry.error = outcome.error().message();
  }
  if (!to->write(entry)) metrics.log_failures.add(1);
}

util::Result<QueryResult> Engine::State::evaluate(storage::Queryable& storage,
                                                  const Request& request, const QueryOptions& query,
                                                  QueryActivity::Run& activity_run) {
  const Counted counted(metrics.queries);
  const util::SteadyNs start_ns = clock.steady_ns();
  const auto since = [&](util::SteadyNs from) {
    return static_cast<double>(clock.steady_ns() - from) / kNsPerSecond;
  };
  const auto timeout = std::min(options.timeout, query.timeout.value_or(options.timeout));
  const std::int64_t lookback_ms =
      query.lookback.count() > 0 ? query.lookback.count() : options.lookback.count();

  const ParserOptions parser_options{options.experimental_functions,
                                     options.extended_range_selectors, options.binop_fill_modifiers,
                                     true};
  NX_ASSIGN(const ExprPtr expr, parse(request.text, parser_options));
  const ValueType type = value_type(*expr);
  if (request.is_range && type != ValueType::kScalar && type != ValueType::kVector) {
    return util::fail(
        util::Code::kInvalidArgument,
        fmt::format(
            "invalid expression type \"{}\" for range query, must be Scalar or instant Vector",
            value_type_title(type)));
  }
  QueryContext context{
      .options = options,
      .text = request.text,
      .grid = request.grid,
      .is_range = request.is_range,
      .end = request.end,
      .lookback_ms = lookback_ms,
      .subquery_step_ms = subquery_step_ms.load(),
      .deadline = {activity_run.stop_token(), &clock,
                   start_ns + std::chrono::nanoseconds(timeout).count()},
      .storage = storage,
      .workers = workers,
      .budget = Budget(options.samples_max, options.memory_bytes_max, memory),
      .annotations = AnnotationSink(request.text),
      .samples = SampleCounts(request.grid.count, query.per_step_stats && options.per_step_stats),
      .scratches = scratches};
  const QueryActivity::Run::Watch watch(activity_run, context.budget);
  QueryResult result;
  result.grid = request.grid;
  result.timings.preparation = since(start_ns);

  const util::SteadyNs queued_ns = clock.steady_ns();
  NX_ASSIGN(const QueryGate::Pass pass, gate.enter(context.deadline, weigh(*expr, request.grid)));
  activity_run.set_evaluating();
  result.timings.queue = since(queued_ns);
  const ActiveQueries::Note note =
      active == nullptr ? ActiveQueries::Note() : active->begin(request.text, clock.wall_ns());

  const util::SteadyNs eval_ns = clock.steady_ns();
  {
    Run evaluation(context, clock, result);
    const auto outcome = evaluation.evaluate(*expr);
    metrics.samples.add(static_cast<double>(context.samples.queryable()));
    if (!outcome) return std::unexpected(outcome.error());
    result.timings.sort = evaluation.sort_seconds();
  }
  result.timings.evaluation = since(eval_ns) - result.timings.sort;
  result.timings.total = since(start_ns);
  NX_ASSIGN(result.charge, context.budget.hand_over(result.series.memory_bytes()));
  result.annotations = context.annotations.take();
  result.samples = {context.samples.queryable(), context.samples.read(),
                    context.budget.samples_peak(), context.samples.queryable_per_step()};
  metrics.queue_time.observe(result.timings.queue);
  metrics.prepare_time.observe(result.timings.preparation);
  metrics.eval_time.observe(result.timings.evaluation);
  metrics.sort_time.observe(result.timings.sort);
  return result;
}

Engine::Engine(EngineOptions options, util::WorkerPool& workers, util::Clock& clock,
               telemetry::Registry& registry)
    : state_(std::make_unique<State>(options, workers, clock, registry)) {}

Engine::~Engine() = default;

util::Result<QueryResult> Engine::instant(storage::Queryable& storage, std::string_view query,
                                          model::TimestampMs time, const QueryOptions& options) {
  return state_->run(storage, {query, StepGrid{time, 1, 1}, false, time}, options);
}

util::Result<QueryResult> Engine::range(storage::Queryable& storage, std::string_view query,
                                        const QueryRange& range, const QueryOptions& options) {
  NX_ASSIGN(const std::size_t count, step_count(range, state_->options.memory_bytes_max));
  return state_->run(
      storage, {query, StepGrid{range.start, range.step.count(), count}, true, range.end}, options);
}

void Engine::set_subquery_step(std::chrono::milliseconds step) noexcept {
  state_->subquery_step_ms.store(step.count());
}

void Engine::set_query_log(std::shared_ptr<QueryLog> log) {
  state_->metrics.log_enabled.set(log ? 1 : 0);
  state_->query_log.store(std::move(log));
}

void Engine::set_active_queries(ActiveQueries& active) noexcept {
  state_->active = &active;
}

QueryActivity& Engine::activity() const noexcept {
  return state_->activity;
}

const EngineOptions& Engine::options() const noexcept {
  return state_->options;
}

}  // namespace narthex::promql
