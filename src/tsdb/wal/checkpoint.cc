#include "tsdb/wal/checkpoint.h"

#include <charconv>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "narthex/util/log.h"

#include "tsdb/wal/histogram_record.h"
#include "tsdb/wal/record.h"
#include "tsdb/wal/segment_reader.h"

namespace narthex::tsdb {

namespace {

constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;
constexpr std::size_t kMetadataPerRecord = 256;
constexpr std::string_view kPrefix = "checkpoint.";
constexpr std::string_view kScratchSuffix = ".tmp";

std::string checkpoint_path(const std::string& directory, std::uint64_t last_segment) {
  return fmt::format("{}/{}{:08}", directory, kPrefix, last_segment);
}

// Copies what is still needed, record by record.
class Distiller {
 public:
  Distiller(LogWriter& writer, const CheckpointRules& rules) : writer_(writer), rules_(rules) {}

  util::Result<void> add(std::string_view record) {
    record_.clear();
    switch (static_cast<RecordType>(record[0])) {
      case RecordType::kSeries:
        NX_TRY(distill_series(record));
        break;
      case RecordType::kSamples:
        NX_TRY(distill_samples(record));
        break;
      case RecordType::kTombstones:
        NX_TRY(distill_tombstones(record));
        break;
      case RecordType::kMetadata:
        return remember_metadata(record);
      case RecordType::kExemplars:
        NX_TRY(distill_timed<RefExemplar>(record, decode_exemplars, encode_exemplars_record));
        break;
      case RecordType::kHistograms:
      case RecordType::kCustomHistograms:
        NX_TRY(distill_histograms<model::IntHistogram>(record));
        break;
      case RecordType::kFloatHistograms:
      case RecordType::kCustomFloatHistograms:
        NX_TRY(distill_histograms<model::FloatHistogram>(record));
        break;
      default:
        record_ = record;  // Whoever knows this kind may still need it.
    }
    return write();
  }
  // The newest metadata of every series come last.
  util::Result<void> finish() {
    std::vector<RefMetadata> entries;
    for (auto& [ref, metadata] : metadata_) {
      entries.push_back({ref, std::move(metadata)});
      if (entries.size() < kMetadataPerRecord) continue;
      NX_TRY(write_metadata(entries));
    }
    if (!entries.empty()) NX_TRY(write_metadata(entries));
    return flush();
  }
  CheckpointStats& stats() noexcept { return stats_; }

 private:
  util::Result<void> distill_series(std::string_view record) {
    series_.clear();
    NX_TRY(decode_series(record, series_));
    SeriesRecordEncoder encoder(record_);
    bool any = false;
    for (const RefSeries& one : series_) {
      const bool keep = rules_.keep_series(one.ref);
      ++(keep ? stats_.series_kept : stats_.series_dropped);
      if (!keep) continue;
      any = true;
      encoder.series(one.ref, one.labels.size());
      for (const model::LabelView label : one.labels) encoder.label(label.name, label.value);
    }
    if (!any) record_.clear();
    return {};
  }
  util::Result<void> distill_samples(std::string_view record) {
    samples_.clear();
    NX_TRY(decode_samples(record, samples_));
    std::size_t kept = 0;
    for (const model::TimestampMs t : samples_.timestamps) kept += t >= rules_.min_time ? 1U : 0U;
    stats_.samples_kept += kept;
    stats_.samples_dropped += samples_.size() - kept;
    encode_samples_record(
        record_, samples_.refs, samples_.timestamps, samples_.values,
        [this](std::size_t i) { return samples_.timestamps[i] >= rules_.min_time; });
    return {};
  }
  template <class Entry, class Decode, class Encode>
  util::Result<void> distill_timed(std::string_view record, Decode decode, Encode encode) {
    std::vector<Entry> entries;
    NX_TRY(decode(record, entries));
    std::erase_if(entries,
                  [this](const Entry& entry) { return entry.timestamp < rules_.min_time; });
    encode(record_, std::span<const Entry>(entries));
    return {};
  }
  template <class Histogram>
  util::Result<void> distill_histograms(std::string_view record) {
    using Entry = RefHistogram<Histogram>;
    return distill_timed<Entry>(
        record,
        [](std::string_view from, std::vector<Entry>& out) { return decode_histograms(from, out); },
        [](std::string& out, std::span<const Entry> entries) {
          encode_histograms_record(out, entries);
        });
  }
  util::Result<void> distill_tombstones(std::string_view record) {
    std::vector<RefTombstone> stones;
    NX_TRY(decode_tombstones(record, stones));
    std::erase_if(stones, [this](const RefTombstone& stone) {
      return stone.range.max < rules_.min_time || !rules_.keep_series(stone.ref);
    });
    if (!stones.empty()) encode_tombstones_record(record_, stones);
    return {};
  }
  util::Result<void> remember_metadata(std::string_view record) {
    std::vector<RefMetadata> entries;
    NX_TRY(decode_metadata(record, entries));
    for (RefMetadata& entry : entries) {
      if (rules_.keep_series(entry.ref)) metadata_[entry.ref] = std::move(entry.metadata);
    }
    return {};
  }
  util::Result<void> write_metadata(std::vector<RefMetadata>& entries) {
    record_.clear();
    encode_metadata_record(record_, entries);
    entries.clear();
    return write();
  }
  util::Result<void> write() {
    if (record_.empty()) return {};
    if (batch_bytes_ == 0) NX_TRY(writer_.begin());
    writer_.add(record_);
    batch_bytes_ += record_.size();
    return batch_bytes_ < kBatchBytes ? util::Result<void>{} : flush();
  }
  util::Result<void> flush() {
    if (batch_bytes_ == 0) return {};
    batch_bytes_ = 0;
    return writer_.commit();
  }

