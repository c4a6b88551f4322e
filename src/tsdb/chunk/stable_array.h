// An array that grows page by page and never moves an element: readers keep pointers while a writer
// appends. A sparse one costs memory only for the pages that were touched. Threads: find() from any
// thread at any time; ensure() and release_page() from one thread at a time. What is in an element
// is the owner's business.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "narthex/util/check.h"

namespace narthex::tsdb {

// 2^kPageBits elements a page; indices are below 2^kIndexBits.
template <class T, unsigned kPageBits, unsigned kIndexBits = 32>
class StableArray {
 public:
  static constexpr std::size_t kPageElements = std::size_t{1} << kPageBits;

  StableArray() = default;
  ~StableArray() {
    for (auto& slot : root_) {
      const std::unique_ptr<Leaf> leaf(slot.load());
      if (!leaf) continue;
      for (auto& page : leaf->pages) std::unique_ptr<Page>(page.load()).reset();
    }
  }
  StableArray(const StableArray&) = delete;
  StableArray& operator=(const StableArray&) = delete;

  // Null when ensure() was never called for an index of that page.
  [[nodiscard]] T* find(std::uint32_t index) const noexcept {
    // Acquire: partner of the release stores in ensure().
    const Leaf* leaf = root_[index >> (kPageBits + kLeafBits)].load(std::memory_order_acquire);
    if (leaf == nullptr) [[unlikely]]
      return nullptr;
    Page* page =
        leaf->pages[(index >> kPageBits) & (kLeafPages - 1)].load(std::memory_order_acquire);
    if (page == nullptr) [[unlikely]]
      return nullptr;
    return &page->elements[index & (kPageElements - 1)];
  }
  // Precondition: ensure() was called for it.
  [[nodiscard]] T& operator[](std::uint32_t index) const noexcept {
    NX_DCHECK(find(index) != nullptr, "element {} was never made", index);
    const Leaf* leaf = root_[index >> (kPageBits + kLeafBits)].load(std::memory_order_acquire);
    Page* page =
        leaf->pages[(index >> kPageBits) & (kLeafPages - 1)].load(std::memory_order_acquire);
    return page->elements[index & (kPageElements - 1)];
  }
  // Makes the element's page, value-initialised, if it is not there.
  T& ensure(std::uint32_t index) {
    auto& slot = root_[index >> (kPageBits + kLeafBits)];
    if (slot.load(std::memory_order_relaxed) == nullptr) {
      slot.store(std::make_unique<Leaf>().release(), std::memory_order_release);
    }
    Leaf& leaf = *slot.load(std::memory_order_relaxed);
    auto& page = leaf.pages[(index >> kPageBits) & (kLeafPages - 1)];
    if (page.load(std::memory_order_relaxed) == nullptr) {
      page.store(std::make_unique<Page>().release(), std::memory_order_release);
      ++page_count_;
    }
    return (*this)[index];
  }
  // Precondition: nobody holds or will ask for an element of the page.
  void release_page(std::uint32_t index) {
    Leaf* leaf = root_[index >> (kPageBits + kLeafBits)].load(std::memory_order_relaxed);
    if (leaf == nullptr) return;
    auto& slot = leaf->pages[(index >> kPageBits) & (kLeafPages - 1)];
    const std::unique_ptr<Page> page(slot.exchange(nullptr));
    if (page) --page_count_;
  }
  [[nodiscard]] std::size_t bytes() const noexcept { return page_count_ * sizeof(Page); }

 private:
  static constexpr unsigned kRootBits = (kIndexBits - kPageBits) / 2U;
  static constexpr unsigned kLeafBits = kIndexBits - kPageBits - kRootBits;
  static constexpr std::size_t kLeafPages = std::size_t{1} << kLeafBits;

  struct Page {
    std::array<T, kPageElements> elements{};
  };
  struct Leaf {
    std::array<std::atomic<Page*>, kLeafPages> pages{};
  };
  std::array<std::atomic<Leaf*>, std::size_t{1} << kRootBits> root_{};
  std::atomic<std::size_t> page_count_{0};
};

}  // namespace narthex::tsdb
