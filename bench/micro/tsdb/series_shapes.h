// Real-shaped sample values from one seeded generator, for all benchmarks of the storage engine.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "narthex/model/timestamp.h"
#include "narthex/util/random.h"

namespace narthex::tsdb::bench {

enum class Shape : std::uint8_t { kConstant, kCounter, kGauge, kNoise };
inline constexpr const char* kShapeNames[] = {"constant", "counter", "gauge", "noise"};

// One series' values, asked for one by one.
class ValueSource {
 public:
  ValueSource(Shape shape, std::uint64_t seed) : random_(seed), shape_(shape) {
    value_ = static_cast<double>(random_.below(1'000'000));
  }
  [[nodiscard]] double next() {
    switch (shape_) {
      case Shape::kConstant:
        break;
      case Shape::kCounter:
        value_ += static_cast<double>(random_.below(200));
        break;
      case Shape::kGauge:  // Two decimals, moving a little.
        value_ = std::round((value_ + random_.unit() * 4 - 2) * 100) / 100;
        break;
      case Shape::kNoise:
        value_ = random_.unit() * 1e6;
        break;
    }
    return value_;
  }

 private:
  util::Random random_;
  double value_;
  Shape shape_;
};

struct Samples {
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
};

// 15 s apart; every eighth arrives a millisecond late, as real scrapes do.
inline Samples make_samples(Shape shape, std::size_t count, std::uint64_t seed) {
  Samples out;
  ValueSource source(shape, seed);
  for (std::size_t i = 0; i < count; ++i) {
    const auto step = static_cast<model::TimestampMs>(i) * 15'000;
    out.timestamps.push_back(1'700'000'000'000 + step + (i % 8 == 0 ? 1 : 0));
    out.values.push_back(source.next());
  }
  return out;
}

}  // namespace narthex::tsdb::bench
