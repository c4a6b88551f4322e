#include "narthex/profile/cpu_profile.h"

#include <atomic>
#include <map>
#include <thread>

#include <gtest/gtest.h>
#include <protozero/pbf_reader.hpp>

#include "narthex/profile/symbols.h"

namespace narthex::profile {

// Named functions that burn CPU; `noinline` keeps them apart in the stacks.
[[gnu::noinline]] double burn_in_the_inner_function(const std::atomic<bool>& stop) {
  volatile double x = 1;
  while (!stop.load(std::memory_order_relaxed)) x = x * 1.000001 + 1;
  return x;
}
[[gnu::noinline]] double burn_in_the_outer_function(const std::atomic<bool>& stop) {
  return burn_in_the_inner_function(stop) + 1;
}

namespace {

// What of a Profile message a reader of stacks needs.
struct ReadProfile {
  std::vector<std::string> texts;
  std::map<std::uint64_t, std::size_t> function_names;        // By id.
  std::map<std::uint64_t, std::uint64_t> location_functions;  // By id.
  struct Sample {
    std::vector<std::uint64_t> locations;
    std::vector<std::int64_t> values;
  };
  std::vector<Sample> samples;
  std::int64_t duration_ns = 0;
  std::int64_t period_ns = 0;
  int mappings = 0;

  [[nodiscard]] std::string function_at(std::uint64_t location) const {
    const auto function = location_functions.find(location);
    if (function == location_functions.end()) return {};
    return texts.at(function_names.at(function->second));
  }
};

ReadProfile read(const std::string& bytes) {
  ReadProfile out;
  protozero::pbf_reader profile(bytes);
  while (profile.next()) {
    switch (profile.tag()) {
      case 2: {
        ReadProfile::Sample sample;
        auto message = profile.get_message();
        while (message.next()) {
          if (message.tag() == 1) {
            for (const auto id : message.get_packed_uint64()) sample.locations.push_back(id);
          } else {
            for (const auto value : message.get_packed_int64()) sample.values.push_back(value);
          }
        }
        out.samples.push_back(std::move(sample));
        break;
      }
      case 3:
        profile.skip();
        ++out.mappings;
        break;
      case 4: {
        std::uint64_t id = 0;
        auto message = profile.get_message();
        while (message.next()) {
          if (message.tag() == 1) {
            id = message.get_uint64();
          } else if (message.tag() == 4) {
            auto line = message.get_message();
            while (line.next(1)) out.location_functions[id] = line.get_uint64();
          } else {
            message.skip();
          }
        }
        break;
      }
      case 5: {
        std::uint64_t id = 0;
        auto message = profile.get_message();
        while (message.next()) {
          if (message.tag() == 1) {
            id = message.get_uint64();
          } else if (message.tag() == 2) {
            out.function_names[id] = static_cast<std::size_t>(message.get_int64());
          } else {
            message.skip();
          }
        }
        break;
      }
      case 6:
        out.texts.push_back(profile.get_string());
        break;
      case 10:
        out.duration_ns = profile.get_int64();
        break;
      case 12:
        out.period_ns = profile.get_int64();
        break;
      default:
        profile.skip();
    }
  }
  return out;
}

// A thread that burns CPU as long as this lives.
class Burner {
 public:
  Burner() : thread_([this] { result_ = burn_in_the_outer_function(stop_); }) {}
  ~Burner() {
    stop_ = true;
    thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  double result_ = 0;
  std::thread thread_;
};

TEST(CpuProfile, NamesTheFunctionsThatBurn) {
  const Burner burner;
  const auto bytes = record_cpu_profile(std::chrono::milliseconds(500), {});
  ASSERT_TRUE(bytes) << bytes.error().message();
  const ReadProfile profile = read(*bytes);
  ASSERT_FALSE(profile.texts.empty());
  EXPECT_EQ(profile.texts[0], "");
  EXPECT_EQ(profile.period_ns, 10'000'000);
  EXPECT_GE(profile.duration_ns, 500'000'000);
  EXPECT_GT(profile.mappings, 0);
  std::int64_t inner = 0;
  bool outer_is_its_caller = false;
  for (const ReadProfile::Sample& sample : profile.samples) {
    ASSERT_EQ(sample.values.size(), 2U);
    EXPECT_EQ(sample.values[1], sample.values[0] * profile.period_ns);
    ASSERT_FALSE(sample.locations.empty());
    if (!profile.function_at(sample.locations[0]).contains("burn_in_the_inner_function")) continue;
    inner += sample.values[0];
    if (sample.locations.size() > 1 &&
        profile.function_at(sample.locations[1]).contains("burn_in_the_outer_function"))
      outer_is_its_caller = true;
  }
  // The one thread that has work; how much of a core it gets is the machine's business.
  EXPECT_GT(inner, 0);
#ifndef __SANITIZE_THREAD__
  // TSan hands a signal on when the thread next calls something it watches: from there the stack
  // that was interrupted is not seen whole.
  EXPECT_TRUE(outer_is_its_caller);
#endif
}

TEST(CpuProfile, OneAtATime) {
  const Burner burner;
  std::stop_source stop;
  std::atomic<bool> refused = false;
  std::thread first([&] {
    while (
        !record_cpu_profile(std::chrono::minutes(10), stop.get_token())) {  // The other is at it.
    }
  });
  while (!refused) {
    const auto second = record_cpu_profile(std::chrono::milliseconds(1), {});
    if (second) continue;  // It came before the first.
    EXPECT_EQ(second.error().code(), util::Code::kAlreadyExists);
    EXPECT_EQ(second.error().message(), "cpu profiling already in use");
    refused = true;
  }
  stop.request_stop();
  first.join();
  EXPECT_TRUE(record_cpu_profile(std::chrono::milliseconds(1), {}).has_value());
}

TEST(Symbols, FindsFunctionsByTheAddressesInThem) {
  const Symbols symbols = Symbols::of_this_process();
  EXPECT_GT(symbols.size(), 100U);
  const auto address = reinterpret_cast<std::uintptr_t>(&burn_in_the_inner_function);
  EXPECT_EQ(symbols.name_at(address + 1),
            "narthex::profile::burn_in_the_inner_function(std::atomic<bool> const&)");
  EXPECT_EQ(symbols.name_at(1), "");
}

}  // namespace
}  // namespace narthex::profile
