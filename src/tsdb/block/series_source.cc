#include "tsdb/block/series_source.h"

#include <algorithm>
#include <optional>

#include "tsdb/index/postings.h"

namespace narthex::tsdb {
namespace {

class BlockSource final : public SeriesSource {
 public:
  explicit BlockSource(std::shared_ptr<const Block> block) : block_(std::move(block)) {}

  util::Result<std::vector<std::string_view>> symbols() override {
    const auto all = block_->index().symbols();
    std::vector<std::string_view> out(all.begin(), all.end());
    if (!std::ranges::is_sorted(out)) std::ranges::sort(out);  // Version 1 promised no order.
    return out;
  }

  util::Result<bool> next(SourceSeries& out) override {
    if (!ids_) {
      NX_ASSIGN(ids_, block_->index().all_postings());
    }
    if (at_ == ids_->size()) return false;
    const SeriesId id = (*ids_)[at_++];
    NX_ASSIGN(IndexSeries series, block_->index().series(id));
    out.labels = std::move(series.labels);
    out.chunks.clear();
    const auto deleted = block_->tombstones().of(id);
    for (const ChunkMeta& chunk : series.chunks) {
      // The checksum is looked at here, so that damage is not copied under a fresh one.
      NX_ASSIGN(const StoredChunk stored, block_->chunks().chunk(chunk.ref));
      out.chunks.push_back({.min_time = chunk.min_time,
                            .max_time = chunk.max_time,
                            .stored = stored,
                            .deleted = deleted});
    }
    return true;
  }

 private:
  std::shared_ptr<const Block> block_;
  std::optional<IdList> ids_;
  std::size_t at_ = 0;
};

class MergedSource final : public SeriesSource {
 public:
  explicit MergedSource(std::vector<std::unique_ptr<SeriesSource>> sources) {
    for (auto& source : sources) parts_.push_back({.source = std::move(source), .series = {}});
  }

  util::Result<std::vector<std::string_view>> symbols() override {
    std::vector<std::string_view> all;
    for (const Part& part : parts_) {
      NX_ASSIGN(const auto some, part.source->symbols());
      std::vector<std::string_view> merged;
      merged.reserve(all.size() + some.size());
      std::ranges::set_union(all, some, std::back_inserter(merged));
      all = std::move(merged);
    }
    return all;
  }

  util::Result<bool> next(SourceSeries& out) override {
    const Part* first = nullptr;
    for (Part& part : parts_) {
      if (part.used) NX_TRY(part.advance());
      if (part.done) continue;
      if (first == nullptr || part.series.labels < first->series.labels) first = &part;
    }
    if (first == nullptr) return false;
    out.labels = first->series.labels;
    out.chunks.clear();
    for (std::size_t rank = 0; rank < parts_.size(); ++rank) {
      Part& part = parts_[rank];
      if (part.done || part.series.labels != out.labels) continue;
      for (const SourceChunk& chunk : part.series.chunks) {
        out.chunks.push_back(chunk);
        out.chunks.back().rank = static_cast<std::uint32_t>(rank);
      }
      part.used = true;
    }
    std::ranges::stable_sort(out.chunks, {}, &SourceChunk::min_time);
    return true;
  }

 private:
  struct Part {
    std::unique_ptr<SeriesSource> source;
    SourceSeries series;
    bool used = true;  // The series has been handed out: the next one is wanted.
    bool done = false;
    util::Result<void> advance() {
      used = false;
      if (done) return {};
      NX_ASSIGN(const bool more, source->next(series));
      done = !more;
      return {};
    }
  };
  std::vector<Part> parts_;
};

}  // namespace

std::unique_ptr<SeriesSource> block_source(std::shared_ptr<const Block> block) {
  return std::make_unique<BlockSource>(std::move(block));
}

std::unique_ptr<SeriesSource> merge_sources(std::vector<std::unique_ptr<SeriesSource>> sources) {
  return std::make_unique<MergedSource>(std::move(sources));
}

}  // namespace narthex::tsdb
