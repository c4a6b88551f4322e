#include "tsdb/block/chunk_samples.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

#include "narthex/util/bytes.h"

#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/histogram_chunk.h"
#include "tsdb/chunk/histogram_layout.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

// Keeps of times[from, …) and values[from, …) what `keep` wants.
template <class Value, class Keep>
void filter_from(std::vector<model::TimestampMs>& times, std::vector<Value>& values,
                 std::size_t from, const Keep& keep) {
  std::size_t kept = from;
  for (std::size_t i = from; i < times.size(); ++i) {
    if (!keep(times[i])) continue;
    if (kept != i) {
      times[kept] = times[i];
      values[kept] = std::move(values[i]);
    }
    ++kept;
  }
  times.resize(kept);
  values.resize(kept);
}

// The usual case: the range begins or ends inside the chunk, and nothing is deleted.
template <class Value>
void clip_sorted(std::vector<model::TimestampMs>& times, std::vector<Value>& values,
                 std::size_t from, model::TimeRange keep) {
  const auto begin = times.begin() + static_cast<std::ptrdiff_t>(from);
  const auto first = std::lower_bound(begin, times.end(), keep.min);
  const auto last = std::upper_bound(first, times.end(), keep.max);
  const std::ptrdiff_t end_index = last - times.begin();
  const std::ptrdiff_t first_index = first - times.begin();
  times.erase(last, times.end());
  values.erase(values.begin() + end_index, values.end());
  times.erase(begin, times.begin() + first_index);
  values.erase(values.begin() + static_cast<std::ptrdiff_t>(from), values.begin() + first_index);
}

// Merges the sorted runs [0, middle) and [middle, …) of one list and drops doubles of the second.
template <class Value>
void merge_list(std::vector<model::TimestampMs>& times, std::vector<Value>& values,
                std::size_t middle) {
  if (middle == 0 || middle == times.size() || times[middle - 1] < times[middle]) return;
  std::vector<model::TimestampMs> merged_times;
  std::vector<Value> merged_values;
  merged_times.reserve(times.size());
  merged_values.reserve(times.size());
  std::size_t a = 0;
  std::size_t b = middle;
  while (a < middle || b < times.size()) {
    const bool take_first = a < middle && (b == times.size() || times[a] <= times[b]);
    const std::size_t from = take_first ? a++ : b++;
    if (!merged_times.empty() && merged_times.back() == times[from]) continue;
    merged_times.push_back(times[from]);
    merged_values.push_back(std::move(values[from]));
  }
  times.swap(merged_times);
  values.swap(merged_values);
}

// A time has a float or a histogram, never both: the second run's sample goes.
template <class Value>
void drop_times(std::vector<model::TimestampMs>& times, std::vector<Value>& values,
                std::size_t from, std::span<const model::TimestampMs> taken) {
  if (taken.empty() || from == times.size() || taken.back() < times[from]) return;
  std::size_t kept = from;
  for (std::size_t i = from; i < times.size(); ++i) {
    if (std::ranges::binary_search(taken, times[i])) continue;
    if (kept != i) {
      times[kept] = times[i];
      values[kept] = std::move(values[i]);
    }
    ++kept;
  }
  times.resize(kept);
  values.resize(kept);
}

void forget_counter_resets(storage::SampleColumns& columns, std::size_t from) {
  // What a histogram's hint says about the one before it holds inside its own part only.
  for (std::size_t i = from; i < columns.histograms.size(); ++i) {
    auto& hint = columns.histograms[i].counter_reset_hint;
    if (hint != model::CounterResetHint::kGauge) hint = model::CounterResetHint::kUnknown;
  }
}

// A histogram's hint is about the sample before it: behind one that goes it says nothing.
template <class Keep>
void forget_counter_resets_behind_gaps(storage::SampleColumns& columns, std::size_t from,
                                       const Keep& keep) {
  for (std::size_t i = from; i + 1 < columns.histograms.size(); ++i) {
    if (keep(columns.histogram_timestamps[i])) continue;
    auto& hint = columns.histograms[i + 1].counter_reset_hint;
    if (hint != model::CounterResetHint::kGauge) hint = model::CounterResetHint::kUnknown;
  }
}

