// Reads the records of one log segment, front to back, and steps over what is damaged.
// Format: wal/format.h. Threads: confined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tsdb/wal/format.h"

namespace narthex::tsdb {

// Bytes of a segment that could not be used.
struct WalDamage {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string reason;
  bool torn_tail = false;  // The segment just ends there: what a crash in mid-write leaves.
};

class SegmentReader {
 public:
  // `bytes` must outlive the reader. `offset` is where to begin: a page, or a record.
  explicit SegmentReader(std::string_view bytes, std::uint64_t offset = 0)
      : bytes_(bytes), position_(offset), sound_end_(offset) {}

  // The next sound record, decompressed, or nullopt at the end. Valid until the next call. A
  // damaged fragment costs its own record; when the fragment behind it cannot be found either,
  // reading goes on at the next page.
  std::optional<std::string_view> next();
  [[nodiscard]] const std::vector<WalDamage>& damage() const noexcept { return damage_; }
  // Behind the last sound record that next() returned.
  [[nodiscard]] std::uint64_t sound_end() const noexcept { return sound_end_; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

 private:
  struct Fragment {
    FragmentType type = FragmentType::kPageEnd;
    std::uint8_t compression = 0;
    std::string_view data;
  };
  enum class Step : std::uint8_t { kFragment, kAgain, kEnd };

  Step read_fragment(Fragment& fragment);
  [[nodiscard]] bool is_sound_at(std::uint64_t offset) const noexcept;
  void skip_damaged(std::uint64_t end_if_length_is_right, std::string reason);
  void add_damage(std::uint64_t offset, std::uint64_t bytes, std::string reason, bool torn_tail);
  // Gives up the record that is being put together.
  void drop_partial(std::string reason, bool torn_tail);
  [[nodiscard]] std::optional<std::string_view> finish(const Fragment& last, std::string_view data);
  [[nodiscard]] std::uint64_t page_end() const noexcept;

  std::string_view bytes_;
  std::uint64_t position_ = 0;
  std::uint64_t sound_end_ = 0;
  std::uint64_t record_begin_ = 0;
  bool in_record_ = false;
  bool after_damage_ = false;  // Fragments in the middle of a record are then no news.
  std::string partial_;
  std::string decompressed_;
  std::vector<WalDamage> damage_;
};

// Uncompressed content of a record; the flags as in its fragments. nullopt when it does not
// decompress. The view is into one of the two.
[[nodiscard]] std::optional<std::string_view> decompress_record(std::uint8_t compression,
                                                                std::string_view data,
                                                                std::string& buffer);

}  // namespace narthex::tsdb
