#include "narthex/util/json_text.h"

#include <gtest/gtest.h>

#include "narthex/util/time_text.h"

namespace narthex::util {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

TEST(JsonText, EscapesWhatJsonAndTerminalsDemand) {
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted(std::string_view("\n\r\t\0\x1b\x7f", 6)), R"("\n\r\t\u0000\u001b\u007f")");
  EXPECT_EQ(quoted("ä<&>"), "\"ä<&>\"");
}

TEST(JsonText, ReplacesBytesThatAreNoText) {
  EXPECT_EQ(quoted("a\xff"
                   "b"),
            "\"a\xef\xbf\xbd"
            "b\"");
}

TEST(TimeText, IsUtcWithMilliseconds) {
  const auto text = [](std::int64_t ms) {
    std::string out;
    append_utc_ms(out, ms);
    return out;
  };
  EXPECT_EQ(text(0), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(text(1'709'210'096'789), "2024-02-29T12:34:56.789Z");
  EXPECT_EQ(text(-1), "1969-12-31T23:59:59.999Z");
}

}  // namespace
}  // namespace narthex::util
