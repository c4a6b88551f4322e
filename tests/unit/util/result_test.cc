#include "narthex/util/result.h"

#include <cerrno>
#include <memory>

#include <gtest/gtest.h>

namespace narthex::util {
namespace {

Result<int> half(int n) {
  if (n % 2 != 0) return fail(Code::kInvalidArgument, "odd");
  return n / 2;
}
Result<void> must_be_even(int n) {
  NX_TRY(half(n));
  return {};
}
Result<int> quarter(int n) {
  NX_ASSIGN(const int once, half(n));
  NX_ASSIGN(const int twice, half(once));
  return twice;
}
Result<std::unique_ptr<int>> boxed(int n) {
  NX_ASSIGN(const int value, half(n));
  return std::make_unique<int>(value);
}
Result<int> unboxed(int n) {
  NX_ASSIGN(const std::unique_ptr<int> box, boxed(n));
  return *box;
}

TEST(Result, AssignTakesTheValueOrPassesTheErrorOn) {
  EXPECT_EQ(quarter(12), 3);
  ASSERT_FALSE(quarter(6).has_value());
  EXPECT_EQ(quarter(6).error().message(), "odd");
  EXPECT_EQ(quarter(7).error().code(), Code::kInvalidArgument);
}

TEST(Result, TryPassesTheErrorOn) {
  EXPECT_TRUE(must_be_even(2).has_value());
  EXPECT_EQ(must_be_even(3).error().code(), Code::kInvalidArgument);
}

TEST(Result, CarriesTypesThatOnlyMove) {
  EXPECT_EQ(unboxed(8), 4);
  EXPECT_FALSE(unboxed(9).has_value());
}

TEST(Error, ContextGoesInFrontAndTheCodeStays) {
  const Error error = Error(Code::kCorruption, "checksum").with_context("block 7");
  EXPECT_EQ(error.message(), "block 7: checksum");
  EXPECT_EQ(error.code(), Code::kCorruption);
}

TEST(Error, ErrnoMapsToItsCode) {
  const auto code = [](int value) { return errno_error("open x", value).code(); };
  EXPECT_EQ(code(ENOSPC), Code::kNoSpace);
  EXPECT_EQ(code(EDQUOT), Code::kNoSpace);
  EXPECT_EQ(code(ENOENT), Code::kNotFound);
  EXPECT_EQ(code(EEXIST), Code::kAlreadyExists);
  EXPECT_EQ(code(EACCES), Code::kPermissionDenied);
  EXPECT_EQ(code(EPERM), Code::kPermissionDenied);
  EXPECT_EQ(code(EROFS), Code::kPermissionDenied);
  EXPECT_EQ(code(EIO), Code::kIo);
  EXPECT_EQ(errno_error("open x", ENOSPC).message(), "open x: No space left on device");
}

TEST(Error, EveryCodeHasANameOfItsOwn) {
  EXPECT_EQ(code_name(Code::kInvalidArgument), "invalid_argument");
  EXPECT_EQ(code_name(Code::kInternal), "internal");
  for (std::uint8_t i = 0; i <= static_cast<std::uint8_t>(Code::kInternal); ++i) {
    for (std::uint8_t k = 0; k < i; ++k) {
      EXPECT_NE(code_name(static_cast<Code>(i)), code_name(static_cast<Code>(k)));
    }
  }
}

}  // namespace
}  // namespace narthex::util
