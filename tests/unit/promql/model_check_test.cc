// Goal: the columnar engine answers as a reader of promql.md would. Method: an evaluator that works
// step by step and element by element, with nothing shared between steps, against the engine's
// range queries, over generated expressions and series with gaps, counter resets, stale markers,
// NaN, infinities, and histograms alone or mixed with floats. Histograms have one bucket, so that
// count and sum say all about them. Sums are compared with a tolerance that covers another order of
// addition; everything else to the bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>

#include "narthex/model/stale.h"
#include "narthex/promql/parser.h"
#include "narthex/util/random.h"

#include "unit/promql/engine_fixture.h"

namespace narthex::promql {
namespace {

using model::Labels;
using model::TimestampMs;

// A float, or a histogram of that count and sum.
struct Value {
  double v = 0;
  bool histogram = false;
  double sum = 0;
  friend bool operator==(const Value&, const Value&) = default;
};
Value operator+(const Value& a, const Value& b) {
  return {a.v + b.v, a.histogram, a.sum + b.sum};
}
Value operator-(const Value& a, const Value& b) {
  return {a.v - b.v, a.histogram, a.sum - b.sum};
}
Value operator*(const Value& a, double x) {
  return {a.v * x, a.histogram, a.sum * x};
}
Value operator/(const Value& a, double x) {
  return {a.v / x, a.histogram, a.sum / x};
}

struct Element {
  Labels labels;
  Value value;
};
using Vector = std::vector<Element>;
struct Point {
  TimestampMs t;
  Value v;
};
struct Series {
  Labels labels;
  std::vector<Point> points;
};

constexpr std::int64_t kLookbackMs = 300'000;
constexpr std::int64_t kDefaultStepMs = 60'000;

struct Failed {};  // The expression has no answer at this step.

// One step at a time.
class Model {
 public:
  explicit Model(const std::vector<Series>& data) : data_(data) {}

  // Throws Failed; for tests only.
  Vector vector(const Expr& expr, TimestampMs t) const {
    switch (expr.kind) {
      case ExprKind::kParen:
        return vector(*as<Paren>(expr).expr, t);
      case ExprKind::kVectorSelector:
        return selector(as<VectorSelector>(expr), t);
      case ExprKind::kUnary: {
        Vector v = vector(*as<Unary>(expr).expr, t);
        for (Element& e : v) e = {e.labels.without_name(), e.value * -1};
        return unique(v);
      }
      case ExprKind::kCall:
        return call(as<Call>(expr), t);
      case ExprKind::kAggregate:
        return aggregate(as<Aggregate>(expr), t);
      case ExprKind::kBinary:
        return binary(as<Binary>(expr), t);
      default:
        ADD_FAILURE() << "kind";
        return {};
    }
  }

