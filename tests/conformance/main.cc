// conformance SUITE FOLDER [--filter TEXT] [--files NAME,…] [--reasons N]
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <span>

#include <fmt/format.h>

#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

std::map<std::string, SuiteFunction>& registry() {
  static std::map<std::string, SuiteFunction> suites;
  return suites;
}

int usage() {
  std::string names;
  for (const auto& [name, function] : Suite::all()) names += "|" + name;
  fmt::print(stderr,
             "usage: conformance {} FOLDER [--filter TEXT] [--files NAME,…] [--reasons N]\n",
             names.empty() ? "SUITE" : names.substr(1));
  return 2;
}

}  // namespace

Suite::Suite(std::string name, SuiteFunction function) {
  registry().emplace(std::move(name), function);
}

const std::map<std::string, SuiteFunction>& Suite::all() {
  return registry();
}

void Report::fail(std::string_view file, std::string_view id, std::string reason) {
  File& entry = files_[std::string(file)];
  ++entry.failed;
  entry.reasons.push_back(fmt::format("{}: {}", id, reason));
}

void Report::judge(std::string_view file, std::string_view id,
                   const std::vector<std::string>& problems) {
  if (problems.empty()) return pass(file);
  fail(file, id, fmt::format("{}", fmt::join(problems, "\n      ")));
}

bool Report::print(std::size_t reasons_per_file) const {
  std::size_t passed = 0;
  std::size_t failed = 0;
  std::size_t skipped = 0;
  for (const auto& [name, file] : files_) {
    fmt::print("{}: {} passed, {} failed", name, file.passed, file.failed);
    if (file.skipped > 0) fmt::print(", {} skipped", file.skipped);
    fmt::print("\n");
    for (std::size_t i = 0; i < file.reasons.size() && i < reasons_per_file; ++i) {
      fmt::print("    {}\n", file.reasons[i]);
    }
    passed += file.passed;
    failed += file.failed;
    skipped += file.skipped;
  }
  if (skipped > 0) fmt::print("{} skipped\n", skipped);
  fmt::print("{} passed, {} failed\n", passed, failed);
  return failed == 0;
}

bool Run::wants_file(std::string_view file) const {
  const std::string_view stem = file.substr(0, file.find('.'));
  return files.empty() || std::ranges::find(files, stem) != files.end() ||
         std::ranges::find(files, "*") != files.end();
}

bool Run::wants(std::string_view file, std::string_view id) const {
  if (!wants_file(file)) return false;
  return filter.empty() || fmt::format("{}:{}", file, id).find(filter) != std::string::npos;
}

std::optional<std::string> read_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::optional<std::vector<boost::json::object>> read_json_lines(const std::filesystem::path& file,
                                                                Report& report) {
  const auto text = read_file(file);
  if (!text) return std::nullopt;
  std::vector<boost::json::object> records;
  std::string_view rest = *text;
  for (std::size_t line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view record = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (record.empty()) continue;
    boost::json::error_code error;
    boost::json::value value = boost::json::parse(record, error);
    if (error || !value.is_object()) {
      report.fail(file.filename().string(), fmt::format("line {}", line), "not a JSON object");
    } else {
      records.push_back(std::move(value.get_object()));
    }
  }
  return records;
}

std::string_view text_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string_view(value->get_string())
                                                : std::string_view();
}

bool flag_of(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

namespace {

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

int run(std::span<char*> args) {
  constexpr std::size_t kReasonsDefault = 10;
  if (args.size() < 3) return usage();
  const auto suite = Suite::all().find(args[1]);
  if (suite == Suite::all().end()) return usage();
  Run run{.folder = args[2], .filter = {}, .files = {}, .report = {}};
  std::size_t reasons = kReasonsDefault;
  for (std::size_t i = 3; i + 1 < args.size(); i += 2) {
    const std::string_view option = args[i];
    const std::string_view value = args[i + 1];
    if (option == "--filter") {
      run.filter = value;
    } else if (option == "--files") {
      run.files = split(value, ',');
    } else if (option != "--reasons" ||
               std::from_chars(value.data(), value.data() + value.size(), reasons).ec !=
                   std::errc{}) {
      return usage();
    }
  }
  if (!std::filesystem::is_directory(run.folder)) {
    fmt::print("no such folder: {}: nothing to check, skipped\n", run.folder.string());
    return 0;
  }
  suite->second(run);
  return run.report.print(reasons) ? 0 : 1;
}

}  // namespace
}  // namespace narthex::conformance

int main(int argc, char** argv) {
  return narthex::conformance::run(std::span(argv, static_cast<std::size_t>(argc)));
}
