// Protobuf messages for tests, in any shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::scrape {

// A message is built field by field: number, then what it holds.
class Message {
 public:
  Message& text(std::uint32_t number, std::string_view bytes) {
    varint((number << 3U) | 2U);
    varint(bytes.size());
    bytes_ += bytes;
    return *this;
  }
  Message& message(std::uint32_t number, const Message& inner) {
    return text(number, inner.bytes_);
  }
  Message& number(std::uint32_t number, std::uint64_t value) {
    varint(number << 3U);
    varint(value);
    return *this;
  }
  Message& real(std::uint32_t number, double value) {
    varint((number << 3U) | 1U);
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof(value));
    return *this;
  }
  [[nodiscard]] std::string delimited() const {
    Message out;
    out.varint(bytes_.size());
    return out.bytes_ + bytes_;
  }

 private:
  void varint(std::uint64_t value) {
    for (; value >= 0x80U; value >>= 7U) bytes_.push_back(static_cast<char>(value | 0x80U));
    bytes_.push_back(static_cast<char>(value));
  }
  std::string bytes_;
};

}  // namespace narthex::scrape
