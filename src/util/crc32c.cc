#include "narthex/util/crc32c.h"

#include <array>
#include <cstring>

#include "narthex/util/bytes.h"

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace narthex::util {
namespace {

constexpr std::uint32_t kPolynomialReflected = 0x82f63b78;

// Slicing-by-8: table k gives the CRC of a byte that k more bytes follow.
constexpr std::array<std::array<std::uint32_t, 256>, 8> make_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1U) != 0 ? kPolynomialReflected : 0U);
    }
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint32_t previous = tables[k - 1][i];
      tables[k][i] = (previous >> 8) ^ tables[0][previous & 0xff];
    }
  }
  return tables;
}
constexpr auto kTables = make_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t crc32c_hardware(std::uint32_t crc, const void* data,
                                                                std::size_t size) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::uint64_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) c = _mm_crc32_u64(c, load_le<std::uint64_t>(p));
  auto c32 = static_cast<std::uint32_t>(c);
  for (; size > 0; --size, ++p) c32 = _mm_crc32_u8(c32, *p);
  return ~c32;
}
bool has_hardware() noexcept {
  return __builtin_cpu_supports("sse4.2") != 0;
}
#elif defined(__aarch64__)
__attribute__((target("+crc"))) std::uint32_t crc32c_hardware(std::uint32_t crc, const void* data,
                                                              std::size_t size) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::uint32_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) c = __crc32cd(c, load_le<std::uint64_t>(p));
  for (; size > 0; --size, ++p) c = __crc32cb(c, *p);
  return ~c;
}
bool has_hardware() noexcept {
  return (getauxval(AT_HWCAP) & (1UL << 7)) != 0;
}  // HWCAP_CRC32
#else
std::uint32_t crc32c_hardware(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  return crc32c_portable(crc, data, size);
}
bool has_hardware() noexcept {
  return false;
}
#endif

}  // namespace

std::uint32_t crc32c_portable(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(data);
  std::uint32_t c = ~crc;
  for (; size >= 8; size -= 8, p += 8) {
    const std::uint64_t word = load_le<std::uint64_t>(p) ^ c;
    c = 0;
    for (unsigned k = 0; k < 8; ++k) c ^= kTables[7 - k][(word >> (8 * k)) & 0xff];
  }
  for (; size > 0; --size, ++p) c = (c >> 8) ^ kTables[0][(c ^ *p) & 0xff];
  return ~c;
}

std::uint32_t crc32c_extend(std::uint32_t crc, const void* data, std::size_t size) noexcept {
  static const bool hardware = has_hardware();
  return hardware ? crc32c_hardware(crc, data, size) : crc32c_portable(crc, data, size);
}

}  // namespace narthex::util
