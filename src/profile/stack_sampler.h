// Call stacks of whatever thread is running, taken by a signal of the CPU clock.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

namespace narthex::profile {

inline constexpr std::int64_t kSamplesPerSecond = 100;

// At most one exists at a time; the process's SIGPROF is its. Threads: the constructor, drain() and
// the destructor are confined to one thread; the signal comes on any.
class StackSampler {
 public:
  StackSampler();
  ~StackSampler();  // No handler is inside any more when it returns.
  StackSampler(const StackSampler&) = delete;
  StackSampler& operator=(const StackSampler&) = delete;

  // Hands over what was taken since the last time, innermost address first: the others are those
  // behind a call.
  void drain(const std::function<void(std::span<const std::uintptr_t>)>& take);
  // Stacks for which there was no room.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);  // A count alone.
  }

 private:
  static constexpr std::size_t kDepthMax = 128;
  static constexpr std::size_t kSlots = 1024;  // A second of ten busy cores.
  enum class SlotState : std::uint8_t { kFree, kFilling, kFull };
  struct Slot {
    std::atomic<SlotState> state{SlotState::kFree};
    std::size_t depth = 0;
    std::array<void*, kDepthMax> frames{};
  };

  // Async-signal-safe.
  static void on_signal(int signal, void* context) noexcept;
  void take_sample(void* interrupted_at) noexcept;

  std::unique_ptr<std::array<Slot, kSlots>> slots_;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace narthex::profile
