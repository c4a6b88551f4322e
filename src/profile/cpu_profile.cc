#include "narthex/profile/cpu_profile.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <span>
#include <unordered_map>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "narthex/profile/symbols.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

#include "profile/stack_sampler.h"

namespace narthex::profile {
namespace {

using Stack = std::vector<std::uintptr_t>;  // Innermost first.
using StackCounts = std::map<Stack, std::uint64_t>;

constexpr std::chrono::milliseconds kDrainEvery{100};
constexpr std::int64_t kPeriodNs = 1'000'000'000 / kSamplesPerSecond;

// Code in memory, from /proc/self/maps: begin-end perms offset dev inode path.
struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  std::uint64_t offset = 0;
  std::string path;
};

std::vector<Mapping> code_mappings() {
  std::vector<Mapping> out;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Mapping mapping;
    std::array<char, 5> permissions{};
    int path_at = 0;
    unsigned long begin = 0;   // NOLINT(google-runtime-int): what sscanf reads.
    unsigned long end = 0;     // NOLINT(google-runtime-int)
    unsigned long offset = 0;  // NOLINT(google-runtime-int)
    if (std::sscanf(line.c_str(), "%lx-%lx %4s %lx %*s %*s %n", &begin, &end, permissions.data(),
                    &offset, &path_at) < 4 ||
        permissions[2] != 'x')
      continue;
    mapping.begin = begin;
    mapping.end = end;
    mapping.offset = offset;
    if (path_at > 0) mapping.path = line.substr(static_cast<std::size_t>(path_at));
    out.push_back(std::move(mapping));
  }
  return out;
}

// Writes a Profile message; the numbers are those of profile.proto.
class ProfileWriter {
 public:
  explicit ProfileWriter(const Symbols& symbols) : symbols_(symbols), mappings_(code_mappings()) {
    text_id("");  // The first one of the table has to be empty.
    value_type(1, "samples", "count");
    value_type(1, "cpu", "nanoseconds");
    for (std::size_t i = 0; i < mappings_.size(); ++i) add_mapping(i);
  }

  void add_sample(const Stack& stack, std::uint64_t count) {
    std::vector<std::uint64_t> locations;
    locations.reserve(stack.size());
    // An outer address is where the call returns to; the call lies before.
    for (std::size_t i = 0; i < stack.size(); ++i)
      locations.push_back(location_id(i == 0 ? stack[i] : stack[i] - 1));
    const std::array<std::int64_t, 2> values = {static_cast<std::int64_t>(count),
                                                static_cast<std::int64_t>(count) * kPeriodNs};
    protozero::pbf_writer profile(profile_);
    protozero::pbf_writer sample(profile, 2);
    sample.add_packed_uint64(1, locations.begin(), locations.end());
    sample.add_packed_int64(2, values.begin(), values.end());
  }

  std::string finish(util::WallNs begun, std::chrono::nanoseconds lasted, std::uint64_t dropped) {
    value_type(11, "cpu", "nanoseconds");
    const std::int64_t comment =
        dropped == 0 ? 0 : text_id(std::to_string(dropped) + " samples had no room");
    protozero::pbf_writer profile(profile_);
    profile.add_int64(9, begun);
    profile.add_int64(10, lasted.count());
    profile.add_int64(12, kPeriodNs);
    if (comment != 0) profile.add_int64(13, comment);
    for (const std::string* text : texts_) profile.add_string(6, *text);
    return std::move(profile_);
  }

 private:
  std::int64_t text_id(const std::string& text) {
    const auto [at, added] = text_ids_.try_emplace(text, static_cast<std::int64_t>(texts_.size()));
    if (added) texts_.push_back(&at->first);
    return at->second;
  }

  void value_type(protozero::pbf_tag_type field, const std::string& type, const std::string& unit) {
    const std::int64_t type_id = text_id(type);
    const std::int64_t unit_id = text_id(unit);
    protozero::pbf_writer profile(profile_);
    protozero::pbf_writer message(profile, field);
    message.add_int64(1, type_id);
    message.add_int64(2, unit_id);
  }

