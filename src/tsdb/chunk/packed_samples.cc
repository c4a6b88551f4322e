#include "tsdb/chunk/packed_samples.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <vector>

namespace narthex::tsdb {
namespace {

using model::TimestampMs;

constexpr std::size_t kAsItIs = 8;
// Powers of ten that doubles hold exactly, as far as decimals of measurements go.
constexpr std::array<double, 13> kPowersOfTen = {1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                                 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
// Every whole number up to here is a double, and so are sums and differences of two.
constexpr double kWholeMax = 0x1p52;

[[nodiscard]] bool same_bits(double a, double b) noexcept {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

[[nodiscard]] std::size_t width_of(std::uint64_t distance_max) noexcept {
  if (distance_max == 0) return 0;
  if (distance_max <= std::numeric_limits<std::uint8_t>::max()) return 1;
  if (distance_max <= std::numeric_limits<std::uint16_t>::max()) return 2;
  if (distance_max <= std::numeric_limits<std::uint32_t>::max()) return 4;
  return kAsItIs;
}

// Times minus the line, and the line. Unsigned, so that wild times wrap instead of overflowing.
struct TimeLine {
  std::uint64_t base = 0;
  std::uint64_t interval = 0;
  std::size_t width = 0;
};
TimeLine line_of(std::span<const TimestampMs> times, std::vector<std::uint64_t>& distances) {
  const auto at = [&](std::size_t i) { return static_cast<std::uint64_t>(times[i]); };
  TimeLine line;
  const std::size_t last = times.size() - 1;
  // Times ascend; where the span does not fit 63 bits any line will do.
  if (last != 0) line.interval = (at(last) - at(0) + last / 2) / last;
  std::int64_t least = 0;
  std::int64_t most = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    distances[i] = at(i) - at(0) - i * line.interval;
    const auto signed_distance = static_cast<std::int64_t>(distances[i]);
    least = std::min(least, signed_distance);
    most = std::max(most, signed_distance);
  }
  line.base = at(0) + static_cast<std::uint64_t>(least);
  for (std::uint64_t& distance : distances) distance -= static_cast<std::uint64_t>(least);
  line.width = width_of(static_cast<std::uint64_t>(most) - static_cast<std::uint64_t>(least));
  return line;
}

// The smallest exponent by which all values become whole numbers and whole numbers become the
// values again.
std::optional<std::size_t> exponent_of(std::span<const double> values) {
  std::size_t exponent = 0;
  for (const double value : values) {
    for (;; ++exponent) {
      if (exponent == kPowersOfTen.size()) return std::nullopt;
      const double scaled = std::nearbyint(value * kPowersOfTen[exponent]);
      if (!(std::abs(scaled) <= kWholeMax)) return std::nullopt;
      if (same_bits(scaled / kPowersOfTen[exponent], value)) break;
    }
  }
  return exponent;
}

// Values as whole numbers above the smallest.
struct ValueScale {
  double base = 0;
  std::size_t exponent = 0;
  std::size_t width = kAsItIs;
};
ValueScale scale_of(std::span<const double> values, std::vector<std::uint64_t>& distances) {
  const auto exponent = exponent_of(values);
  if (!exponent) return {};
  const double power = kPowersOfTen[*exponent];
  ValueScale scale{.base = kWholeMax, .exponent = *exponent};
  double most = -kWholeMax;
  for (const double value : values) {
    const double whole = std::nearbyint(value * power);
    if (!(std::abs(whole) <= kWholeMax)) return {};
    scale.base = std::min(scale.base, whole);
    most = std::max(most, whole);
  }
  scale.width = width_of(static_cast<std::uint64_t>(most - scale.base));
  if (scale.width == kAsItIs) return {};
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double distance = std::nearbyint(values[i] * power) - scale.base;
    distances[i] = static_cast<std::uint64_t>(distance);
    if (!same_bits((scale.base + distance) / power, values[i])) return {};
  }
  return scale;
}

template <class Stored>
void store_as(std::span<const std::uint64_t> numbers, char* out) {
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto stored = static_cast<Stored>(numbers[i]);
    std::memcpy(out + i * sizeof(Stored), &stored, sizeof(Stored));
  }
}
void store(std::span<const std::uint64_t> numbers, std::size_t width, char* out) {
  switch (width) {
    case 0:
      return;
    case 1:
      return store_as<std::uint8_t>(numbers, out);
    case 2:
      return store_as<std::uint16_t>(numbers, out);
    case 4:
      return store_as<std::uint32_t>(numbers, out);
    default:
      return store_as<std::uint64_t>(numbers, out);
  }
}

template <class Stored>
[[nodiscard]] Stored load_at(const char* bytes, std::size_t index) noexcept {
  Stored stored;
  std::memcpy(&stored, bytes + index * sizeof(Stored), sizeof(Stored));
  return stored;
}

// The two loops below are written for the compiler to vectorize.
template <class Stored>
void load_times(const char* bytes, std::size_t count, std::uint64_t base, std::uint64_t interval,
                TimestampMs* out) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    out[i] =
        static_cast<TimestampMs>(base + i * interval + std::uint64_t{load_at<Stored>(bytes, i)});
  }
}
template <class Stored>
void load_values(const char* bytes, std::size_t count, double base, double power,
                 double* out) noexcept {
  if (power == 1) {
    for (std::size_t i = 0; i < count; ++i)
      out[i] = base + static_cast<double>(load_at<Stored>(bytes, i));
  } else {
    for (std::size_t i = 0; i < count; ++i)
      out[i] = (base + static_cast<double>(load_at<Stored>(bytes, i))) / power;
  }
}

}  // namespace

