#include "discovery/jute.h"

namespace narthex::discovery {
namespace {

void append_number(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = bytes; i-- > 0;)
    out.push_back(static_cast<char>(static_cast<unsigned char>(value >> (8U * i))));
}

}  // namespace

JuteWriter& JuteWriter::int32(std::int32_t value) {
  append_number(bytes_, static_cast<std::uint32_t>(value), 4);
  return *this;
}

JuteWriter& JuteWriter::int64(std::int64_t value) {
  append_number(bytes_, static_cast<std::uint64_t>(value), 8);
  return *this;
}

JuteWriter& JuteWriter::flag(bool value) {
  bytes_.push_back(value ? '\1' : '\0');
  return *this;
}

JuteWriter& JuteWriter::text(std::string_view value) {
  append_number(bytes_, value.size(), 4);
  bytes_ += value;
  return *this;
}

std::string JuteWriter::frame() const {
  std::string out;
  append_number(out, bytes_.size(), 4);
  return out + bytes_;
}

std::string_view JuteReader::take(std::size_t bytes) {
  if (bytes > rest_.size()) {
    is_sound_ = false;
    rest_ = {};
    return {};
  }
  const std::string_view out = rest_.substr(0, bytes);
  rest_.remove_prefix(bytes);
  return out;
}

std::uint64_t JuteReader::number(std::size_t bytes) {
  std::uint64_t out = 0;
  for (const char c : take(bytes)) out = (out << 8U) | static_cast<unsigned char>(c);
  return out;
}

std::int32_t JuteReader::int32() {
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(number(4)));
}

std::int64_t JuteReader::int64() {
  return static_cast<std::int64_t>(number(8));
}

std::string_view JuteReader::text() {
  const std::int32_t size = int32();
  return size <= 0 ? std::string_view() : take(static_cast<std::size_t>(size));
}

std::vector<std::string> JuteReader::texts() {
  std::vector<std::string> out;
  // Each takes four bytes at least: a count that lies ends with the bytes.
  for (std::int32_t left = int32(); left > 0 && is_sound_; --left) out.emplace_back(text());
  return out;
}

}  // namespace narthex::discovery
