#include <gtest/gtest.h>

#include "narthex/relabel/relabel.h"

namespace narthex::relabel {
namespace {

RelabelRule rule_of(Action action) {
  RelabelRule rule;
  rule.action = action;
  return rule;
}

void expect_error(const RelabelRule& rule, std::string_view want,
                  model::NameScheme scheme = model::NameScheme::kUtf8) {
  const auto result = validate(rule, scheme);
  ASSERT_FALSE(result.has_value()) << want;
  EXPECT_EQ(result.error().message(), want);
  EXPECT_EQ(result.error().code(), util::Code::kInvalidArgument);
}

TEST(RelabelRule, ActionsHaveNamesInAnyCase) {
  for (const char* name : {"replace", "KEEP", "Drop", "keepEqual", "dropequal", "hashmod",
                           "labelmap", "labeldrop", "labelkeep", "lowercase", "UPPERCASE"}) {
    EXPECT_TRUE(parse_action(name).has_value()) << name;
  }
  EXPECT_EQ(parse_action("move").error().message(), "unknown relabel action \"move\"");
  EXPECT_EQ(parse_action("").error().message(), "relabel action cannot be empty");
  EXPECT_EQ(action_text(Action::kHashMod), "hashmod");
}

TEST(RelabelRule, EveryContradictionIsNamed) {
  expect_error(rule_of(Action::kHashMod),
               "relabel configuration for hashmod requires non-zero modulus");
  for (const auto& [action, name] : {std::pair{Action::kReplace, "replace"},
                                     {Action::kLowercase, "lowercase"},
                                     {Action::kKeepEqual, "keepequal"}}) {
    expect_error(rule_of(action), std::string("relabel configuration for ") + name +
                                      " action requires 'target_label' value");
  }

  RelabelRule rule = rule_of(Action::kUppercase);
  rule.target_label = "a";
  rule.replacement = "x";
  expect_error(rule, "'replacement' can not be set for uppercase action");

  rule = rule_of(Action::kReplace);
  rule.target_label = "\xff";
  expect_error(rule, "\"\\xff\" is invalid 'target_label' for replace action");
  rule.target_label = "a-b";
  expect_error(rule, "\"a-b\" is invalid 'target_label' for replace action",
               model::NameScheme::kLegacy);

  rule = rule_of(Action::kLabelMap);
  rule.replacement = "a-$1";
  expect_error(rule, "\"a-$1\" is invalid 'replacement' for labelmap action",
               model::NameScheme::kLegacy);

  rule = rule_of(Action::kDropEqual);
  rule.target_label = "a";
  rule.regex = "(.*)";
  expect_error(
      rule,
      "dropequal action requires only 'source_labels' and `target_label`, and no other fields");

  rule = rule_of(Action::kLabelDrop);
  rule.source_labels = {"a"};
  expect_error(rule, "labeldrop action requires only 'regex', and no other fields");

  rule = rule_of(Action::kKeep);
  rule.regex = "(";
  EXPECT_FALSE(validate(rule, model::NameScheme::kUtf8).has_value());
}

TEST(RelabelRule, LegacyTargetTemplates) {
  RelabelRule rule = rule_of(Action::kReplace);
  const auto valid = [&rule](std::string target) {
    rule.target_label = std::move(target);
    return validate(rule, model::NameScheme::kLegacy).has_value();
  };
  for (const char* good : {"a", "_", "$1", "${1}", "${name}_x", "a$1", "a1${2}b", "$a$b"})
    EXPECT_TRUE(valid(good)) << good;
  for (const char* bad : {"1a", "$", "${", "${}", "a${1", "a-$1", "$-"})
    EXPECT_FALSE(valid(bad)) << bad;
}

}  // namespace
}  // namespace narthex::relabel
