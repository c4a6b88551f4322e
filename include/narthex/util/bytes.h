// Explicit byte orders and LEB128 integers: how integers look on disk and on the wire.
// Format: docs/formats/README.md (varints as in Protocol Buffers; signed ones zig-zag).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace narthex::util {

template <class T>
[[nodiscard]] inline T load_be(const void* p) noexcept {
  T v;
  std::memcpy(&v, p, sizeof(T));
  if constexpr (std::endian::native == std::endian::little) v = std::byteswap(v);
  return v;
}
template <class T>
[[nodiscard]] inline T load_le(const void* p) noexcept {
  T v;
  std::memcpy(&v, p, sizeof(T));
  if constexpr (std::endian::native == std::endian::big) v = std::byteswap(v);
  return v;
}
template <class T>
inline void store_be(void* p, T v) noexcept {
  if constexpr (std::endian::native == std::endian::little) v = std::byteswap(v);
  std::memcpy(p, &v, sizeof(T));
}
template <class T>
inline void store_le(void* p, T v) noexcept {
  if constexpr (std::endian::native == std::endian::big) v = std::byteswap(v);
  std::memcpy(p, &v, sizeof(T));
}

inline constexpr std::size_t kVarintBytesMax = 10;

// Writes at most kVarintBytesMax bytes; returns how many.
inline std::size_t store_uvarint(std::uint8_t* p, std::uint64_t v) noexcept {
  std::size_t n = 0;
  while (v >= 0x80) {
    p[n++] = static_cast<std::uint8_t>(v | 0x80);
    v >>= 7;
  }
  p[n++] = static_cast<std::uint8_t>(v);
  return n;
}
[[nodiscard]] constexpr std::uint64_t zigzag(std::int64_t v) noexcept {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}
[[nodiscard]] constexpr std::int64_t unzigzag(std::uint64_t v) noexcept {
  return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
}
inline std::size_t store_varint(std::uint8_t* p, std::int64_t v) noexcept {
  return store_uvarint(p, zigzag(v));
}

inline void append_uvarint(std::string& out, std::uint64_t v) {
  std::uint8_t buffer[kVarintBytesMax];
  out.append(reinterpret_cast<const char*>(buffer), store_uvarint(buffer, v));
}
inline void append_varint(std::string& out, std::int64_t v) {
  append_uvarint(out, zigzag(v));
}
template <class T>
inline void append_be(std::string& out, T v) {
  char buffer[sizeof(T)];
  store_be(buffer, v);
  out.append(buffer, sizeof(T));
}

// Reads a record front to back. After a failed read `ok()` is false for good and every further read
// gives zero or an empty view, so that a decoder may check once at the end of a group of fields.
// Threads: confined. The bytes must outlive the reader and the views it returns.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::uint8_t> bytes) noexcept
      : begin_(bytes.data()), p_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  explicit ByteReader(std::string_view bytes) noexcept
      : begin_(reinterpret_cast<const std::uint8_t*>(bytes.data())),
        p_(begin_),
        end_(begin_ + bytes.size()) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t remaining() const noexcept {
    return static_cast<std::size_t>(end_ - p_);
  }
  [[nodiscard]] std::size_t position() const noexcept {
    return static_cast<std::size_t>(p_ - begin_);
  }

  [[nodiscard]] std::uint8_t u8() noexcept { return take(1) ? p_[-1] : std::uint8_t{0}; }
  template <class T>
  [[nodiscard]] T be() noexcept {
    return take(sizeof(T)) ? load_be<T>(p_ - sizeof(T)) : T{0};
  }
  [[nodiscard]] double be_double() noexcept { return std::bit_cast<double>(be<std::uint64_t>()); }

  // At most ten bytes, the tenth at most 1: anything longer or larger fails.
  [[nodiscard]] std::uint64_t uvarint() noexcept {
    std::uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (p_ == end_) break;
      const std::uint8_t b = *p_++;
      if (shift == 63 && b > 1) break;
      v |= static_cast<std::uint64_t>(b & 0x7f) << shift;
      if (b < 0x80) return v;
    }
    fail();
    return 0;
  }
  [[nodiscard]] std::int64_t varint() noexcept { return unzigzag(uvarint()); }

  [[nodiscard]] std::string_view bytes(std::uint64_t count) noexcept {
    if (!take(count)) return {};
    return {reinterpret_cast<const char*>(p_ - count), static_cast<std::size_t>(count)};
  }
  // A uvarint length, then that many bytes.
  [[nodiscard]] std::string_view uvarint_bytes() noexcept { return bytes(uvarint()); }
  void skip(std::uint64_t count) noexcept { static_cast<void>(take(count)); }

 private:
  [[nodiscard]] bool take(std::uint64_t count) noexcept {
    if (!ok_ || count > remaining()) {
      fail();
      return false;
    }
    p_ += count;
    return true;
  }
  void fail() noexcept {
    ok_ = false;
    p_ = end_;
  }

  const std::uint8_t* begin_;
  const std::uint8_t* p_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

}  // namespace narthex::util
