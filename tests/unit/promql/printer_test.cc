#include "narthex/promql/printer.h"

#include <gtest/gtest.h>

#include "narthex/promql/parser.h"

#include "support/random_seed.h"
#include "unit/promql/expr_dump.h"
#include "unit/promql/query_generator.h"

namespace narthex::promql {
namespace {

ExprPtr parsed(std::string_view text) {
  auto expr = parse(text, ParserOptions::all());
  EXPECT_TRUE(expr.has_value()) << text << ": " << expr.error().message();
  return expr ? *std::move(expr) : nullptr;
}

void check(std::string_view text, std::string_view printed) {
  EXPECT_EQ(to_string(*parsed(text)), printed);
}

TEST(Printer, Literals) {
  check("1e3", "1000");
  check("0x10", "16");
  check("-inf", "-Inf");
  check("NAN", "NaN");
  check("1e-7", "0.0000001");
  check("90m", "1h30m");
  check("-14d", "-2w");
  check("'a\"b'", R"("a\"b")");
  check("`\\d`", R"("\\d")");
}

TEST(Printer, Selectors) {
  check("m{b=\"2\",a=~\"1\"}", "m{a=~\"1\",b=\"2\"}");
  check("{__name__=\"m\"}", "{__name__=\"m\"}");
  check("{\"m.n\", \"l.m\"='x'}", "{\"l.m\"=\"x\",__name__=\"m.n\"}");
  check("m offset 1.5 @ 1.5", "m @ 1.500 offset 1s500ms");
  check("m @ start() smoothed offset -5m", "m @ start() smoothed offset -5m");
  check("m[5m] offset 1h @ end() anchored", "m[5m] anchored @ end() offset 1h");
  check("info(m, {})", "info(m, {})");
}

TEST(Printer, OperatorsAndModifiers) {
  check("a==bool on(x,\"y z\")group_right(w)b", "a == bool on (x, \"y z\") group_right (w) b");
  check("a+ignoring()b", "a + b");
  check("a+fill_right(1)fill_left(2)b", "a + fill_left (2) fill_right (1) b");
  check("-(a)", "-(a)");
  check("+-a", "+-a");
  check("inf ^ a", "Inf ^ a");
  check("-inf ^ a", "-Inf ^ a");
  check("a ^ inf", "a ^ +Inf");
  check("sum(a)by(b)", "sum by (b) (a)");
}

TEST(Printer, Subqueries) {
  check("m[5m:]", "m[5m:]");
  check("m[1h:60] @ 5 offset 1m", "m[1h:1m] @ 5.000 offset 1m");
  check("m[step()*2:max_of(step(),1m)]", "m[step() * 2:max_of(step(), 1m)]");
}

TEST(Pretty, SplitsWhatIsLongerThanALine) {
  const std::string long_name(90, 'm');
  const auto expr = parsed("sum by (a) (rate(" + long_name + "[5m])) / 2");
  EXPECT_EQ(pretty(*expr), "  sum by (a) (\n    rate(" + long_name + "[5m])\n  )\n/\n  2");
  EXPECT_EQ(pretty(*parsed("a + b")), "a + b");
}

TEST(Pretty, IndentsSubqueriesInCalls) {
  EXPECT_EQ(pretty(*parsed("max_over_time(aaaaaaaaaa[5m:1m])"), 20),
            "max_over_time(\n  aaaaaaaaaa[5m:1m]\n)");
}

TEST(Pretty, IsLinearInDepthTimesLineLength) {
  std::string text = "m";
  for (int i = 0; i < 900; ++i) text = "abs(" + text + ")";
  text += " + " + std::string(1'000'000, 'x');
  EXPECT_NE(pretty(*parsed(text)).find("\n+\n"), std::string::npos);
}

// Goal: printed expressions, on one line or on many, read back as the same tree.
// Method: random texts over the whole grammar; trees are compared by their dumps.
TEST(Printer, PrintedTextReadsBackAsTheSameTree) {
  util::Random random = test::seeded_random();
  for (int i = 0; i < 5000; ++i) {
    const std::string text = QueryGenerator(random).expression();
    SCOPED_TRACE(text);
    const auto expr = parse(text, ParserOptions::all());
    ASSERT_TRUE(expr.has_value()) << expr.error().message();
    const std::string printed = to_string(**expr);
    const auto again = parse(printed, ParserOptions::all());
    ASSERT_TRUE(again.has_value()) << printed << ": " << again.error().message();
    EXPECT_EQ(dump(**again), dump(**expr)) << printed;
    EXPECT_EQ(to_string(**again), printed);
    const std::string split = pretty(**expr, 20);
    const auto unsplit = parse(split, ParserOptions::all());
    ASSERT_TRUE(unsplit.has_value()) << split << ": " << unsplit.error().message();
    EXPECT_EQ(dump(**unsplit), dump(**expr)) << split;
    EXPECT_EQ(dump(*clone(**expr)), dump(**expr));
  }
}

// Goal: whatever is broken in a query, the answer is a tree or an error with a position inside it.
TEST(Printer, DamagedTextIsParsedOrRefused) {
  util::Random random = test::seeded_random();
  for (int i = 0; i < 20000; ++i) {
    std::string text = QueryGenerator(random).expression();
    for (std::uint64_t cuts = 1 + random.below(3); cuts > 0 && !text.empty(); --cuts) {
      const auto at = static_cast<std::size_t>(random.below(text.size()));
      switch (random.below(3)) {
        case 0:
          text.erase(at, 1 + static_cast<std::size_t>(random.below(4)));
          break;
        case 1:
          text[at] = static_cast<char>(random.below(256));
          break;
        default:
          text.insert(at, text.substr(static_cast<std::size_t>(random.below(text.size())), 3));
      }
    }
    const ParseResult result = parse_detailed(text, ParserOptions::all());
    if (result) continue;
    ASSERT_FALSE(result.error().errors.empty());
    EXPECT_LE(result.error().errors.front().position.start, text.size());
    EXPECT_LE(result.error().errors.front().position.end, text.size());
  }
}

}  // namespace
}  // namespace narthex::promql
