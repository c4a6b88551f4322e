#include "narthex/promql/column.h"

#include <algorithm>
#include <limits>

namespace narthex::promql {

void ColumnRef::set_all_present() const noexcept {
  const std::size_t words = presence_words(steps_);
  if (words == 0) return;
  std::fill_n(present_, words, ~std::uint64_t{0});
  if (steps_ % 64 != 0) present_[words - 1] = (std::uint64_t{1} << (steps_ % 64)) - 1;
}

void ColumnRef::clear() const noexcept {
  std::fill_n(present_, presence_words(steps_), std::uint64_t{0});
  histograms_->clear();
}

bool ColumnRef::empty() const noexcept {
  return histograms_->empty() && std::all_of(present_, present_ + presence_words(steps_),
                                             [](auto word) { return word == 0; });
}

std::size_t ColumnRef::float_count() const noexcept {
  std::size_t count = 0;
  for (const std::uint64_t word : present()) count += static_cast<std::size_t>(std::popcount(word));
  return count;
}

void Column::reset(std::size_t steps) {
  values_.resize(steps);
  present_.assign(presence_words(steps), 0);
  histograms_.clear();
  steps_ = steps;
}

ColumnBlock::ColumnBlock(std::size_t rows, std::size_t steps)
    : steps_(steps),
      values_(std::make_unique_for_overwrite<double[]>(rows * steps)),
      present_(std::make_unique<std::uint64_t[]>(rows * presence_words(steps))),
      histograms_(rows) {}

std::uint64_t ColumnBlock::bytes_for(std::size_t rows, std::size_t steps) noexcept {
  const std::uint64_t row = steps * sizeof(double) + presence_words(steps) * sizeof(std::uint64_t) +
                            sizeof(HistogramList);
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(row, rows, &bytes)) return std::numeric_limits<std::uint64_t>::max();
  return bytes;
}

}  // namespace narthex::promql
