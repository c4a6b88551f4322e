// The suite "units": durations.jsonl, names.jsonl, matchers.jsonl, histograms.jsonl. Kinds that
// nothing here handles are counted as skipped.
#include <fmt/format.h>

#include "narthex/model/duration.h"
#include "narthex/model/matcher.h"
#include "narthex/model/names.h"

#include "conformance/histogram_check.h"
#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;
using Problems = std::vector<std::string>;

Problems check_duration(const json::object& record) {
  std::string_view text = text_of(record, "input");
  const bool negative = flag_of(record, "negative_allowed") && text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const auto duration = model::parse_duration(text);
  if (!flag_of(record, "ok")) return duration ? Problems{"accepted"} : Problems{};
  if (!duration) return {duration.error().message()};
  const model::DurationMs value = negative ? -*duration : *duration;
  Problems problems;
  if (const auto ms = record.at("ms").to_number<std::int64_t>(); value.count() != ms) {
    problems.push_back(fmt::format("{} ms, expected {}", value.count(), ms));
  }
  const std::string_view printed = text_of(record, "printed");
  if (!printed.empty() && model::format_duration(value) != printed) {
    problems.push_back(
        fmt::format("prints as {}, expected {}", model::format_duration(value), printed));
  }
  return problems;
}

// Bytes that are no UTF-8 did not survive JSON: what was to be judged is gone.
bool lost_its_bytes(const json::object& record) {
  return text_of(record, "name").find("\xef\xbf\xbd") != std::string_view::npos;
}

Problems check_metric_name(const json::object& record) {
  Problems problems;
  const auto check = [&](std::string_view key, model::NameScheme scheme) {
    const bool valid = model::is_valid_metric_name(text_of(record, "name"), scheme);
    if (valid != flag_of(record, key)) problems.push_back(fmt::format("{}: {}", key, valid));
  };
  check("legacy", model::NameScheme::kLegacy);
  check("utf8", model::NameScheme::kUtf8);
  return problems;
}

Problems check_matcher(const json::object& record) {
  const json::object& tree = record.at("matcher").as_object();
  for (const model::MatchOp op : {model::MatchOp::kEqual, model::MatchOp::kNotEqual,
                                  model::MatchOp::kRegex, model::MatchOp::kNotRegex}) {
    if (model::match_op_text(op) != text_of(tree, "op")) continue;
    const auto matcher = model::Matcher::make(op, std::string(text_of(tree, "name")),
                                              std::string(text_of(tree, "value")));
    if (!matcher) return {matcher.error().message()};
    const bool matches = matcher->matches(text_of(record, "value"));
    if (matches == flag_of(record, "match")) return {};
    return {matches ? "matches" : "does not match"};
  }
  return {"unknown operator"};
}

Problems check_regex(const json::object& record) {
  const auto regex = model::Regex::compile(text_of(record, "regex"));
  if (!flag_of(record, "valid")) return regex ? Problems{"accepted"} : Problems{};
  if (!regex) return {regex.error().message()};
  Problems problems;
  const auto check = [&](std::string_view key, bool expected) {
    const json::value* texts = record.if_contains(key);
    if (texts == nullptr || !texts->is_array()) return;
    for (const json::value& value : texts->get_array()) {
      const std::string_view text = value.as_string();
      if (regex->matches(text) == expected) continue;
      problems.push_back(
          fmt::format("{} {}", expected ? "does not match" : "matches", model::quoted(text)));
    }
  };
  check("matches", true);
  check("not_matches", false);
  return problems;
}

void run_units(Run& run) {
  const std::map<std::string_view, Problems (*)(const json::object&)> checks = {
      {"duration", &check_duration},
      {"metric_name_valid", &check_metric_name},
      {"matcher", &check_matcher},
      {"regex", &check_regex},
  };
  const std::filesystem::path inner = run.folder / "units";
  const std::filesystem::path folder = std::filesystem::is_directory(inner) ? inner : run.folder;
  for (const std::string_view file :
       {"durations.jsonl", "names.jsonl", "matchers.jsonl", "histograms.jsonl"}) {
    const auto records = read_json_lines(folder / file, run.report);
    if (!records) continue;
    for (const json::object& record : *records) {
      const std::string_view id = text_of(record, "id");
      if (!run.wants(file, id)) continue;
      if (record.contains("op")) {
        if (const auto problems = check_histogram(record)) {
          run.report.judge(file, id, *problems);
        } else {
          run.report.skip(file);
        }
        continue;
      }
      const auto check = checks.find(text_of(record, "kind"));
      // Some records have lost their fields and keep only their kind.
      if (check == checks.end() || record.size() <= 2 || lost_its_bytes(record)) {
        run.report.skip(file);
      } else {
        run.report.judge(file, id, check->second(record));
      }
    }
  }
}

const Suite kSuite("units", &run_units);

}  // namespace
}  // namespace narthex::conformance
