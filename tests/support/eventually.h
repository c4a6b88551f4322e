// Waits in real time for something that other threads bring about.
#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include <gtest/gtest.h>

#include "narthex/util/clock.h"

namespace narthex::test {

inline ::testing::AssertionResult eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline)
      return ::testing::AssertionFailure() << "waited too long";
    std::this_thread::yield();
  }
  return ::testing::AssertionSuccess();
}

inline constexpr std::chrono::milliseconds kRest{4};

// Moves the clock in small steps until the condition holds, but not over more than `most`.
inline ::testing::AssertionResult advance_until(
    util::FakeClock& clock, const std::function<bool()>& condition, std::chrono::milliseconds most,
    std::chrono::milliseconds step = std::chrono::milliseconds(100)) {
  for (auto moved = std::chrono::milliseconds(0); moved <= most; moved += step) {
    // Lets the threads come to rest at this time: everything that can happen at once does. They may
    // have to wait for a core, so it is not turns alone that count.
    const auto rested = std::chrono::steady_clock::now() + kRest;
    for (int i = 0; i < 300 || std::chrono::steady_clock::now() < rested; ++i) {
      if (condition()) return ::testing::AssertionSuccess();
      std::this_thread::yield();
    }
    clock.advance(step);
  }
  return eventually(condition);
}

}  // namespace narthex::test
