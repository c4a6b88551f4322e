// Reads the head: a snapshot of which series matched, whose chunks are copied out one series at a
// time.
#include <algorithm>
#include <array>

#include "tsdb/block/chunk_samples.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// A chunk's bytes as the decoder wants them. Float chunks are bounded by kChunkBytesMax plus one
// sample; chunks of histograms may be larger.
class ChunkBytes {
 public:
  void fill(const BlockPool& blocks, BlockIndex tail, std::size_t bytes, std::uint16_t sample_count,
            ChunkEncoding encoding) {
    const std::size_t room =
        kChunkCountBytes + BlockPool::blocks_of(bytes) * BlockPool::kPayloadBytes;
    char* out = bytes_.data();
    if (room > bytes_.size()) {
      large_.resize(room);
      out = large_.data();
    }
    util::store_be(out, sample_count);
    blocks.copy_chain(tail, bytes, out + kChunkCountBytes);
    stored_ = {static_cast<std::uint8_t>(encoding), {out, kChunkCountBytes + bytes}};
  }
  // A whole chunk.
  void fill(std::string_view bytes, ChunkEncoding encoding) {
    large_ = bytes;
    stored_ = {static_cast<std::uint8_t>(encoding), large_};
  }
  [[nodiscard]] const StoredChunk& stored() const noexcept { return stored_; }
  [[nodiscard]] bool empty() const noexcept { return stored_.payload.empty(); }

 private:
  std::array<char, 1280> bytes_;
  std::string large_;
  StoredChunk stored_;
};

}  // namespace

class HeadSeriesSet final : public storage::SeriesSet {
 public:
  // Samples in order of one range, late ones of another.
  struct Ranges {
    model::TimeRange in_order;
    model::TimeRange late;
    CommitSequence late_until = 0;
  };
  HeadSeriesSet(Head& head, std::shared_ptr<const Isolation::Reader> reader, const Ranges& ranges,
                std::vector<SelectedSeries> series)
      : head_(head),
        reader_(std::move(reader)),
        ranges_(ranges),
        series_(std::move(series)),
        deletions_(head.deletions()) {}

  // Leaves out the series of which nothing in the range can be seen.
  void drop_invisible() {
    std::erase_if(series_, [this](const SelectedSeries& one) { return !visible(one.id); });
  }
  void sort_by_labels() {
    std::ranges::sort(series_, [this](const SelectedSeries& a, const SelectedSeries& b) {
      return head_.index_.less(a.labels, b.labels);
    });
  }

  [[nodiscard]] std::size_t size() const noexcept override { return series_.size(); }
  [[nodiscard]] model::Labels labels(std::size_t index) const override {
    return head_.index_.labels(series_[index].labels);
  }
  [[nodiscard]] std::string_view label_value(std::size_t index,
                                             std::string_view name) const override {
    return head_.index_.value(series_[index].labels, name);
  }

  util::Result<void> read(std::size_t index, model::TimeRange range,
                          storage::SampleColumns& out) const override {
    const SeriesId id = series_[index].id;
    const ColumnsMark mark = mark_of(out);
    NX_TRY(read_all(id, range, out));
    if (const auto deleted = deletions_->of(id); !deleted.empty())
      clip_samples(out, mark, range, deleted);
    return {};
  }

  [[nodiscard]] std::uint64_t samples_max(std::size_t index) const override {
    const SeriesId id = series_[index].id;
    std::uint64_t count = 0;
    SealedIndex newest_sealed = kNoSealed;
    {
      SeriesPage& page = head_.page_of(id);
      const util::MutexLock lock(page.mutex);
      const HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
      if (const LateSamples* late = late_of(page, id)) count = late->sample_count();
      if (series.last_timestamp < ranges_.in_order.min) return count;
      newest_sealed = series.sealed;
      count += series.sample_count;
    }
    for (const SealedChunk* chunk : sealed_in(newest_sealed, ranges_.in_order))
      count += chunk->sample_count;
    return count;
  }

