#include "server/process_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/memory.h"

namespace narthex::server {
namespace {

double value_of(const std::string& text, const std::string& name) {
  const std::size_t at = text.find("\n" + name + " ");
  EXPECT_NE(at, std::string::npos) << name;
  return at == std::string::npos ? -1 : std::stod(text.substr(at + name.size() + 2));
}

TEST(ProcessMetrics, SayWhatTheKernelKnows) {
  telemetry::Registry registry;
  const auto handles = register_process_metrics(registry);
  std::string text = "\n";
  registry.append_text(text);
  EXPECT_GT(value_of(text, "process_resident_memory_bytes"), 1e6);
  EXPECT_LT(value_of(text, "process_resident_memory_bytes"),
            value_of(text, "process_virtual_memory_bytes"));
  EXPECT_GE(value_of(text, "process_open_fds"), 3);
  EXPECT_GE(value_of(text, "process_max_fds"), value_of(text, "process_open_fds"));
  EXPECT_GE(value_of(text, "process_cpu_seconds_total"), 0);
  // After 2020 and not in the future of a clock that is at all right.
  EXPECT_GT(value_of(text, "process_start_time_seconds"), 1.58e9);
  EXPECT_GE(value_of(text, "process_network_receive_bytes_total"), 0);
}

TEST(ProcessMetrics, VanishWithTheirHandles) {
  telemetry::Registry registry;
  {
    const auto handles = register_process_metrics(registry);
  }
  std::string text;
  registry.append_text(text);
  EXPECT_EQ(text, "");
}

TEST(MemoryBudget, IsTheFlagOrAShareOfTheMachine) {
  EXPECT_EQ(memory_budget(123), 123U);
  EXPECT_GT(memory_budget(0), 1U << 20U);
  EXPECT_GT(private_resident_bytes(), 100'000U);
  EXPECT_LT(private_resident_bytes(), memory_budget(0) * 2);
  EXPECT_GE(thread_count(), 1U);
}

}  // namespace
}  // namespace narthex::server
