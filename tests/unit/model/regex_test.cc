#include "narthex/model/regex.h"

#include <gtest/gtest.h>
#include <re2/re2.h>

#include "support/random_seed.h"

namespace narthex::model {
namespace {

Regex compile(std::string_view pattern) {
  auto compiled = Regex::compile(pattern);
  EXPECT_TRUE(compiled.has_value()) << pattern;
  return std::move(compiled).value();
}

TEST(Regex, IsAnchoredAtBothEndsAndADotMatchesANewline) {
  const auto check = [](std::string_view pattern, std::string_view text, bool want) {
    EXPECT_EQ(compile(pattern).matches(text), want) << pattern << " on " << text;
  };
  check("foo", "foo", true);
  check("foo", "xfoo", false);
  check("foo", "foox", false);
  check("a|b", "a", true);
  check("a|b", "xa", false);
  check("a|bc", "ac", false);
  check("(a|b)c", "bc", true);
  check(".*", "a\nb", true);
  check("a.b", "a\nb", true);
  check(".+", "", false);
  check(".+", "\n", true);
  check("", "", true);
  check("", "x", false);
  check("foo.*", "foo", true);
  check("foo.*", "fobar", false);
  check("(?i)FOO", "fOo", true);
  check("fo+", "fooo", true);
  check("fo*", "f", true);
  check("(?:x|y)?", "", true);
  check("^foo$", "foo", true);
  check("foo$", "foo\n", false);
  check("\\d+", "123", true);
  check("\\.", ".", true);
  check("\\.", "x", false);
  check("é.", "éa", true);
  check(".", "é", true);
  check("é?x", "x", true);
}

TEST(Regex, KnowsPatternsThatAreSetsOfLiterals) {
  const auto literals = [](std::string_view pattern) {
    const auto compiled = compile(pattern).literals();
    if (!compiled) return std::string("none");
    std::string out;
    for (const std::string& literal : *compiled) out += "[" + literal + "]";
    return out;
  };
  EXPECT_EQ(literals("foo"), "[foo]");
  EXPECT_EQ(literals("b|a|b"), "[a][b]");
  EXPECT_EQ(literals("(a|b)"), "[a][b]");
  EXPECT_EQ(literals("(?:a|b)"), "[a][b]");
  EXPECT_EQ(literals("a|"), "[][a]");
  EXPECT_EQ(literals(""), "[]");
  EXPECT_EQ(literals("10\\.0\\.0\\.1:9100|x"), "[10.0.0.1:9100][x]");
  EXPECT_EQ(literals("a.b"), "none");
  EXPECT_EQ(literals("(a)(b)"), "none");
  EXPECT_EQ(literals("(?i)a"), "none");
  EXPECT_EQ(literals("a+"), "none");
  EXPECT_EQ(literals("\\d"), "none");
}

TEST(Regex, KnowsTheTextThatEveryMatchStartsWith) {
  const auto prefix = [](std::string_view pattern) {
    return std::string(compile(pattern).literal_prefix());
  };
  EXPECT_EQ(prefix("node_.*"), "node_");
  EXPECT_EQ(prefix("abc*"), "ab");
  EXPECT_EQ(prefix("é?x"), "");
  EXPECT_EQ(prefix("aé{2}"), "a");
  EXPECT_EQ(prefix("a\\.b.+"), "a.b");
  EXPECT_EQ(prefix("a.*|b.*"), "");
  EXPECT_EQ(prefix(".*x"), "");
  EXPECT_TRUE(compile(".*").matches_everything());
  EXPECT_FALSE(compile(".+").matches_everything());
}

TEST(Regex, RefusesWhatIsNoExpressionByItself) {
  for (const std::string_view pattern : {"(", ")", "a)|(b", "a)(?:b", "a**", "[", "a{2000}", "\\",
                                         "(?P<n", "(?<=a)b", "\\1", "x{1000}{1000}", "\xff"}) {
    const auto compiled = Regex::compile(pattern);
    ASSERT_FALSE(compiled.has_value()) << pattern;
    EXPECT_EQ(compiled.error().code(), util::Code::kInvalidArgument);
  }
}

TEST(Regex, NamesFaultsAsGoDoes) {
  const auto check = [](std::string_view pattern, std::string_view want) {
    const auto compiled = Regex::compile(pattern);
    ASSERT_FALSE(compiled.has_value()) << pattern;
    EXPECT_EQ(compiled.error().message(), "error parsing regexp: " + std::string(want));
  };
  check("(", "missing closing ): `(`");
  check("a)", "unexpected ): `a)`");
  check("[a", "missing closing ]: `[a`");
  check("*", "missing argument to repetition operator: `*`");
  check("a**", "invalid nested repetition operator: `**`");
  check("a{2000}", "invalid repeat count: `{2000}`");
  check("[z-a]", "invalid character class range: `z-a`");
  check("\\8", "invalid escape sequence: `\\8`");
  check("a\\", "trailing backslash at end of expression: ``");
}

// Texts over an alphabet so small that matches are common.
std::string random_text(util::Random& random, std::string_view alphabet, std::size_t pieces_max) {
  std::string out;
  const std::uint64_t pieces = random.below(pieces_max + 1);
  for (std::uint64_t i = 0; i < pieces; ++i) out.push_back(alphabet[random.below(alphabet.size())]);
  return out;
}

// Goal: the short ways (literals, prefix, everything) never change the answer.
// Method: random patterns from fragments that meet in awkward places, against RE2 alone.
TEST(Regex, AnswersAsPlainRe2Does) {
  constexpr std::string_view kFragments[] = {
      "a",   "b",     "ab",  ".",      "*",      "+",    "?",    "|",     "(",
      ")",   "(?:",   "\\.", "[ab]",   "a{2}",   "{1,}", "^",    "$",     "\\Q",
      "\\E", "(?i)",  "é",   ".*",     ".+",     "\\n",  "\\a",  "(?i:",  "\\b",
      "\\-", "(?-s)", "|",   "(?s:.)", "(?P<g>", "\\pL", "[^a]", "\\x61", "\\ "};
  util::Random random = test::seeded_random();
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_dot_nl(true);
  int compiled_count = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    const std::uint64_t pieces = 1 + random.below(6);
    for (std::uint64_t i = 0; i < pieces; ++i)
      pattern += kFragments[random.below(std::size(kFragments))];
    const re2::RE2 reference(pattern, options);
    const auto ours = Regex::compile(pattern);
    ASSERT_EQ(ours.has_value(), reference.ok()) << pattern;
    if (!ours) continue;
    ++compiled_count;
    for (int sample = 0; sample < 12; ++sample) {
      std::string text = random_text(random, "abAB.*\n\\Q-", 5);
      if (sample == 0) text = "é" + text;
      if (sample == 1 && ours->literals() && !ours->literals()->empty())
        text = ours->literals()->front();
      ASSERT_EQ(ours->matches(text), re2::RE2::FullMatch(text, reference))
          << pattern << " on \"" << text << '"';
    }
  }
  EXPECT_GT(compiled_count, 2000);
}

TEST(Regex, ExpandsGroupsIntoTheReplacement) {
  const auto check = [](std::string_view pattern, std::string_view text,
                        std::string_view replacement, std::string_view want) {
    const auto got = compile(pattern).expand(text, replacement);
    ASSERT_TRUE(got.has_value()) << pattern;
    EXPECT_EQ(*got, want) << pattern << " " << replacement;
  };
  check("(.*):(.*)", "host:9100", "$1", "host");
  check("(.*):(.*)", "host:9100", "${2}/$1", "9100/host");
  check("(.*)", "v", "$1x", "");  // The group "1x" does not exist.
  check("(.*)", "v", "${1}x", "vx");
  check("(.*)", "v", "$$1", "$1");
  check("(.*)", "v", "$0-$0", "v-v");
  check("(.*)", "v", "$2", "");
  check("(.*)", "v", "$01", "");
  check("(.*)", "v", "$999999999999", "");
  check("(?P<name>.+)", "v", "$name ${name}", "v v");
  check("(.*)", "v", "$", "$");
  check("(.*)", "v", "a$ b", "a$ b");
  check("(.*)", "v", "${1", "${1");
  check("(.*)", "v", "${}", "${}");
  check("(.*)", "", "<$1>", "<>");
  check("(a)?b", "b", "<$1>", "<>");
  check("a|b", "b", "plain", "plain");
  check("foo", "foo", "$0", "foo");
  EXPECT_FALSE(compile("a(.*)").expand("b", "$1").has_value());
  EXPECT_FALSE(compile("a").expand("xa", "y").has_value());
}

}  // namespace
}  // namespace narthex::model
