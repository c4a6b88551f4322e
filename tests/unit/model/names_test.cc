#include "narthex/model/names.h"

#include <gtest/gtest.h>

namespace narthex::model {
namespace {

TEST(Names, LegacyAndUtf8Schemes) {
  const auto check = [](std::string_view name, bool metric, bool label, bool utf8) {
    SCOPED_TRACE(name);
    EXPECT_EQ(is_valid_metric_name(name, NameScheme::kLegacy), metric);
    EXPECT_EQ(is_valid_label_name(name, NameScheme::kLegacy), label);
    EXPECT_EQ(is_valid_metric_name(name, NameScheme::kUtf8), utf8);
    EXPECT_EQ(is_valid_label_name(name, NameScheme::kUtf8), utf8);
  };
  check("up", true, true, true);
  check("_x9", true, true, true);
  check("job:rate:sum", true, false, true);
  check(":a", true, false, true);
  check("9lives", false, false, true);
  check("with space", false, false, true);
  check("with.dot", false, false, true);
  check("größe", false, false, true);
  check("", false, false, false);
  check("bad\xff", false, false, false);
}

TEST(Quoted, EscapesAsGoDoes) {
  EXPECT_EQ(quoted(""), R"("")");
  EXPECT_EQ(quoted("plain"), R"("plain")");
  EXPECT_EQ(quoted("a\"b\\c"), R"("a\"b\\c")");
  EXPECT_EQ(quoted("\a\b\f\n\r\t\v"), R"("\a\b\f\n\r\t\v")");
  EXPECT_EQ(quoted(std::string_view("\0\x01\x1f\x7f", 4)), R"("\x00\x01\x1f\x7f")");
  EXPECT_EQ(quoted("\xff"), R"("\xff")");
  EXPECT_EQ(quoted("é€😀"), R"("é€😀")");
  EXPECT_EQ(quoted("\xc2\x85"), R"("\u0085")");              // A control character.
  EXPECT_EQ(quoted("\xe2\x80\x8b"), R"("\u200b")");          // Zero width space.
  EXPECT_EQ(quoted("\xef\xbb\xbf"), R"("\ufeff")");          // Byte order mark.
  EXPECT_EQ(quoted("\xf3\xa0\x80\x81"), R"("\U000e0001")");  // Language tag.
}

}  // namespace
}  // namespace narthex::model
