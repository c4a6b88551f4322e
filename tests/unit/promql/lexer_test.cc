#include "promql/lexer/lexer.h"

#include <gtest/gtest.h>

namespace narthex::promql {
namespace {

using enum TokenKind;

std::vector<Token> tokens_of(std::string_view text) {
  Lexer lexer(text);
  std::vector<Token> tokens;
  for (;;) {
    tokens.push_back(lexer.next());
    if (tokens.back().kind == kEof || tokens.back().kind == kError) return tokens;
  }
}

std::vector<TokenKind> kinds_of(std::string_view text) {
  std::vector<TokenKind> kinds;
  for (const Token& token : tokens_of(text)) kinds.push_back(token.kind);
  return kinds;
}

// "3: message": where the faulty token starts, and why.
std::string error_of(std::string_view text) {
  Lexer lexer(text);
  for (;;) {
    const Token token = lexer.next();
    if (token.kind == kEof) return "no error";
    if (token.kind != kError) continue;
    EXPECT_EQ(token.end(), text.size());
    return std::to_string(token.start) + ": " + lexer.error_message();
  }
}

using Kinds = std::vector<TokenKind>;

TEST(Lexer, KnowsOperatorsOutsideOfBraces) {
  EXPECT_EQ(kinds_of("+ - * / % ^ @ , ="),
            (Kinds{kAdd, kSub, kMul, kDiv, kMod, kPow, kAt, kComma, kAssign, kEof}));
  EXPECT_EQ(kinds_of("== != < <= > >= </ >/"),
            (Kinds{kEqual, kNotEqual, kLess, kLessEqual, kGreater, kGreaterEqual, kTrimUpper,
                   kTrimLower, kEof}));
  EXPECT_EQ(kinds_of("a<-b"), (Kinds{kIdentifier, kLess, kSub, kIdentifier, kEof}));
}

TEST(Lexer, KeywordsIgnoreCaseAndOnlyWholeWordsCount) {
  EXPECT_EQ(kinds_of("SUM By wiThout UNLESS atan2 Bool"),
            (Kinds{kSum, kBy, kWithout, kUnless, kAtan2, kBool, kEof}));
  EXPECT_EQ(kinds_of("summ _by by2 sum_"),
            (Kinds{kIdentifier, kIdentifier, kIdentifier, kIdentifier, kEof}));
  EXPECT_EQ(kinds_of("inf NaN iNf"), (Kinds{kNumber, kNumber, kNumber, kEof}));
  EXPECT_EQ(kinds_of("sum:rate :a a:"),
            (Kinds{kMetricIdentifier, kMetricIdentifier, kMetricIdentifier, kEof}));
}

TEST(Lexer, FillIsAKeywordOnlyInFrontOfAParenthesis) {
  EXPECT_EQ(kinds_of("fill fill_left fill_right{}"),
            (Kinds{kIdentifier, kIdentifier, kIdentifier, kLeftBrace, kRightBrace, kEof}));
  EXPECT_EQ(kinds_of("fill (1)"), (Kinds{kFill, kLeftParen, kNumber, kRightParen, kEof}));
  EXPECT_EQ(kinds_of("FILL_left\t(1)"), (Kinds{kFillLeft, kLeftParen, kNumber, kRightParen, kEof}));
}

TEST(Lexer, NothingIsAKeywordInsideBraces) {
  EXPECT_EQ(kinds_of("{by=\"a\",on!~'b',offset=~`c`,sum!=\"\"}"),
            (Kinds{kLeftBrace, kIdentifier, kAssign, kString, kComma, kIdentifier, kRegexNoMatch,
                   kString, kComma, kIdentifier, kRegexMatch, kString, kComma, kIdentifier,
                   kNotEqual, kString, kRightBrace, kEof}));
}

TEST(Lexer, NumbersAndDurations) {
  for (const std::string_view text :
       {"1", ".5", "5.", "1e5", "1.5E-3", "0x1F", "0X_ff", "1_000", "1e+5", "017", "0", "0e0"}) {
    EXPECT_EQ(kinds_of(text), (Kinds{kNumber, kEof})) << text;
  }
  for (const std::string_view text : {"5m", "1h30m", "100ms", "1y2w3d4h5m6s7ms", "0s"}) {
    EXPECT_EQ(kinds_of(text), (Kinds{kDuration, kEof})) << text;
  }
}

TEST(Lexer, BadNumbersShowHowFarTheyWereRead) {
  const auto check = [](std::string_view text, std::string_view shown) {
    EXPECT_EQ(error_of(text), "0: bad number or duration syntax: \"" + std::string(shown) + "\"");
  };
  check("1.2.3", "1.2.");
  check("1e", "1e");
  check("1ee2", "1ee");
  check("1__0", "1__");
  check("1_", "1_");
  check("0x1.5", "0x1.");
  check("5mx", "5mx");
  check("5m3", "5m3");
  check("1a", "1");
  check("1e2e3", "1e2e");
}

TEST(Lexer, InsideBracketsOnlyDurationArithmetic) {
  EXPECT_EQ(kinds_of("[5m:1m]"),
            (Kinds{kLeftBracket, kDuration, kColon, kDuration, kRightBracket, kEof}));
  EXPECT_EQ(kinds_of("[ (STEP() + 2) ^ max_of(1, range()) ]"),
            (Kinds{kLeftBracket, kLeftParen, kStep, kLeftParen, kRightParen, kAdd, kNumber,
                   kRightParen, kPow, kMaxOf, kLeftParen, kNumber, kComma, kRange, kLeftParen,
                   kRightParen, kRightParen, kRightBracket, kEof}));
  EXPECT_EQ(error_of("[a]"), "1: unexpected character in duration expression: 'a'");
  EXPECT_EQ(error_of("[5m a]"), "4: unexpected character: 'a', expected ':'");
  EXPECT_EQ(error_of("[:5m]"), "2: unexpected colon before duration in duration expression");
  EXPECT_EQ(error_of("[5m::]"), "4: unexpected colon ':'");
  EXPECT_EQ(error_of("[5m[5m]]"), "3: unexpected left bracket '['");
  EXPECT_EQ(error_of("["), "1: unexpected end of input in duration expression");
  EXPECT_EQ(error_of("[5m"), "3: unclosed left bracket");
  EXPECT_EQ(error_of("]"), "0: unexpected right bracket ']'");
}

TEST(Lexer, ReportsUnbalancedBracketsOfAllKinds) {
  EXPECT_EQ(error_of("(a"), "2: unclosed left parenthesis");
  EXPECT_EQ(error_of("a)"), "2: unexpected right parenthesis ')'");
  EXPECT_EQ(error_of("{a=\"b\""), "6: unexpected end of input inside braces");
  EXPECT_EQ(error_of("{{"), "1: unexpected left brace '{'");
  EXPECT_EQ(error_of("}"), "0: unexpected character: '}'");
}

TEST(Lexer, StringsTakeGoEscapes) {
  EXPECT_EQ(kinds_of(R"("\a\b\f\n\r\t\v\\\"" '\'' "\101\x41\u0041\U00000041")"),
            (Kinds{kString, kString, kString, kEof}));
  EXPECT_EQ(kinds_of("`a\nb\\`"), (Kinds{kString, kEof}));
  EXPECT_EQ(error_of(R"("\'")"), R"(0: unknown escape sequence U+0027 '\'')");
  EXPECT_EQ(error_of(R"("\xg0")"), "0: illegal character U+0067 'g' in escape sequence");
  EXPECT_EQ(error_of(R"("\400")"), "0: escape sequence is an invalid Unicode code point");
  EXPECT_EQ(error_of(R"("\ud800")"), "0: escape sequence is an invalid Unicode code point");
  EXPECT_EQ(error_of(R"("\U00110000")"), "0: escape sequence is an invalid Unicode code point");
  EXPECT_EQ(error_of("\"\\"), "0: escape sequence not terminated");
  EXPECT_EQ(error_of("\"\\x4"), "0: escape sequence not terminated");
  EXPECT_EQ(error_of("'a\nb'"), "0: unterminated quoted string");
  EXPECT_EQ(error_of("a \"b"), "2: unterminated quoted string");
  EXPECT_EQ(error_of("`b"), "0: unterminated raw string");
  EXPECT_EQ(error_of("\"\xff\""), "0: invalid UTF-8 rune");
  EXPECT_EQ(error_of("`\xc3`"), "0: invalid UTF-8 rune");
}

TEST(Lexer, SkipsBlanksAndCommentsEverywhere) {
  EXPECT_EQ(kinds_of(" \t\r\n# all of it\n"), (Kinds{kEof}));
  EXPECT_EQ(kinds_of("a # b\n{ # c\n} # d"), (Kinds{kIdentifier, kLeftBrace, kRightBrace, kEof}));
  EXPECT_EQ(kinds_of("[ # five\n 5m # minutes\n]"),
            (Kinds{kLeftBracket, kDuration, kRightBracket, kEof}));
}

TEST(Lexer, NamesWhatItDoesNotKnow) {
  EXPECT_EQ(error_of("a $"), "2: unexpected character: '$'");
  EXPECT_EQ(error_of("\xc3\xa4"), "0: unexpected character: '\xc3\xa4'");
  EXPECT_EQ(error_of(std::string_view("\0", 1)), "0: unexpected character: '\\x00'");
  EXPECT_EQ(error_of("a =~ b"), "2: unexpected character after '=': '~'");
  EXPECT_EQ(error_of("a ! b"), "2: unexpected character after '!': ' '");
  EXPECT_EQ(error_of("{a!b}"), "2: unexpected character after '!' inside braces: 'b'");
  EXPECT_EQ(error_of("{a;}"), "2: unexpected character inside braces: ';'");
}

TEST(Lexer, AnErrorIsTheLastWord) {
  Lexer lexer("a $ b");
  EXPECT_EQ(lexer.next().kind, kIdentifier);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(lexer.next().kind, kError);
    EXPECT_EQ(lexer.error_message(), "unexpected character: '$'");
  }
}

TEST(Token, IsDescribedAsMessagesNeedIt) {
  const auto described = [](std::string_view text) { return describe(tokens_of(text).front()); };
  EXPECT_EQ(described("foo"), "identifier \"foo\"");
  EXPECT_EQ(described("a:b"), "identifier \"a:b\"");
  EXPECT_EQ(described("12"), "number \"12\"");
  EXPECT_EQ(described("5m"), "duration \"5m\"");
  EXPECT_EQ(described("\"a string of some length\""), "string \"\\\"a string \"...");
  EXPECT_EQ(described("By"), "<By>");
  EXPECT_EQ(described("=="), "<op:==>");
  EXPECT_EQ(described("and"), "<op:and>");
  EXPECT_EQ(described("sum"), "<aggr:sum>");
  EXPECT_EQ(described("="), "\"=\"");
  EXPECT_EQ(described("start"), "\"start\"");
  EXPECT_EQ(described(""), "end of input");
}

}  // namespace
}  // namespace narthex::promql
