#include "tsdb/index/postings.h"

#include <algorithm>
#include <bit>
#include <new>

namespace narthex::tsdb {

void Postings::grow() {
  // A quarter more at a time: ids are most of what an index holds, and realloc of large blocks
  // moves pages, not bytes.
  const std::uint32_t wanted = std::max<std::uint32_t>(4, count_ + (count_ + 3) / 4);
  auto* block = static_cast<SeriesId*>(
      std::realloc(capacity_ == 0 ? nullptr : store_.heap, wanted * sizeof(SeriesId)));
  if (block == nullptr) throw std::bad_alloc();
  if (capacity_ == 0) std::copy_n(store_.inlined, count_, block);
  store_.heap = block;
  capacity_ = wanted;
}

void Postings::add(SeriesId id) {
  if (count_ == (capacity_ == 0 ? kInlined : capacity_)) grow();
  SeriesId* begin = data();
  if (count_ == 0 || begin[count_ - 1] < id) [[likely]] {
    begin[count_++] = id;
    return;
  }
  SeriesId* at = std::lower_bound(begin, begin + count_, id);
  if (*at == id) return;
  std::copy_backward(at, begin + count_, begin + count_ + 1);
  *at = id;
  ++count_;
}

void Postings::remove(std::span<const SeriesId> sorted) {
  SeriesId* begin = data();
  const SeriesId* kept_end = std::remove_if(begin, begin + count_, [sorted](SeriesId id) {
    return std::ranges::binary_search(sorted, id);
  });
  count_ = static_cast<std::uint32_t>(kept_end - begin);
}

namespace {

// First element not less than `id`, by steps that double and a binary search in the last one.
const SeriesId* gallop(const SeriesId* begin, const SeriesId* end, SeriesId id) noexcept {
  std::ptrdiff_t step = 1;
  while (step < end - begin && begin[step] < id) {
    begin += step;
    step *= 2;
  }
  return std::lower_bound(begin, std::min(begin + step + 1, end), id);
}

// Copies to the front of acc what is (keep_common) or is not in other.
template <bool kKeepCommon>
void filter(IdList& acc, std::span<const SeriesId> other) {
  const SeriesId* at = other.data();
  const SeriesId* const end = at + other.size();
  std::size_t kept = 0;
  for (const SeriesId id : acc) {
    at = gallop(at, end, id);
    const bool common = at != end && *at == id;
    if (common == kKeepCommon) acc[kept++] = id;
  }
  acc.resize(kept);
}

}  // namespace

void intersect(IdList& acc, std::span<const SeriesId> other) {
  if (other.size() * 16 >= acc.size()) {
    filter<true>(acc, other);
    return;
  }
  // acc is much longer: gallop through it instead.
  const SeriesId* at = acc.data();
  const SeriesId* const end = at + acc.size();
  std::size_t kept = 0;
  for (const SeriesId id : other) {
    at = gallop(at, end, id);
    if (at == end) break;
    if (*at == id) acc[kept++] = id;  // Never ahead of `at`.
  }
  acc.resize(kept);
}

void subtract(IdList& acc, std::span<const SeriesId> other) {
  filter<false>(acc, other);
}

IdList unite_disjoint(std::span<const std::span<const SeriesId>> lists) {
  std::size_t total = 0;
  SeriesId low = kSeriesIdMax;
  SeriesId high = 0;
  for (const auto& list : lists) {
    if (list.empty()) continue;
    total += list.size();
    low = std::min(low, list.front());
    high = std::max(high, list.back());
  }
  IdList out;
  out.reserve(total);
  if (total == 0) return out;
  const std::size_t range = std::size_t{high} - low + 1;
  if (lists.size() > 2 && range / 64 < total * 4) {
    // Dense: mark in a bitmap and read it back, linear in the number of ids.
    std::vector<std::uint64_t> marks(range / 64 + 1);
    for (const auto& list : lists) {
      for (const SeriesId id : list)
        marks[(id - low) / 64] |= std::uint64_t{1} << ((id - low) % 64);
    }
    for (std::size_t word = 0; word < marks.size(); ++word) {
      for (std::uint64_t bits = marks[word]; bits != 0; bits &= bits - 1) {
        out.push_back(low + static_cast<SeriesId>(word * 64) +
                      static_cast<SeriesId>(std::countr_zero(bits)));
      }
    }
    return out;
  }
  for (const auto& list : lists) out.insert(out.end(), list.begin(), list.end());
  if (lists.size() > 1) std::ranges::sort(out);
  return out;
}

}  // namespace narthex::tsdb