  void add_mapping(std::size_t index) {
    const Mapping& mapping = mappings_[index];
    const std::int64_t path = text_id(mapping.path);
    protozero::pbf_writer profile(profile_);
    protozero::pbf_writer message(profile, 3);
    message.add_uint64(1, index + 1);
    message.add_uint64(2, mapping.begin);
    message.add_uint64(3, mapping.end);
    message.add_uint64(4, mapping.offset);
    message.add_int64(5, path);
    message.add_bool(7, true);  // Names are here already.
  }

  std::uint64_t function_id(const std::string& name) {
    const auto [at, added] = function_ids_.try_emplace(name, function_ids_.size() + 1);
    if (added) {
      const std::int64_t text = text_id(name);
      protozero::pbf_writer profile(profile_);
      protozero::pbf_writer message(profile, 5);
      message.add_uint64(1, at->second);
      message.add_int64(2, text);
      message.add_int64(3, text);
    }
    return at->second;
  }

  std::uint64_t location_id(std::uintptr_t address) {
    const auto [at, added] = location_ids_.try_emplace(address, location_ids_.size() + 1);
    if (!added) return at->second;
    const std::string name = symbols_.name_at(address);
    const std::uint64_t function = name.empty() ? 0 : function_id(name);
    protozero::pbf_writer profile(profile_);
    protozero::pbf_writer message(profile, 4);
    message.add_uint64(1, at->second);
    for (std::size_t i = 0; i < mappings_.size(); ++i) {
      if (address >= mappings_[i].begin && address < mappings_[i].end) message.add_uint64(2, i + 1);
    }
    message.add_uint64(3, address);
    if (function != 0) {
      protozero::pbf_writer line(message, 4);
      line.add_uint64(1, function);
    }
    return at->second;
  }

  const Symbols& symbols_;
  std::vector<Mapping> mappings_;
  std::string profile_;
  std::unordered_map<std::string, std::int64_t> text_ids_;
  std::vector<const std::string*> texts_;
  std::unordered_map<std::string, std::uint64_t> function_ids_;
  std::unordered_map<std::uintptr_t, std::uint64_t> location_ids_;
};

// Wakes a waiter when a stop is asked for. Threads: wait_for() is confined.
class Alarm {
 public:
  explicit Alarm(const std::stop_token& stop) : callback_(stop, [this] { ring(); }) {}

  // True when the stop came first.
  bool wait_for(std::chrono::nanoseconds time) {
    const util::MutexLock lock(mutex_);
    return rung_.wait_for(mutex_, time, [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return is_rung_; });
  }

 private:
  void ring() {
    const util::MutexLock lock(mutex_);
    is_rung_ = true;
    rung_.notify_all();
  }

  util::Mutex mutex_;
  util::CondVar rung_;
  bool is_rung_ NX_GUARDED_BY(mutex_) = false;
  std::stop_callback<std::function<void()>> callback_;  // Last: it may call at once.
};

std::atomic_flag recording;

}  // namespace

util::Result<std::string> record_cpu_profile(std::chrono::milliseconds duration,
                                             const std::stop_token& stop) {
  if (recording.test_and_set()) {
    return util::fail(util::Code::kAlreadyExists, "cpu profiling already in use");
  }
  const util::Clock& clock = util::system_clock();  // SIGPROF keeps to real time.
  const util::WallNs begun = clock.wall_ns();
  const util::SteadyNs start = clock.steady_ns();
  const util::SteadyNs end = start + std::chrono::nanoseconds(duration).count();
  StackCounts counts;
  std::uint64_t dropped = 0;
  {
    StackSampler sampler;
    const auto count = [&counts](std::span<const std::uintptr_t> stack) {
      ++counts[Stack(stack.begin(), stack.end())];
    };
    Alarm stopped(stop);
    bool ended = false;
    while (!ended) {
      const std::chrono::nanoseconds left(end - clock.steady_ns());
      ended = stopped.wait_for(std::min<std::chrono::nanoseconds>(left, kDrainEvery)) ||
              clock.steady_ns() >= end;
      sampler.drain(count);
    }
    dropped = sampler.dropped();
  }
  const std::chrono::nanoseconds lasted(clock.steady_ns() - start);
  recording.clear();

  const Symbols symbols = Symbols::of_this_process();
  ProfileWriter writer(symbols);
  for (const auto& [stack, samples] : counts) writer.add_sample(stack, samples);
  return writer.finish(begun, lasted, dropped);
}

}  // namespace narthex::profile
