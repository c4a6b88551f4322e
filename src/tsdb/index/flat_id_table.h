// Hash → id in one flat array of 8 bytes a slot, linear probing. The keys live elsewhere: the
// caller compares. Threads: external.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace narthex::tsdb {

class FlatIdTable {
 public:
  // The id whose entry has this hash and for which equal(id) holds; 0 if there is none.
  template <class Equal>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Equal equal) const {
    if (slots_.empty()) return 0;
    for (std::size_t i = hash & mask(); slots_[i].id != 0; i = (i + 1) & mask()) {
      if (slots_[i].hash == hash && equal(slots_[i].id)) return slots_[i].id;
    }
    return 0;
  }
  // Pulls the slot's cache line in ahead of a find().
  void prefetch(std::uint32_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & mask()]);
  }
  // Precondition: id != 0 and not in the table.
  void insert(std::uint32_t hash, std::uint32_t id) {
    // Seven eighths full is where linear probing starts to hurt.
    if ((count_ + 1) * 8 > slots_.size() * 7) grow();
    place({hash, id});
    ++count_;
  }
  // Precondition: in the table.
  void erase(std::uint32_t hash, std::uint32_t id) noexcept {
    std::size_t hole = hash & mask();
    while (slots_[hole].id != id) hole = (hole + 1) & mask();
    // Entries behind the hole move up unless that would put them before their home slot.
    for (std::size_t i = (hole + 1) & mask(); slots_[i].id != 0; i = (i + 1) & mask()) {
      const std::size_t distance_home = (i - (slots_[i].hash & mask())) & mask();
      const std::size_t distance_hole = (i - hole) & mask();
      if (distance_home >= distance_hole) {
        slots_[hole] = slots_[i];
        hole = i;
      }
    }
    slots_[hole] = {};
    --count_;
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return slots_.capacity() * sizeof(Slot); }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t id = 0;  // 0 = free.
  };
  static constexpr std::size_t kSlotsMin = 64;

  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  void place(Slot slot) noexcept {
    std::size_t i = slot.hash & mask();
    while (slots_[i].id != 0) i = (i + 1) & mask();
    slots_[i] = slot;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? kSlotsMin : slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.id != 0) place(slot);
    }
  }

  std::vector<Slot> slots_;  // A power of two of them.
  std::size_t count_ = 0;
};

}  // namespace narthex::tsdb
