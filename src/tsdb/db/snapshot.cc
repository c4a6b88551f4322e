#include "tsdb/db/snapshot.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

#include "narthex/util/crc32c.h"
#include "narthex/util/log.h"

#include "tsdb/block/chunk_samples.h"
#include "tsdb/wal/segment_reader.h"
#include "tsdb/wal/snapshot_record.h"

namespace narthex::tsdb {

namespace {

constexpr std::string_view kPrefix = "chunk_snapshot.";
constexpr std::string_view kScratchSuffix = ".tmp";
// What Prometheus has no record for; it passes over files whose names are no numbers.
constexpr std::string_view kNoteFile = "narthex";
constexpr std::size_t kNoteBytesMax = 1024;
constexpr std::size_t kBatchBytes = std::size_t{1} << 20U;
constexpr std::size_t kExemplarsPerRecord = 10'000;

template <class Number>
bool take_number(std::string_view& text, Number& out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

// "chunk_snapshot.000012.0000004096"
std::optional<SnapshotPlace> parse_name(std::string_view name) {
  if (!name.starts_with(kPrefix)) return std::nullopt;
  name.remove_prefix(kPrefix.size());
  SnapshotPlace place;
  if (!take_number(name, place.segment) || !name.starts_with('.')) return std::nullopt;
  name.remove_prefix(1);
  if (!take_number(name, place.offset) || !name.empty()) return std::nullopt;
  return place;
}

// Adds records to a log of their own, a batch at a time.
class RecordSink {
 public:
  explicit RecordSink(LogWriter& log) : log_(log) {}
  // To be filled and then given to add().
  std::string& record() {
    record_.clear();
    return record_;
  }
  util::Result<void> add() {
    if (record_.empty()) return {};
    if (pending_ == 0) NX_TRY(log_.begin());
    log_.add(record_);
    ++count_;
    pending_ += record_.size();
    return pending_ < kBatchBytes ? util::Result<void>{} : flush();
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
  util::Result<void> flush() {
    if (pending_ == 0) return {};
    pending_ = 0;
    return log_.commit();
  }

 private:
  LogWriter& log_;
  std::string record_;
  std::size_t pending_ = 0;
  std::uint64_t count_ = 0;
};

util::Result<void> write_series(RecordSink& sink, const SnapshotContent& content) {
  const LabelIndex& index = content.head.index();
  return content.head.visit_series(
      [&](SeriesId id, const Head::OpenChunk* chunk) -> util::Result<void> {
        if (std::ranges::binary_search(content.unlogged, id)) return {};
        const model::Labels labels = index.labels(index.labels_of(id));
        if (chunk == nullptr) {
          encode_snapshot_series(sink.record(), id, labels);
          return sink.add();
        }
        SnapshotLastValue last{.value = chunk->last_value,
                               .integer = chunk->last_integer,
                               .floating = chunk->last_floating};
        const SnapshotSeries series{.ref = id,
                                    .labels = labels,
                                    .has_chunk = true,
                                    .min = chunk->min,
                                    .max = chunk->max,
                                    .encoding = static_cast<std::uint8_t>(chunk->encoding),
                                    .chunk = chunk->bytes};
        encode_snapshot_series(sink.record(), series, last);
        return sink.add();
      });
}

// The log behind the snapshot may name a series by them.
util::Result<void> write_aliases(RecordSink& sink, const SnapshotContent& content) {
  const LabelIndex& index = content.head.index();
  for (const auto& [ref, id] : content.aliases) {
    if (!content.head.has_series(id)) continue;
    encode_snapshot_series(sink.record(), ref, index.labels(index.labels_of(id)));
    NX_TRY(sink.add());
  }
  return {};
}

util::Result<void> write_tombstones(RecordSink& sink, const Head& head) {
  std::vector<RefTombstone> stones;
  const auto deletions = head.deletions();
  for (const auto& [id, ranges] : deletions->all()) {
    for (const model::TimeRange& range : ranges) stones.push_back({id, range});
  }
  encode_snapshot_tombstones(sink.record(), stones);
  return sink.add();
}

util::Result<void> write_exemplars(RecordSink& sink, const SnapshotContent& content) {
  const std::vector<model::Matchers> everything(1);
  std::vector<RefExemplar> entries;
  for (const storage::SeriesExemplars& series : content.exemplars.select({}, everything)) {
    const std::uint32_t hash = LabelIndex::hash_of(series.series);
    SeriesId id = kNoSeriesId;
    content.head.index().find({&series.series, 1}, {&hash, 1}, {&id, 1});
    if (id == kNoSeriesId) continue;
    for (const storage::ExemplarPoint& one : series.exemplars)
      entries.push_back({id, one.timestamp, one.value, one.labels});
  }
  // About the order in which they came.
  std::ranges::stable_sort(entries, {}, &RefExemplar::timestamp);
  for (std::size_t i = 0; i < entries.size(); i += kExemplarsPerRecord) {
    const std::size_t count = std::min(kExemplarsPerRecord, entries.size() - i);
    encode_snapshot_exemplars(sink.record(), std::span(entries).subspan(i, count));
    NX_TRY(sink.add());
  }
  return {};
}

util::Result<void> write_note(util::Env& env, const std::string& directory,
                              const SnapshotNote& note) {
  NX_ASSIGN(const auto file, env.open_writable(directory + "/" + std::string(kNoteFile),
                                               util::WriteMode::kTruncate));
  std::string text = fmt::format("{} {} {} {} ", note.series_end, note.chunk_files.end,
                                 note.records, note.chunk_files.bytes);
  text += fmt::format("{}\n", util::crc32c(text));
  NX_TRY(file->append(text));
  NX_TRY(file->sync());
  return file->close();
}

util::Result<SnapshotNote> read_note(util::Env& env, const std::string& directory) {
  SnapshotNote note;
  const std::string path = directory + "/" + std::string(kNoteFile);
  if (!env.exists(path)) return note;
  NX_ASSIGN(const std::string text, env.read_file(path, kNoteBytesMax));
  std::string_view rest = text;
  const auto skip = [&rest](char c) {
    const bool there = rest.starts_with(c);
    if (there) rest.remove_prefix(1);
    return there;
  };
  bool ok = take_number(rest, note.series_end) && skip(' ') &&
            take_number(rest, note.chunk_files.end) && skip(' ') &&
            take_number(rest, note.records) && skip(' ') &&
            take_number(rest, note.chunk_files.bytes) && skip(' ');
  const std::string_view sealed = std::string_view(text).substr(0, text.size() - rest.size());
  std::uint32_t checksum = 0;
  ok = ok && take_number(rest, checksum) && skip('\n') && rest.empty() &&
       checksum == util::crc32c(sealed);
  if (!ok) return util::fail(util::Code::kCorruption, path + ": does not parse");
  return note;
}

util::Result<void> fill(const std::string& directory, const SnapshotTarget& to,
                        const SnapshotContent& content) {
  NX_ASSIGN(const auto log, LogWriter::open(to.env, directory, 0, to.log_options));
  RecordSink sink(*log);
  NX_TRY(write_series(sink, content));
  NX_TRY(write_aliases(sink, content));
  NX_TRY(write_tombstones(sink, content.head));
  NX_TRY(write_exemplars(sink, content));
  NX_TRY(sink.flush());
  NX_TRY(log->close());
  NX_TRY(write_note(to.env, directory,
                    {.series_end = content.head.next_series_id(),
                     .chunk_files = content.chunk_files,
                     .records = sink.count()}));
  return to.env.sync_dir(directory);
}

// Whether it can be applied to the end.
util::Result<void> check_record(std::string_view record, storage::SampleColumns& scratch) {
  switch (static_cast<SnapshotRecordType>(record[0])) {
    case SnapshotRecordType::kSeries: {
      NX_ASSIGN(const SnapshotSeries series, decode_snapshot_series(record));
      if (!series.has_chunk) return {};
      scratch.clear();
      return append_chunk_samples({series.encoding, series.chunk}, scratch);
    }
    case SnapshotRecordType::kTombstones: {
      std::vector<RefTombstone> stones;
      return decode_snapshot_tombstones(record, stones);
    }
    case SnapshotRecordType::kExemplars: {
      std::vector<RefExemplar> exemplars;
      return decode_snapshot_exemplars(record, exemplars);
    }
  }
  return util::fail(util::Code::kUnsupported,
                    fmt::format("record of type {}", static_cast<unsigned>(record[0])));
}

}  // namespace

util::Result<std::optional<SnapshotPlace>> find_snapshot(util::Env& env,
                                                         const std::string& data_directory) {
  std::optional<SnapshotPlace> newest;
  NX_ASSIGN(const auto entries, env.list_dir(data_directory));
  for (const util::DirEntry& entry : entries) {
    auto place = entry.is_directory ? parse_name(entry.name) : std::nullopt;
    if (!place) continue;
    place->path = data_directory + "/" + entry.name;
    if (!newest ||
        std::pair(newest->segment, newest->offset) < std::pair(place->segment, place->offset))
      newest = std::move(place);
  }
  return newest;
}

void remove_snapshots(util::Env& env, const std::string& data_directory) {
  const auto entries = env.list_dir(data_directory);
  if (!entries) return;  // Whoever needs the directory reports it.
  for (const util::DirEntry& entry : *entries) {
    std::string_view name = entry.name;
    if (name.ends_with(kScratchSuffix)) name.remove_suffix(kScratchSuffix.size());
    if (!parse_name(name)) continue;
    if (const auto removed = env.remove_all(data_directory + "/" + entry.name); !removed) {
      util::log_warn("A snapshot of the head could not be removed",
                     {{"component", "tsdb"}, {"snapshot", entry.name}, {"err", removed.error()}});
    }
  }
}

util::Result<void> write_snapshot(const SnapshotTarget& to, const SnapshotContent& content) {
  const std::string path =
      fmt::format("{}/{}{:06}.{:010}", to.data_directory, kPrefix, to.segment, to.offset);
  const std::string scratch = path + std::string(kScratchSuffix);
  auto written = fill(scratch, to, content);
  if (written) written = to.env.rename(scratch, path);
  if (written) written = to.env.sync_dir(to.data_directory);
  if (!written) {
    if (const auto removed = to.env.remove_all(scratch); !removed) {
      util::log_warn("What a failed snapshot has left could not be removed",
                     {{"component", "tsdb"}, {"err", removed.error()}});
    }
  }
  return written;
}

util::Result<void> visit_snapshot(
    util::Env& env, const std::string& path,
    const std::function<util::Result<void>(std::string_view record)>& visit) {
  NX_ASSIGN(const auto segments, list_wal_segments(env, path));
  if (segments.empty()) return util::fail(util::Code::kCorruption, path + ": is empty");
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (segments[i].number != i)
      return util::fail(util::Code::kCorruption, path + ": segments are missing");
    NX_ASSIGN(const auto file, env.map_file(segments[i].path));
    SegmentReader reader(file->bytes());
    while (const auto record = reader.next()) {
      if (auto visited = visit(*record); !visited) {
        return std::unexpected(std::move(visited).error().with_context(
            fmt::format("{}: before byte {}", segments[i].path, reader.position())));
      }
    }
    if (reader.damage().empty()) continue;
    const WalDamage& damage = reader.damage().front();
    return util::fail(util::Code::kCorruption, fmt::format("{}: byte {}: {}", segments[i].path,
                                                           damage.offset, damage.reason));
  }
  return {};
}

util::Result<SnapshotNote> check_snapshot(util::Env& env, const std::string& data_directory,
                                          const SnapshotPlace& place,
                                          const ChunkFilesExtent& files) {
  const std::string& path = place.path;
  NX_ASSIGN(const auto log, list_wal_segments(env, data_directory + "/wal"));
  if (log.empty() || log.back().number < place.segment)
    return util::fail(util::Code::kCorruption, path + ": the log ends before it");
  storage::SampleColumns scratch;
  std::uint64_t records = 0;
  NX_TRY(visit_snapshot(env, path, [&](std::string_view record) {
    ++records;
    return check_record(record, scratch);
  }));
  NX_ASSIGN(const SnapshotNote note, read_note(env, path));
  if (note.records != 0 && note.records != records) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("{}: {} records of {}", path, records, note.records));
  }
  if (note.chunk_files.end > files.end || note.chunk_files.bytes > files.bytes)
    return util::fail(util::Code::kCorruption, path + ": files of head chunks are missing or cut");
  return note;
}

}  // namespace narthex::tsdb
