#include "narthex/exposition/text_parser.h"

#include <cmath>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/util/random.h"

namespace narthex::exposition {
namespace {

enum class Reading { kSplitOnly, kVerifyAll };

// Reads a whole body, fed in parts of `part_bytes`, and writes down what came out, one line an
// event.
std::string transcript(std::string body, std::size_t part_bytes, Reading reading) {
  if (!body.ends_with('\n')) body.push_back('\n');
  TextParser parser;
  parser.reset();
  std::string out;
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    end = std::min(body.size(), std::max(end, begin) + part_bytes);
    parser.feed(std::string_view(body).substr(begin, end - begin), end == body.size());
    TextEvent event = TextEvent::kNeedMore;
    do {
      event = parser.next();
      if (event == TextEvent::kSample && reading == Reading::kVerifyAll && !parser.verified())
        event = parser.verify();
      if (event == TextEvent::kSample) {
        const TextSample& s = parser.sample();
        out += fmt::format("{} {}", s.series, s.value);
        if (s.has_timestamp) out += fmt::format(" @{}", s.timestamp_ms);
        out += '\n';
      } else if (event == TextEvent::kType) {
        out += fmt::format("TYPE {} {}\n", parser.family(), model::metric_type_text(parser.type()));
      } else if (event == TextEvent::kHelp) {
        out += fmt::format("HELP {} <{}>\n", parser.family(), unescape_help(parser.help_raw()));
      }
    } while (event != TextEvent::kNeedMore && event != TextEvent::kEnd &&
             event != TextEvent::kError);
    if (event == TextEvent::kEnd) return out;
    if (event == TextEvent::kError) return out + "ERROR " + parser.error().message() + '\n';
    begin += parser.consumed();
  }
}

std::string all(std::string_view body) {
  return transcript(std::string(body), 1 << 20, Reading::kVerifyAll);
}

TEST(TextParser, SamplesMetadataCommentsAndBlankLines) {
  EXPECT_EQ(all("# HELP a What\\nit \\\\ is.\n# TYPE a counter\n\n  \t\n# a comment\n#HELP no\n"
                "a 1\n a{b=\"c\"}\t2 1234\na{b=\"}\"}3 \n{\"x.y\"} NaN\nb +Inf 5 "),
            "HELP a <What\nit \\ is.>\nTYPE a counter\na 1\na{b=\"c\"} 2 @1234\na{b=\"}\"} "
            "3\n{\"x.y\"} nan\nb inf @5\n");
  EXPECT_EQ(all(""), "");
  EXPECT_EQ(all("# HELP a\n# HELP b \n# HELP \"c.d\" e"), "HELP a <>\nHELP b <>\nHELP c.d <e>\n");
  EXPECT_EQ(all("# TYPE a untyped"), "TYPE a unknown\n");
}

TEST(TextParser, EveryNanIsTheNormalOne) {
  TextParser parser;
  parser.reset();
  parser.feed("a nan\n", true);
  ASSERT_EQ(parser.next(), TextEvent::kSample);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(parser.sample().value), model::kNormalNanBits);
}

