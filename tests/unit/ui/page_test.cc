#include "narthex/ui/page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace narthex::ui {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(RenderPage, FillsPlaceholdersAndNothingElse) {
  const PageValues values{
      .base_href = "/p/", .title = "T", .version = "1.2", .agent_mode = true, .ready = false};
  EXPECT_EQ(
      render_page(
          "<a {{base_href}}|{{title}}|{{version}}|{{agent_mode}}|{{ready}}|{{lookback_delta}}>",
          values),
      "<a /p/|T|1.2|true|false|5m>");
  EXPECT_EQ(render_page("no placeholder } {", values), "no placeholder } {");
  EXPECT_EQ(render_page("{{unknown}}.", values), ".");
  EXPECT_EQ(render_page("cut {{title", values), "cut {{title");
  EXPECT_EQ(render_page("", values), "");
}

TEST(RenderPage, EscapesValuesSoThatTheyCannotLeaveTheirAttribute) {
  const PageValues values{.title = R"("><script>alert('1')</script>&{{version}})", .version = "v"};
  EXPECT_EQ(render_page("{{title}}", values),
            "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;{{version}}");
}

TEST(PlainPage, SaysThatTheUiIsMissingWithoutInlineCode) {
  const std::string page = plain_page({.base_href = "/p/"});
  EXPECT_THAT(page, HasSubstr("without its web UI"));
  EXPECT_THAT(page, HasSubstr("/p/api/v1"));
  EXPECT_THAT(page, Not(HasSubstr("{{")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("style")));
}

}  // namespace
}  // namespace narthex::ui
