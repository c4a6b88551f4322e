#include "tsdb/head/head_source.h"

#include <vector>

namespace narthex::tsdb {
namespace {

class HeadSource final : public SeriesSource {
 public:
  HeadSource(Head& head, model::TimeRange range)
      : snapshot_(head.snapshot(range)), deletions_(head.deletions()) {}

  util::Result<std::vector<std::string_view>> symbols() override { return snapshot_->symbols(); }

  util::Result<bool> next(SourceSeries& out) override {
    out.chunks.clear();
    if (at_ == snapshot_->size()) return false;
    NX_TRY(snapshot_->chunks(at_, chunks_));
    out.labels = snapshot_->labels(at_);
    const auto deleted = deletions_->of(snapshot_->id(at_));
    for (const HeadChunk& chunk : chunks_) {
      out.chunks.push_back({.min_time = chunk.min,
                            .max_time = chunk.max,
                            .stored = {.encoding = static_cast<std::uint8_t>(chunk.encoding),
                                       .payload = chunk.bytes},
                            .deleted = deleted});
    }
    ++at_;
    return true;
  }

 private:
  const std::unique_ptr<HeadSnapshot> snapshot_;
  const std::shared_ptr<const Tombstones> deletions_;
  std::vector<HeadChunk> chunks_;  // Of the series that was handed out.
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<SeriesSource> head_source(Head& head, model::TimeRange range) {
  return std::make_unique<HeadSource>(head, range);
}

}  // namespace narthex::tsdb
