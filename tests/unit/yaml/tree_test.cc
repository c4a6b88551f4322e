#include "narthex/yaml/tree.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "support/random_seed.h"

namespace narthex::yaml {
namespace {

using testing::HasSubstr;

const Node& at(const Node& map, std::string_view key) {
  const Node* found = map.find(key);
  EXPECT_NE(found, nullptr) << key;
  static const Node none;
  return found == nullptr ? none : *found;
}

TEST(YamlTree, KnowsLinesAndTypes) {
  const auto document = parse("a: 1\nb: 'x'\n# comment\nc:\n- yes\n- ~\nd: {e: 1.5, f: \"2\"}\n");
  ASSERT_TRUE(document);
  const Node& root = document->root;
  EXPECT_EQ(tag_of(root), "!!map");
  EXPECT_EQ(tag_of(at(root, "a")), "!!int");
  EXPECT_EQ(tag_of(at(root, "b")), "!!str");
  EXPECT_EQ(at(root, "b").line, 2U);
  ASSERT_EQ(at(root, "c").items.size(), 2U);
  EXPECT_EQ(tag_of(at(root, "c").items[0]), "!!bool");
  EXPECT_TRUE(bool_of(at(root, "c").items[0]));
  EXPECT_EQ(tag_of(at(root, "c").items[1]), "!!null");
  EXPECT_EQ(at(root, "c").items[1].line, 6U);
  EXPECT_EQ(tag_of(at(at(root, "d"), "e")), "!!float");
  EXPECT_EQ(tag_of(at(at(root, "d"), "f")), "!!str");
}

TEST(YamlTree, EmptyAndCommentOnlyDocumentsAreNull) {
  for (const std::string_view text : {"", "\n", "# nothing\n", "---\n", "--- \n...\n"}) {
    const auto document = parse(text);
    ASSERT_TRUE(document) << text;
    EXPECT_EQ(document->root.kind, Kind::kNull) << text;
  }
}

TEST(YamlTree, ExpandsAliasesAndMerges) {
  const auto document =
      parse("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nlist: {<<: [*b, {z: 4}]}\n");
  ASSERT_TRUE(document);
  EXPECT_EQ(at(at(document->root, "use"), "x").text, "1");
  EXPECT_EQ(at(at(document->root, "use"), "y").text, "3");
  EXPECT_EQ(at(at(document->root, "list"), "z").text, "4");
}

TEST(YamlTree, NotesASecondDocument) {
  const auto document = parse("a: 1\n---\nb: 2\n");
  ASSERT_TRUE(document);
  EXPECT_NE(document->root.find("a"), nullptr);
  EXPECT_EQ(document->root.find("b"), nullptr);
  EXPECT_NE(document->second_line, 0U);
}

TEST(YamlTree, SyntaxErrorsNameTheLine) {
  const auto check = [](std::string_view text, std::uint32_t line, std::string_view what) {
    const auto document = parse(text);
    ASSERT_FALSE(document) << text;
    EXPECT_EQ(document.error().line, line) << document.error().message;
    EXPECT_THAT(document.error().message, HasSubstr(what));
  };
  check("a: {b\n", 2, "yaml: line 2: ");
  check("a: b\n c: d\n", 2, "yaml: line 2: ");
  check("a: *nowhere\n", 1, "anchor is not defined");
  check("a: &a [*a]\n", 1, "contains itself");
  check("a:\n  <<: 5\n", 2, "map merge requires map or sequence of maps as the value");
  check("a: \"\xff\"\n", 1, "invalid UTF-8");
  check(std::string_view("a: b\nc: \0\n", 10), 2, "control characters are not allowed");
  check("? [a, b]\n: c\n", 1, "invalid map key");
  check("a: !!binary a=Gk\n", 1, "invalid base64");
  check("a: !!binary aGk\n", 1, "invalid base64");
  check("a: !!timestamp 2001-01-01\n", 1, "not supported");
}

// Goal: no document costs more than its bounds, whatever its aliases promise.
TEST(YamlTree, BombsEndAtTheBounds) {
  std::string laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string previous = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int k = 0; k < 10; ++k) laughs += (k == 0 ? "" : ",") + previous;
    laughs += "]\n";
  }
  auto bomb = parse(laughs);
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message, HasSubstr("excessive aliasing"));

  const std::string big(100'000, 'x');
  std::string copies = "a: &a " + big + "\nb:\n";
  for (int i = 0; i < 2'000; ++i) copies += "- *a\n";
  bomb = parse(copies);
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message, HasSubstr("excessive aliasing"));

  bomb = parse("a: " + std::string(200, '[') + std::string(200, ']'));
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message, HasSubstr("nested deeper than 100 levels"));
  bomb = parse("a: " + std::string(1'000'000, '['));
  ASSERT_FALSE(bomb);
  bomb = parse("a: " + std::string(1'000'000, '{'));
  ASSERT_FALSE(bomb);

  bomb = parse("a: " + std::string((1U << 20U) + 1, 'x'));
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message, HasSubstr("longer than"));
  bomb = parse(std::string((16U << 20U) + 1, '#'));
  ASSERT_FALSE(bomb);
  EXPECT_THAT(bomb.error().message, HasSubstr("larger than"));
}

// Goal: aliases that add up through depth are bounded too.
TEST(YamlTree, AliasesCannotAddUpToDepth) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 150; ++i) {
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
            "]\n";
  }
  const auto document = parse(text);
  ASSERT_FALSE(document);
  EXPECT_THAT(document.error().message, HasSubstr("nested deeper"));
}

std::string random_text(util::Random& random) {
  static constexpr std::string_view kPieces[] = {
      "a",  "B", " ",  ":",  "#", "-",    "'",    "\"", "\\", "[", "]", "{",
      "}",  ",", "&",  "*",  "!", "|",    ">",    "%",  "@",  "`", "?", "1",
      "0x", ".", "\n", "\t", "é", "true", "null", "~",  "$",  "="};
  std::string out;
  for (std::uint64_t i = random.below(8); i > 0; --i)
    out += kPieces[random.below(std::size(kPieces))];
  return out;
}

// Goal: whatever a string holds, it is read back as the same string.
TEST(YamlTree, PrintedStringsReadBack) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 3'000; ++round) {
    const std::string text = random_text(random);
    Node root = map();
    root.entries.emplace_back(scalar("block"), scalar(text));
    Node list = sequence();
    list.is_inline = true;
    list.items = {scalar(text), scalar("x")};
    root.entries.emplace_back(scalar("inline"), list);
    list.is_inline = false;
    root.entries.emplace_back(scalar("list"), list);
    root.entries.emplace_back(scalar("key"), map());
    root.entries.back().second.entries.emplace_back(scalar("k" + text), scalar("v"));

    const std::string printed = print(root);
    const auto back = parse(printed);
    ASSERT_TRUE(back) << back.error().message << "\n" << printed;
    EXPECT_EQ(at(back->root, "block").text, text) << printed;
    EXPECT_EQ(tag_of(at(back->root, "block")), "!!str") << printed;
    ASSERT_EQ(at(back->root, "inline").items.size(), 2U) << printed;
    EXPECT_EQ(at(back->root, "inline").items[0].text, text) << printed;
    EXPECT_EQ(at(back->root, "list").items[0].text, text) << printed;
    EXPECT_NE(at(back->root, "key").find("k" + text), nullptr) << printed;
  }
}

}  // namespace
}  // namespace narthex::yaml
