#include "narthex/relabel/relabel.h"

#include <gtest/gtest.h>

namespace narthex::relabel {
namespace {

using model::Labels;
using model::LabelsBuilder;

// What the rules make of the labels; nullopt when they are dropped.
std::optional<Labels> run(const std::vector<RelabelRule>& rules, const Labels& input,
                          model::NameScheme scheme = model::NameScheme::kUtf8) {
  auto compiled = RelabelRules::compile(rules, scheme);
  EXPECT_TRUE(compiled.has_value()) << compiled.error().message();
  if (!compiled) return std::nullopt;
  LabelsBuilder builder(input);
  if (compiled->apply(builder) == Verdict::kDrop) return std::nullopt;
  return builder.build();
}

RelabelRule replace(std::vector<std::string> sources, std::string regex, std::string target,
                    std::string replacement) {
  RelabelRule rule;
  rule.source_labels = std::move(sources);
  rule.regex = std::move(regex);
  rule.target_label = std::move(target);
  rule.replacement = std::move(replacement);
  return rule;
}

RelabelRule with_action(Action action, std::vector<std::string> sources, std::string regex) {
  RelabelRule rule;
  rule.action = action;
  rule.source_labels = std::move(sources);
  rule.regex = std::move(regex);
  return rule;
}

TEST(RelabelRules, NoRulesKeepEverything) {
  const Labels labels{{"a", "b"}};
  EXPECT_EQ(run({}, labels), labels);
}

TEST(RelabelRules, ReplaceExpandsGroupsOfAFullyAnchoredMatch) {
  const Labels input{{"a", "foo"}, {"b", "bar"}};
  EXPECT_EQ(run({replace({"a", "b"}, "(f.*);(b.*)", "c", "$2-${1}")}, input),
            (Labels{{"a", "foo"}, {"b", "bar"}, {"c", "bar-foo"}}));
  EXPECT_EQ(run({replace({"a"}, "fo", "c", "x")}, input), input)
      << "the regex must match all of the value";
  EXPECT_EQ(run({replace({"a"}, "f(?P<rest>.*)", "c", "$rest")}, input),
            (Labels{{"a", "foo"}, {"b", "bar"}, {"c", "oo"}}));
}

TEST(RelabelRules, ReplaceDefaultsCopyTheJoinedValue) {
  RelabelRule rule;
  rule.source_labels = {"a", "missing", "b"};
  rule.target_label = "c";
  EXPECT_EQ(run({rule}, {{"a", "1"}, {"b", "2"}}), (Labels{{"a", "1"}, {"b", "2"}, {"c", "1;;2"}}));
}

TEST(RelabelRules, ReplaceOntoItsOwnSourceReadsTheOldValue) {
  RelabelRule rule;
  rule.source_labels = {"a"};
  rule.target_label = "a";
  EXPECT_EQ(run({rule}, {{"a", "a value that is longer than the small string buffer"}}),
            (Labels{{"a", "a value that is longer than the small string buffer"}}));
}

TEST(RelabelRules, AnEmptyReplacementDeletesTheTarget) {
  EXPECT_EQ(run({replace({"a"}, ".*", "b", "")}, {{"a", "1"}, {"b", "2"}}), (Labels{{"a", "1"}}));
}

TEST(RelabelRules, AnExplicitEmptyRegexMatchesOnlyTheEmptyValue) {
  EXPECT_EQ(run({replace({"none"}, "", "b", "x")}, {{"a", "1"}}), (Labels{{"a", "1"}, {"b", "x"}}));
  EXPECT_EQ(run({replace({"a"}, "", "b", "x")}, {{"a", "1"}}), (Labels{{"a", "1"}}));
}

TEST(RelabelRules, ATemplateThatExpandsToNoValidNameIsSkipped) {
  EXPECT_EQ(run({replace({"a"}, "(.*)", "$2", "x")}, {{"a", "1"}}), (Labels{{"a", "1"}}));
  EXPECT_EQ(run({replace({"a"}, "(.*)", "${1}", "x")}, {{"a", "1b"}}, model::NameScheme::kLegacy),
            (Labels{{"a", "1b"}}));
  EXPECT_EQ(run({replace({"a"}, "(.*)", "${1}", "x")}, {{"a", "1b"}}),
            (Labels{{"1b", "x"}, {"a", "1b"}}));
}

TEST(RelabelRules, KeepAndDropDecideByMatch) {
  const Labels input{{"a", "foo"}};
  EXPECT_EQ(run({with_action(Action::kKeep, {"a"}, "f.*")}, input), input);
  EXPECT_EQ(run({with_action(Action::kKeep, {"a"}, "f")}, input), std::nullopt);
  EXPECT_EQ(run({with_action(Action::kDrop, {"a"}, "f.*")}, input), std::nullopt);
  EXPECT_EQ(run({with_action(Action::kDrop, {"a"}, "f")}, input), input);
  EXPECT_EQ(run({with_action(Action::kKeep, {"a"}, "x\ny")}, {{"a", "x\ny"}}),
            (Labels{{"a", "x\ny"}}));
}

TEST(RelabelRules, KeepEqualAndDropEqualCompareWithTheTarget) {
  RelabelRule rule;
  rule.source_labels = {"a"};
  rule.target_label = "b";
  rule.action = Action::kKeepEqual;
  EXPECT_TRUE(run({rule}, {{"a", "x"}, {"b", "x"}}).has_value());
  EXPECT_FALSE(run({rule}, {{"a", "x"}, {"b", "y"}}).has_value());
  rule.action = Action::kDropEqual;
  EXPECT_FALSE(run({rule}, {{"a", "x"}, {"b", "x"}}).has_value());
  EXPECT_TRUE(run({rule}, {{"a", "x"}, {"b", "y"}}).has_value());
}

TEST(RelabelRules, HashModTakesTheLastEightBytesOfTheMd5) {
  RelabelRule rule;
  rule.source_labels = {"a"};
  rule.target_label = "shard";
  rule.action = Action::kHashMod;
  rule.modulus = 1000;
  // MD5("foo") = acbd18db4cc2f85c edef654fccc4a4d8; 0xedef654fccc4a4d8 mod 1000 = 832.
  EXPECT_EQ(run({rule}, {{"a", "foo"}}),
            (Labels{{"a", "foo"}, {"shard", std::to_string(0xedef654fccc4a4d8ULL % 1000)}}));
}

TEST(RelabelRules, CaseMappingKnowsMoreThanAscii) {
  RelabelRule rule;
  rule.source_labels = {"a"};
  rule.target_label = "b";
  rule.action = Action::kUppercase;
  EXPECT_EQ(run({rule}, {{"a", "straße-éπя"}}), (Labels{{"a", "straße-éπя"}, {"b", "STRAßE-ÉΠЯ"}}));
  rule.action = Action::kLowercase;
  EXPECT_EQ(run({rule}, {{"a", "HOST-ÉΠЯ"}}), (Labels{{"a", "HOST-ÉΠЯ"}, {"b", "host-éπя"}}));
}

TEST(RelabelRules, LabelMapCopiesUnderNewNames) {
  RelabelRule rule = with_action(Action::kLabelMap, {}, "__meta_(.+)");
  EXPECT_EQ(
      run({rule}, {{"__meta_zone", "z"}, {"__meta_rack", "r"}, {"x", "y"}}),
      (Labels{
          {"__meta_rack", "r"}, {"__meta_zone", "z"}, {"rack", "r"}, {"x", "y"}, {"zone", "z"}}));
}

TEST(RelabelRules, LabelDropAndLabelKeepGoByName) {
  const Labels input{{"a", "1"}, {"ab", "2"}, {"b", "3"}};
  EXPECT_EQ(run({with_action(Action::kLabelDrop, {}, "a.*")}, input), (Labels{{"b", "3"}}));
  EXPECT_EQ(run({with_action(Action::kLabelKeep, {}, "a.*")}, input),
            (Labels{{"a", "1"}, {"ab", "2"}}));
}

TEST(RelabelRules, RulesRunInOrderOnTheLiveSet) {
  EXPECT_EQ(
      run({replace({"a"}, "(.*)", "b", "$1$1"), replace({"b"}, "(.*)", "c", "<$1>")}, {{"a", "x"}}),
      (Labels{{"a", "x"}, {"b", "xx"}, {"c", "<xx>"}}));
  EXPECT_EQ(
      run({with_action(Action::kDrop, {"a"}, "x"), replace({"a"}, ".*", "b", "y")}, {{"a", "x"}}),
      std::nullopt);
}

}  // namespace
}  // namespace narthex::relabel
