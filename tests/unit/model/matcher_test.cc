#include "narthex/model/matcher.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

Matcher make(MatchOp op, std::string name, std::string value) {
  auto made = Matcher::make(op, std::move(name), std::move(value));
  EXPECT_TRUE(made.has_value());
  return std::move(made).value();
}

TEST(Matcher, EachOperatorAndItsOpposite) {
  const auto check = [](std::string_view pattern, std::string_view value, bool equal, bool regex) {
    SCOPED_TRACE(pattern);
    const std::string p(pattern);
    EXPECT_EQ(make(MatchOp::kEqual, "l", p).matches(value), equal);
    EXPECT_EQ(make(MatchOp::kNotEqual, "l", p).matches(value), !equal);
    EXPECT_EQ(make(MatchOp::kRegex, "l", p).matches(value), regex);
    EXPECT_EQ(make(MatchOp::kNotRegex, "l", p).matches(value), !regex);
  };
  check("bar", "bar", true, true);
  check("bar", "foo-bar", false, false);
  check("bar", "", false, false);
  check("", "", true, true);
  check(".*", "anything", false, true);
  check(".*", "", false, true);
  check(".+", "", false, false);
  check("a|b", "b", false, true);
  check("a|b", "ab", false, false);
  check("ba.", "bar", false, true);
}

TEST(Matcher, AnAbsentLabelIsAnEmptyValue) {
  const Labels labels{{"job", "node"}};
  EXPECT_TRUE(make(MatchOp::kEqual, "instance", "").matches_labels(labels));
  EXPECT_TRUE(make(MatchOp::kNotEqual, "instance", "x").matches_labels(labels));
  EXPECT_FALSE(make(MatchOp::kNotEqual, "instance", "").matches_labels(labels));
  EXPECT_TRUE(make(MatchOp::kRegex, "job", "no.*").matches_labels(labels));
  EXPECT_TRUE(make(MatchOp::kRegex, "x", ".*").matches_empty());
  EXPECT_FALSE(make(MatchOp::kRegex, "x", ".+").matches_empty());
}

TEST(Matcher, ABadExpressionIsAnErrorOnlyWhereOneIsWanted) {
  EXPECT_EQ(Matcher::make(MatchOp::kRegex, "a", "(").error().code(), util::Code::kInvalidArgument);
  EXPECT_FALSE(Matcher::make(MatchOp::kNotRegex, "a", "a**").has_value());
  EXPECT_TRUE(Matcher::make(MatchOp::kEqual, "a", "(").has_value());
}

TEST(Matcher, PrintsAsASelectorWritesIt) {
  EXPECT_EQ(Matcher::equal("job", "a\"b").to_string(), R"(job="a\"b")");
  EXPECT_EQ(make(MatchOp::kNotRegex, "a.b", "x\\d").to_string(), R"("a.b"!~"x\\d")");
  EXPECT_EQ(make(MatchOp::kRegex, "j", ".+").to_string(), R"(j=~".+")");
  EXPECT_EQ(match_op_text(MatchOp::kNotEqual), "!=");
}

TEST(Matcher, EqualityIsOfOperatorNameAndValue) {
  EXPECT_EQ(Matcher::equal("a", "1"), Matcher::equal("a", "1"));
  EXPECT_NE(Matcher::equal("a", "1"), make(MatchOp::kRegex, "a", "1"));
  EXPECT_NE(Matcher::equal("a", "1"), Matcher::equal("b", "1"));
}

}  // namespace
}  // namespace narthex::model
