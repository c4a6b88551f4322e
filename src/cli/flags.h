// Command line → typed options. Threads: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/server/options.h"
#include "narthex/util/log.h"
#include "narthex/util/result.h"

namespace narthex::cli {

struct CommandLine {
  server::Options server;
  util::LogLevel log_level = util::LogLevel::kInfo;
  util::LogFormat log_format = util::LogFormat::kLogfmt;
  std::vector<std::string> warnings;  // For the log, once it is configured.
};

// What main() does next.
struct ParseOutcome {
  enum class Kind : std::uint8_t { kRun, kPrint, kFail };
  Kind kind = Kind::kRun;
  CommandLine command_line;  // For kRun.
  std::string text;          // For kPrint (stdout, exit 0) and kFail (stderr).
  int exit_code = 0;
};

// `arguments` without the program's name. kFail carries exit code 2 for everything that is wrong
// with the flags themselves.
[[nodiscard]] ParseOutcome parse_command_line(const std::vector<std::string>& arguments);

// A number and an optional unit B, KB, MB, GB, TB, PB, EB (or KiB …), powers of 1024.
util::Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace narthex::cli
