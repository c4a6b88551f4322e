#include "tsdb/db/replay.h"

#include <algorithm>
#include <deque>

#include <fmt/format.h>

#include "narthex/util/log.h"
#include "narthex/util/mutex.h"
#include "narthex/util/worker_pool.h"

#include "tsdb/block/chunk_samples.h"
#include "tsdb/wal/log_writer.h"
#include "tsdb/wal/segment_reader.h"

namespace narthex::tsdb {

namespace {

// Large enough to keep both threads busy, small enough to stay in the cache on the way.
constexpr std::size_t kSamplesPerHandover = 8192;
constexpr std::size_t kHandoversMax = 16;
constexpr const char* kComponent = "tsdb";

}  // namespace

// Bounded: the worker waits when it is full. Threads: synchronized.
class LogReplay::Queue {
 public:
  void push(Decoded decoded) {
    const util::MutexLock lock(mutex_);
    changed_.wait(mutex_,
                  [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return items_.size() < kHandoversMax; });
    items_.push_back(std::move(decoded));
    changed_.notify_all();
  }
  void finish() {
    const util::MutexLock lock(mutex_);
    finished_ = true;
    changed_.notify_all();
  }
  // False at the end. `used` goes back for reuse.
  bool pop(Decoded& out) {
    const util::MutexLock lock(mutex_);
    changed_.wait(mutex_,
                  [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return !items_.empty() || finished_; });
    if (items_.empty()) return false;
    std::swap(out, items_.front());
    items_.front().clear();
    spare_.push_back(std::move(items_.front()));
    items_.pop_front();
    changed_.notify_all();
    return true;
  }
  Decoded spare() {
    const util::MutexLock lock(mutex_);
    if (spare_.empty()) return {};
    Decoded one = std::move(spare_.back());
    spare_.pop_back();
    return one;
  }