  LogWriter& writer_;
  const CheckpointRules& rules_;
  CheckpointStats stats_;
  std::string record_;
  std::size_t batch_bytes_ = 0;
  std::vector<RefSeries> series_;
  RefSamples samples_;
  boost::unordered_flat_map<std::uint64_t, model::Metadata> metadata_;
};

util::Result<void> distill_segment(util::Env& env, const WalSegment& segment, Distiller& out) {
  NX_ASSIGN(const auto file, env.map_file(segment.path));
  SegmentReader reader(file->bytes());
  while (const auto record = reader.next()) {
    const auto added = out.add(*record);
    if (added) continue;
    if (added.error().code() != util::Code::kCorruption) return added;
    ++out.stats().damaged_regions;
    util::log_warn("A log record does not parse; it is not in the checkpoint",
                   {{"component", "tsdb"}, {"segment", segment.path}, {"err", added.error()}});
  }
  for (const WalDamage& damage : reader.damage()) {
    if (damage.torn_tail) continue;
    ++out.stats().damaged_regions;
    util::log_error("A log segment is damaged; what is unreadable is not in the checkpoint",
                    {{"component", "tsdb"},
                     {"segment", segment.path},
                     {"offset", damage.offset},
                     {"bytes", damage.bytes},
                     {"reason", damage.reason}});
  }
  return {};
}

util::Result<std::vector<WalSegment>> sources(util::Env& env, const std::string& directory,
                                              std::uint64_t last_segment) {
  std::vector<WalSegment> segments;
  NX_ASSIGN(const auto previous, find_wal_checkpoint(env, directory));
  if (previous) {
    NX_ASSIGN(segments, list_wal_segments(env, previous->path));
  }
  NX_ASSIGN(const auto log, list_wal_segments(env, directory));
  for (const WalSegment& segment : log) {
    const bool covered = previous && segment.number <= previous->last_segment;
    if (!covered && segment.number <= last_segment) segments.push_back(segment);
  }
  return segments;
}

util::Result<CheckpointStats> distill(util::Env& env, const std::string& directory,
                                      const CheckpointRules& rules, const std::string& scratch,
                                      LogWriterOptions options) {
  NX_ASSIGN(const auto segments, sources(env, directory, rules.last_segment));
  NX_ASSIGN(const auto writer, LogWriter::open(env, scratch, 0, options));
  Distiller distiller(*writer, rules);
  for (const WalSegment& segment : segments) NX_TRY(distill_segment(env, segment, distiller));
  NX_TRY(distiller.finish());
  NX_TRY(writer->close());
  NX_TRY(env.sync_dir(scratch));
  return distiller.stats();
}

}  // namespace

std::uint64_t checkpoint_end(std::uint64_t first, std::uint64_t current) noexcept {
  // The segment before the current one may hold what was written a moment ago: it stays.
  if (current < first + 2) return 0;
  const std::uint64_t last = current - 1;
  const std::uint64_t end = first + (last - first) * 2 / 3;
  return end <= first ? 0 : end;
}

util::Result<CheckpointStats> write_checkpoint(util::Env& env, const std::string& directory,
                                               const CheckpointRules& rules,
                                               LogWriterOptions options) {
  const std::string path = checkpoint_path(directory, rules.last_segment);
  const std::string scratch = path + std::string(kScratchSuffix);
  NX_TRY(env.remove_all(scratch));
  auto stats = distill(env, directory, rules, scratch, options);
  if (!stats) {
    if (const auto removed = env.remove_all(scratch); !removed)
      util::log_warn("An unfinished checkpoint could not be removed",
                     {{"component", "tsdb"}, {"path", scratch}, {"err", removed.error()}});
    return std::unexpected(std::move(stats).error().with_context("write checkpoint"));
  }
  NX_TRY(env.rename(scratch, path));
  NX_TRY(env.sync_dir(directory));
  return stats;
}

util::Result<void> remove_log_up_to(util::Env& env, const std::string& directory,
                                    std::uint64_t last_segment) {
  NX_ASSIGN(const auto segments, list_wal_segments(env, directory));
  for (const WalSegment& segment : segments) {
    if (segment.number <= last_segment) NX_TRY(env.remove_file(segment.path));
  }
  NX_ASSIGN(const auto entries, env.list_dir(directory));
  for (const util::DirEntry& entry : entries) {
    if (!entry.is_directory || !entry.name.starts_with(kPrefix)) continue;
    const std::string_view text = std::string_view(entry.name).substr(kPrefix.size());
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const std::string_view rest(end, static_cast<std::size_t>(text.data() + text.size() - end));
    if (error != std::errc()) continue;
    if (rest == kScratchSuffix || (rest.empty() && number < last_segment))
      NX_TRY(env.remove_all(directory + "/" + entry.name));
  }
  return env.sync_dir(directory);
}

}  // namespace narthex::tsdb
