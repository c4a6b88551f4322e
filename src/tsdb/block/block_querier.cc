// Reads a block: which series matched, and their chunks, decoded one series at a time.
#include <algorithm>
#include <ranges>
#include <set>
#include <string>

#include "tsdb/block/block.h"
#include "tsdb/block/block_selection.h"
#include "tsdb/block/chunk_samples.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kCheckEvery = 1024;

bool covers(std::span<const model::TimeRange> deleted, const ChunkMeta& chunk) {
  const auto it = std::ranges::lower_bound(deleted, chunk.max_time, {}, &model::TimeRange::max);
  return it != deleted.end() && it->min <= chunk.min_time;
}

class BlockSeriesSet final : public storage::SeriesSet {
 public:
  BlockSeriesSet(std::shared_ptr<const Block> block, model::TimeRange range, SampleCache* cache)
      : block_(std::move(block)), range_(range), cache_(cache) {}

  // Precondition: ids ascend. Leaves out series of which nothing in the range can be seen.
  util::Result<void> fill(std::span<const SeriesId> ids, const storage::Deadline& deadline) {
    series_.reserve(ids.size());
    std::vector<ChunkMeta> all;
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i % kCheckEvery == 0) NX_TRY(deadline.check());
      const std::size_t labels_begin = label_bytes_.size();
      const std::size_t chunks_begin = chunks_.size();
      all.clear();
      NX_TRY(block_->index().append_series(ids[i], label_bytes_, all));
      const auto deleted = block_->tombstones().of(ids[i]);
      std::ranges::copy_if(all, std::back_inserter(chunks_), [&](const ChunkMeta& chunk) {
        return range_.overlaps({chunk.min_time, chunk.max_time}) && !covers(deleted, chunk);
      });
      if (chunks_.size() == chunks_begin) {
        label_bytes_.resize(labels_begin);
      } else {
        series_.push_back({ids[i], label_bytes_.size(), chunks_.size()});
      }
    }
    return {};
  }

  [[nodiscard]] std::size_t size() const noexcept override { return series_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return model::Labels::from_bytes(std::string(label_bytes(index)));
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return model::LabelsRef(label_bytes(index)).get(name);
  }
  util::Result<void> read(std::size_t index, model::TimeRange range,
                          storage::SampleColumns& out) const override {
    range.min = std::max(range.min, range_.min);
    range.max = std::min(range.max, range_.max);
    const auto deleted = block_->tombstones().of(series_[index].id);
    for (const ChunkMeta& chunk : chunks(index)) {
      if (!range.overlaps({chunk.min_time, chunk.max_time})) continue;
      const ColumnsMark mark = mark_of(out);
      const ChunkReader& chunks = block_->chunks();
      NX_TRY(append_cached_samples(
          cache_, {.source = chunks.source(), .place = chunk.ref},
          [&] { return chunks.chunk(chunk.ref); }, out));
      clip_samples(out, mark, range, deleted);
    }
    return {};
  }
  [[nodiscard]] std::uint64_t samples_max(std::size_t index) const override {
    std::uint64_t count = 0;
    for (const ChunkMeta& chunk : chunks(index)) {
      // A chunk that cannot be read has none; read() says what is wrong with it.
      if (const auto stored = block_->chunks().peek(chunk.ref))
        count += chunk_sample_count(*stored);
    }
    return count;
  }

 private:
  // What a series owns of the two lists below ends here, and begins where the one before ends.
  struct Entry {
    SeriesId id = 0;
    std::size_t labels_end = 0;
    std::size_t chunks_end = 0;
  };

  [[nodiscard]] std::string_view label_bytes(std::size_t index) const noexcept {
    const std::size_t begin = index == 0 ? 0 : series_[index - 1].labels_end;
    return std::string_view(label_bytes_).substr(begin, series_[index].labels_end - begin);
  }
  [[nodiscard]] std::span<const ChunkMeta> chunks(std::size_t index) const noexcept {
    const std::size_t begin = index == 0 ? 0 : series_[index - 1].chunks_end;
    return std::span(chunks_).subspan(begin, series_[index].chunks_end - begin);
  }

  std::shared_ptr<const Block> block_;
  model::TimeRange range_;
  SampleCache* cache_;
  std::vector<Entry> series_;
  std::string label_bytes_;
  std::vector<ChunkMeta> chunks_;  // Only those that the range needs.
};

