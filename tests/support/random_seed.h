// The seed of every randomised test: fixed, so that a run can be repeated, or taken from
// NARTHEX_SEED.
#pragma once

#include <cstdint>
#include <cstdlib>

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::test {

inline std::uint64_t random_seed() {
  const char* text = std::getenv("NARTHEX_SEED");
  return text == nullptr ? 0x6e617274686578ULL : std::strtoull(text, nullptr, 0);
}

// A generator whose seed is part of every failure message of the test, as a property in its report.
inline util::Random seeded_random() {
  const std::uint64_t seed = random_seed();
  ::testing::Test::RecordProperty("seed", std::to_string(seed));
  return util::Random(seed);
}

}  // namespace narthex::test
