#include "narthex/util/log.h"

#include <atomic>
#include <chrono>
#include <memory>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "narthex/util/json_text.h"
#include "narthex/util/time_text.h"

namespace narthex::util {
namespace {

std::atomic<LogLevel> g_level{LogLevel::kInfo};
std::atomic<LogFormat> g_format{LogFormat::kLogfmt};

spdlog::logger& sink() {
  static const std::shared_ptr<spdlog::logger> logger = [] {
    auto made =
        std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");  // The line is complete when it gets here.
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

std::string_view level_word(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "DEBUG";
    case LogLevel::kInfo:
      return "INFO";
    case LogLevel::kWarn:
      return "WARN";
    case LogLevel::kError:
      return "ERROR";
  }
  return "INFO";
}

std::string now_text() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now());  // Log lines carry real time.
  std::string out;
  append_utc_ms(out, now.time_since_epoch().count());
  return out;
}

bool needs_quotes(std::string_view value) {
  if (value.empty()) return true;
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= ' ' || c == '=' || c == '"' || c == '\\' || byte >= 0x7f) return true;
  }
  return false;
}

std::string_view base_name(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

class LineBuilder {
 public:
  explicit LineBuilder(LogFormat format) : json_(format == LogFormat::kJson) {
    if (json_) line_.push_back('{');
  }
  void add(std::string_view key, std::string_view value) {
    if (!first_) line_.push_back(json_ ? ',' : ' ');
    first_ = false;
    if (json_) {
      append_json_text(line_, key);
      line_.push_back(':');
      append_json_text(line_, value);
      return;
    }
    line_.append(key);
    line_.push_back('=');
    if (needs_quotes(value)) {
      append_json_text(line_, value);
    } else {
      line_.append(value);
    }
  }
  [[nodiscard]] std::string finish() && {
    if (json_) line_.push_back('}');
    return std::move(line_);
  }

 private:
  std::string line_;
  bool json_;
  bool first_ = true;
};

}  // namespace

Result<LogLevel> parse_log_level(std::string_view text) {
  if (text == "debug") return LogLevel::kDebug;
  if (text == "info") return LogLevel::kInfo;
  if (text == "warn") return LogLevel::kWarn;
  if (text == "error") return LogLevel::kError;
  return fail(Code::kInvalidArgument,
              fmt::format("unrecognized log level \"{}\": want debug, info, warn or error", text));
}

Result<LogFormat> parse_log_format(std::string_view text) {
  if (text == "logfmt") return LogFormat::kLogfmt;
  if (text == "json") return LogFormat::kJson;
  return fail(Code::kInvalidArgument,
              fmt::format("unrecognized log format \"{}\": want logfmt or json", text));
}

void configure_log(LogLevel level, LogFormat format) {
  g_level = level;
  g_format = format;
}

bool log_enabled(LogLevel level) noexcept {
  return level >= g_level.load();
}

void log(LogLevel level, std::string_view message, LogFields fields, std::source_location where) {
  if (!log_enabled(level)) return;
  LineBuilder line(g_format.load());
  line.add("time", now_text());
  line.add("level", level_word(level));
  line.add("source", fmt::format("{}:{}", base_name(where.file_name()), where.line()));
  line.add("msg", message);
  for (const LogField& field : fields) line.add(field.key, field.value);
  sink().log(spdlog::level::info, spdlog::string_view_t(std::move(line).finish()));
}

}  // namespace narthex::util