 private:
  static Vector floats_of(Vector v) {
    std::erase_if(v, [](const Element& e) { return e.value.histogram; });
    return v;
  }
  static Vector unique(Vector v) {
    for (std::size_t i = 0; i < v.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j) {
        if (v[i].labels == v[j].labels) throw Failed{};
      }
    }
    return v;
  }
  static TimestampMs shifted(const TimeModifiers& time, TimestampMs t) {
    return (time.at == AtKind::kTimestamp ? time.at_timestamp : t) - time.offset.count();
  }
  [[nodiscard]] std::vector<const Series*> matching(const VectorSelector& selector) const {
    std::vector<const Series*> out;
    for (const Series& s : data_) {
      if (std::ranges::all_of(selector.matchers,
                              [&](const auto& m) { return m.matches_labels(s.labels); }))
        out.push_back(&s);
    }
    return out;
  }
  [[nodiscard]] Vector selector(const VectorSelector& selector, TimestampMs t) const {
    const TimestampMs ref = shifted(selector.time, t);
    Vector out;
    for (const Series* s : matching(selector)) {
      std::optional<Point> newest;
      for (const Point& p : s->points) {
        if (p.t <= ref) newest = p;
      }
      if (newest && newest->t > ref - kLookbackMs && !model::is_stale(newest->v.v))
        out.push_back({s->labels, newest->v});
    }
    return out;
  }
  // The samples of each series in the window, and its bounds.
  struct Windows {
    std::vector<Series> series;
    TimestampMs start;
    TimestampMs end;
  };
  [[nodiscard]] Windows range(const Expr& expr, TimestampMs t) const {
    if (const auto* matrix = as_if<MatrixSelector>(&expr)) {
      const TimestampMs ref = shifted(matrix->selector->time, t);
      Windows out{{}, ref - matrix->range.count(), ref};
      for (const Series* s : matching(*matrix->selector)) {
        Series window{s->labels, {}};
        for (const Point& p : s->points) {
          if (p.t > out.start && p.t <= ref && !model::is_stale(p.v.v)) window.points.push_back(p);
        }
        if (!window.points.empty()) out.series.push_back(std::move(window));
      }
      return out;
    }
    const auto& subquery = as<Subquery>(expr);
    const TimestampMs ref = shifted(subquery.time, t);
    const std::int64_t step = subquery.step.count() > 0 ? subquery.step.count() : kDefaultStepMs;
    Windows out{{}, ref - subquery.range.count(), ref};
    TimestampMs at = out.start + 1;  // Then the next multiple of the step.
    while (at % step != 0) ++at;
    for (; at <= ref; at += step) {
      for (const Element& e : vector(*subquery.expr, at)) {
        auto it = std::ranges::find(out.series, e.labels, &Series::labels);
        if (it == out.series.end()) it = out.series.insert(it, Series{e.labels, {}});
        it->points.push_back({at, e.value});
      }
    }
    return out;
  }

  [[nodiscard]] Vector call(const Call& call, TimestampMs t) const {
    const FunctionId id = call.function->id;
    if (id == FunctionId::kAbs || id == FunctionId::kFloor) {
      Vector v = floats_of(vector(*call.args[0], t));
      for (Element& e : v)
        e = {e.labels.without_name(),
             {id == FunctionId::kAbs ? std::fabs(e.value.v) : std::floor(e.value.v)}};
      return unique(v);
    }
    const Windows windows = range(*call.args[0], t);
    Vector out;
    for (const Series& s : windows.series) {
      const std::optional<Value> value = over_window(id, s.points, windows.start, windows.end);
      if (value)
        out.push_back(
            {id == FunctionId::kLastOverTime ? s.labels : s.labels.without_name(), *value});
    }
    return unique(out);
  }

  static std::optional<Value> over_window(FunctionId id, const std::vector<Point>& w,
                                          TimestampMs start, TimestampMs end) {
    switch (id) {
      case FunctionId::kCountOverTime:
        return Value{static_cast<double>(w.size())};
      case FunctionId::kLastOverTime:
        return w.back().v;
      case FunctionId::kChanges:
      case FunctionId::kResets:
        return Value{events(id, w)};
      case FunctionId::kMaxOverTime:
      case FunctionId::kMinOverTime:
        return extreme(id, w);
      default:
        break;
    }
    const bool mixed = std::ranges::any_of(
        w, [&](const Point& p) { return p.v.histogram != w.front().v.histogram; });
    if (mixed) return std::nullopt;
    if (id != FunctionId::kSumOverTime) return extrapolated(id, w, start, end);
    Value sum = w.front().v;
    for (std::size_t i = 1; i < w.size(); ++i) sum = sum + w[i].v;
    return sum;
  }

  static double events(FunctionId id, const std::vector<Point>& w) {
    double count = 0;
    for (std::size_t i = 1; i < w.size(); ++i) {
      const Value& before = w[i - 1].v;
      const Value& now = w[i].v;
      if (before.histogram != now.histogram) {
        count += 1;
      } else if (id == FunctionId::kResets) {
        count += now.v < before.v ? 1 : 0;
      } else if (now.histogram) {
        count += same(now, before) ? 0 : 1;
      } else {
        count += now.v != before.v && !(std::isnan(now.v) && std::isnan(before.v)) ? 1 : 0;
      }
    }
    return count;
  }
  // To the bit.
  static bool same(const Value& a, const Value& b) {
    const auto bits = [](double x) { return std::bit_cast<std::uint64_t>(x); };
    return bits(a.v) == bits(b.v) && bits(a.sum) == bits(b.sum);
  }

