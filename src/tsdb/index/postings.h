// Sorted lists of series ids, and set operations on them.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <span>
#include <utility>
#include <vector>

#include "tsdb/index/ids.h"

namespace narthex::tsdb {

// The series of one label pair: ascending, unique. 16 bytes; one or two ids need no more, because
// most pairs of a large store have no more. Threads: external.
class Postings {
 public:
  Postings() = default;
  Postings(Postings&& other) noexcept { *this = std::move(other); }
  Postings& operator=(Postings&& other) noexcept {
    std::swap(count_, other.count_);
    std::swap(capacity_, other.capacity_);
    std::swap(store_, other.store_);
    return *this;
  }
  ~Postings() {
    if (capacity_ != 0) std::free(store_.heap);
  }
  Postings(const Postings&) = delete;
  Postings& operator=(const Postings&) = delete;

  // Ids come ascending but for replays; adding one twice changes nothing.
  void add(SeriesId id);
  // Removes the ids of `sorted` that are in the list.
  void remove(std::span<const SeriesId> sorted);
  [[nodiscard]] std::span<const SeriesId> ids() const noexcept {
    return {capacity_ == 0 ? store_.inlined : store_.heap, count_};
  }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] std::size_t heap_bytes() const noexcept {
    return std::size_t{capacity_} * sizeof(SeriesId);
  }

 private:
  static constexpr std::uint32_t kInlined = 2;
  [[nodiscard]] SeriesId* data() noexcept { return capacity_ == 0 ? store_.inlined : store_.heap; }
  void grow();

  std::uint32_t count_ = 0;
  std::uint32_t capacity_ = 0;  // 0: inlined.
  union Store {
    SeriesId inlined[kInlined];
    SeriesId* heap;
  } store_{};
};
static_assert(sizeof(Postings) == 16);

using IdList = std::vector<SeriesId>;  // Ascending, unique.

// Keeps what both have. Gallops through the longer one: O(short · log(long / short)).
void intersect(IdList& acc, std::span<const SeriesId> other);
// Keeps what `other` does not have.
void subtract(IdList& acc, std::span<const SeriesId> other);
// All ids of lists that have none in common.
[[nodiscard]] IdList unite_disjoint(std::span<const std::span<const SeriesId>> lists);

}  // namespace narthex::tsdb