 private:
  static model::TimeRange both(model::TimeRange a, model::TimeRange b) noexcept {
    return {std::max(a.min, b.min), std::min(a.max, b.max)};
  }
  // With the page locked.
  [[nodiscard]] const LateSamples* late_of(const SeriesPage& page, SeriesId id) const {
    if (ranges_.late.min > ranges_.late.max) return nullptr;
    const SeriesExtra* extra = page.extra(id);
    return extra == nullptr ? nullptr : extra->late.get();
  }

  util::Result<void> read_all(SeriesId id, model::TimeRange range,
                              storage::SampleColumns& out) const {
    const model::TimeRange late_range = both(range, ranges_.late);
    LateView late;
    {
      SeriesPage& page = head_.page_of(id);
      const util::MutexLock lock(page.mutex);
      if (const LateSamples* samples = late_of(page, id))
        late = samples->view(late_range, ranges_.late_until);
    }
    if (late.empty()) return read_in_order(id, both(range, ranges_.in_order), out);
    storage::SampleColumns own;
    NX_TRY(read_in_order(id, both(range, ranges_.in_order), own));
    NX_TRY(read_late(late, late_range, ranges_.late_until, own));
    append_columns(std::move(own), out);
    return {};
  }

  util::Result<void> read_in_order(SeriesId id, model::TimeRange range,
                                   storage::SampleColumns& out) const {
    if (range.min > range.max) return {};
    ChunkBytes open;
    SealedIndex newest_sealed = kNoSealed;
    {
      SeriesPage& page = head_.page_of(id);
      const util::MutexLock lock(page.mutex);
      const HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
      range.max = std::min(range.max, head_.isolation_.visible_until(*reader_, id, series));
      if (range.min > range.max || series.last_timestamp < range.min) return {};
      newest_sealed = series.sealed;
      if (series.tail != kNoBlock)
        open.fill(head_.blocks_, series.tail, (series.bit_count + 7U) / 8U, series.sample_count,
                  ChunkEncoding::kXor);
      if (const SeriesExtra* extra = page.extra(id); extra != nullptr && extra->has_histograms())
        open.fill(extra->bytes(), extra->encoding());
    }
    NX_TRY(read_sealed(id, newest_sealed, range, out));
    if (open.empty()) return {};
    return decode(open, range, out);
  }

  // Ascending in time.
  [[nodiscard]] std::vector<const SealedChunk*> sealed_in(SealedIndex newest,
                                                          model::TimeRange range) const {
    std::vector<const SealedChunk*> chunks;
    for (SealedIndex i = newest; i != kNoSealed;) {
      const SealedChunk& chunk = head_.sealed_[i];
      if (chunk.max < range.min) break;
      if (chunk.min <= range.max) chunks.push_back(&chunk);
      i = chunk.previous.load();
    }
    std::ranges::reverse(chunks);
    return chunks;
  }

  // By chunks: whoever reads gets the samples that are really in the range, possibly none. As
  // upstream, a deletion hides a series when it covers its chunks, and an open chunk has no end: a
  // series that may go on is listed although all its samples are deleted.
  [[nodiscard]] bool visible(SeriesId id) const {
    const auto deleted = deletions_->of(id);
    SealedIndex newest_sealed = kNoSealed;
    model::TimeRange range = ranges_.in_order;
    {
      SeriesPage& page = head_.page_of(id);
      const util::MutexLock lock(page.mutex);
      const HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
      if (const LateSamples* late = late_of(page, id);
          late != nullptr && late->any_in(ranges_.late, ranges_.late_until, deleted))
        return true;
      if (range.min > range.max || series.state.load() != SeriesState::kActive) return false;
      range.max = std::min(range.max, head_.isolation_.visible_until(*reader_, id, series));
      if (range.max == model::kTimestampMin || series.last_timestamp < range.min) return false;
      if (head_.open_begin(page, id, series) <= range.max) return true;
      newest_sealed = series.sealed;
    }
    return std::ranges::any_of(sealed_in(newest_sealed, range), [&](const SealedChunk* chunk) {
      return !is_deleted(deleted, {chunk->min, chunk->max});
    });
  }

