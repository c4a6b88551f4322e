// Fields of protobuf messages, appended. Threads: free functions.
#pragma once

#include <bit>
#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/util/bytes.h"

namespace narthex::api {

// Eight bytes little-endian: an element of a packed field of doubles.
inline void append_fixed_double(std::string& out, double value) {
  char bytes[sizeof value];
  util::store_le(bytes, std::bit_cast<std::uint64_t>(value));
  out.append(bytes, sizeof bytes);
}
inline void append_bytes_field(std::string& out, std::uint32_t field, std::string_view bytes) {
  util::append_uvarint(out, field << 3U | 2U);
  util::append_uvarint(out, bytes.size());
  out += bytes;
}
inline void append_varint_field(std::string& out, std::uint32_t field, std::uint64_t value) {
  util::append_uvarint(out, field << 3U);
  util::append_uvarint(out, value);
}
inline void append_double_field(std::string& out, std::uint32_t field, double value) {
  util::append_uvarint(out, field << 3U | 1U);
  append_fixed_double(out, value);
}

}  // namespace narthex::api
