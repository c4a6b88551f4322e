// Conformance suites: cases that come from outside, read from a folder, judged one by one.
// A suite is a function in a .cc of its own that registers itself; main.cc runs the one that is
// asked for. Threads: confined.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace narthex::conformance {

// Collects verdicts by file and keeps the first reasons of each file.
class Report {
 public:
  void pass(std::string_view file) { ++files_[std::string(file)].passed; }
  void fail(std::string_view file, std::string_view id, std::string reason);
  // A case that no module of this build handles: neither passed nor failed.
  void skip(std::string_view file) { ++files_[std::string(file)].skipped; }
  // A case with all that is wrong with it; nothing = passed.
  void judge(std::string_view file, std::string_view id, const std::vector<std::string>& problems);

  // Prints totals and reasons. True if nothing failed.
  [[nodiscard]] bool print(std::size_t reasons_per_file) const;

 private:
  struct File {
    std::size_t passed = 0;
    std::size_t failed = 0;
    std::size_t skipped = 0;
    std::vector<std::string> reasons;
  };
  std::map<std::string, File> files_;
};

struct Run {
  std::filesystem::path folder;
  // Only cases whose "file:id" contains this; empty = all.
  std::string filter;
  // Only these files, named without their ending; empty or * = all.
  std::vector<std::string> files;
  Report report;

  [[nodiscard]] bool wants_file(std::string_view file) const;
  [[nodiscard]] bool wants(std::string_view file, std::string_view id) const;
};

using SuiteFunction = void (*)(Run& run);

// At namespace scope: `const Suite kSuite("parser", &run_parser);`
class Suite {
 public:
  Suite(std::string name, SuiteFunction function);
  static const std::map<std::string, SuiteFunction>& all();
};

// The records of a JSON-lines file; nullopt if there is no such file. A line that is not an object
// is a failed case.
std::optional<std::vector<boost::json::object>> read_json_lines(const std::filesystem::path& file,
                                                                Report& report);
// The whole file; nullopt if it cannot be read.
std::optional<std::string> read_file(const std::filesystem::path& file);

// The member's text, or "" if it is absent or no string.
std::string_view text_of(const boost::json::object& object, std::string_view key);
bool flag_of(const boost::json::object& object, std::string_view key);

}  // namespace narthex::conformance
