#include "narthex/http/message.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

namespace narthex::http {
namespace {

TEST(Headers, NamesCompareWithoutCase) {
  Headers headers;
  headers.add("Content-Type", "a");
  headers.add("content-type", "b");
  EXPECT_EQ(headers.get("CONTENT-TYPE"), "a");
  EXPECT_TRUE(headers.has("content-Type"));
  EXPECT_FALSE(headers.has("content"));
  headers.set("Content-TYPE", "c");
  EXPECT_EQ(headers.all().size(), 1U);
  EXPECT_EQ(headers.get("content-type"), "c");
}

TEST(Form, DecodesPairsInOrder) {
  const Form form = Form::parse("a=1&b=x+y%20z&a=2&&c&d=&=e&f=1=2");
  EXPECT_EQ(form.get("a"), "1");
  EXPECT_EQ(form.all("a"), (std::vector<std::string_view>{"1", "2"}));
  EXPECT_EQ(form.get("b"), "x y z");
  EXPECT_EQ(form.find("c"), "");
  EXPECT_EQ(form.find("d"), "");
  EXPECT_EQ(form.find(""), "e");
  EXPECT_EQ(form.get("f"), "1=2");
  EXPECT_EQ(form.find("g"), std::nullopt);
}

TEST(Form, KeepsMalformedEscapesAsTheyStand) {
  const Form form = Form::parse("a=%&b=%4&c=%zz&d=%41%");
  EXPECT_EQ(form.get("a"), "%");
  EXPECT_EQ(form.get("b"), "%4");
  EXPECT_EQ(form.get("c"), "%zz");
  EXPECT_EQ(form.get("d"), "A%");
}

TEST(Form, ReadsNoMorePairsThanAllowed) {
  EXPECT_EQ(Form::parse("a&b&c&d", 3).pairs().size(), 3U);
}

TEST(CleanPath, DropsEmptyAndDotSegments) {
  const auto check = [](std::string_view path, std::string_view want) {
    EXPECT_EQ(clean_path(path), want) << path;
  };
  for (const std::string_view clean : {"/", "/a", "/a/", "/a/b%2F%2Fc", "/a..b/.c", "/..."})
    check(clean, clean);
  check("//", "/");
  check("/label//values", "/label/values");
  check("/a/./b", "/a/b");
  check("/a/.", "/a");
  check("/a/./", "/a/");
  check("/a/b/../c", "/a/c");
  check("/../../etc", "/etc");
  check("/..", "/");
  check("/a//", "/a/");
  check("///evil.org//", "/evil.org/");
}

TEST(Percent, MalformedEscapesAreRefused) {
  EXPECT_EQ(percent_decode("%2"), std::nullopt);
  EXPECT_EQ(percent_decode("a%g0"), std::nullopt);
  EXPECT_EQ(percent_decode("a%2Fb"), "a/b");
}

RC_GTEST_PROP(Percent, DecodingUndoesEncoding, (const std::string& text)) {
  RC_ASSERT(percent_decode(percent_encode(text)) == text);
}

RC_GTEST_PROP(Form, ReadsBackWhatWasEncoded, (const std::string& value)) {
  const Form form = Form::parse("k=" + percent_encode(value) + "&z=1");
  RC_ASSERT(form.get("k") == value);
  RC_ASSERT(form.get("z") == "1");
}

}  // namespace
}  // namespace narthex::http
