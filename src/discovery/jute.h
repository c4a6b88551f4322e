// The encoding of ZooKeeper's records: numbers with the most significant byte first, texts and
// lists behind their length (zookeeper.jute in its sources).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace narthex::discovery {

// Threads: confined.
class JuteWriter {
 public:
  JuteWriter& int32(std::int32_t value);
  JuteWriter& int64(std::int64_t value);
  JuteWriter& flag(bool value);
  JuteWriter& text(std::string_view value);
  // What was written, behind its length: as it goes over the wire.
  [[nodiscard]] std::string frame() const;

 private:
  std::string bytes_;
};

// Reads what it is given, and nought or nothing once that is at its end or makes no sense: look at
// is_sound() behind the last read. Views live as long as the bytes. Threads: confined.
class JuteReader {
 public:
  explicit JuteReader(std::string_view bytes) : rest_(bytes) {}
  std::int32_t int32();
  std::int64_t int64();
  std::string_view text();  // A null one is empty.
  std::vector<std::string> texts();
  [[nodiscard]] bool is_sound() const noexcept { return is_sound_; }
  [[nodiscard]] std::string_view rest() const noexcept { return rest_; }

 private:
  std::string_view take(std::size_t bytes);
  std::uint64_t number(std::size_t bytes);

  std::string_view rest_;
  bool is_sound_ = true;
};

}  // namespace narthex::discovery
