// Where the text of a scrape is read into.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace narthex::scrape {

// A buffer that is not initialised. Those of the usual size stay with the thread that lets them go,
// for the next round: a server reads thousands of bodies a second, and would take and give back
// their memory as often. Threads: confined.
class TextBuffer {
 public:
  // Pieces of this size keep the parser's input in the cache of the CPU.
  static constexpr std::size_t kUsualBytes = std::size_t{256} << 10U;

  TextBuffer() = default;  // No bytes.
  explicit TextBuffer(std::size_t bytes) : size_(bytes) {
    std::vector<std::unique_ptr<char[]>>& kept = kept_by_thread();
    if (bytes == kUsualBytes && !kept.empty()) {
      bytes_ = std::move(kept.back());
      kept.pop_back();
    } else {
      bytes_ = std::make_unique_for_overwrite<char[]>(bytes);
    }
  }
  TextBuffer(TextBuffer&& other) noexcept
      : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}
  TextBuffer& operator=(TextBuffer&& other) noexcept {
    TextBuffer moved(std::move(other));
    std::swap(bytes_, moved.bytes_);
    std::swap(size_, moved.size_);
    return *this;
  }
  ~TextBuffer() {
    std::vector<std::unique_ptr<char[]>>& kept = kept_by_thread();
    if (size_ == kUsualBytes && kept.size() < kKeptMax) kept.push_back(std::move(bytes_));
  }

  [[nodiscard]] char* data() const noexcept { return bytes_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  static constexpr std::size_t kKeptMax = 4;

  static std::vector<std::unique_ptr<char[]>>& kept_by_thread() {
    thread_local std::vector<std::unique_ptr<char[]>> kept = [] {
      std::vector<std::unique_ptr<char[]>> room;
      room.reserve(kKeptMax);
      return room;
    }();
    return kept;
  }

  std::unique_ptr<char[]> bytes_;
  std::size_t size_ = 0;
};

}  // namespace narthex::scrape
