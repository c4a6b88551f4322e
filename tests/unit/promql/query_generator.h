// Random well-typed PromQL over the whole grammar.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "narthex/util/random.h"

namespace narthex::promql {

class QueryGenerator {
 public:
  explicit QueryGenerator(util::Random& random) noexcept : random_(random) {}

  std::string expression() { return below(4) == 0 ? scalar(4) : vector(4); }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }
  bool chance(std::uint64_t in) { return below(in) == 0; }
  template <std::size_t N>
  std::string pick(const std::array<std::string_view, N>& choices) {
    return std::string(choices[static_cast<std::size_t>(below(N))]);
  }
  std::string blank() { return pick<5>({"", "", " ", "\n", " # c\n"}); }
  std::string gap() { return pick<3>({" ", "\n", "\t# c\n "}); }

  std::string number() {
    return pick<12>(
        {"1", "0", "2.5", ".5", "1e3", "0x1f", "017", "Inf", "nan", "1_000", "5m", "1h30m"});
  }
  std::string duration() { return pick<6>({"5m", "1h30m", "90", "0.5", "1d2h", "3ms"}); }
  std::string label() {
    return pick<9>({"a", "job", "le", "by", "on", "start", "\"a b\"", "'\xc3\xa4'", "sum"});
  }
  std::string text() {
    return pick<7>(
        {"\"\"", "\"x\"", "'it\\'s'", "`raw\\d`", "\"\\u00e4\\n\"", "\"a|b\"", "\"\\xff\""});
  }
  std::string regex() { return pick<4>({"\"a.*\"", "\"a|b\"", "`[0-9]+`", "\"\""}); }
  std::string labels() {
    std::string out = "(";
    const std::uint64_t count = below(3);
    for (std::uint64_t i = 0; i < count; ++i) out += (i > 0 ? "," : "") + blank() + label();
    return out + (count > 0 && chance(4) ? ",)" : ")");
  }

  std::string matcher() {
    const std::string name = pick<5>({"a", "job", "\"l.m\"", "by", "__type__"});
    if (chance(2)) return name + blank() + pick<2>({"=", "!="}) + text();
    return name + pick<2>({"=~", "!~"}) + blank() + regex();
  }

  std::string selector() {
    if (chance(5)) return "{" + text_name() + "," + matcher() + "}";
    std::string out = pick<9>({"up", "a:b", "sum", "start", "by", "x_total", "fill", "or", "end"});
    if (chance(2)) return out;
    out += "{" + blank();
    const std::uint64_t count = below(3);
    for (std::uint64_t i = 0; i < count; ++i) out += (i > 0 ? ", " : "") + matcher();
    return out + "}";
  }
  std::string text_name() { return pick<3>({"\"up\"", "'my.metric'", "__name__=~\"u.+\""}); }

  std::string duration_expression(int depth) {
    if (depth == 0 || chance(2)) return duration();
    switch (below(6)) {
      case 0:
        return "(" + duration_expression(depth - 1) + ")";
      case 1:
        return pick<2>({"step()", "range()"});
      case 2:
        return pick<2>({"min_of(", "max_of("}) + duration_expression(depth - 1) + "," +
               duration_expression(depth - 1) + ")";
      case 3:
        return pick<2>({"-", "+"}) + "(" + duration_expression(depth - 1) + ")";
      default:
        return duration_expression(depth - 1) + pick<6>({"+", " - ", "*", "/", "%", " ^ "}) +
               duration_expression(depth - 1);
    }
  }
  std::string offset_value() {
    switch (below(4)) {
      case 0:
        return "-" + duration();
      case 1:
        return "(" + duration_expression(2) + ")";
      case 2:
        return pick<4>({"step()", "-range()", "+min_of(1m, step())", "-(5m)"});
      default:
        return duration();
    }
  }
  std::string at() {
    return gap() + "@ " + pick<6>({"5", "-1.5", "start()", "end()", "0x10", "1e3"});
  }
  std::string time_modifiers() {
    const std::string offset = chance(2) ? gap() + "offset " + offset_value() : "";
    const std::string pinned = chance(3) ? at() : "";
    return chance(2) ? offset + pinned : pinned + offset;
  }
  std::string extension() { return chance(6) ? gap() + pick<2>({"anchored", "smoothed"}) : ""; }

