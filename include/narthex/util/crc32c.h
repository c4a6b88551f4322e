// CRC-32C (Castagnoli), the checksum of every Prometheus storage file.
// SSE4.2 or ARMv8 instructions where the CPU has them (asked once, at run time), slicing-by-8
// elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace narthex::util {

// The checksum of `size` bytes that follow bytes whose checksum is `crc` (0 for none).
[[nodiscard]] std::uint32_t crc32c_extend(std::uint32_t crc, const void* data,
                                          std::size_t size) noexcept;
[[nodiscard]] inline std::uint32_t crc32c(std::string_view bytes) noexcept {
  return crc32c_extend(0, bytes.data(), bytes.size());
}
// The table implementation alone: the reference in tests, and the fallback.
[[nodiscard]] std::uint32_t crc32c_portable(std::uint32_t crc, const void* data,
                                            std::size_t size) noexcept;

}  // namespace narthex::util
