#include "narthex/promql/query_result.h"

namespace narthex::promql {

std::size_t ResultSeries::float_count(std::size_t index) const noexcept {
  return on_grid() ? block_.row(rows_[index]).float_count() : samples_[index].float_values.size();
}

std::size_t ResultSeries::histogram_count(std::size_t index) const noexcept {
  return on_grid() ? block_.row(rows_[index]).histograms().size()
                   : samples_[index].histograms.size();
}

std::uint64_t ResultSeries::memory_bytes() const noexcept {
  std::uint64_t bytes = ColumnBlock::bytes_for(block_.rows(), block_.steps());
  for (const model::Labels& labels : labels_) bytes += sizeof(labels) + labels.bytes().size();
  for (const storage::SampleColumns& samples : samples_) {
    bytes += (sizeof(model::TimestampMs) + sizeof(double)) * samples.float_values.capacity() +
             (sizeof(model::TimestampMs) + sizeof(model::FloatHistogram)) *
                 samples.histograms.capacity();
  }
  return bytes;
}

void ResultSeries::truncate(std::size_t count) {
  if (count >= labels_.size()) return;
  labels_.resize(count);
  if (on_grid()) {
    rows_.resize(count);
  } else {
    samples_.resize(count);
  }
}

}  // namespace narthex::promql
