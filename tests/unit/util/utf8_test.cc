#include "narthex/util/utf8.h"

#include <gtest/gtest.h>

#include "support/random_seed.h"

namespace narthex::util {
namespace {

TEST(Utf8, AcceptsWellFormedText) {
  for (const std::string_view text :
       {"", "a", "plain ascii of more than eight bytes", "é", "€", "😀", "12345678é", "1234567é8",
        "\xed\x9f\xbf" /* U+D7FF */, "\xee\x80\x80" /* U+E000 */,
        "\xf4\x8f\xbf\xbf" /* U+10FFFF */}) {
    EXPECT_TRUE(is_valid_utf8(text)) << text;
  }
  EXPECT_TRUE(is_valid_utf8(std::string_view("a\0b", 3)));
}

TEST(Utf8, RefusesOverlongFormsSurrogatesCutsAndStrayBytes) {
  for (const std::string_view text : {
           "\x80",              // continuation alone
           "\xff", "\xfe",      // never a lead byte
           "\xc3",              // cut
           "\xe2\x82",          // cut
           "\xf0\x9f\x98",      // cut
           "\xc0\xaf",          // overlong '/'
           "\xc1\xbf",          // overlong
           "\xe0\x80\xaf",      // overlong
           "\xf0\x80\x80\xaf",  // overlong
           "\xed\xa0\x80",      // U+D800
           "\xed\xbf\xbf",      // U+DFFF
           "\xf4\x90\x80\x80",  // U+110000
           "\xf8\x88\x80\x80\x80",
           "12345678\xff",  // behind the fast path
           "1234567\xff",   // in the last bytes of a word
       }) {
    EXPECT_FALSE(is_valid_utf8(text)) << text;
  }
}

TEST(Utf8, EveryScalarValueReadsBack) {
  for (char32_t rune = 0; rune <= 0x10FFFF; rune += rune < 0x11000 ? 1U : 97U) {
    if (rune >= 0xD800 && rune <= 0xDFFF) continue;
    std::string text;
    append_rune(text, rune);
    ASSERT_TRUE(is_valid_utf8(text));
    const DecodedRune decoded = decode_rune(text);
    ASSERT_TRUE(decoded.valid);
    ASSERT_EQ(decoded.rune, rune);
    ASSERT_EQ(decoded.bytes, text.size());
  }
}

TEST(Utf8, RepairReplacesEachBadByteAndNothingElse) {
  EXPECT_EQ(to_valid_utf8("a\xff"
                          "b"),
            "a\xef\xbf\xbd"
            "b");
  EXPECT_EQ(to_valid_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
  EXPECT_EQ(to_valid_utf8("héllo"), "héllo");
}

TEST(Utf8, RepairedTextIsAlwaysValidAndValidTextIsNeverChanged) {
  Random random = test::seeded_random();
  for (int round = 0; round < 5000; ++round) {
    std::string bytes(random.below(24), '\0');
    for (char& c : bytes) {
      // Lead and continuation bytes more often than chance, so that near misses are common.
      const std::uint64_t kind = random.below(3);
      const std::uint64_t byte = random.below(256);
      c = static_cast<char>(kind == 0   ? byte
                            : kind == 1 ? 0x80 | (byte & 0x3f)
                                        : 0xe0 | (byte & 0x1f));
    }
    const std::string repaired = to_valid_utf8(bytes);
    ASSERT_TRUE(is_valid_utf8(repaired));
    ASSERT_EQ(is_valid_utf8(bytes), repaired == bytes);
  }
}

}  // namespace
}  // namespace narthex::util
