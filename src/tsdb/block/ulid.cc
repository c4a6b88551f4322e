#include "tsdb/block/ulid.h"

#include <algorithm>

#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::int64_t kMsMax = (std::int64_t{1} << 48U) - 1;

}  // namespace

bool is_ulid(std::string_view text) noexcept {
  if (text.size() != kUlidBytes || text[0] > '7') return false;  // 26 · 5 bits are two too many.
  return std::ranges::all_of(text,
                             [](char c) { return kAlphabet.find(c) != std::string_view::npos; });
}

std::string make_ulid(std::int64_t ms, std::uint64_t entropy_high, std::uint64_t entropy_low) {
  const auto time = static_cast<std::uint64_t>(std::clamp<std::int64_t>(ms, 0, kMsMax));
  __uint128_t bits = (static_cast<__uint128_t>(time) << 80U) |
                     (static_cast<__uint128_t>(entropy_high & 0xffffU) << 64U) | entropy_low;
  std::string out(kUlidBytes, '0');
  for (std::size_t i = kUlidBytes; i > 0; --i) {
    out[i - 1] = kAlphabet[static_cast<std::size_t>(bits & 31U)];
    bits >>= 5U;
  }
  return out;
}

std::string new_ulid(std::int64_t ms) {
  return make_ulid(ms, util::os_entropy(), util::os_entropy());
}

}  // namespace narthex::tsdb
