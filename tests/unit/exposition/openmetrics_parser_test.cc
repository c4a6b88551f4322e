#include "narthex/exposition/openmetrics_parser.h"

#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace narthex::exposition {
namespace {

using Event = TextEvent;

// Everything that the parser says about a body, one text an event; `part` bytes come at a time.
std::vector<std::string> read(std::string_view body, std::size_t part) {
  std::vector<std::string> out;
  OpenMetricsParser parser;
  parser.reset();
  std::size_t begin = 0;
  std::size_t end = 0;
  for (;;) {
    end = std::min(body.size(), 2 * end - begin + part);
    parser.feed(body.substr(begin, end - begin), end == body.size());
    for (;;) {
      Event event = parser.next();
      if (event == Event::kSample && !parser.verified()) event = parser.verify();
      if (event == Event::kNeedMore) break;
      if (event == Event::kEnd) return out;
      if (event == Event::kError) {
        out.push_back("error: " + parser.error().message());
        return out;
      }
      if (event == Event::kType) {
        out.push_back(
            fmt::format("type {} {}", parser.family(), model::metric_type_text(parser.type())));
      } else if (event == Event::kHelp) {
        out.push_back(fmt::format("help {} {}", parser.family(),
                                  unescape_openmetrics_help(parser.help_raw())));
      } else if (event == Event::kUnit) {
        out.push_back(fmt::format("unit {} {}", parser.family(), parser.unit()));
      } else {
        const TextSample& sample = parser.sample();
        std::string text = fmt::format("{} {}", sample.series, sample.value);
        if (sample.has_timestamp) text += fmt::format(" @{}", sample.timestamp_ms);
        if (parser.has_exemplar()) {
          const ExemplarText& exemplar = parser.exemplar();
          text += fmt::format(" # {} {}", exemplar.labels, exemplar.value);
          if (exemplar.has_timestamp) text += fmt::format(" @{}", exemplar.timestamp_ms);
        }
        out.push_back(std::move(text));
      }
    }
    begin += parser.consumed();
  }
}

// Goal: what a body says does not depend on how it arrives.
TEST(OpenMetricsParser, ReadsABodyWhereverItIsCut) {
  const std::string_view body =
      "# HELP a_seconds One\\n\\\"two\\\"\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n"
      "a_seconds_total 17 1520879607.789 # {id=\"x\"} 5\n"
      "a_seconds_total{b=\"}, \\\" # {\"} 18 # {id=\"x\",y=\"z\"} 5 -1.5\n"
      "{\"with.dot\",c=\"d\",} +Inf\n"
      "# TYPE \"with.dot\" stateset\n# HELP n \n# EOF\n";
  const std::vector<std::string> want = {
      "help a_seconds One\n\"two\"",
      "type a_seconds counter",
      "unit a_seconds seconds",
      "a_seconds_total 17 @1520879607789 # {id=\"x\"} 5",
      "a_seconds_total{b=\"}, \\\" # {\"} 18 # {id=\"x\",y=\"z\"} 5 @-1500",
      "{\"with.dot\",c=\"d\",} inf",
      "type with.dot stateset",
      "help n ",
  };
  for (std::size_t part = 1; part <= body.size(); ++part) EXPECT_EQ(read(body, part), want) << part;
  // The last newline may be missing.
  EXPECT_EQ(read(body.substr(0, body.size() - 1), 1), want);
}

TEST(OpenMetricsParser, NamesWhatIsWrongInPrometheusWords) {
  const auto check = [](std::string_view body, std::string_view want) {
    const std::vector<std::string> events = read(body, body.size() + 1);
    ASSERT_FALSE(events.empty()) << body;
    EXPECT_EQ(events.back(), "error: " + std::string(want)) << body;
  };
  check("", "data does not end with # EOF");
  check("a 1\n", "data does not end with # EOF");
  check("a 1", "data does not end with # EOF");
  check("# EOF\n\n", "unexpected data after # EOF");
  check("# EOFa 1\n", "unexpected data after # EOF");
  check("\n# EOF\n", R"(expected a valid start token, got "\n" ("INVALID") while parsing: "\n")");
  check("#  TYPE c counter\n# EOF\n",
        R"(expected a valid start token, got "#  " ("INVALID") while parsing: "#  ")");
  check("a\t1\n# EOF\n",
        R"(expected value after metric, got "\t" ("INVALID") while parsing: "a\t")");
  check("a  1\n# EOF\n",
        R"(expected value after metric, got "  " ("INVALID") while parsing: "a  ")");
  check("a 1 2 \n# EOF\n",
        R"(expected next entry after timestamp, got " \n" ("INVALID") while parsing: "a 1 2 \n")");
  check("a{b=\"c\",,} 1\n# EOF\n",
        R"(expected label name, got ",}" ("COMMA") while parsing: "a{b=\"c\",,}")");
  check("a{b=\"c\"d=\"e\"} 1\n# EOF\n",
        R"(expected comma or brace close, got "d=" ("LNAME") while parsing: "a{b=\"c\"d=")");
  check("{b=\"c\"} 1\n# EOF\n", R"(metric name not set while parsing: "{b=\"c\"} 1")");
  check("a{\"b\"} 1\n# EOF\n", R"(metric name already set while parsing: "a{\"b\"}")");
  check("a 1 NaN\n# EOF\n", "invalid timestamp NaN");
  check("a 1 # {b=\"\"} 1 NaN\n# EOF\n", "invalid exemplar timestamp NaN");
  check("a 1 # {} 1 Inf\n# EOF\n", "invalid exemplar timestamp +Inf");
  check("# TYPE a untyped\n# EOF\n", "invalid metric type \"untyped\"");
  check("# UNIT a seconds\n# EOF\n", "unit \"seconds\" not a suffix of metric \"a\"");
  check("# UNIT _s s\n# EOF\n", "unit \"s\" not a suffix of metric \"_s\"");
}

// Goal: whoever knows a series by the text that splitting gives needs no grammar for it.
TEST(OpenMetricsParser, SplitsSimpleLinesAndReadsTheOthers) {
  const std::string_view body =
      "a 1\nb{c=\"} 2\"} -2.5e3\n{\"d.e\"} NaN\nf{g=\"h\"} 1 # {i=\"j\"} 2\nk 1 2\n# EOF\n";
  OpenMetricsParser parser;
  parser.reset();
  parser.feed(body, true);
  const auto check = [&parser](std::string_view split, std::string_view verified) {
    ASSERT_EQ(parser.next(), Event::kSample);
    EXPECT_EQ(parser.sample().series, split);
    const bool was_verified = parser.verified();
    EXPECT_EQ(was_verified, split == "k");
    EXPECT_EQ(parser.verify(), Event::kSample);
    EXPECT_EQ(parser.sample().series, verified);
  };
  check("a", "a");
  check("b{c=\"} 2\"}", "b{c=\"} 2\"}");
  check("{\"d.e\"}", "{\"d.e\"}");
  check("f{g=\"h\"} 1 # {i=\"j\"}", "f{g=\"h\"}");
  EXPECT_TRUE(parser.has_exemplar());
  check("k", "k");
  EXPECT_EQ(parser.next(), Event::kEnd);
}

TEST(OpenMetricsParser, TimesBeyondMillisecondsSaturate) {
  EXPECT_EQ(read("a 1 1e300\na 1 -1e300\n# EOF\n", 100),
            (std::vector<std::string>{"a 1 @9223372036854775807", "a 1 @-9223372036854775808"}));
}

}  // namespace
}  // namespace narthex::exposition