util::Result<void> decode_chunk(StoredChunk chunk, storage::SampleColumns& out) {
  switch (static_cast<ChunkEncoding>(chunk.encoding)) {
    case ChunkEncoding::kXor:
      return decode_xor_chunk(chunk.payload, {out.float_timestamps, out.float_values});
    case ChunkEncoding::kHistogram:
      return decode_histogram_chunk_as_floats(chunk.payload,
                                              {out.histogram_timestamps, out.histograms});
    case ChunkEncoding::kFloatHistogram:
      return decode_float_histogram_chunk(chunk.payload,
                                          {out.histogram_timestamps, out.histograms});
    default:
      return util::fail(util::Code::kUnsupported,
                        fmt::format("chunk encoding {} is not supported", chunk.encoding));
  }
}

}  // namespace

std::uint32_t chunk_sample_count(StoredChunk chunk) noexcept {
  if (chunk.payload.size() < kChunkCountBytes) return 0;
  const auto count = util::load_be<std::uint16_t>(chunk.payload.data());
  // The histogram encodings with start timestamps keep the counter reset in the upper two bits
  // (storage-format.md §5.6).
  return chunk.encoding == 5 || chunk.encoding == 6 ? count & 0x3fffU : count;
}

bool holds_histograms(std::uint8_t encoding) noexcept {
  return encoding == 2 || encoding == 3 || encoding == 5 || encoding == 6;
}

util::Result<void> append_chunk_samples(StoredChunk chunk, storage::SampleColumns& out) {
  const std::size_t before = out.histograms.size();
  NX_TRY(decode_chunk(chunk, out));
  // What the chunk says of its first histogram holds against the chunk that stood before it when it
  // was cut; that one may be gone, or another may have come between.
  if (before < out.histograms.size()) {
    auto& hint = out.histograms[before].counter_reset_hint;
    if (hint != model::CounterResetHint::kGauge) hint = model::CounterResetHint::kUnknown;
  }
  // A chunk has one schema, but for stale markers.
  for (std::size_t i = before; i < out.histograms.size(); ++i) {
    if (!has_reserved_schema(out.histograms[i])) break;
    reduce_schema(out.histograms[i]);
  }
  return {};
}

ColumnsMark mark_of(const storage::SampleColumns& columns) noexcept {
  return {.floats = columns.float_timestamps.size(),
          .histograms = columns.histogram_timestamps.size()};
}

void clip_samples(storage::SampleColumns& columns, ColumnsMark mark, model::TimeRange keep,
                  std::span<const model::TimeRange> deleted) {
  if (deleted.empty()) {
    clip_sorted(columns.float_timestamps, columns.float_values, mark.floats, keep);
    clip_sorted(columns.histogram_timestamps, columns.histograms, mark.histograms, keep);
    return;
  }
  const auto wanted = [&](model::TimestampMs t) {
    return keep.contains(t) && !is_deleted(deleted, t);
  };
  filter_from(columns.float_timestamps, columns.float_values, mark.floats, wanted);
  forget_counter_resets_behind_gaps(columns, mark.histograms, wanted);
  filter_from(columns.histogram_timestamps, columns.histograms, mark.histograms, wanted);
}

void append_columns(storage::SampleColumns&& from, storage::SampleColumns& out) {
  const auto append = [](auto& source, auto& to) {
    to.insert(to.end(), std::make_move_iterator(source.begin()),
              std::make_move_iterator(source.end()));
  };
  append(from.float_timestamps, out.float_timestamps);
  append(from.float_values, out.float_values);
  append(from.histogram_timestamps, out.histogram_timestamps);
  append(from.histograms, out.histograms);
}

void merge_runs(storage::SampleColumns& columns, ColumnsMark mark) {
  auto& floats = columns.float_timestamps;
  auto& histograms = columns.histogram_timestamps;
  const bool has_before = mark.floats != 0 || mark.histograms != 0;
  const bool has_after = mark.floats != floats.size() || mark.histograms != histograms.size();
  if (!has_before || !has_after) return;
  drop_times(histograms, columns.histograms, mark.histograms, std::span(floats).first(mark.floats));
  drop_times(floats, columns.float_values, mark.floats,
             std::span(histograms).first(mark.histograms));
  if (mark.histograms != histograms.size()) {
    const bool in_order =
        mark.histograms == 0 || histograms[mark.histograms - 1] < histograms[mark.histograms];
    if (in_order) {
      auto& hint = columns.histograms[mark.histograms].counter_reset_hint;
      if (hint != model::CounterResetHint::kGauge) hint = model::CounterResetHint::kUnknown;
    } else {
      forget_counter_resets(columns, 0);
    }
  }
  merge_list(floats, columns.float_values, mark.floats);
  merge_list(histograms, columns.histograms, mark.histograms);
}

}  // namespace narthex::tsdb