class BlockQuerier final : public storage::Querier {
 public:
  BlockQuerier(std::shared_ptr<const Block> block, model::TimeRange range, SampleCache* cache)
      : block_(std::move(block)), range_(range), cache_(cache) {}

  util::Result<std::unique_ptr<storage::SeriesSet>> select(
      std::span<const model::Matcher> matchers, storage::SeriesOrder /*order*/,
      const storage::Deadline& deadline) override {
    auto set = std::make_unique<BlockSeriesSet>(block_, range_, cache_);
    if (!overlaps()) return set;
    NX_ASSIGN(const IdList ids, select_block_series(block_->index(), matchers, deadline));
    NX_TRY(set->fill(ids, deadline));
    return set;  // Ids ascend as labels do.
  }

  util::Result<std::vector<std::string>> label_names(const storage::LabelQuery& query,
                                                     const storage::Deadline& deadline) override {
    if (!overlaps()) return std::vector<std::string>{};
    if (query.matchers.empty()) return first_of(block_->index().label_names(), query.limit);
    std::set<std::string, std::less<>> names;
    NX_TRY(for_each_match(query, deadline, [&](const model::Labels& labels) {
      for (const model::LabelView label : labels) {
        if (!names.contains(label.name)) names.emplace(label.name);
      }
    }));
    return first_of(names, query.limit);
  }

  util::Result<std::vector<std::string>> label_values(const std::string& name,
                                                      const storage::LabelQuery& query,
                                                      const storage::Deadline& deadline) override {
    if (!overlaps()) return std::vector<std::string>{};
    if (query.matchers.empty()) {
      const auto value_of = [](const auto& entry) { return entry.value; };
      return first_of(std::views::transform(block_->index().values(name), value_of), query.limit);
    }
    std::set<std::string, std::less<>> values;
    NX_TRY(for_each_match(query, deadline, [&](const model::Labels& labels) {
      const std::string_view value = labels.get(name);
      if (!value.empty() && !values.contains(value)) values.emplace(value);
    }));
    return first_of(values, query.limit);
  }

 private:
  [[nodiscard]] bool overlaps() const noexcept { return block_->time_range().overlaps(range_); }

  template <class Use>
  util::Result<void> for_each_match(const storage::LabelQuery& query,
                                    const storage::Deadline& deadline, const Use& use) {
    NX_ASSIGN(const IdList ids, select_block_series(block_->index(), query.matchers, deadline));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (i % kCheckEvery == 0) NX_TRY(deadline.check());
      NX_ASSIGN(const model::Labels labels, block_->index().series_labels(ids[i]));
      use(labels);
    }
    return {};
  }
  // The first `limit` (0: all) of what is sorted already.
  template <class Sorted>
  static std::vector<std::string> first_of(const Sorted& sorted, std::size_t limit) {
    std::vector<std::string> out;
    for (const auto& one : sorted) {
      if (limit != 0 && out.size() == limit) break;
      out.emplace_back(one);
    }
    return out;
  }

  std::shared_ptr<const Block> block_;
  model::TimeRange range_;
  SampleCache* cache_;
};

}  // namespace

std::unique_ptr<storage::Querier> block_querier(std::shared_ptr<const Block> block,
                                                model::TimeRange range, SampleCache* cache) {
  return std::make_unique<BlockQuerier>(std::move(block), range, cache);
}

}  // namespace narthex::tsdb
