// The suite "promql": every *.test script of a folder, against the engine over a storage in memory.
#include "conformance/suite.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/promql/engine.h"
#include "narthex/promql/parser.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/worker_pool.h"

#include "conformance/promql/compare.h"
#include "conformance/promql/load.h"
#include "conformance/promql/pin.h"
#include "conformance/promql/script.h"
#include "support/memory_storage.h"

namespace narthex::conformance {
namespace {

using model::TimestampMs;
using Problems = std::vector<std::string>;

promql::EngineOptions engine_options() {
  promql::EngineOptions options;
  options.samples_max = 10'000;
  options.timeout = std::chrono::seconds(100);
  options.lookback = std::chrono::minutes(5);
  options.subquery_step_default = std::chrono::minutes(1);
  options.experimental_functions = true;
  options.extended_range_selectors = true;
  options.binop_fill_modifiers = true;
  options.delayed_name_removal = true;
  options.use_start_timestamps = true;
  return options;
}

// Runs one script. The engine is shared, the storage starts empty.
class ScriptRunner {
 public:
  explicit ScriptRunner(promql::Engine& engine) : engine_(engine) {}

  // Empty: passed.
  Problems run(const Eval& eval) {
    Problems problems;
    if (eval.is_range) {
      run_range_eval(eval, problems);
    } else {
      run_instant_eval(eval, problems);
    }
    return problems;
  }
  void run(const Load& load) { load_into(storage_, load); }
  void run(const Clear& /*unused*/) { storage_.clear(); }

 private:
  struct Instant {
    std::string expr;
    TimestampMs time;
  };

  // True: that is all there is to look at, because the query failed or should have.
  static bool settle_failure(const Eval& eval, const util::Result<promql::QueryResult>& result,
                             std::string_view what, Problems& problems) {
    if (eval.fail) {
      if (result) {
        problems.push_back(fmt::format("{}: does not fail", what));
      } else if (!eval.fail->matches(result.error().message())) {
        problems.push_back(fmt::format("{}: fails with '{}', expected '{}'", what,
                                       result.error().message(), eval.fail->text));
      }
      return true;
    }
    if (!result) problems.push_back(fmt::format("{}: {}", what, result.error().message()));
    return !result;
  }

  static void report(std::string_view what, const Problems& found, Problems& problems) {
    for (const std::string& problem : found)
      problems.push_back(fmt::format("{}: {}", what, problem));
  }

  void run_range_eval(const Eval& eval, Problems& problems) {
    const promql::QueryRange range{eval.steps.start, eval.steps.end,
                                   std::chrono::milliseconds(eval.steps.step_ms)};
    const auto result = engine_.range(storage_, eval.expr, range, {});
    if (settle_failure(eval, result, eval.expr, problems)) return;
    Problems found;
    compare_annotations(eval, result->annotations, found);
    const std::vector<PointSeries> got = points_of(*result);
    require_sorted(got, found);
    std::vector<PointSeries> want = expected_points(eval.series, eval.steps);
    std::erase_if(want, [](const PointSeries& series) { return series.points.empty(); });
    compare_series(want, got, Order::kAny, found);
    report(eval.expr, found, problems);
  }

  static std::vector<Instant> instants_of(const Eval& eval) {
    const TimestampMs time = eval.range_vector ? eval.range_vector->end : eval.steps.start;
    std::vector<Instant> instants = {{eval.expr, time}};
    const auto expr = promql::parse(eval.expr, promql::ParserOptions::all());
    if (!expr) return instants;
    const auto text = pinned(**expr, time);
    if (!text) return instants;
    if (time == 0) {
      for (const TimestampMs other : {-1000, 0, 1000}) instants.push_back({*text, other});
    } else {
      for (const TimestampMs other : {-10 * time, TimestampMs{0}, time / 5, time, 10 * time}) {
        instants.push_back({*text, other});
      }
    }
    return instants;
  }

  void run_instant_eval(const Eval& eval, Problems& problems) {
    for (const Instant& instant : instants_of(eval)) {
      run_instant(eval, instant, problems);
      if (!problems.empty()) return;  // The others would say the same.
    }
  }

  void run_instant(const Eval& eval, const Instant& instant, Problems& problems) {
    const std::string what = fmt::format("{} at {} ms", instant.expr, instant.time);
    const auto result = engine_.instant(storage_, instant.expr, instant.time, {});
    if (settle_failure(eval, result, what, problems)) return;
    Problems found;
    compare_annotations(eval, result->annotations, found);
    compare_instant(eval, instant.time, *result, found);
    report(what, found, problems);
    if (problems.empty() && has_range_rerun(eval, instant.expr)) {
      run_around(eval, instant, problems);
    }
  }