  std::string matrix(int depth) {
    if (depth > 0 && chance(4)) {
      const std::string step = chance(2) ? duration_expression(2) : "";
      return "(" + vector(depth - 1) + ")[" + duration() + ":" + step + "]" + time_modifiers();
    }
    return selector() + "[" + blank() + duration_expression(2) + "]" + extension() +
           time_modifiers();
  }

  std::string call(int depth) {
    switch (below(7)) {
      case 0:
        return "rate(" + matrix(depth - 1) + ")";
      case 1:
        return "label_replace(" + vector(depth - 1) + ", \"a\", \"$1\", \"b\", \"(.*)\")";
      case 2:
        return "quantile_over_time(" + scalar(depth - 1) + "," + matrix(depth - 1) + ")";
      case 3:
        return "histogram_quantile(0.9, " + vector(depth - 1) + ")";
      case 4:
        return "info(" + selector() + ", {" + matcher() + "})";
      case 5:
        return "round(" + vector(depth - 1) + (chance(2) ? "" : "," + scalar(depth - 1)) + ")";
      default:
        return "vector(" + scalar(depth - 1) + ")";
    }
  }

  std::string aggregate(int depth) {
    const std::string grouping = pick<2>({"by", "without"}) + blank() + labels();
    std::string op = pick<4>({"sum", "MAX", "count", "group"});
    std::string body = "(" + vector(depth - 1) + ")";
    if (chance(3)) {
      op = pick<4>({"topk", "quantile", "limitk", "limit_ratio"});
      body = "(" + scalar(depth - 1) + ", " + vector(depth - 1) + ")";
    }
    switch (below(3)) {
      case 0:
        return op + " " + grouping + blank() + body;
      case 1:
        return op + body + blank() + grouping;
      default:
        return op + blank() + body;
    }
  }

  std::string matching() {
    std::string out;
    if (chance(3)) {
      // Labels of on() must not come back in group_x(); and without a list of its own, group_x
      // would take a parenthesis that follows for one.
      out += pick<2>({"on", "ignoring"}) + labels();
      if (chance(2))
        out += pick<3>({" group_left()", " group_right ()", " group_right(\"x y\", z)"});
      out += " ";
    }
    if (chance(6)) {
      out +=
          pick<4>({"fill(1)", "fill_left(-5)", "fill_right(+Inf)", "fill_right(1) fill_left(2)"});
      out += " ";
    }
    return out;
  }

  std::string binary(int depth) {
    const std::string lhs = vector(depth - 1);
    const std::string rhs = vector(depth - 1);
    switch (below(5)) {
      case 4:
        return lhs + " * on" + labels() + pick<2>({" group_left ", " group_right "}) + selector();
      case 0:
        return lhs + gap() + pick<3>({"and", "OR", "unless"}) + gap() +
               (chance(3) ? pick<2>({"on", "ignoring"}) + labels() + " " : "") + rhs;
      case 1:
        return lhs + gap() + pick<6>({"==", "!=", "<", ">=", "> bool", "<= bool"}) + gap() +
               matching() + rhs;
      case 2:
        return lhs + " * " + scalar(depth - 1);
      default:
        return lhs + gap() + pick<9>({"+", "-", "*", "/", "%", "^", "atan2", "</", ">/"}) + gap() +
               matching() + rhs;
    }
  }

  std::string vector(int depth) {
    if (depth <= 0) return selector() + extension() + time_modifiers();
    switch (below(6)) {
      case 0:
        return "(" + blank() + vector(depth - 1) + blank() + ")";
      case 1:
        return call(depth);
      case 2:
        return aggregate(depth);
      case 3:
        return pick<3>({"-", "+", "- "}) + vector(depth - 1);
      case 4:
        return selector() + extension() + time_modifiers();
      default:
        return binary(depth);
    }
  }

  std::string scalar(int depth) {
    if (depth <= 0) return number();
    switch (below(6)) {
      case 0:
        return "scalar(" + vector(depth - 1) + ")";
      case 1:
        return pick<5>({"pi()", "time()", "step()", "start()", "max_of(1,2)"});
      case 2:
        return "(" + scalar(depth - 1) + ")";
      case 3:
        return pick<2>({"-", "+"}) + scalar(depth - 1);
      case 4:
        return scalar(depth - 1) + gap() + pick<7>({"+", "-", "*", "/", "%", "^", "== bool"}) +
               gap() + scalar(depth - 1);
      default:
        return number();
    }
  }

  util::Random& random_;
};

}  // namespace narthex::promql
