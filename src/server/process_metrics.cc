#include "server/process_metrics.h"

#include <charconv>
#include <optional>
#include <string>
#include <string_view>

#include <sys/resource.h>
#include <unistd.h>

#include "narthex/util/clock.h"
#include "narthex/util/env.h"

namespace narthex::server {
namespace {

constexpr std::uint64_t kProcFileBytesMax = 1U << 20U;

// A field of /proc/self/stat by its number in proc(5); 0 when it cannot be read.
double stat_field(std::size_t number) {
  const auto text = util::posix_env().read_file("/proc/self/stat", kProcFileBytesMax);
  if (!text) return 0;
  // Field 2, the name in parentheses, may hold blanks: count from behind it.
  const std::size_t close = text->rfind(')');
  if (close == std::string::npos) return 0;
  std::string_view rest = std::string_view(*text).substr(close + 2);
  for (std::size_t field = 3; field < number; ++field) {
    const std::size_t blank = rest.find(' ');
    if (blank == std::string_view::npos) return 0;
    rest.remove_prefix(blank + 1);
  }
  double value = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), value);
  return value;
}

double ticks_per_second() {
  return static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double cpu_seconds() {
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double limit(int resource) {
  rlimit value{};
  if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &value) != 0) return 0;
  return static_cast<double>(value.rlim_cur);
}

double open_fds() {
  const auto entries = util::posix_env().list_dir("/proc/self/fd");
  return entries ? static_cast<double>(entries->size()) : 0;
}

// Seconds since the epoch at which the process started: boot time plus field 22 of stat.
double start_time_seconds() {
  const auto text = util::posix_env().read_file("/proc/stat", kProcFileBytesMax);
  const std::size_t at = text ? text->find("\nbtime ") : std::string::npos;
  if (at == std::string::npos) return static_cast<double>(util::system_clock().wall_ns()) / 1e9;
  double boot = 0;
  const char* begin = text->data() + at + 7;
  std::from_chars(begin, text->data() + text->size(), boot);
  return boot + stat_field(22) / ticks_per_second();
}

enum class Direction : std::uint8_t { kReceived, kSent };

// Bytes of all interfaces of this network namespace, as Prometheus' own figure.
double network_bytes(Direction direction) {
  const auto text = util::posix_env().read_file("/proc/self/net/netstat", kProcFileBytesMax);
  if (!text) return 0;
  // Two lines "IpExt: names…" and "IpExt: values…".
  const std::size_t names_at = text->find("IpExt:");
  if (names_at == std::string::npos) return 0;
  const std::size_t values_at = text->find("IpExt:", names_at + 1);
  if (values_at == std::string::npos) return 0;
  std::string_view names = std::string_view(*text).substr(names_at, values_at - names_at);
  std::string_view values = std::string_view(*text).substr(values_at);
  const std::string_view wanted = direction == Direction::kReceived ? "InOctets" : "OutOctets";
  const auto next_word = [](std::string_view& line) {
    while (line.starts_with(' ') || line.starts_with('\n')) line.remove_prefix(1);
    const std::size_t end = line.find_first_of(" \n");
    const std::string_view word = line.substr(0, end);
    line.remove_prefix(end == std::string_view::npos ? line.size() : end);
    return word;
  };
  for (;;) {
    const std::string_view name = next_word(names);
    const std::string_view value = next_word(values);
    if (name.empty() || value.empty()) return 0;
    if (name != wanted) continue;
    double bytes = 0;
    std::from_chars(value.data(), value.data() + value.size(), bytes);
    return bytes;
  }
}

}  // namespace

std::vector<telemetry::Registry::Callback> register_process_metrics(telemetry::Registry& registry) {
  using telemetry::FamilyType;
  std::vector<telemetry::Registry::Callback> out;
  const auto add = [&](FamilyType type, std::string_view name, std::string_view help,
                       std::function<double()> read) {
    out.push_back(registry.callback(type, name, help, {}, std::move(read)));
  };
  const auto page_bytes = static_cast<double>(::sysconf(_SC_PAGESIZE));
  add(FamilyType::kCounter, "process_cpu_seconds_total",
      "CPU time spent, user and system, in seconds.", cpu_seconds);
  add(FamilyType::kGauge, "process_max_fds", "Most file descriptors that may be open.",
      [] { return limit(RLIMIT_NOFILE); });
  add(FamilyType::kGauge, "process_open_fds", "Open file descriptors.", open_fds);
  add(FamilyType::kGauge, "process_resident_memory_bytes", "Memory in use, in bytes.",
      [page_bytes] { return stat_field(24) * page_bytes; });
  add(FamilyType::kGauge, "process_virtual_memory_bytes", "Address space in use, in bytes.",
      [] { return stat_field(23); });
  add(FamilyType::kGauge, "process_virtual_memory_max_bytes",
      "Most address space that may be used, in bytes.", [] { return limit(RLIMIT_AS); });
  add(FamilyType::kGauge, "process_start_time_seconds",
      "When the process started, in seconds since the Unix epoch.",
      [start = start_time_seconds()] { return start; });
  add(FamilyType::kCounter, "process_network_receive_bytes_total",
      "Bytes received over the network.", [] { return network_bytes(Direction::kReceived); });
  add(FamilyType::kCounter, "process_network_transmit_bytes_total", "Bytes sent over the network.",
      [] { return network_bytes(Direction::kSent); });
  return out;
}

std::vector<telemetry::Registry::Callback> register_memory_metrics(
    telemetry::Registry& registry, const util::MemoryBudget& budget) {
  using telemetry::FamilyType;
  std::vector<telemetry::Registry::Callback> out;
  out.push_back(registry.callback(FamilyType::kGauge, "narthex_memory_budget_bytes",
                                  "Memory that may be used before new series are refused.", {},
                                  [&budget] { return static_cast<double>(budget.bytes_max()); }));
  out.push_back(registry.callback(
      FamilyType::kGauge, "narthex_memory_budget_used_bytes",
      "Memory that counts against the budget: all owners' together, or what the process has "
      "resident if that is more.",
      {}, [&budget] { return static_cast<double>(budget.used()); }));
  for (const char* owner : {"head", "sample_cache", "scrape_caches"}) {
    out.push_back(registry.callback(
        FamilyType::kGauge, "narthex_memory_owner_bytes", "Memory that is held, by whom.",
        {{"owner", owner}},
        [&budget, owner] { return static_cast<double>(budget.bytes_of(owner)); }));
  }
  return out;
}

}  // namespace narthex::server