 private:
  util::Mutex mutex_;
  util::CondVar changed_;
  std::deque<Decoded> items_ NX_GUARDED_BY(mutex_);
  std::vector<Decoded> spare_ NX_GUARDED_BY(mutex_);
  bool finished_ NX_GUARDED_BY(mutex_) = false;
};

void LogReplay::Decoded::clear() {
  series.clear();
  samples.clear();
  integers.clear();
  floating.clear();
  tombstones.clear();
  exemplars.clear();
  metadata.clear();
  markers.clear();
  order.clear();
}

std::size_t LogReplay::Decoded::weight() const noexcept {
  // A histogram costs as much as some samples.
  constexpr std::size_t kSamplesPerHistogram = 16;
  // So do the labels of a series or of an exemplar, and texts about a series.
  constexpr std::size_t kSamplesPerLabels = 16;
  return samples.size() + kSamplesPerLabels * (series.size() + exemplars.size() + metadata.size()) +
         kSamplesPerHistogram * (integers.size() + floating.size());
}

LogReplay::LogReplay(util::Env& env, std::string data_directory, Into into, ReplayReport& report,
                     ReplayProgress* progress)
    : env_(env),
      data_directory_(std::move(data_directory)),
      head_(into.head),
      exemplars_(into.exemplars),
      metadata_(into.metadata),
      chunk_files_(into.chunk_files),
      report_(report),
      progress_(progress) {}

util::Result<std::uint64_t> LogReplay::run_log(const std::string& name) {
  const std::string directory = data_directory_ + "/" + name;
  NX_ASSIGN(auto checkpoint, find_wal_checkpoint(env_, directory));
  NX_ASSIGN(auto log, list_wal_segments(env_, directory));
  std::uint64_t next = checkpoint ? checkpoint->last_segment + 1 : 0;
  if (!log.empty()) next = std::max(next, log.back().number + 1);
  // Every start would leave one more.
  if (late_ && !log.empty() && env_.file_size(log.back().path).value_or(1) == 0) {
    next = log.back().number;
    log.pop_back();
  }
  if (snapshot_ && !late_) {
    next = std::max(next, snapshot_->segment + 1);
    std::erase_if(log, [&](const WalSegment& s) { return s.number < snapshot_->segment; });
    if (checkpoint && checkpoint->last_segment < snapshot_->segment) checkpoint.reset();
  }
  if (checkpoint)
    std::erase_if(log, [&](const WalSegment& s) { return s.number <= checkpoint->last_segment; });
  if (progress_ != nullptr && !log.empty() && !late_) {
    progress_->segment_min = static_cast<std::int64_t>(log.front().number);
    progress_->segment_max = static_cast<std::int64_t>(log.back().number);
    progress_->segment_current = progress_->segment_min.load();
  }
  for (std::size_t i = 1; i < log.size(); ++i) {
    if (log[i].number == log[i - 1].number + 1) continue;
    ++report_.damaged_regions;
    util::log_error(
        "Log segments are missing; what they held is lost",
        {{"component", kComponent}, {"after", log[i - 1].path}, {"before", log[i].path}});
  }

  std::vector<WalSegment> segments;
  if (checkpoint) {
    NX_ASSIGN(segments, list_wal_segments(env_, checkpoint->path));
    // Their own numbers are not the log's.
    for (WalSegment& segment : segments) segment.number = checkpoint->last_segment;
  }
  segments.insert(segments.end(), log.begin(), log.end());
  if (segments.empty()) return next;

  Queue queue;
  util::WorkerPool worker("wal-replay", 1, 1);
  if (!worker.try_submit([&] { decode_all(segments, queue); })) {
    return util::fail(util::Code::kInternal, "replay worker did not start");
  }
  Decoded decoded;
  while (queue.pop(decoded)) apply(decoded);
  worker.stop();
  report_.segments += segments.size();
  return next;
}

void LogReplay::decode_all(const std::vector<WalSegment>& segments, Queue& queue) {
  for (const WalSegment& segment : segments) decode_segment(segment, queue);
  queue.finish();
}

void LogReplay::decode_segment(const WalSegment& segment, Queue& queue) {
  const auto file = env_.map_file(segment.path);
  if (!file) {
    ++report_.damaged_regions;
    util::log_error("A log segment cannot be read; what it held is missing",
                    {{"component", kComponent}, {"segment", segment.path}, {"err", file.error()}});
    return;
  }
  const std::string_view bytes = (*file)->bytes();
  const bool known_in_part = snapshot_ && !late_ && segment.number == snapshot_->segment;
  SegmentReader reader(bytes, known_in_part ? std::min(snapshot_->offset, bytes.size()) : 0);
  Decoded decoded = queue.spare();
  decoded.segment = segment.number;
  while (const auto record = reader.next()) {
    decode_record(*record, decoded);
    if (decoded.weight() < kSamplesPerHandover) continue;
    queue.push(std::move(decoded));
    decoded = queue.spare();
    decoded.segment = segment.number;
  }
  queue.push(std::move(decoded));
  if (reader.damage().empty()) return;
  for (const WalDamage& damage : reader.damage()) {
    ++report_.damaged_regions;
    report_.damaged_bytes += damage.bytes;
    util::log_warn(
        damage.torn_tail ? "A log segment ends inside a record" : "A log segment is damaged",
        {{"component", kComponent},
         {"segment", segment.path},
         {"offset", damage.offset},
         {"bytes", damage.bytes},
         {"reason", damage.reason}});
  }
  const bool only_torn = std::ranges::all_of(reader.damage(), &WalDamage::torn_tail);
  if (!only_torn) {
    settle_damage(segment, bytes);
    return;
  }
  const auto tail = env_.open_writable(segment.path, util::WriteMode::kAppend);
  util::Result<void> cut;
  if (tail) {
    cut = (*tail)->truncate(reader.sound_end());
  } else {
    cut = std::unexpected(tail.error());
  }
  if (!cut) {
    util::log_warn("The torn end of a log segment could not be cut off",
                   {{"component", kComponent}, {"segment", segment.path}, {"err", cut.error()}});
  }
}

void LogReplay::decode_record(std::string_view record, Decoded& into) {
  util::Result<void> result;
  switch (static_cast<RecordType>(record[0])) {
    case RecordType::kSeries:
      result = decode_series(record, into.series);
      break;
    case RecordType::kSamples:
      result = decode_samples(record, into.samples);
      into.note_order();
      break;
    case RecordType::kHistograms:
    case RecordType::kCustomHistograms:
      result = decode_histograms(record, into.integers);
      into.note_order();
      break;
    case RecordType::kFloatHistograms:
    case RecordType::kCustomFloatHistograms:
      result = decode_histograms(record, into.floating);
      into.note_order();
      break;
    case RecordType::kTombstones:
      result = decode_tombstones(record, into.tombstones);
      break;
    case RecordType::kExemplars:
      result = decode_exemplars(record, into.exemplars);
      break;
    case RecordType::kMetadata:
      result = decode_metadata(record, into.metadata);
      break;
    case RecordType::kMmapMarkers:
      result = decode_chunk_markers(record, into.markers);
      into.note_order();
      break;
    default:
      break;  // Kinds that this head does not hold.
  }
  if (result) return;
  // The checksum was right, so whoever wrote it wrote nonsense: what parsed is used.
  ++report_.damaged_regions;
  util::log_warn("A log record does not parse",
                 {{"component", kComponent}, {"err", result.error()}});
}

void LogReplay::apply(const Decoded& decoded) {
  for (const RefSeries& series : decoded.series) define(series.ref, series.labels);
  Decoded::Upto done;
  for (const Decoded::Upto& upto : decoded.order) {
    apply_samples(decoded.samples, done.samples, upto.samples);
    apply_histograms(
        std::span(decoded.integers).subspan(done.integers, upto.integers - done.integers));
    apply_histograms(
        std::span(decoded.floating).subspan(done.floating, upto.floating - done.floating));
    if (late_)
      apply_markers(std::span(decoded.markers).subspan(done.markers, upto.markers - done.markers));
    done = upto;
  }
  apply_tombstones(decoded.tombstones);
  apply_exemplars(decoded.exemplars);
  apply_metadata(decoded.metadata);
  if (progress_ != nullptr && !late_)
    progress_->segment_current = static_cast<std::int64_t>(decoded.segment);
}

void LogReplay::define(std::uint64_t ref, const model::Labels& labels) {
  const SeriesId id = head_.replay_series(ref, labels);
  ++report_.series;
  if (id != ref) {
    aliases_[ref] = id;
  } else if (!aliases_.empty()) {
    aliases_.erase(ref);
  }
}

void LogReplay::apply_samples(const RefSamples& samples, std::size_t begin, std::size_t end) {
  if (late_) {
    for (std::size_t i = begin; i < end; ++i) {
      head_.reserve_id(samples.refs[i]);
      count(head_.replay_late(id_of(samples.refs[i]), samples.timestamps[i], samples.values[i]));
    }
    return;
  }
  constexpr std::size_t kAhead = 12;
  for (std::size_t i = begin; i < end; ++i) {
    if (i + kAhead < end) head_.prefetch(samples.refs[i + kAhead]);
    count(head_.replay_sample(id_of(samples.refs[i]), samples.timestamps[i], samples.values[i]));
  }
}

template <class Histogram>
void LogReplay::apply_histograms(std::span<const RefHistogram<Histogram>> histograms) {
  for (const auto& one : histograms) {
    if (late_) {
      head_.reserve_id(one.ref);
      count(head_.replay_late(id_of(one.ref), one.timestamp, one.histogram));
    } else {
      count(head_.replay_histogram(id_of(one.ref), one.timestamp, one.histogram));
    }
  }
}

void LogReplay::count(ReplayOutcome outcome) noexcept {
  switch (outcome) {
    case ReplayOutcome::kStored:
      ++report_.samples;
      break;
    case ReplayOutcome::kInFile:
      ++report_.samples_in_files;
      break;
    case ReplayOutcome::kNotNewer:
    case ReplayOutcome::kInvalid:
      ++report_.samples_ignored;
      break;
    case ReplayOutcome::kUnknownSeries:
      ++report_.samples_without_series;
      break;
  }
}

std::uint64_t LogReplay::id_of(std::uint64_t ref) const {
  if (aliases_.empty()) return ref;
  const auto it = aliases_.find(ref);
  return it == aliases_.end() ? ref : it->second;
}

void LogReplay::apply_exemplars(std::span<const RefExemplar> exemplars) {
  const LabelIndex& index = head_.index();
  for (const RefExemplar& one : exemplars) {
    const std::uint64_t id = id_of(one.ref);
    if (!head_.has_series(id)) continue;
    exemplars_.append(index.labels(index.labels_of(static_cast<SeriesId>(id))),
                      {one.timestamp, one.value, one.labels});
  }
}

void LogReplay::apply_metadata(std::span<const RefMetadata> entries) {
  for (const RefMetadata& one : entries) {
    const std::uint64_t id = id_of(one.ref);
    if (head_.has_series(id)) metadata_.set(static_cast<SeriesId>(id), one.metadata);
  }
}

void LogReplay::apply_tombstones(std::span<const RefTombstone> stones) {
  if (stones.empty()) return;
  std::vector<SeriesDeletion> deletions;
  for (const RefTombstone& stone : stones) {
    const std::uint64_t id = id_of(stone.ref);
    if (head_.find_series(id) == nullptr) continue;  // Gone, and its samples with it.
    deletions.push_back({static_cast<SeriesId>(id), stone.range});
  }
  head_.add_deletions(deletions);
}

// Null when the file does not have it: the log has its samples.
LateChunkPtr LogReplay::find_late_chunk(const RefChunkMarker& marker) const {
  if (marker.chunk == 0) return nullptr;
  const auto found = chunk_files_.read(marker.chunk);
  if (!found || !found->late || found->series != marker.ref) return nullptr;
  auto chunk = std::make_shared<LateChunk>();
  chunk->min = found->min;
  chunk->max = found->max;
  chunk->encoding = found->encoding;
  chunk->sample_count = chunk_sample_count({found->encoding, found->payload});
  chunk->file = found->file;
  chunk->file_ref = marker.chunk;
  return chunk;
}

void LogReplay::apply_markers(std::span<const RefChunkMarker> markers) {
  std::vector<LateChunkPtr> chunks;
  for (std::size_t i = 0; i < markers.size();) {
    const std::uint64_t ref = markers[i].ref;
    head_.reserve_id(ref);
    chunks.clear();
    for (; i < markers.size() && markers[i].ref == ref; ++i) {
      if (LateChunkPtr chunk = find_late_chunk(markers[i])) chunks.push_back(std::move(chunk));
    }
    if (!chunks.empty() && head_.replay_late_chunks(id_of(ref), chunks))
      report_.late_chunks += chunks.size();
  }
}

void LogReplay::settle_damage(const WalSegment& segment, std::string_view bytes) {
  auto copy = set_aside(segment);
  if (!copy) {
    util::log_error("A damaged log segment could not be set aside; it stays where it is",
                    {{"component", kComponent}, {"segment", segment.path}, {"err", copy.error()}});
    return;
  }
  report_.set_aside.push_back(*copy);
  if (const auto replaced = replace_by_sound_records(segment, bytes); !replaced) {
    util::log_error(
        "The sound part of a damaged log segment could not be written; it stays as it is",
        {{"component", kComponent}, {"segment", segment.path}, {"err", replaced.error()}});
    return;
  }
  util::log_warn("A damaged log segment was set aside",
                 {{"component", kComponent}, {"segment", segment.path}, {"copy", *copy}});
}

util::Result<std::string> LogReplay::set_aside(const WalSegment& segment) {
  const std::string directory = data_directory_ + "/damaged";
  NX_TRY(env_.create_dirs(directory));
  const std::string base = fmt::format("{}/{}-{}", directory, late_ ? "wbl" : "wal",
                                       segment.path.substr(segment.path.rfind('/') + 1));
  std::string copy = base;
  for (int i = 1; env_.exists(copy); ++i) copy = fmt::format("{}.{}", base, i);
  // A link is enough: the segment is replaced, never changed.
  NX_TRY(env_.link(segment.path, copy));
  NX_TRY(env_.sync_dir(directory));
  return copy;
}

util::Result<void> LogReplay::replace_by_sound_records(const WalSegment& segment,
                                                       std::string_view bytes) {
  const std::string scratch = data_directory_ + "/wal-repair.tmp";
  NX_TRY(env_.remove_all(scratch));
  // One segment, however large.
  LogWriterOptions options;
  options.segment_bytes = (bytes.size() / kWalPageBytes + 2) * kWalPageBytes * 64;
  NX_ASSIGN(const auto writer, LogWriter::open(env_, scratch, 0, options));
  SegmentReader reader(bytes);
  bool more = true;
  while (more) {
    NX_TRY(writer->begin());
    for (std::size_t i = 0; i < 256 && more; ++i) {
      const auto record = reader.next();
      more = record.has_value();
      if (record) writer->add(*record);
    }
    NX_TRY(writer->commit());
  }
  NX_TRY(writer->close());
  NX_TRY(env_.rename(wal_segment_path(scratch, 0), segment.path));
  NX_TRY(env_.sync_dir(segment.path.substr(0, segment.path.rfind('/'))));
  return env_.remove_all(scratch);
}

}  // namespace narthex::tsdb