  static std::optional<Value> extreme(FunctionId id, const std::vector<Point>& w) {
    std::optional<Value> best;
    for (const Point& p : w) {
      if (p.v.histogram) continue;
      const bool better = !best || std::isnan(best->v) ||
                          (id == FunctionId::kMaxOverTime ? p.v.v > best->v : p.v.v < best->v);
      if (better) best = p.v;
    }
    return best;
  }

  static std::optional<Value> extrapolated(FunctionId id, const std::vector<Point>& w,
                                           TimestampMs start, TimestampMs end) {
    if (w.size() < 2) return std::nullopt;
    const bool counter = id != FunctionId::kDelta;
    Value change = w.back().v - w.front().v;
    for (std::size_t i = 1; counter && i < w.size(); ++i) {
      if (w[i].v.v < w[i - 1].v.v) change = change + w[i - 1].v;
    }
    const double interval = static_cast<double>(w.back().t - w.front().t) / 1000;
    const double between = interval / static_cast<double>(w.size() - 1);
    double before = static_cast<double>(w.front().t - start) / 1000;
    double after = static_cast<double>(end - w.back().t) / 1000;
    if (before >= 1.1 * between) before = between / 2;
    if (counter && change.v > 0 && w.front().v.v >= 0)
      before = std::min(before, interval * w.front().v.v / change.v);
    if (after >= 1.1 * between) after = between / 2;
    change = change * ((interval + before + after) / interval);
    return id == FunctionId::kRate ? change / (static_cast<double>(end - start) / 1000) : change;
  }

  [[nodiscard]] static Labels group_of(const Aggregate& a, const Labels& labels) {
    std::vector<std::string_view> names(a.grouping.begin(), a.grouping.end());
    if (!a.without) return labels.with_only(names);
    names.push_back(model::kMetricName);
    return labels.without(names);
  }
  [[nodiscard]] Vector aggregate(const Aggregate& a, TimestampMs t) const {
    std::vector<std::pair<Labels, Vector>> groups;
    for (const Element& e : vector(*a.expr, t)) {
      const Labels key = group_of(a, e.labels);
      auto it = std::ranges::find(groups, key, &std::pair<Labels, Vector>::first);
      if (it == groups.end()) it = groups.insert(it, {key, {}});
      it->second.push_back(e);
    }
    Vector out;
    for (auto& [labels, members] : groups) {
      if (a.op == AggregateOp::kTopk) {
        members = floats_of(members);
        std::ranges::stable_sort(members, [](const Element& x, const Element& y) {
          return std::isnan(x.value.v) ? false : std::isnan(y.value.v) || x.value.v > y.value.v;
        });
        const auto k = static_cast<std::size_t>(as<NumberLiteral>(*a.param).value);
        for (std::size_t i = 0; i < std::min(k, members.size()); ++i) out.push_back(members[i]);
        continue;
      }
      if (const auto value = fold(a.op, members)) out.push_back({labels, *value});
    }
    return out;
  }
  static std::optional<Value> fold(AggregateOp op, const Vector& members) {
    const auto n = static_cast<double>(members.size());
    if (op == AggregateOp::kCount) return Value{n};
    if (op == AggregateOp::kGroup) return Value{1};
    const Vector floats = floats_of(members);
    if (op == AggregateOp::kMin || op == AggregateOp::kMax) {
      if (floats.empty()) return std::nullopt;
      double best = floats.front().value.v;
      for (const Element& e : floats) {
        const double v = e.value.v;
        if (std::isnan(best) || (op == AggregateOp::kMax ? v > best : v < best)) best = v;
      }
      return Value{best};
    }
    if (!floats.empty() && floats.size() != members.size()) return std::nullopt;
    Value sum = members.front().value;
    for (std::size_t i = 1; i < members.size(); ++i) sum = sum + members[i].value;
    return op == AggregateOp::kSum ? sum : sum / n;
  }

