#include "api/ast_json.h"

#include <gtest/gtest.h>

#include "narthex/promql/parser.h"

namespace narthex::api {
namespace {

std::string ast(std::string_view query) {
  const auto expr = promql::parse(query, promql::ParserOptions::all());
  if (!expr) return expr.error().message();
  std::string out;
  append_ast(out, **expr);
  return out;
}

TEST(AstJson, Selectors) {
  EXPECT_EQ(
      ast("foo"),
      R"({"matchers":[{"name":"__name__","type":"=","value":"foo"}],"name":"foo","offset":0,"startOrEnd":null,)"
      R"("timestamp":null,"type":"vectorSelector"})");
  EXPECT_EQ(ast("{a!~\"b\"}[5m] @ end() offset -1m"), ast("{a!~\"b\"}[5m] offset -1m @ end()"));
  EXPECT_EQ(
      ast("{a=\"b\"}[5m] @ 1.5 offset 1m"),
      R"({"matchers":[{"name":"a","type":"=","value":"b"}],"name":"","offset":60000,"range":300000,)"
      R"("startOrEnd":null,"timestamp":1500,"type":"matrixSelector"})");
}

TEST(AstJson, LiteralsAndWrappers) {
  EXPECT_EQ(ast("1e300").size(), std::string(R"({"type":"numberLiteral","val":""})").size() + 301);
  EXPECT_EQ(ast("\"s\""), R"({"type":"stringLiteral","val":"s"})");
  EXPECT_EQ(
      ast("(-(1))"),
      R"({"expr":{"expr":{"expr":{"type":"numberLiteral","val":"1"},"type":"parenExpr"},"op":"-","type":"unaryExpr"},)"
      R"("type":"parenExpr"})");
}

TEST(AstJson, Operators) {
  EXPECT_EQ(
      ast("sum by (a) (b) + on(c) group_left(d) e"),
      R"({"bool":false,"lhs":{"expr":{"matchers":[{"name":"__name__","type":"=","value":"b"}],"name":"b","offset":0,)"
      R"("startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"grouping":["a"],"op":"sum","param":null,)"
      R"("type":"aggregation","without":false},"matching":{"card":"many-to-one","include":["d"],"labels":["c"],)"
      R"("on":true},"op":"+","rhs":{"matchers":[{"name":"__name__","type":"=","value":"e"}],"name":"e","offset":0,)"
      R"("startOrEnd":null,"timestamp":null,"type":"vectorSelector"},"type":"binaryExpr"})");
  EXPECT_EQ(
      ast("1 < bool 2"),
      R"({"bool":true,"lhs":{"type":"numberLiteral","val":"1"},"matching":null,"op":"\u003c",)"
      R"("rhs":{"type":"numberLiteral","val":"2"},"type":"binaryExpr"})");
}

TEST(AstJson, CallsAndSubqueries) {
  EXPECT_EQ(
      ast("time()"),
      R"({"args":[],"func":{"argTypes":[],"name":"time","returnType":"scalar","variadic":0},"type":"call"})");
  const std::string round = ast("round(x, 2)");
  EXPECT_NE(
      round.find(
          R"("func":{"argTypes":["vector","scalar"],"name":"round","returnType":"vector","variadic":1})"),
      std::string::npos)
      << round;
  const std::string subquery = ast("x[5m:30s] offset 1m");
  EXPECT_TRUE(subquery.ends_with(
      R"("offset":60000,"range":300000,"startOrEnd":null,"step":30000,"timestamp":null,"type":"subquery"})"))
      << subquery;
}

}  // namespace
}  // namespace narthex::api
