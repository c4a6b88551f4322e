// Goal: every range kernel gives the bits that the definitions of promql.md §6.3 give. Method:
// naive functions of one window, written from those definitions with plain loops, against the
// kernels over generated series: regular and jittered, with gaps, resets, NaN, infinities and equal
// values, over windows that overlap, touch or leave gaps.
#include "promql/functions/range_kernels.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::promql {
namespace {

struct Sample {
  model::TimestampMs t;
  double v;
};
struct Case {
  std::vector<Sample> window;  // Not empty.
  model::TimestampMs start;    // (start, end]
  model::TimestampMs end;
  double a;
  double b;
};
using Naive = std::function<std::optional<double>(const Case&)>;

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct Kahan {
  double s = 0;
  double c = 0;
  void add(double x) {
    const double t = s + x;
    if (std::isinf(t)) {
      c = 0;
    } else if (std::fabs(s) >= std::fabs(x)) {
      c += (s - t) + x;
    } else {
      c += (x - t) + s;
    }
    s = t;
  }
};

enum class Kind { kRate, kIncrease, kDelta };
std::optional<double> extrapolated(const Case& c, Kind kind) {
  const auto& w = c.window;
  if (w.size() < 2) return std::nullopt;
  double change = w.back().v - w.front().v;
  const bool counter = kind != Kind::kDelta;
  for (std::size_t i = 1; counter && i < w.size(); ++i) {
    if (w[i].v < w[i - 1].v) change += w[i - 1].v;
  }
  double to_start = static_cast<double>(w.front().t - c.start) / 1000;
  double to_end = static_cast<double>(c.end - w.back().t) / 1000;
  const double interval = static_cast<double>(w.back().t - w.front().t) / 1000;
  const double between = interval / static_cast<double>(w.size() - 1);
  if (to_start >= between * 1.1) to_start = between / 2;
  if (counter && change > 0 && w.front().v >= 0)
    to_start = std::min(to_start, interval * (w.front().v / change));
  if (to_end >= between * 1.1) to_end = between / 2;
  double factor = (interval + to_start + to_end) / interval;
  if (kind == Kind::kRate) factor /= static_cast<double>(c.end - c.start) / 1000;
  return change * factor;
}

double sorted_quantile(double q, std::vector<double> v) {
  if (v.empty() || std::isnan(q)) return kNan;
  if (q < 0) return -kInf;
  if (q > 1) return kInf;
  std::ranges::sort(v, [](double x, double y) { return std::isnan(x) ? !std::isnan(y) : x < y; });
  const double rank = q * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(rank));
  const std::size_t high = std::min(low + 1, v.size() - 1);
  const double weight = rank - std::floor(rank);
  return v[low] * (1 - weight) + v[high] * weight;
}

std::vector<double> values_of(const Case& c) {
  std::vector<double> out;
  for (const Sample& s : c.window) out.push_back(s.v);
  return out;
}

double variance(const Case& c) {
  Kahan mean;
  Kahan squares;
  double n = 0;
  for (const Sample& s : c.window) {
    n += 1;
    const double delta = s.v - (mean.s + mean.c);
    mean.add(delta / n);
    squares.add(delta * (s.v - (mean.s + mean.c)));
  }
  return (squares.s + squares.c) / n;
}

double average(const Case& c) {
  Kahan acc;
  bool incremental = false;
  double n = 0;
  for (const Sample& s : c.window) {
    n += 1;
    if (n == 1) {
      acc.s = s.v;
      continue;
    }
    if (!incremental) {
      Kahan next = acc;
      next.add(s.v);
      if (!std::isinf(next.s)) {
        acc = next;
        continue;
      }
      incremental = true;
      acc = {acc.s / (n - 1), acc.c / (n - 1)};
    }
    acc = {acc.s * ((n - 1) / n), acc.c * ((n - 1) / n)};
    acc.add(s.v / n);
  }
  return incremental ? acc.s + acc.c : acc.s / n + acc.c / n;
}

struct Fit {
  double slope;
  double intercept;
};
Fit fit(const Case& c, model::TimestampMs origin) {
  bool constant = true;
  Kahan x;
  Kahan y;
  Kahan xy;
  Kahan xx;
  for (const Sample& s : c.window) {
    constant = constant && s.v == c.window.front().v;
    const double at = static_cast<double>(s.t - origin) / 1000;
    x.add(at);
    y.add(s.v);
    xy.add(at * s.v);
    xx.add(at * at);
  }
  if (constant)
    return std::isinf(c.window.front().v) ? Fit{kNan, kNan} : Fit{0, c.window.front().v};
  const auto n = static_cast<double>(c.window.size());
  const double sx = x.s + x.c;
  const double sy = y.s + y.c;
  const double slope = ((xy.s + xy.c) - sx * sy / n) / ((xx.s + xx.c) - sx * sx / n);
  return {slope, sy / n - slope * sx / n};
}

