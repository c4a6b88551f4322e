// The suite "parser": every record of parser.jsonl.
#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/promql/parser.h"
#include "narthex/promql/printer.h"
#include "narthex/util/utf8.h"

#include "conformance/ast_compare.h"
#include "conformance/series_compare.h"
#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;
using Problems = std::vector<std::string>;

promql::ParserOptions options_of(const json::object& record) {
  promql::ParserOptions options;
  options.duration_expressions = false;
  for (const json::value& option : record.at("opts").as_array()) {
    const std::string_view name = option.as_string();
    if (name == "experimental-functions") options.experimental_functions = true;
    if (name == "extended-selectors") options.extended_range_selectors = true;
    if (name == "duration-expr") options.duration_expressions = true;
    if (name == "fill") options.binop_fill_modifiers = true;
  }
  return options;
}

// JSON cannot carry invalid UTF-8: a byte that was none has become U+FFFD in the records.
std::string input_of(const json::object& record) {
  std::string text(text_of(record, "input"));
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  for (std::size_t at = text.find(kReplacement); at != std::string::npos;
       at = text.find(kReplacement)) {
    text.replace(at, kReplacement.size(), "\xFF");
  }
  return text;
}

Problems check_refusal(const json::object& record, const promql::ParseResult& result) {
  if (result) return {"accepted: " + promql::to_string(**result)};
  Problems problems;
  const promql::ParseError& got = result.error().errors.front();
  if (const json::value* errors = record.if_contains("errors");
      errors != nullptr && !errors->as_array().empty()) {
    const json::object& want = errors->as_array().front().as_object();
    const std::string_view message = text_of(want, "message");
    if (got.message != message) {
      problems.push_back(fmt::format("error '{}', expected '{}'", got.message, message));
    }
    const json::array& pos = want.at("pos").as_array();
    const promql::Position position{pos.at(0).to_number<std::uint32_t>(),
                                    pos.at(1).to_number<std::uint32_t>()};
    if (got.position != position) {
      problems.push_back(fmt::format("error at [{}, {}), expected [{}, {})", got.position.start,
                                     got.position.end, position.start, position.end));
    }
  }
  const std::string_view contained = text_of(record, "error_contains");
  if (result.error().text.find(contained) == std::string::npos) {
    problems.push_back(fmt::format("'{}' does not contain '{}'", result.error().text, contained));
  }
  return problems;
}

// What was accepted must print to text that reads back and prints alike.
void check_reprint(const promql::Expr& expr, const promql::ParserOptions& options,
                   Problems& problems) {
  const std::string printed = promql::to_string(expr);
  const auto again = promql::parse(printed, options);
  if (!again) {
    problems.push_back(fmt::format("printed form '{}': {}", printed, again.error().message()));
  } else if (promql::to_string(**again) != printed) {
    problems.push_back(
        fmt::format("'{}' prints again as '{}'", printed, promql::to_string(**again)));
  }
}

Problems check_expression(const json::object& record) {
  const std::string input = input_of(record);
  const auto options = options_of(record);
  const promql::ParseResult result = promql::parse_detailed(input, options);
  if (!flag_of(record, "ok")) return check_refusal(record, result);
  if (!result) return {result.error().text};
  Problems problems = compare_ast(record.at("ast"), **result);
  check_reprint(**result, options, problems);
  return problems;
}

Problems compare_texts(std::string_view got, std::string_view want) {
  if (got == want) return {};
  return {fmt::format("printed\n{}\nexpected\n{}", got, want)};
}

Problems check_print(const json::object& record) {
  const auto expr = promql::parse(input_of(record), options_of(record));
  if (!expr) return {expr.error().message()};
  return compare_texts(promql::to_string(**expr), text_of(record, "printed"));
}

// The records were made with lines of at most ten characters, so that short expressions split.
Problems check_prettify(const json::object& record) {
  constexpr std::size_t kLineCharsMax = 10;
  const auto expr = promql::parse(input_of(record), options_of(record));
  if (!expr) return {expr.error().message()};
  return compare_texts(promql::pretty(**expr, kLineCharsMax), text_of(record, "printed"));
}

model::MatchOp match_op_of(std::string_view text) {
  using enum model::MatchOp;
  for (const model::MatchOp op : {kEqual, kNotEqual, kRegex, kNotRegex}) {
    if (model::match_op_text(op) == text) return op;
  }
  return kEqual;
}

Problems check_print_selector(const json::object& record) {
  const json::object& tree = record.at("selector").as_object();
  promql::VectorSelector selector;
  selector.name = text_of(tree, "Name");
  if (const json::value* matchers = tree.if_contains("LabelMatchers")) {
    for (const json::value& value : matchers->as_array()) {
      const json::object& matcher = value.as_object();
      auto made = model::Matcher::make(match_op_of(text_of(matcher, "op")),
                                       std::string(text_of(matcher, "name")),
                                       std::string(text_of(matcher, "value")));
      if (!made) return {made.error().message()};
      selector.matchers.push_back(*std::move(made));
    }
  }
  return compare_texts(promql::to_string(selector), text_of(record, "printed"));
}

Problems check_selectors(const json::object& record) {
  const auto expr = promql::parse(input_of(record), options_of(record));
  if (!expr) return {expr.error().message()};
  std::vector<std::string> got;
  for (const model::Matchers& matchers : promql::selectors_of(**expr)) {
    std::vector<std::string> texts;
    for (const model::Matcher& matcher : matchers) texts.push_back(matcher.to_string());
    got.push_back(fmt::format("{{{}}}", fmt::join(texts, ", ")));
  }
  std::vector<std::string> want;
  for (const json::value& text : record.at("selectors").as_array()) {
    want.emplace_back(text.as_string());
  }
  return compare_texts(fmt::format("{}", fmt::join(got, "\n")),
                       fmt::format("{}", fmt::join(want, "\n")));
}

void run_parser(Run& run) {
  constexpr std::string_view kFile = "parser.jsonl";
  const auto records = read_json_lines(run.folder / kFile, run.report);
  if (!records) return;
  const std::map<std::string_view, Problems (*)(const json::object&)> checks = {
      {"expr", &check_expression},
      {"print", &check_print},
      {"prettify", &check_prettify},
      {"print-selector", &check_print_selector},
      {"selectors", &check_selectors},
      {"series", &check_series},
      {"series-histogram", &check_histogram_series},
  };
  for (const json::object& record : *records) {
    const std::string_view id = text_of(record, "id");
    const std::string_view suite = text_of(record, "suite");
    if (!run.wants(kFile, id)) continue;
    const std::string file = fmt::format("{} {}", kFile, suite);
    const auto check = checks.find(suite);
    if (check == checks.end()) {
      run.report.skip(file);
      continue;
    }
    run.report.judge(file, fmt::format("{} {}", id, model::quoted(text_of(record, "input"))),
                     check->second(record));
  }
}

const Suite kSuite("parser", &run_parser);

}  // namespace
}  // namespace narthex::conformance
