// Non-cryptographic hashes (XXH3), not stable across releases: for memory only, never written to
// disk. The one stable exception is xxh64, which PromQL's limit_ratio is defined by.
#pragma once

#include <cstdint>
#include <string_view>

namespace narthex::util {

struct Hash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
};

[[nodiscard]] std::uint64_t hash64(std::string_view bytes) noexcept;
[[nodiscard]] Hash128 hash128(std::string_view bytes) noexcept;
// XXH64 with seed 0.
[[nodiscard]] std::uint64_t xxh64(std::string_view bytes) noexcept;
// FNV-1a, 64 bits: the hash that scrape offsets are defined by (PR-S7).
[[nodiscard]] constexpr std::uint64_t fnv1a64(std::string_view bytes,
                                              std::uint64_t seed = 0xcbf29ce484222325ULL) noexcept {
  std::uint64_t h = seed;
  for (const char c : bytes) {
    h ^= static_cast<std::uint8_t>(c);
    h *= 0x100000001b3ULL;
  }
  return h;
}
// Mixes two words: for combining hashes.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t a, std::uint64_t b) noexcept {
  std::uint64_t x = a ^ (b + 0x9e3779b97f4a7c15ULL + (a << 6) + (a >> 2));
  x ^= x >> 32;
  x *= 0xd6e8feb86659fd93ULL;
  x ^= x >> 32;
  return x;
}

struct Hash128Hasher {
  // A 128-bit hash is its own hash; the flag tells Boost's tables not to mix again.
  using is_avalanching = void;
  [[nodiscard]] std::size_t operator()(const Hash128& h) const noexcept { return h.low; }
};

}  // namespace narthex::util