Sample extreme(const Case& c, bool want_max, bool latest) {
  Sample best = c.window.front();
  for (const Sample& s : c.window) {
    const bool beats = want_max ? s.v > best.v : s.v < best.v;
    if (beats || std::isnan(best.v) || (latest && s.v == best.v)) {
      if (!(std::isnan(best.v) && std::isnan(s.v)) || latest) best = s;
    }
  }
  return best;
}

std::optional<double> last_two(const Case& c, bool rate) {
  if (c.window.size() < 2) return std::nullopt;
  const Sample& b = c.window[c.window.size() - 1];
  const Sample& a = c.window[c.window.size() - 2];
  if (!rate) return b.v - a.v;
  const double change = b.v < a.v ? b.v : b.v - a.v;
  return change / (static_cast<double>(b.t - a.t) / 1000);
}

std::optional<double> smoothed(const Case& c) {
  if (c.window.size() < 2) return std::nullopt;
  double s0 = 0;
  double s1 = c.window[0].v;
  double trend = c.window[1].v - c.window[0].v;
  for (std::size_t i = 1; i < c.window.size(); ++i) {
    const double x = c.a * c.window[i].v;
    if (i - 1 != 0) trend = c.b * (s1 - s0) + (1 - c.b) * trend;
    const double next = x + (1 - c.a) * (s1 + trend);
    s0 = s1;
    s1 = next;
  }
  return s1;
}

double mad(const Case& c) {
  std::vector<double> v = values_of(c);
  const double median = sorted_quantile(0.5, v);
  for (double& x : v) {
    if (std::isnan(x)) return kNan;
    x = std::fabs(x - median);
  }
  return sorted_quantile(0.5, v);
}

struct Pair {
  std::string name;
  RangeKernel kernel;
  Naive naive;
};
const std::vector<Pair>& pairs() {
  static const std::vector<Pair> all = {
      {"rate", kernel_rate, [](const Case& c) { return extrapolated(c, Kind::kRate); }},
      {"increase", kernel_increase, [](const Case& c) { return extrapolated(c, Kind::kIncrease); }},
      {"delta", kernel_delta, [](const Case& c) { return extrapolated(c, Kind::kDelta); }},
      {"irate", kernel_irate, [](const Case& c) { return last_two(c, true); }},
      {"idelta", kernel_idelta, [](const Case& c) { return last_two(c, false); }},
      {"sum", kernel_sum,
       [](const Case& c) {
         Kahan k;
         for (const Sample& s : c.window) k.add(s.v);
         return k.s + k.c;
       }},
      {"avg", kernel_avg, average},
      {"count", kernel_count, [](const Case& c) { return static_cast<double>(c.window.size()); }},
      {"present", kernel_present, [](const Case&) { return 1.0; }},
      {"min", kernel_min, [](const Case& c) { return extreme(c, false, false).v; }},
      {"max", kernel_max, [](const Case& c) { return extreme(c, true, false).v; }},
      {"first", kernel_first, [](const Case& c) { return c.window.front().v; }},
      {"last", kernel_last, [](const Case& c) { return c.window.back().v; }},
      {"stdvar", kernel_stdvar, variance},
      {"stddev", kernel_stddev, [](const Case& c) { return std::sqrt(variance(c)); }},
      {"quantile", kernel_quantile,
       [](const Case& c) { return sorted_quantile(c.a, values_of(c)); }},
      {"mad", kernel_mad, mad},
      {"ts_of_first", kernel_ts_of_first,
       [](const Case& c) { return static_cast<double>(c.window.front().t) / 1000; }},
      {"ts_of_last", kernel_ts_of_last,
       [](const Case& c) { return static_cast<double>(c.window.back().t) / 1000; }},
      {"ts_of_min", kernel_ts_of_min,
       [](const Case& c) { return static_cast<double>(extreme(c, false, true).t) / 1000; }},
      {"ts_of_max", kernel_ts_of_max,
       [](const Case& c) { return static_cast<double>(extreme(c, true, true).t) / 1000; }},
      {"changes", kernel_changes,
       [](const Case& c) {
         double n = 0;
         for (std::size_t i = 1; i < c.window.size(); ++i) {
           const double a = c.window[i - 1].v;
           const double b = c.window[i].v;
           n += a != b && !(std::isnan(a) && std::isnan(b)) ? 1 : 0;
         }
         return n;
       }},
      {"resets", kernel_resets,
       [](const Case& c) {
         double n = 0;
         for (std::size_t i = 1; i < c.window.size(); ++i)
           n += c.window[i].v < c.window[i - 1].v ? 1 : 0;
         return n;
       }},
      {"deriv", kernel_deriv,
       [](const Case& c) -> std::optional<double> {
         if (c.window.size() < 2) return std::nullopt;
         return fit(c, c.window.front().t).slope;
       }},
      {"predict_linear", kernel_predict_linear,
       [](const Case& c) -> std::optional<double> {
         if (c.window.size() < 2) return std::nullopt;
         const Fit line = fit(c, c.end);
         return line.slope * c.a + line.intercept;
       }},
      {"double_exponential_smoothing", kernel_double_exponential_smoothing, smoothed},
  };
  return all;
}