  [[nodiscard]] Vector binary(const Binary& b, TimestampMs t) const {
    if (!b.matching) return with_scalar(b, t);
    const Vector left = vector(*b.lhs, t);
    const Vector right = vector(*b.rhs, t);
    const auto signature = [&](const Labels& labels) {
      std::vector<std::string_view> names(b.matching->labels.begin(), b.matching->labels.end());
      if (b.matching->on) return labels.with_only(names);
      names.push_back(model::kMetricName);
      return labels.without(names);
    };
    const auto among = [&](const Labels& labels, const Vector& v) {
      return std::ranges::any_of(
          v, [&](const Element& e) { return signature(e.labels) == signature(labels); });
    };
    Vector out;
    if (is_set_operator(b.op)) {
      for (const Element& e : left) {
        if (b.op == BinaryOp::kOr || among(e.labels, right) == (b.op == BinaryOp::kAnd))
          out.push_back(e);
      }
      for (const Element& e : right) {
        if (b.op == BinaryOp::kOr && !among(e.labels, left)) out.push_back(e);
      }
      return unique(out);
    }
    if (left.empty() || right.empty()) return out;
    const bool many_left = b.matching->cardinality == Cardinality::kManyToOne;
    for (const Element& r : right) {
      if (std::ranges::count_if(right, [&](const Element& o) {
            return signature(o.labels) == signature(r.labels);
          }) > 1)
        throw Failed{};
    }
    for (const Element& l : left) {
      const auto same_group = [&](const Element& o) {
        return signature(o.labels) == signature(l.labels);
      };
      const auto r = std::ranges::find_if(right, same_group);
      if (r == right.end()) continue;
      if (!many_left && std::ranges::count_if(left, same_group) > 1) throw Failed{};
      const std::optional<Value> value = apply(b, l.value, r->value);
      if (!value) continue;
      const bool filter = is_comparison(b.op) && !b.return_bool;
      Labels labels = filter ? l.labels : l.labels.without_name();
      if (!many_left) {
        std::vector<std::string_view> names(b.matching->labels.begin(), b.matching->labels.end());
        labels = b.matching->on ? labels.with_only(names) : labels.without(names);
      }
      out.push_back({labels, *value});
    }
    return unique(out);
  }
  [[nodiscard]] Vector with_scalar(const Binary& b, TimestampMs t) const {
    Vector out;
    const double number = as<NumberLiteral>(*b.rhs).value;
    const bool filter = is_comparison(b.op) && !b.return_bool;
    for (const Element& e : vector(*b.lhs, t)) {
      if (const auto value = apply(b, e.value, Value{number}))
        out.push_back({filter ? e.labels : e.labels.without_name(), *value});
    }
    return unique(out);
  }
  static std::optional<Value> apply(const Binary& b, const Value& l, const Value& r) {
    if (l.histogram || r.histogram) return apply_to_histograms(b, l, r);
    const auto compared = [&](bool holds) -> std::optional<Value> {
      if (b.return_bool) return Value{holds ? 1.0 : 0.0};
      return holds ? std::optional(l) : std::nullopt;
    };
    switch (b.op) {
      case BinaryOp::kAdd:
        return Value{l.v + r.v};
      case BinaryOp::kSub:
        return Value{l.v - r.v};
      case BinaryOp::kMul:
        return Value{l.v * r.v};
      case BinaryOp::kDiv:
        return Value{l.v / r.v};
      case BinaryOp::kGreater:
        return compared(l.v > r.v);
      case BinaryOp::kLessEqual:
        return compared(l.v <= r.v);
      case BinaryOp::kNotEqual:
        return compared(l.v != r.v);
      default:
        ADD_FAILURE() << "operator";
        return std::nullopt;
    }
  }
  static std::optional<Value> apply_to_histograms(const Binary& b, const Value& l, const Value& r) {
    const bool both = l.histogram && r.histogram;
    if (both && b.op == BinaryOp::kAdd) return l + r;
    if (both && b.op == BinaryOp::kSub) return l - r;
    if (both && b.op == BinaryOp::kNotEqual) return same(l, r) ? std::nullopt : std::optional(l);
    if (both) return std::nullopt;
    if (b.op == BinaryOp::kMul) return l.histogram ? l * r.v : r * l.v;
    if (b.op == BinaryOp::kDiv && l.histogram) return l / r.v;
    return std::nullopt;
  }

