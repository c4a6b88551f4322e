#include "http/credentials.h"

#include <gtest/gtest.h>

#include "narthex/http/access_options.h"

namespace narthex::http {
namespace {

// Both of "open sesame".
constexpr std::string_view kCheap = "$2y$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy";
constexpr std::string_view kUsual = "$2b$10$ZyXwVuTsRqPoNmLkJiHgFeAt5ttRuVA69hDvVlN.eiH2fQ/TLsJhS";

TEST(Credentials, Base64IsReadOrRefusedWhole) {
  const auto check = [](std::string_view text, std::optional<std::string> want) {
    EXPECT_EQ(decode_base64(text), want) << text;
  };
  check("", "");
  check("Zg==", "f");
  check("Zm8=", "fo");
  check("Zm9v", "foo");
  check("Zm9vYmFy", "foobar");
  check("//79", "\xff\xfe\xfd");
  for (const std::string_view bad :
       {"Z", "Zg", "Zg=", "Zg===", "====", "Z===", "=g==", "Zm9v\n", " Zg=", "Z-_="})
    check(bad, std::nullopt);
}

TEST(Credentials, AreThoseOfTheBasicScheme) {
  const auto check = [](std::string_view field, std::string_view user, std::string_view password) {
    const auto got = parse_basic(field);
    ASSERT_TRUE(got) << field;
    EXPECT_EQ(got->user, user);
    EXPECT_EQ(got->password, password);
  };
  check("Basic YTpi", "a", "b");
  check("bAsIc YTpi", "a", "b");
  check("Basic YTpiOmM=", "a", "b:c");
  check("Basic Og==", "", "");
  for (const std::string_view bad : {"", "Basic", "Basic ", "Basic YQ==", "Bearer YTpi", "YTpi",
                                     "Basic  YTpi", "Basic YTpi ", "Basic YTpi, Basic YTpi"})
    EXPECT_FALSE(parse_basic(bad)) << bad;
}

TEST(Credentials, HashesAreToldFromOtherText) {
  EXPECT_TRUE(is_bcrypt_hash(kCheap));
  EXPECT_TRUE(is_bcrypt_hash(kUsual));
  const auto check_broken = [](std::size_t at, char c) {
    std::string text(kUsual);
    text[at] = c;
    EXPECT_FALSE(is_bcrypt_hash(text)) << text;
  };
  check_broken(0, 'x');
  check_broken(1, '1');
  check_broken(2, 'z');
  check_broken(3, 'x');
  check_broken(4, '4');
  check_broken(5, '/');
  check_broken(6, 'x');
  check_broken(7, '$');
  check_broken(59, '\n');
  EXPECT_FALSE(is_bcrypt_hash(std::string(kUsual) + "a"));
  EXPECT_FALSE(is_bcrypt_hash(kUsual.substr(1)));
  EXPECT_FALSE(is_bcrypt_hash(""));
  EXPECT_FALSE(is_bcrypt_hash("$2b$03$ZyXwVuTsRqPoNmLkJiHgFeAt5ttRuVA69hDvVlN.eiH2fQ/TLsJhS"));
  EXPECT_FALSE(is_bcrypt_hash("$2b$32$ZyXwVuTsRqPoNmLkJiHgFeAt5ttRuVA69hDvVlN.eiH2fQ/TLsJhS"));
}

TEST(Credentials, OnlyTheRightPasswordMatches) {
  for (const std::string_view hash : {kCheap, kUsual}) {
    const std::string text(hash);
    EXPECT_TRUE(matches_bcrypt("open sesame", text));
    EXPECT_FALSE(matches_bcrypt("open sesam", text));
    EXPECT_FALSE(matches_bcrypt("Open sesame", text));
    EXPECT_FALSE(matches_bcrypt("", text));
    // crypt() would stop at the NUL and find the rest right.
    EXPECT_FALSE(matches_bcrypt(std::string_view("open sesame\0x", 13), text));
  }
}

// A look-up of a user who is not there must not be told by its time.
TEST(Credentials, TheDummyHashCostsAsMuchAndIsMatchedByNothing) {
  for (const std::string_view like : {kCheap, kUsual}) {
    const std::string dummy = dummy_bcrypt_hash(like);
    EXPECT_TRUE(is_bcrypt_hash(dummy)) << dummy;
    EXPECT_EQ(dummy.substr(0, 7), like.substr(0, 7));
  }
  EXPECT_TRUE(is_bcrypt_hash(dummy_bcrypt_hash("")));
  EXPECT_FALSE(matches_bcrypt("", dummy_bcrypt_hash(kCheap)));
  EXPECT_FALSE(matches_bcrypt("open sesame", dummy_bcrypt_hash(kCheap)));
}

}  // namespace
}  // namespace narthex::http