double generate_value(util::Random& random, double previous) {
  switch (random.below(16)) {
    case 0:
      return 0;
    case 1:
      return kNan;
    case 2:
      return random.below(8) == 0 ? kInf : 1e300;
    case 3:
      return random.below(8) == 0 ? -kInf : -0.0;
    case 4:
      return previous;
    case 5:
      return random.unit() * 1e-3;
    default:
      return (std::isfinite(previous) && previous < 1e12 ? previous : 0) + random.unit() * 10;
  }
}

bool same(double a, double b) {
  return (std::isnan(a) && std::isnan(b)) ||
         std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

TEST(RangeKernels, GiveTheBitsOfTheirDefinitions) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    util::Random random(seed);
    std::vector<model::TimestampMs> t;
    std::vector<double> v;
    const bool jitter = random.below(2) == 0;
    model::TimestampMs now = static_cast<model::TimestampMs>(random.below(20'000)) - 10'000;
    for (std::uint64_t i = 0, n = random.below(60); i < n; ++i) {
      now += 1'000 + (jitter ? static_cast<model::TimestampMs>(random.below(1'500)) : 0);
      if (random.below(10) == 0) now += 7'000;
      t.push_back(now);
      v.push_back(generate_value(random, v.empty() ? 0 : v.back()));
    }
    WindowGrid grid;
    grid.ref_start = static_cast<model::TimestampMs>(random.below(10'000)) - 10'000;
    grid.ref_step_ms =
        random.below(5) == 0 ? 0 : static_cast<std::int64_t>(1 + random.below(6'000));
    grid.steps = 1 + random.below(100);
    grid.range_ms = static_cast<std::int64_t>(1 + random.below(12'000));
    grid.evaluation = {grid.ref_start, std::max<std::int64_t>(grid.ref_step_ms, 1), grid.steps};
    if (grid.ref_step_ms == 0) grid.steps = grid.evaluation.count = 1;
    const std::vector<double> first(grid.steps, 0.05 + 0.9 * random.unit());
    const std::vector<double> second(grid.steps, 0.05 + 0.9 * random.unit());
    KernelScratch scratch;
    for (const Pair& pair : pairs()) {
      SCOPED_TRACE(pair.name);
      Column column(grid.steps);
      pair.kernel({t, v}, grid, {first, second}, scratch, column.ref());
      for (std::size_t step = 0; step < grid.steps; ++step) {
        Case c{{}, grid.ref(step) - grid.range_ms, grid.ref(step), first[step], second[step]};
        for (std::size_t i = 0; i < t.size(); ++i) {
          if (t[i] > c.start && t[i] <= c.end) c.window.push_back({t[i], v[i]});
        }
        const std::optional<double> want = c.window.empty() ? std::nullopt : pair.naive(c);
        ASSERT_EQ(column.ref().has_float(step), want.has_value()) << step;
        if (!want) continue;
        const double got = column.ref().values()[step];
        ASSERT_TRUE(same(got, want.value_or(kNan))) << step << ": " << got;
      }
    }
  }
}

// Goal: a query of one series ends soon when nobody waits for it any more.
TEST(RangeKernels, LongLoopsEndWhenNobodyWaits) {
  constexpr std::size_t kSamples = 8192;
  constexpr std::size_t kSteps = 512;  // Whose windows hold all of them: 4 Mi.
  std::vector<model::TimestampMs> times(kSamples);
  for (std::size_t i = 0; i < kSamples; ++i) times[i] = static_cast<model::TimestampMs>(i);
  const std::vector<double> values(kSamples, 1.0);
  const FloatSamples samples{times, values};
  std::stop_source client;
  const storage::Deadline deadline{.stop = client.get_token()};
  const WindowGrid grid{.ref_start = 10'000,
                        .ref_step_ms = 1,
                        .steps = kSteps,
                        .range_ms = 20'000,
                        .evaluation = {},
                        .deadline = &deadline};
  KernelScratch scratch;
  Column whole(kSteps);
  EXPECT_EQ(kernel_sum(samples, grid, {}, scratch, whole.ref()), kSamples * kSteps);
  EXPECT_EQ(whole.ref().float_count(), kSteps);
  client.request_stop();
  Column part(kSteps);
  const std::uint64_t looked_at = kernel_sum(samples, grid, {}, scratch, part.ref());
  EXPECT_EQ(looked_at, static_cast<std::uint64_t>(Patience::kSamplesPerLook));
  EXPECT_EQ(part.ref().float_count(), looked_at / kSamples);
}

}  // namespace
}  // namespace narthex::promql
