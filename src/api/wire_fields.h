// Fields of protobuf messages, read in place. Threads: free functions.
#pragma once

#include <bit>
#include <cstdint>
#include <expected>
#include <string_view>

#include "narthex/util/bytes.h"
#include "narthex/util/result.h"

namespace narthex::api {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Tag byte of a field with a number below 16.
constexpr std::uint64_t tag(std::uint32_t field, WireType type) noexcept {
  return field << 3U | static_cast<std::uint32_t>(type);
}

inline std::unexpected<util::Error> malformed_message() {
  return util::fail(util::Code::kInvalidArgument, "unexpected EOF");
}
inline std::unexpected<util::Error> illegal_wire_type() {
  return util::fail(util::Code::kInvalidArgument, "proto: illegal wireType");
}

// Skips a field that we do not know. False: it is none.
inline bool skip_field(util::ByteReader& in, std::uint64_t field_tag) {
  switch (static_cast<WireType>(field_tag & 7U)) {
    case WireType::kVarint:
      static_cast<void>(in.uvarint());
      return in.ok();
    case WireType::kFixed64:
      in.skip(8);
      return in.ok();
    case WireType::kBytes:
      static_cast<void>(in.uvarint_bytes());
      return in.ok();
    case WireType::kFixed32:
      in.skip(4);
      return in.ok();
  }
  return false;
}

inline double read_double(util::ByteReader& in) {
  const std::string_view bytes = in.bytes(8);
  return bytes.size() == 8 ? std::bit_cast<double>(util::load_le<std::uint64_t>(bytes.data())) : 0;
}

// Calls field(tag, reader) for every field of the message; field() consumes the known ones and says
// so.
template <class Field>
util::Result<void> for_each_field(std::string_view message, Field&& field) {
  util::ByteReader in(message);
  while (in.remaining() > 0) {
    const std::uint64_t field_tag = in.uvarint();
    if (!in.ok() || field_tag >> 3U == 0) return malformed_message();
    if (!field(field_tag, in) && !skip_field(in, field_tag))
      return in.ok() ? illegal_wire_type() : malformed_message();
    if (!in.ok()) return malformed_message();
  }
  return {};
}

}  // namespace narthex::api
