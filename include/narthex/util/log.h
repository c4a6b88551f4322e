// Structured log on stderr: one event a line, logfmt or JSON, with keys as Prometheus writes them
// (time, level, source, msg, …). Threads: synchronized; a line is written whole.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "narthex/util/result.h"

namespace narthex::util {

enum class LogLevel : std::uint8_t { kDebug, kInfo, kWarn, kError };
enum class LogFormat : std::uint8_t { kLogfmt, kJson };

[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);  // debug, info, warn, error
[[nodiscard]] Result<LogFormat> parse_log_format(std::string_view text);  // logfmt, json

// Until called: info, logfmt.
void configure_log(LogLevel level, LogFormat format);
[[nodiscard]] bool log_enabled(LogLevel level) noexcept;

// One key and its value, already text: log_info("Scrape failed", {{"target", url}, {"err",
// error.message()}}).
struct LogField {
  std::string_view key;
  std::string value;
  LogField(std::string_view k, std::string v) : key(k), value(std::move(v)) {}
  LogField(std::string_view k, std::string_view v) : key(k), value(v) {}
  LogField(std::string_view k, const char* v) : key(k), value(v) {}
  LogField(std::string_view k, const Error& e) : key(k), value(e.message()) {}
  template <class T>
    requires std::integral<T> || std::floating_point<T>
  LogField(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};
using LogFields = std::initializer_list<LogField>;

void log(LogLevel level, std::string_view message, LogFields fields,
         std::source_location where = std::source_location::current());
inline void log_debug(std::string_view message, LogFields fields = {},
                      std::source_location where = std::source_location::current()) {
  if (log_enabled(LogLevel::kDebug)) log(LogLevel::kDebug, message, fields, where);
}
inline void log_info(std::string_view message, LogFields fields = {},
                     std::source_location where = std::source_location::current()) {
  if (log_enabled(LogLevel::kInfo)) log(LogLevel::kInfo, message, fields, where);
}
inline void log_warn(std::string_view message, LogFields fields = {},
                     std::source_location where = std::source_location::current()) {
  if (log_enabled(LogLevel::kWarn)) log(LogLevel::kWarn, message, fields, where);
}
inline void log_error(std::string_view message, LogFields fields = {},
                      std::source_location where = std::source_location::current()) {
  if (log_enabled(LogLevel::kError)) log(LogLevel::kError, message, fields, where);
}

}  // namespace narthex::util