PackedSamples PackedSamples::pack(std::span<const TimestampMs> times,
                                  std::span<const double> values) {
  std::vector<std::uint64_t> time_distances(times.size());
  std::vector<std::uint64_t> value_distances(values.size());
  const TimeLine line = line_of(times, time_distances);
  const ValueScale scale = scale_of(values, value_distances);
  if (scale.width == kAsItIs) {
    std::ranges::transform(values, value_distances.begin(),
                           [](double v) { return std::bit_cast<std::uint64_t>(v); });
  }
  PackedSamples packed;
  packed.time_base_ = static_cast<std::int64_t>(line.base);
  packed.time_interval_ = static_cast<std::int64_t>(line.interval);
  packed.value_base_ = scale.base;
  packed.count_ = static_cast<std::uint16_t>(times.size());
  packed.time_width_ = static_cast<std::uint8_t>(line.width);
  packed.value_width_ = static_cast<std::uint8_t>(scale.width);
  packed.exponent_ = static_cast<std::uint8_t>(scale.exponent);
  packed.byte_count_ = static_cast<std::uint32_t>(times.size() * (line.width + scale.width));
  packed.bytes_ = std::make_unique_for_overwrite<char[]>(packed.byte_count_);
  store(time_distances, line.width, packed.bytes_.get());
  store(value_distances, scale.width, packed.bytes_.get() + times.size() * line.width);
  return packed;
}

void PackedSamples::append_to(FloatColumns out) const {
  const std::size_t before = out.timestamps.size();
  out.timestamps.resize(before + count_);
  out.values.resize(before + count_);
  TimestampMs* times = out.timestamps.data() + before;
  double* values = out.values.data() + before;

  const char* bytes = bytes_.get();
  const auto base = static_cast<std::uint64_t>(time_base_);
  const auto interval = static_cast<std::uint64_t>(time_interval_);
  switch (time_width_) {
    case 0:
      for (std::size_t i = 0; i < count_; ++i)
        times[i] = static_cast<TimestampMs>(base + i * interval);
      break;
    case 1:
      load_times<std::uint8_t>(bytes, count_, base, interval, times);
      break;
    case 2:
      load_times<std::uint16_t>(bytes, count_, base, interval, times);
      break;
    case 4:
      load_times<std::uint32_t>(bytes, count_, base, interval, times);
      break;
    default:
      load_times<std::uint64_t>(bytes, count_, base, interval, times);
      break;
  }
  bytes += std::size_t{count_} * time_width_;
  const double power = kPowersOfTen[exponent_];
  switch (value_width_) {
    case 0:
      std::fill_n(values, count_, value_base_ / power);
      break;
    case 1:
      load_values<std::uint8_t>(bytes, count_, value_base_, power, values);
      break;
    case 2:
      load_values<std::uint16_t>(bytes, count_, value_base_, power, values);
      break;
    case 4:
      load_values<std::uint32_t>(bytes, count_, value_base_, power, values);
      break;
    default:
      std::memcpy(values, bytes, count_ * sizeof(double));
      break;
  }
}

}  // namespace narthex::tsdb
