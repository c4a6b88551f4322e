#include "tsdb/head/head_snapshot.h"

#include <algorithm>

#include <boost/unordered/unordered_flat_set.hpp>

#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

// An in-memory chunk with its sample count in front, as chunks are stored.
std::string stored_bytes(const BlockPool& blocks, BlockIndex tail, std::size_t bytes,
                         std::uint16_t sample_count) {
  std::string out(kChunkCountBytes + BlockPool::blocks_of(bytes) * BlockPool::kPayloadBytes, '\0');
  util::store_be(out.data(), sample_count);
  blocks.copy_chain(tail, bytes, out.data() + kChunkCountBytes);
  out.resize(kChunkCountBytes + bytes);
  return out;
}

// The chunk without what lies outside of the range. What was behind a sample that goes keeps what
// it said about it: that sample is in the block before.
template <class Histogram, class Decode>
util::Result<void> cut_histograms(HeadChunk& chunk, model::TimeRange range, Decode decode) {
  std::vector<model::TimestampMs> timestamps;
  std::vector<Histogram> histograms;
  NX_TRY(decode(chunk.bytes, HistogramColumns<Histogram>{timestamps, histograms}));
  HistogramChunkBuilder<Histogram> builder;
  for (std::size_t i = 0; i < timestamps.size(); ++i) {
    if (!range.contains(timestamps[i])) continue;
    if (builder.sample_count() == 0) chunk.min = timestamps[i];
    chunk.max = timestamps[i];
    builder.append(timestamps[i], histograms[i]);
  }
  chunk.sample_count = static_cast<std::uint16_t>(builder.sample_count());
  chunk.bytes = std::string(builder.bytes());
  return {};
}

}  // namespace

HeadSnapshot::HeadSnapshot(Head& head, model::TimeRange range)
    : head_(head),
      range_(range),
      // It is the truncation's own reader: the truncation does not wait for it.
      reader_(head.isolation_.begin_read(model::kTimestampMax)) {
  // Without a deadline a selection of everything cannot fail.
  if (auto all = head_.index_.select({}, {})) series_ = *std::move(all);
  std::erase_if(series_, [this](const SelectedSeries& one) { return !has_chunks(one.id); });
  std::ranges::sort(series_, [this](const SelectedSeries& a, const SelectedSeries& b) {
    return head_.index_.less(a.labels, b.labels);
  });
}

model::Labels HeadSnapshot::labels(std::size_t index) const {
  return head_.index_.labels(series_[index].labels);
}

std::vector<std::string_view> HeadSnapshot::symbols() const {
  boost::unordered_flat_set<PairId> known;
  std::vector<std::string_view> out;
  for (const SelectedSeries& one : series_) {
    for (const PairId pair : one.labels.pairs()) {
      if (!known.insert(pair).second) continue;
      const model::LabelView label = head_.index_.label(pair);
      out.push_back(label.name);
      out.push_back(label.value);
    }
  }
  std::ranges::sort(out);
  const auto doubles = std::ranges::unique(out);
  out.erase(doubles.begin(), doubles.end());
  return out;
}

bool HeadSnapshot::has_chunks(SeriesId id) const {
  SeriesPage& page = head_.page_of(id);
  const util::MutexLock lock(page.mutex);
  const HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
  if (series.state.load() != SeriesState::kActive || series.last_timestamp < range_.min)
    return false;
  if (head_.open_begin(page, id, series) <= range_.max) return true;
  for (SealedIndex i = series.sealed; i != kNoSealed; i = head_.sealed_[i].previous.load()) {
    const SealedChunk& chunk = head_.sealed_[i];
    if (chunk.max < range_.min) return false;
    if (chunk.min <= range_.max) return true;
  }
  return false;
}

util::Result<void> HeadSnapshot::chunks(std::size_t index, std::vector<HeadChunk>& out) const {
  out.clear();
  const SeriesId id = series_[index].id;
  SealedIndex newest_sealed = kNoSealed;
  {
    SeriesPage& page = head_.page_of(id);
    const util::MutexLock lock(page.mutex);
    const HeadSeries& series = page.series[id & (SeriesPage::kSeries - 1)];
    newest_sealed = series.sealed;
    if (series.tail != kNoBlock) {
      const model::TimestampMs first = head_.first_timestamp(series.tail);
      if (model::TimeRange{first, series.last_timestamp}.overlaps(range_)) {
        out.push_back({first, series.last_timestamp, ChunkEncoding::kXor, series.sample_count,
                       stored_bytes(head_.blocks_, series.tail, (series.bit_count + 7U) / 8U,
                                    series.sample_count)});
      }
    }
    const SeriesExtra* extra = page.extra(id);
    if (extra != nullptr && extra->has_histograms() &&
        model::TimeRange{extra->first_time(), series.last_timestamp}.overlaps(range_)) {
      out.push_back({extra->first_time(), series.last_timestamp, extra->encoding(),
                     series.sample_count, std::string(extra->bytes())});
    }
  }
  for (SealedIndex i = newest_sealed; i != kNoSealed;) {
    const SealedChunk& chunk = head_.sealed_[i];
    if (chunk.max < range_.min) break;
    if (chunk.min <= range_.max) {
      NX_ASSIGN(std::string bytes, head_.sealed_bytes(chunk));
      out.push_back({chunk.min, chunk.max, chunk.encoding, chunk.sample_count, std::move(bytes)});
    }
    i = chunk.previous.load();
  }
  std::ranges::reverse(out);
  for (HeadChunk& chunk : out) NX_TRY(cut(chunk));
  std::erase_if(out, [](const HeadChunk& chunk) { return chunk.sample_count == 0; });
  return {};
}

util::Result<void> HeadSnapshot::cut(HeadChunk& chunk) const {
  if (chunk.min >= range_.min && chunk.max <= range_.max) return {};
  if (chunk.encoding == ChunkEncoding::kHistogram)
    return cut_histograms<model::IntHistogram>(chunk, range_, decode_histogram_chunk);
  if (chunk.encoding == ChunkEncoding::kFloatHistogram)
    return cut_histograms<model::FloatHistogram>(chunk, range_, decode_float_histogram_chunk);
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;
  NX_TRY(decode_xor_chunk(chunk.bytes, {timestamps, values}));
  XorChunkBuilder builder;
  for (std::size_t i = 0; i < timestamps.size(); ++i) {
    if (!range_.contains(timestamps[i])) continue;
    if (builder.sample_count() == 0) chunk.min = timestamps[i];
    chunk.max = timestamps[i];
    builder.append(timestamps[i], values[i]);
  }
  chunk.sample_count = static_cast<std::uint16_t>(builder.sample_count());
  chunk.bytes = std::string(builder.bytes());
  return {};
}

std::unique_ptr<HeadSnapshot> Head::snapshot(model::TimeRange range) {
  return std::make_unique<HeadSnapshot>(*this, range);
}

}  // namespace narthex::tsdb