  const std::vector<Series>& data_;
};

class Generator {
 public:
  explicit Generator(util::Random& random) : random_(random) {}

  std::string vector(int depth) {
    if (depth <= 0) return selector() + modifiers();
    switch (random_.below(8)) {
      case 0:
        return pick({"abs", "floor"}) + "(" + vector(depth - 1) + ")";
      case 1:
        return "-(" + vector(depth - 1) + ")";
      case 2:
      case 3:
        return aggregate(depth);
      case 4:
        return "(" + vector(depth - 1) + ")" +
               pick({" + ", " * ", " / ", " > ", " <= bool ", " != "}) + pick({"3", "0", "0.5"});
      case 5:
        return "(" + vector(depth - 1) + ")" + join() + "(" + vector(depth - 1) + ")";
      default:
        return range_call(depth);
    }
  }

 private:
  std::string pick(std::initializer_list<const char*> choices) {
    return choices.begin()[random_.below(choices.size())];
  }
  std::string selector() {
    return pick({"a", "b", "a{g=\"1\"}", "{__name__=~\"a|b\",g!=\"0\"}", "{g=~\".+\"}"});
  }
  std::string modifiers() { return pick({"", "", "", " offset 45s", " offset -1m", " @ 200"}); }
  std::string range_call(int depth) {
    const std::string function =
        pick({"rate", "increase", "delta", "sum_over_time", "count_over_time", "min_over_time",
              "max_over_time", "last_over_time", "changes", "resets"});
    if (random_.below(4) == 0) {
      return function + "((" + vector(depth - 2) + ")" + pick({"[3m:20s]", "[2m:]", "[90s:45s]"}) +
             modifiers() + ")";
    }
    return function + "(" + selector() + pick({"[1m]", "[2m]", "[25s]", "[5m]"}) + modifiers() +
           ")";
  }
  std::string aggregate(int depth) {
    const std::string grouping =
        pick({"", " by (g)", " without (i)", " by (g, i)", " by (missing)"});
    if (random_.below(5) == 0) return "topk" + grouping + " (2, " + vector(depth - 1) + ")";
    return pick({"sum", "avg", "count", "min", "max", "group"}) + grouping + " (" +
           vector(depth - 1) + ")";
  }
  std::string join() {
    const std::string set =
        pick({" and ", " or ", " unless "}) + pick({"", "on (g) ", "ignoring (i) "});
    const std::string math = pick({" + ", " - ", " > "}) +
                             pick({"", "on (g, i) ", "ignoring (i) ", "on (g) group_left () "});
    return random_.below(2) == 0 ? set : math;
  }
  util::Random& random_;
};

std::vector<Series> generate_data(util::Random& random) {
  std::vector<Series> data;
  for (const char* name : {"a", "b"}) {
    for (std::uint64_t i = 0, n = 1 + random.below(4); i < n; ++i) {
      Series s{
          Labels{
              {"__name__", name}, {"g", std::to_string(random.below(3))}, {"i", std::to_string(i)}},
          {}};
      double value = 0;
      bool histogram = random.below(4) == 0;
      const bool changes_kind = random.below(4) == 0;
      for (TimestampMs t = static_cast<TimestampMs>(random.below(30'000)); t < 900'000;
           t += 15'000) {
        if (random.below(12) == 0) t += static_cast<TimestampMs>(random.below(400'000));
        value = random.below(10) == 0 ? 0 : value + static_cast<double>(random.below(8));
        double stored = value;
        if (random.below(40) == 0) stored = std::numeric_limits<double>::quiet_NaN();
        if (random.below(60) == 0) stored = std::numeric_limits<double>::infinity();
        if (random.below(25) == 0) stored = model::stale_nan();
        if (changes_kind && random.below(6) == 0) histogram = !histogram;
        if (histogram && std::isfinite(stored)) {
          s.points.push_back({t, {stored, true, stored / 2}});
        } else {
          s.points.push_back({t, {stored}});
        }
      }
      data.push_back(std::move(s));
    }
  }
  return data;
}

bool close(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::fabs(a - b) <= 1e-9 * std::max(std::fabs(a), std::fabs(b));
}

class ModelCheck : public EngineTest {
 protected:
  void append(const Labels& labels, const Point& point) {
    if (!point.v.histogram) {
      storage_.append(labels, point.t, point.v.v);
      return;
    }
    model::FloatHistogram h;
    h.count = point.v.v;
    h.sum = point.v.sum;
    h.positive_spans = {{0, 1}};
    h.positive_buckets = {point.v.v};
    storage_.append(labels, point.t, std::move(h));
  }
  // What the engine gives, or nothing if it refuses, must be what the model gives at every step.
  void check(const std::string& query, const std::vector<Series>& data) {
    const auto expr = parse(query, ParserOptions::all());
    ASSERT_TRUE(expr) << expr.error().message();
    const StepGrid grid{-60'000, 35'000, 30};
    const Model model(data);
    std::vector<std::map<Labels, Value>> want(grid.count);
    bool failed = false;
    for (std::size_t step = 0; step < grid.count && !failed; ++step) {
      try {
        for (const Element& e : model.vector(**expr, grid.at(step))) want[step][e.labels] = e.value;
      } catch (const Failed&) {
        failed = true;
      }
    }
    const auto got = range(query, grid.start, grid.last(), grid.step_ms);
    // The engine also refuses series of a range function that are alike but never at once.
    if (failed || !got) {
      if (failed) {
        EXPECT_FALSE(got) << "the model refuses";
      }
      if (!got) {
        EXPECT_EQ(got.error().code(), util::Code::kExecution) << got.error().message();
      }
      refused_ += 1;
      return;
    }
    compared_ += 1;
    for (std::size_t i = 0; i < got->series.size(); ++i) {
      const auto compare = [&](TimestampMs t, const Value& value) {
        auto& at = want[static_cast<std::size_t>((t - grid.start) / grid.step_ms)];
        const auto it = at.find(got->series.labels(i));
        ASSERT_NE(it, at.end()) << got->series.labels(i).to_string() << " at " << t
                                << " should not be";
        EXPECT_EQ(value.histogram, it->second.histogram) << t;
        histograms_compared_ += value.histogram ? 1 : 0;
        EXPECT_TRUE(close(value.v, it->second.v) && close(value.sum, it->second.sum))
            << got->series.labels(i).to_string() << " at " << t << ": " << value.v << " instead of "
            << it->second.v;
        at.erase(it);
      };
      got->series.for_each_point(
          i, [&](TimestampMs t, double value) { compare(t, {value}); },
          [&](TimestampMs t, const model::FloatHistogram& h) {
            compare(t, {h.count, true, h.sum});
          });
    }
    for (std::size_t step = 0; step < grid.count; ++step) {
      EXPECT_TRUE(want[step].empty())
          << want[step].begin()->first.to_string() << " is missing at " << grid.at(step);
    }
  }
  int compared_ = 0;
  int refused_ = 0;
  int histograms_compared_ = 0;
};

TEST_F(ModelCheck, EngineAgreesWithAStepByStepReading) {
  for (std::uint64_t seed = 1; seed <= 60 && !HasFailure(); ++seed) {
    util::Random random(seed);
    const std::vector<Series> data = generate_data(random);
    storage_.clear();
    for (const Series& s : data) {
      for (const Point& p : s.points) append(s.labels, p);
    }
    Generator generator(random);
    for (int i = 0; i < 40 && !HasFailure(); ++i) {
      const std::string query = generator.vector(static_cast<int>(1 + random.below(3)));
      SCOPED_TRACE("seed " + std::to_string(seed) + ": " + query);
      check(query, data);
    }
  }
  // The generator must not drift into expressions that only fail.
  EXPECT_GT(compared_, refused_);
  EXPECT_GT(histograms_compared_, 1'000);
}

}  // namespace
}  // namespace narthex::promql
