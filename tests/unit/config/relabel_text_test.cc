#include <gtest/gtest.h>

#include "narthex/config/config.h"

namespace narthex::config {
namespace {

using relabel::Action;

util::Result<std::vector<relabel::RelabelRule>> parsed(std::string_view text) {
  return parse_relabel_rules(text, model::NameScheme::kUtf8);
}
std::string error_of(std::string_view text) {
  const auto rules = parsed(text);
  return rules ? "none" : rules.error().message();
}

TEST(RelabelText, IsAListAListUnderItsKeyOrOneRule) {
  constexpr std::string_view kList =
      "- action: drop\n  source_labels: [a, b]\n  regex: x\n- action: labeldrop\n  regex: y\n";
  const auto list = parsed(kList);
  ASSERT_TRUE(list) << list.error().message();
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->front().action, Action::kDrop);
  EXPECT_EQ(list->front().source_labels, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(list->back().action, Action::kLabelDrop);
  for (const std::string key : {"relabel_configs", "metric_relabel_configs",
                                "write_relabel_configs", "alert_relabel_configs"}) {
    const auto section = parsed(key + ":\n" + std::string(kList));
    ASSERT_TRUE(section) << section.error().message();
    EXPECT_EQ(*section, *list) << key;
  }
  const auto one = parsed("target_label: a\nreplacement: b\n");
  ASSERT_TRUE(one) << one.error().message();
  ASSERT_EQ(one->size(), 1U);
  EXPECT_EQ(one->front().target_label, "a");
  const auto none = parsed("# nothing yet\n");
  ASSERT_TRUE(none) << none.error().message();
  EXPECT_TRUE(none->empty());
}

TEST(RelabelText, ErrorsSayTheLineAndWhatIsWrong) {
  EXPECT_EQ(
      error_of("- action: keep\n  source_labels: [a]\n- action: hashmod\n  source_labels: [a]\n"
               "  target_label: b\n"),
      "line 3: relabel configuration for hashmod requires non-zero modulus");
  EXPECT_NE(error_of("- action: nothing\n").find("line 1: "), std::string::npos);
  EXPECT_NE(error_of("- action: keep\n  regexp: a\n").find("regexp"), std::string::npos);
  EXPECT_NE(error_of("- [").find("line "), std::string::npos);
  EXPECT_NE(error_of("just words"), "none");
  EXPECT_NE(error_of("- \n- \n").find("empty or null relabeling rule"), std::string::npos);
}

}  // namespace
}  // namespace narthex::config