  util::Result<void> read_sealed(SeriesId id, SealedIndex newest, model::TimeRange range,
                                 storage::SampleColumns& out) const {
    Head::SealedBytes bytes;
    for (const SealedChunk* chunk : sealed_in(newest, range)) {
      const ColumnsMark before = mark_of(out);
      // No two chunks of a series begin at the same time.
      NX_TRY(append_cached_samples(
          head_.options_.sample_cache,
          {.source = head_.cache_source_, .place = id, .time = chunk->min},
          [&] { return head_.load_sealed(*chunk, bytes); }, out));
      clip_samples(out, before, range, {});
    }
    return {};
  }

  static util::Result<void> decode(const ChunkBytes& bytes, model::TimeRange range,
                                   storage::SampleColumns& out) {
    const ColumnsMark before = mark_of(out);
    NX_TRY(append_chunk_samples(bytes.stored(), out));
    clip_samples(out, before, range, {});
    return {};
  }

  Head& head_;
  std::shared_ptr<const Isolation::Reader> reader_;
  const Ranges ranges_;
  std::vector<SelectedSeries> series_;
  std::shared_ptr<const Tombstones> deletions_;
};

class HeadQuerier final : public storage::Querier {
 public:
  HeadQuerier(Head& head, const HeadQuery& query, Head::Reader reader)
      : head_(head),
        reader_(std::move(reader)),
        ranges_{.in_order = query.range,
                .late = query.range,
                .late_until = std::min(reader_->sequence(), query.late_until)} {
    ranges_.in_order.min = oldest_in_order(query);
    constexpr model::TimeRange kNothing{model::kTimestampMax, model::kTimestampMin};
    if (query.parts == HeadQuery::Parts::kLate) ranges_.in_order = kNothing;
    if (query.parts == HeadQuery::Parts::kInOrder) ranges_.late = kNothing;
  }

  util::Result<std::unique_ptr<storage::SeriesSet>> select(
      std::span<const model::Matcher> matchers, storage::SeriesOrder order,
      const storage::Deadline& deadline) override {
    std::vector<SelectedSeries> series;
    if (overlaps()) {
      NX_ASSIGN(series, head_.index_.select(matchers, deadline));
    }
    auto set = std::make_unique<HeadSeriesSet>(head_, reader_, ranges_, std::move(series));
    set->drop_invisible();
    if (order == storage::SeriesOrder::kByLabels) set->sort_by_labels();
    return set;
  }

  util::Result<std::vector<std::string>> label_names(const storage::LabelQuery& query,
                                                     const storage::Deadline& deadline) override {
    if (!overlaps()) return std::vector<std::string>{};
    if (query.matchers.empty()) return head_.index_.label_names(query.limit);
    NX_ASSIGN(const auto series, head_.index_.select(query.matchers, deadline));
    return head_.index_.label_names(series, query.limit);
  }

  util::Result<std::vector<std::string>> label_values(const std::string& name,
                                                      const storage::LabelQuery& query,
                                                      const storage::Deadline& deadline) override {
    if (!overlaps()) return std::vector<std::string>{};
    if (query.matchers.empty()) return head_.index_.label_values(name, query.limit);
    NX_ASSIGN(const auto series, head_.index_.select(query.matchers, deadline));
    return head_.index_.label_values(series, name, query.limit);
  }

  // Late samples are waited for in another way than by their time.
  static model::TimestampMs oldest_in_order(const HeadQuery& query) noexcept {
    if (query.parts == HeadQuery::Parts::kLate) return model::kTimestampMax;
    return std::max(query.range.min, query.in_order_begin);
  }

 private:
  [[nodiscard]] bool overlaps() const noexcept {
    return overlap(ranges_.in_order, head_.time_range()) ||
           overlap(ranges_.late, head_.late_range());
  }
  // Of which either may be empty.
  static bool overlap(model::TimeRange a, model::TimeRange b) noexcept {
    return a.min <= a.max && b.min <= b.max && a.overlaps(b);
  }

  Head& head_;
  std::shared_ptr<const Isolation::Reader> reader_;
  HeadSeriesSet::Ranges ranges_;
};

Head::Reader Head::begin_read(const HeadQuery& query) {
  return isolation_.begin_read(HeadQuerier::oldest_in_order(query));
}

std::unique_ptr<storage::Querier> Head::querier(const HeadQuery& query, Reader reader) {
  return std::make_unique<HeadQuerier>(*this, query, std::move(reader));
}

}  // namespace narthex::tsdb
