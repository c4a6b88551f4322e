#include "narthex/promql/parser.h"

#include <chrono>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/promql/printer.h"

#include "unit/promql/expr_dump.h"

namespace narthex::promql {
namespace {

ExprPtr parsed(std::string_view text, const ParserOptions& options = ParserOptions::all()) {
  auto expr = parse(text, options);
  EXPECT_TRUE(expr.has_value()) << text << ": " << expr.error().message();
  return expr ? *std::move(expr) : nullptr;
}

std::string error_of(std::string_view text, const ParserOptions& options = ParserOptions::all()) {
  const auto expr = parse(text, options);
  if (expr) return "accepted";
  EXPECT_EQ(expr.error().code(), util::Code::kInvalidArgument);
  return expr.error().message();
}

// The expression with every operator in brackets: shows what binds to what.
std::string grouped(const Expr& expr) {
  switch (expr.kind) {
    case ExprKind::kBinary: {
      const auto& e = as<Binary>(expr);
      return "[" + grouped(*e.lhs) + std::string(binary_op_text(e.op)) + grouped(*e.rhs) + "]";
    }
    case ExprKind::kUnary:
      return (as<Unary>(expr).negative ? "[-" : "[+") + grouped(*as<Unary>(expr).expr) + "]";
    default:
      return to_string(expr);
  }
}
std::string grouped(std::string_view text) {
  return grouped(*parsed(text));
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string out;
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(Parser, OperatorsBindInSixLevels) {
  EXPECT_EQ(grouped("a or b and c == d + e * f ^ g"), "[aor[band[c==[d+[e*[f^g]]]]]]");
  EXPECT_EQ(grouped("a ^ b * c + d == e and f or g"), "[[[[[[a^b]*c]+d]==e]andf]org]");
  EXPECT_EQ(grouped("a and b unless c"), "[[aandb]unlessc]");
  EXPECT_EQ(grouped("a or b or c"), "[[aorb]orc]");
  EXPECT_EQ(grouped("a / b % c atan2 d * e"), "[[[[a/b]%c]atan2d]*e]");
  EXPECT_EQ(grouped("a - b + c"), "[[a-b]+c]");
  EXPECT_EQ(grouped("a ^ b ^ c"), "[a^[b^c]]");
  EXPECT_EQ(grouped("a </ b >/ c < d"), "[[[a</b]>/c]<d]");
}

TEST(Parser, SignsBindLikeMultiplication) {
  EXPECT_EQ(grouped("-a ^ b"), "[-[a^b]]");
  EXPECT_EQ(grouped("-a * b"), "[[-a]*b]");
  EXPECT_EQ(grouped("-a + b"), "[[-a]+b]");
  EXPECT_EQ(grouped("a ^ -b * c"), "[[a^[-b]]*c]");
  EXPECT_EQ(grouped("a * - + b"), "[a*[-[+b]]]");
}

TEST(Parser, SignsFoldIntoLiterals) {
  EXPECT_EQ(as<NumberLiteral>(*parsed("- - 5")).value, 5);
  EXPECT_EQ(as<NumberLiteral>(*parsed("-5m")).value, -300);
  EXPECT_EQ(parsed(" - 5")->position, (Position{1, 4}));
  EXPECT_EQ(grouped("-2 ^ 2"), "[-[2^2]]");
  EXPECT_EQ(grouped("-(2)"), "[-(2)]");
}

TEST(Parser, NumbersInEveryBase) {
  const auto value = [](std::string_view text) { return as<NumberLiteral>(*parsed(text)).value; };
  EXPECT_EQ(value("0x1F"), 31);
  EXPECT_EQ(value("017"), 15);
  EXPECT_EQ(value("08"), 8);
  EXPECT_EQ(value("0"), 0);
  EXPECT_EQ(value("1_000.5"), 1000.5);
  EXPECT_EQ(value("0x_ff"), 255);
  EXPECT_EQ(value("9223372036854775808"), 9223372036854775808.0);
  EXPECT_EQ(value("1e-400"), 0);
  EXPECT_EQ(value("1h30m"), 5400);
  EXPECT_EQ(error_of("1e400"),
            "1:1: parse error: error parsing number: strconv.ParseFloat: parsing \"1e400\": value "
            "out of range");
}

TEST(Parser, KeywordsMayNameMetricsAndLabels) {
  for (const std::string_view name :
       {"sum", "by", "without", "and", "or", "unless", "offset", "start", "end", "step", "range",
        "anchored", "smoothed", "max_of", "min_of", "fill", "count_values"}) {
    EXPECT_EQ(as<VectorSelector>(*parsed(std::string(name) + "{a=\"b\"}")).name, name);
    EXPECT_EQ(as<VectorSelector>(*parsed(name)).name, name);
  }
  for (const std::string_view name : {"bool", "on", "ignoring", "group_left", "atan2"}) {
    EXPECT_NE(error_of(name), "accepted") << name;
    EXPECT_TRUE(parse(fmt::format("{{\"{}\"}}", name), {}).has_value());
  }
  const auto expr = parsed("sum by (sum, on, bool, start, and, atan2, \"a b\", a:b, ) (m)");
  EXPECT_EQ(as<Aggregate>(*expr).grouping,
            (std::vector<std::string>{"sum", "on", "bool", "start", "and", "atan2", "a b", "a:b"}));
  EXPECT_EQ(error_of("sum by (without) (m)"),
            "1:9: parse error: unexpected <without> in grouping opts, expected label");
}

TEST(Parser, ModifiersOfTimeComeInAnyOrder) {
  const auto check = [](std::string_view text) {
    SCOPED_TRACE(text);
    const auto expr = parsed(text);
    const auto& time = as<VectorSelector>(*expr).time;
    EXPECT_EQ(time.at, AtKind::kTimestamp);
    EXPECT_EQ(time.at_timestamp, -1500);
    EXPECT_EQ(time.offset.count(), -300'000);
  };
  check("m @ -1.5 offset -5m");
  check("m offset -5m @ -1.5");
  EXPECT_EQ(error_of("m @ 1 @ 2"), "1:1: parse error: @ <timestamp> may not be set multiple times");
  EXPECT_EQ(error_of("1 offset 5m"),
            "1:1: parse error: offset modifier must be preceded by an instant vector selector or "
            "range vector selector or a subquery");
  EXPECT_EQ(error_of("sum(m) @ 5"),
            "1:1: parse error: @ modifier must be preceded by an instant vector selector or range "
            "vector selector or a subquery");
  EXPECT_EQ(error_of("m @ 9.3e15"),
            "1:1: parse error: timestamp out of bounds for @ modifier: 9300000000000000.000000");
  EXPECT_EQ(as<VectorSelector>(*parsed("m @ -1m40s")).time.at_timestamp, -100'000);
  EXPECT_EQ(error_of("m @ foo"),
            "1:5: parse error: unexpected identifier \"foo\" in @, expected timestamp");
}

TEST(Parser, DurationsInSeconds) {
  const auto range = [](std::string_view text) {
    return as<MatrixSelector>(*parsed(text)).range.count();
  };
  EXPECT_EQ(range("m[5m]"), 300'000);
  EXPECT_EQ(range("m[4.018]"), 4018);
  EXPECT_EQ(range("m[0x10]"), 16'000);
  EXPECT_EQ(error_of("m[0]"), "1:3: parse error: duration must be greater than 0");
  EXPECT_EQ(error_of("m[5m:0s]"), "1:6: parse error: duration must be greater than 0");
  EXPECT_EQ(error_of("m[300y]"), "1:3: parse error: duration out of range");
  EXPECT_EQ(error_of("m offset NaN"), "1:10: parse error: duration out of range");
  EXPECT_EQ(error_of("m[1m % 0]"), "1:6: parse error: modulo by zero");
}

TEST(Parser, OffsetsTakeArithmeticOnlyInParentheses) {
  EXPECT_EQ(grouped("m offset 5 - 3"), "[m offset 5s-3]");
  EXPECT_EQ(grouped("m offset (5 - 3)"), "m offset (5 - 3)");
  EXPECT_EQ(grouped("m offset step() * 2"), "[m offset step()*2]");
  EXPECT_EQ(grouped("m offset -max_of(step(), 5m)"), "m offset -max_of(step(), 5m)");
  EXPECT_EQ(error_of("m offset foo"),
            "1:10: parse error: unexpected identifier \"foo\" in offset, expected number, "
            "duration, step(), or range()");
}

TEST(Parser, SwitchesGateTheSyntaxBehindThem) {
  const ParserOptions off{.duration_expressions = false};
  const auto check = [&](std::string_view text, std::string_view message) {
    SCOPED_TRACE(text);
    EXPECT_EQ(error_of(text, off), message);
    EXPECT_EQ(error_of(text), "accepted");
  };
  check("m[5m] anchored", "1:1: parse error: anchored modifier is experimental and not enabled");
  check("m smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled");
  check("a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled");
  check("m[1m * 2]", "1:3: parse error: experimental duration expression is not enabled");
  check("mad_over_time(m[5m])", "1:1: parse error: function \"mad_over_time\" is not enabled");
  check("limitk(1, m)",
        "1:1: parse error: limitk() is experimental and must be enabled with "
        "--enable-feature=promql-experimental-functions");
}

TEST(Parser, FillModifiers) {
  const auto expr = parsed("a - on(x) group_left fill_right(-Inf) fill_left(+5m) b");
  const auto& matching = as<Binary>(*expr).matching;
  EXPECT_EQ(matching->fill_left, 300);
  EXPECT_EQ(matching->fill_right, -std::numeric_limits<double>::infinity());
  EXPECT_NE(error_of("a + fill(1) fill_left(2) b"), "accepted");
  EXPECT_NE(error_of("a + fill_left(1) fill_left(2) b"), "accepted");
  EXPECT_EQ(error_of("a + fill(foo) b"), "1:10: parse error: unexpected identifier \"foo\"");
  EXPECT_EQ(error_of("1 + fill(2) b"),
            "1:1: parse error: filling in missing series only allowed between instant vectors");
  EXPECT_EQ(error_of("a and fill(2) b"),
            "1:1: parse error: filling in missing series not allowed for set operators");
}

TEST(Parser, TypesAreChecked) {
  const auto check = [](std::string_view text, std::string_view message) {
    EXPECT_EQ(error_of(text), message);
  };
  check("rate(m)",
        "1:6: parse error: expected type range vector in call to function \"rate\", got instant "
        "vector");
  check("sum(m[5m])",
        "1:5: parse error: expected type instant vector in aggregation expression, got range "
        "vector");
  check("topk(\"a\", m)",
        "1:6: parse error: expected type scalar in aggregation parameter, got string");
  check("\"a\" + 1",
        "1:1: parse error: binary expression must contain only scalar and instant vector types");
  check("m == on(a) group_left(b, a) n",
        "1:3: parse error: label \"a\" must not occur in ON and GROUP clause at once");
  check("label_join(m)",
        "1:1: parse error: expected at least 3 argument(s) in call to "
        "\"label_join\", got 1");
  check("histogram_quantiles(m, \"q\")",
        "1:1: parse error: expected at least 3 argument(s) in call to \"histogram_quantiles\", "
        "got 2");
  check("info(m, n)",
        "1:9: parse error: expected label selectors only, got vector selector instead");
  check("m{__name__=\"n\"}", "1:1: parse error: metric name must not be set twice: \"m\" or \"n\"");
  check("{a=\"\",b!=\"c\",d=~\".*\"}",
        "1:1: parse error: vector selector must contain at least one non-empty matcher");
  check("1[5m:]",
        "1:1: parse error: subquery is only allowed on instant vector, got scalar instead");
}

TEST(Parser, ValueTypesFollowFromTheTree) {
  const auto check = [](std::string_view text, ValueType type) {
    EXPECT_EQ(value_type(*parsed(text)), type) << text;
  };
  check("1 + 2 * pi()", ValueType::kScalar);
  check("1 + m", ValueType::kVector);
  check("(((m)))", ValueType::kVector);
  check("-scalar(m)", ValueType::kScalar);
  check("m[5m:]", ValueType::kMatrix);
  check("`text`", ValueType::kString);
}

TEST(Parser, ErrorsNameLineAndColumn) {
  EXPECT_EQ(error_of("a +\n  b +\n\tc d"), "3:4: parse error: unexpected identifier \"d\"");
  EXPECT_EQ(error_of("\n\n  $"), "3:3: parse error: unexpected character: '$'");
  EXPECT_EQ(error_of(""), "unknown position: parse error: no expression found in input");
  EXPECT_EQ(error_of(" \n# nothing\n"), "1:1: parse error: no expression found in input");
  const auto failure = parse_detailed("floor(1, 2)", {});
  ASSERT_FALSE(failure.has_value());
  ASSERT_EQ(failure.error().errors.size(), 2U);
  EXPECT_EQ(failure.error().errors[0].position, (Position{0, 11}));
  EXPECT_EQ(failure.error().errors[1].position, (Position{6, 7}));
}

TEST(Parser, UnexpectedWordsSayWhereTheyWereMet) {
  const auto check = [](std::string_view text, std::string_view message) {
    EXPECT_EQ(error_of(text), message);
  };
  check("sum(a b)", "1:7: parse error: unexpected identifier \"b\" in aggregation");
  check("sum by a (b)",
        "1:8: parse error: unexpected identifier \"a\" in grouping opts, expected "
        "\"(\"");
  check("sum by (a b) (c)",
        "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\"");
  check("rate(a[5m],)", "1:11: parse error: trailing commas not allowed in function call args");
  check("{,}",
        "1:2: parse error: unexpected \",\" in label matching, expected identifier or \"}\"");
  check("{a=\"b\" c=\"d\"}",
        "1:8: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\"");
  check("a[5m 5m]",
        "1:6: parse error: unexpected duration \"5m\" in subquery or range, expected "
        "\":\" or \"]\"");
  check("a[5m:5m 5m]",
        "1:9: parse error: unexpected duration \"5m\" in subquery selector, expected \"]\"");
  check("a[]",
        "1:3: parse error: unexpected \"]\" in subquery or range selector, expected number, "
        "duration, step(), or range()");
}

TEST(Parser, RefusesBadRegularExpressions) {
  EXPECT_TRUE(error_of("m{a=~\"b[\"}").starts_with("1:3: parse error: error parsing regexp: "));
}

TEST(Parser, BoundsTheCompiledSizeOfAllRegularExpressions) {
  // A hundred characters each, more than a megabyte compiled.
  const auto query = [](int count) {
    std::string text = "m{";
    for (int i = 0; i < count; ++i) {
      text += fmt::format("{}l{}=~\"a", i == 0 ? "" : ",", i);
      for (int dots = 0; dots < 15; ++dots) text += ".{1000}";
      text += '"';
    }
    return text + "}";
  };
  EXPECT_EQ(error_of(query(3)), "accepted");
  EXPECT_TRUE(
      error_of(query(100))
          .ends_with(
              "the regular expressions are too large together: the limit is 16 MiB compiled"));
  // Those that do not compile have cost their time too.
  std::string broken = "m{";
  for (int i = 0; i < 100; ++i) broken += "l=~\"(\",";
  const auto errors = parse_detailed(broken + "}", ParserOptions::all());
  ASSERT_FALSE(errors.has_value());
  EXPECT_TRUE(errors.error().errors.back().message.starts_with(
      "the regular expressions are too large together"));
}

TEST(Parser, MetricSelectors) {
  const auto matchers = parse_metric_selector("up{job=\"a\",x=~\"b|c\"}");
  ASSERT_TRUE(matchers.has_value());
  ASSERT_EQ(matchers->size(), 3U);
  EXPECT_EQ(matchers->at(2).to_string(), "__name__=\"up\"");
  EXPECT_TRUE(parse_metric_selector("{\"my metric\"}").has_value());
  EXPECT_TRUE(parse_metric_selector(" sum ").has_value());
  EXPECT_EQ(parse_metric_selector("{}")->size(), 0U);
  EXPECT_EQ(parse_metric_selector("{a=\"\"}")->size(), 1U);
  for (const std::string_view text : {"", "up[5m]", "up offset 5m", "up or down", "1", "\"up\"",
                                      "(up)", "up{", "up{__name__=\"x\"}", "rate(up[5m])"}) {
    EXPECT_FALSE(parse_metric_selector(text).has_value()) << text;
  }
}

TEST(Parser, ClonesAreEqualAndApart) {
  constexpr std::string_view kText =
      "topk by (a) (5, -rate(m{x!=\"y\"}[5m] anchored @ end() offset (step() + 1m)) * on(a) "
      "group_left(b) fill(2) (n[1h:5m] offset -3m))";
  // The subquery must be reduced for the expression to type-check.
  std::string text(kText);
  text.replace(text.find("(n["), 1, "max_over_time(");
  ExprPtr expr = parsed(text);
  const std::string before = dump(*expr);
  const ExprPtr copy = clone(*expr);
  expr.reset();
  EXPECT_EQ(dump(*copy), before);
}

TEST(Parser, DepthIsBounded) {
  constexpr std::string_view kTooDeep = "expression is nested too deeply: more than 1000 levels";
  const auto refused = [&](const std::string& text) {
    return error_of(text).find(kTooDeep) != std::string::npos;
  };
  EXPECT_EQ(error_of(repeated("(", 999) + "m" + repeated(")", 999)), "accepted");
  EXPECT_TRUE(refused(repeated("(", 1000) + "m" + repeated(")", 1000)));
  EXPECT_EQ(error_of("m" + repeated("+m", 999)), "accepted");
  EXPECT_TRUE(refused("m" + repeated("+m", 1000)));
  EXPECT_TRUE(refused("m" + repeated("^m", 1000)));
  EXPECT_TRUE(refused("m" + repeated("[5m:]", 1000)));
  EXPECT_TRUE(refused(repeated("-", 1000) + "m"));
  EXPECT_TRUE(refused("m[" + repeated("(", 1000) + "5m" + repeated(")", 1000) + "]"));
  EXPECT_TRUE(refused("m[5m" + repeated("+5m", 1000) + "]"));
  EXPECT_TRUE(refused("m offset " + repeated("-(", 1000) + "5m" + repeated(")", 1000)));
  EXPECT_TRUE(refused(repeated("abs(", 1000) + "m" + repeated(")", 1000)));
}

// Goal: input that is far too deep, too long or too hard gives a clear error, at once.
TEST(Parser, HostileInputIsRefusedQuickly) {
  const auto start = std::chrono::steady_clock::now();
  EXPECT_NE(error_of(repeated("(", 100'000)), "accepted");
  EXPECT_NE(error_of(repeated("(", 100'000) + "m" + repeated(")", 100'000)), "accepted");
  EXPECT_NE(error_of(repeated("-", 1'000'000) + "m"), "accepted");
  EXPECT_NE(error_of("m" + repeated(" or m", 200'000)), "accepted");
  EXPECT_NE(error_of(repeated("sum by (a) (", 100'000)), "accepted");
  EXPECT_NE(error_of("m{" + repeated("a=\"b\",", 160'000)), "accepted");
  EXPECT_EQ(error_of("m{a=\"" + repeated("x", 1'000'000) + "\"}"), "accepted");
  EXPECT_EQ(error_of("sum by (" + repeated("label,", 160'000) + ") (m)"), "accepted");
  EXPECT_NE(error_of("m{a=~\"" + repeated("(x{1000}){1000}", 100) + "\"}"), "accepted");
  EXPECT_NE(error_of("m{a=~\"" + repeated("(", 100'000) + "\"}"), "accepted");
  EXPECT_NE(error_of(repeated(" ", kQueryBytesMax) + "m").find("query is too long"),
            std::string::npos);
  EXPECT_NE(error_of(std::string(1'000'000, '\xff')), "accepted");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
}

}  // namespace
}  // namespace narthex::promql
