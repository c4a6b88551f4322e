#include "exposition/text_scan.h"

#include <string>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::exposition {
namespace {

// Goal: the vector scan equals its definition wherever newline and braces fall, and never reads
// past the end. Method: random texts of few letters, in exact-size heap buffers so that
// AddressSanitizer sees an overrun.
TEST(TextScan, EqualsTheDefinition) {
  util::Random random(7);
  for (int round = 0; round < 20000; ++round) {
    const std::size_t size = random.below(80);
    const auto buffer = std::make_unique<char[]>(size);
    for (std::size_t i = 0; i < size; ++i)
      buffer[i] = "ab}\n{ x1234567890abcdefghijklmnopq"[random.below(34)];
    const char* const begin = buffer.get();
    const LineScan got = scan_line(begin, begin + size);
    const LineScan want = scan_line_plain(begin, begin + size);
    ASSERT_EQ(got.newline, want.newline);
    ASSERT_EQ(got.brace, want.brace);
  }
}

}  // namespace
}  // namespace narthex::exposition