  static void compare_instant(const Eval& eval, TimestampMs time, const promql::QueryResult& result,
                              Problems& found) {
    using promql::ValueType;
    const auto expect_type = [&](ValueType type) {
      if (result.type == type) return true;
      found.push_back(fmt::format("{}, expected {}", promql::value_type_text(result.type),
                                  promql::value_type_text(type)));
      return false;
    };
    if (eval.text) {
      if (expect_type(ValueType::kString) && result.text != *eval.text) {
        found.push_back(fmt::format("string {}, expected {}", model::quoted(result.text),
                                    model::quoted(*eval.text)));
      }
    } else if (eval.scalar) {
      if (expect_type(ValueType::kScalar) && !same_float(result.scalar, *eval.scalar)) {
        found.push_back(fmt::format("{}, expected {}", result.scalar, *eval.scalar));
      }
    } else if (eval.range_vector) {
      if (!expect_type(ValueType::kMatrix)) return;
      const std::vector<PointSeries> got = points_of(result);
      require_sorted(got, found);
      compare_series(expected_points(eval.series, *eval.range_vector), got, Order::kAny, found);
    } else if (expect_type(ValueType::kVector)) {
      compare_series(expected_points(eval.series, {time, time, 1}), points_of(result),
                     eval.ordered ? Order::kAsListed : Order::kAny, found);
    }
  }

  static bool has_range_rerun(const Eval& eval, std::string_view expr) {
    if (eval.ordered || eval.text || eval.range_vector) return false;
    return std::ranges::none_of(
        std::array<std::string_view, 4>{"start()", "end()", "range()", "step()"},
        [&](std::string_view word) { return expr.find(word) != std::string_view::npos; });
  }

  // A range query whose middle step is the instant. Its annotations are those of three steps, which
  // the script does not speak of.
  void run_around(const Eval& eval, const Instant& instant, Problems& problems) {
    constexpr std::int64_t kStepMs = 60'000;
    const promql::QueryRange range{instant.time - kStepMs, instant.time + kStepMs,
                                   std::chrono::milliseconds(kStepMs)};
    const std::string what = fmt::format("{} around {} ms", instant.expr, instant.time);
    const auto result = engine_.range(storage_, instant.expr, range, {});
    if (settle_failure(eval, result, what, problems)) return;
    Problems found;
    std::vector<PointSeries> got = points_of(*result);
    require_sorted(got, found);
    for (PointSeries& series : got) {
      std::erase_if(series.points, [&](const Point& point) { return point.time != instant.time; });
    }
    std::erase_if(got, [](const PointSeries& series) { return series.points.empty(); });
    std::vector<PointSeries> want = expected_points(eval.series, {instant.time, instant.time, 1});
    if (eval.scalar) {
      promql::NotatedValue value;
      value.kind = promql::NotatedValue::Kind::kFloat;
      value.value = *eval.scalar;
      want.push_back({{}, {{instant.time, value}}});
    }
    compare_series(want, got, Order::kAny, found);
    report(what, found, problems);
  }

  promql::Engine& engine_;
  test::MemoryStorage storage_;
};

void run_script(Run& run, const std::filesystem::path& path, promql::Engine& engine) {
  const std::string file = path.filename().string();
  if (!run.wants_file(file)) return;
  const auto text = read_file(path);
  if (!text) return run.report.fail(file, "", "cannot be read");
  ScriptRunner runner(engine);
  for (const Command& command : parse_script(*text)) {
    const std::string id = fmt::format("line {}", command.line);
    const Eval* eval = std::get_if<Eval>(&command.what);
    if (eval == nullptr) {
      if (!command.problem.empty()) run.report.fail(file, id, command.problem);
      std::visit(
          [&](const auto& what) {
            if constexpr (!std::is_same_v<std::decay_t<decltype(what)>, Eval>) runner.run(what);
          },
          command.what);
      continue;
    }
    if (!run.wants(file, id)) continue;
    run.report.judge(file, id,
                     command.problem.empty() ? runner.run(*eval) : Problems{command.problem});
  }
}

void run_promql(Run& run) {
  constexpr std::size_t kThreads = 2;
  constexpr std::size_t kQueuedMax = 64;
  const std::filesystem::path inner = run.folder / "promql";
  const std::filesystem::path folder = std::filesystem::is_directory(inner) ? inner : run.folder;
  std::vector<std::filesystem::path> scripts;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == ".test") scripts.push_back(entry.path());
  }
  std::ranges::sort(scripts);
  util::WorkerPool workers("query", kThreads, kQueuedMax);
  telemetry::Registry registry;
  promql::Engine engine(engine_options(), workers, util::system_clock(), registry);
  for (const std::filesystem::path& script : scripts) run_script(run, script, engine);
}

const Suite kSuite("promql", &run_promql);

}  // namespace
}  // namespace narthex::conformance