TEST(TextParser, ErrorsSayWhatWasExpectedWhere) {
  const auto check = [](std::string_view body, std::string_view want) {
    EXPECT_EQ(all(body), fmt::format("ERROR {}\n", want));
  };
  check("a", R"(expected value after metric, got "\n" ("INVALID") while parsing: "a\n")");
  check("a{b=\n", R"(expected label value, got "\n" ("INVALID") while parsing: "a{b=\n")");
  check("a{b=\"c\" 1", R"(expected label name, got "1" ("INVALID") while parsing: "a{b=\"c\" 1")");
  check("{A}0", R"(expected equal, got "}0" ("BCLOSE") while parsing: "{A}0")");
  check("a true", R"(strconv.ParseFloat: parsing "true": invalid syntax while parsing: "a true")");
  check("a 0x10", R"(strconv.ParseFloat: parsing "0x10": invalid syntax while parsing: "a 0x10")");
  check("a 0x1p-3", R"(unsupported character in float while parsing: "a 0x1p-3")");
  check("a 1_0", R"(unsupported character in float while parsing: "a 1_0")");
  check("a 1e999",
        R"(strconv.ParseFloat: parsing "1e999": value out of range while parsing: "a 1e999")");
  check("a 1 -2",
        R"(expected timestamp or new record, got "-" ("INVALID") while parsing: "a 1 -")");
  check("a 1 2.5",
        R"(expected next entry after timestamp, got "." ("INVALID") while parsing: "a 1 2.")");
  check(
      "a 1 2 3",
      R"(expected next entry after timestamp, got "3\n" ("TIMESTAMP") while parsing: "a 1 2 3\n")");
  check(
      "a 1 99999999999999999999",
      R"(strconv.ParseInt: parsing "99999999999999999999": value out of range while parsing: "a 1 99999999999999999999")");
  check("@x 1", R"(expected a valid start token, got "@" ("INVALID") while parsing: "@")");
  check("{b=\"c\"} 1", R"(metric name not set while parsing: "{b=\"c\"} 1")");
  check("{\"a\",\"b\"} 1", R"(metric name already set while parsing: "{\"a\",\"b\"}")");
  check("a{b=\"\xff\"} 1", R"(invalid UTF-8 label value: "\"\xff\"")");
  check("# TYPE a gauge_histogram", R"(invalid metric type "gauge_histogram")");
  check("# TYPE a", R"(invalid metric type "")");
  check("# HELP #",
        R"(expected metric name after HELP, got "#" ("INVALID") while parsing: "# HELP #")");
  check("# HELP a \xff", R"(help text "\xff" is not a valid utf8 string)");
}

TEST(TextParser, AMessageQuotesABoundedPieceOfTheInput) {
  EXPECT_LT(all("a{b=\"" + std::string(100000, 'x')).size(), 2000U);
  EXPECT_LT(all(std::string(100000, 'x')).size(), 2000U);
}

TEST(TextParser, ANewlineInsideQuotesBelongsToTheLabel) {
  EXPECT_EQ(all("a{b=\"x\ny} 5\n\"} 1\nc 2"), "a{b=\"x\ny} 5\n\"} 1\nc 2\n");
}

// Goal: how a body is cut into parts changes nothing.
// Method: every part size over a body with each kind of line.
TEST(TextParser, PartsOfAnySizeGiveTheSameEvents) {
  const std::string body =
      "# HELP h Help text.\n# TYPE h histogram\nh_bucket{le=\"1\"} "
      "1\nh_bucket{le=\"+Inf\",x=\"a\nb\"} 2 17\n\n"
      "{\"q\",r=\"\\\"\"} -1.5e3\nplain 4\n#c\nlast{a=\"b\"} 7";
  const std::string want = all(body);
  for (std::size_t part = 1; part <= body.size() + 1; ++part) {
    SCOPED_TRACE(part);
    EXPECT_EQ(transcript(body, part, Reading::kVerifyAll), want);
  }
}

// Goal: for lines that the grammar accepts, splitting alone finds the same series, value and
// timestamp. Method: random lines from pieces of the format, valid and broken ones.
TEST(TextParser, SplittingAgreesWithTheGrammarOnEveryLineItAccepts) {
  util::Random random(42);
  const std::vector<std::string> pieces = {
      "a",       "b:c",          "{",    "}",  "{x=\"1\"}", "{y=\"}\"}", " ", "\t", "1",
      "2.5",     "NaN",          "-Inf", "12", "\"",        "=",         ",", "\\", "1e5",
      "{\"q\"}", "{z=\"\\\"\"}", "0x1",  "_",  "7 8"};
  int accepted = 0;
  for (int round = 0; round < 200000; ++round) {
    std::string line;
    for (std::uint64_t n = 1 + random.below(6); n > 0; --n)
      line += pieces[random.below(pieces.size())];
    line += '\n';
    TextParser parser;
    parser.reset();
    parser.feed(line, true);
    if (parser.next() != TextEvent::kSample) continue;
    const TextSample split = parser.sample();
    if (parser.verified() || parser.verify() != TextEvent::kSample) continue;
    ++accepted;
    const TextSample& exact = parser.sample();
    ASSERT_EQ(split.series, exact.series) << line;
    ASSERT_EQ(std::bit_cast<std::uint64_t>(split.value), std::bit_cast<std::uint64_t>(exact.value))
        << line;
    ASSERT_EQ(split.has_timestamp, exact.has_timestamp) << line;
    if (split.has_timestamp) {
      ASSERT_EQ(split.timestamp_ms, exact.timestamp_ms) << line;
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace narthex::exposition
