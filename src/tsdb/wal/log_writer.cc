#include "tsdb/wal/log_writer.h"

#include <algorithm>

#include <snappy.h>
#include <zstd.h>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/check.h"
#include "narthex/util/crc32c.h"
#include "narthex/util/log.h"

#include "tsdb/wal/segment_reader.h"

namespace narthex::tsdb {

namespace {

// Speed over ratio: the log is read once, if at all.
constexpr int kZstdLevel = 1;
// What relog() puts into one write.
constexpr std::size_t kRelogBatchRecords = 256;

}  // namespace

util::Result<std::unique_ptr<LogWriter>> LogWriter::open(util::Env& env, std::string directory,
                                                         std::uint64_t first_segment,
                                                         LogWriterOptions options) {
  NX_CHECK(options.segment_bytes >= kWalPageBytes && options.segment_bytes % kWalPageBytes == 0,
           "segments of {} bytes", options.segment_bytes);
  std::unique_ptr<LogWriter> writer(new LogWriter(env, std::move(directory), options));
  NX_TRY(env.create_dirs(writer->directory_));
  NX_TRY(writer->start_segment(first_segment));
  return writer;
}

LogWriter::~LogWriter() = default;

util::Result<void> LogWriter::start_segment(std::uint64_t number) {
  auto segment = std::make_shared<Segment>();
  segment->number = number;
  segment->path = wal_segment_path(directory_, number);
  NX_ASSIGN(segment->file, env_.open_writable(segment->path, util::WriteMode::kTruncate));
  NX_TRY(env_.sync_dir(directory_));
  const util::MutexLock lock(mutex_);
  if (current_) unsynced_.push_back(std::move(current_));
  current_ = std::move(segment);
  return {};
}

std::uint64_t LogWriter::current_segment() const {
  const util::MutexLock lock(mutex_);
  return current_->number;
}

util::Result<void> LogWriter::begin() {
  bool doubt = false;
  {
    const util::MutexLock lock(mutex_);
    doubt = !sync_failed_.empty();
  }
  if (must_roll_ || doubt || !doubtful_.empty()) NX_TRY(recover());
  batch_segments_.clear();
  piece_count_ = 1;
  if (pieces_.empty()) pieces_.resize(1);
  pieces_[0].bytes.clear();
  const util::MutexLock lock(mutex_);
  planned_bytes_ = current_->committed_bytes;
  return {};
}

std::uint8_t LogWriter::compress(std::string_view record, std::string_view& out) {
  counters_.record_bytes.fetch_add(record.size(), std::memory_order_relaxed);
  std::size_t size = record.size();
  std::uint8_t flag = 0;
  if (options_.compression == WalCompression::kSnappy) {
    compressed_.resize(std::max(compressed_.size(), snappy::MaxCompressedLength(record.size())));
    snappy::RawCompress(record.data(), record.size(), compressed_.data(), &size);
    flag = kFragmentSnappy;
  } else if (options_.compression == WalCompression::kZstd) {
    compressed_.resize(std::max(compressed_.size(), ZSTD_compressBound(record.size())));
    size = ZSTD_compress(compressed_.data(), compressed_.size(), record.data(), record.size(),
                         kZstdLevel);
    NX_CHECK(ZSTD_isError(size) == 0, "zstd: {}", ZSTD_getErrorName(size));
    flag = kFragmentZstd;
  }
  if (flag == 0 || size >= record.size()) {
    out = record;
    flag = 0;
  } else {
    out = std::string_view(compressed_.data(), size);
  }
  counters_.record_bytes_compressed.fetch_add(out.size(), std::memory_order_relaxed);
  return flag;
}

std::uint64_t LogWriter::room_in_segment() const noexcept {
  if (planned_bytes_ >= options_.segment_bytes) return 0;
  const std::uint64_t in_page = planned_bytes_ % kWalPageBytes;
  const std::uint64_t page_left = kWalPageBytes - in_page;
  const std::uint64_t whole_pages =
      (options_.segment_bytes - planned_bytes_ - page_left) / kWalPageBytes;
  return (page_left - std::min<std::uint64_t>(page_left, kWalFragmentHeaderBytes)) +
         whole_pages * (kWalPageBytes - kWalFragmentHeaderBytes);
}

void LogWriter::pad_page() {
  const std::uint64_t in_page = planned_bytes_ % kWalPageBytes;
  if (in_page == 0) return;
  pieces_[piece_count_ - 1].bytes.append(kWalPageBytes - in_page, '\0');
  planned_bytes_ += kWalPageBytes - in_page;
  counters_.pages_completed.fetch_add(1, std::memory_order_relaxed);
}

void LogWriter::add(std::string_view record) {
  std::string_view data;
  const std::uint8_t compression = compress(record, data);
  // A record never crosses segments; one that is larger than a segment gets a segment as large as
  // it needs.
  if (data.size() > room_in_segment() && planned_bytes_ != 0) {
    pad_page();
    ++piece_count_;
    if (pieces_.size() < piece_count_) pieces_.resize(piece_count_);
    pieces_[piece_count_ - 1].bytes.clear();
    planned_bytes_ = 0;
  }
  frame(data, compression);
}

void LogWriter::frame(std::string_view data, std::uint8_t compression) {
  std::string& out = pieces_[piece_count_ - 1].bytes;
  bool first = true;
  do {
    if (kWalPageBytes - planned_bytes_ % kWalPageBytes < kWalFragmentHeaderBytes) pad_page();
    const std::uint64_t room =
        kWalPageBytes - planned_bytes_ % kWalPageBytes - kWalFragmentHeaderBytes;
    const std::string_view part = data.substr(0, room);
    data.remove_prefix(part.size());
    FragmentType type = FragmentType::kMiddle;
    if (first && data.empty()) {
      type = FragmentType::kFull;
    } else if (first) {
      type = FragmentType::kFirst;
    } else if (data.empty()) {
      type = FragmentType::kLast;
    }
    char header[kWalFragmentHeaderBytes];
    header[0] = static_cast<char>(static_cast<std::uint8_t>(type) | compression);
    util::store_be(header + 1, static_cast<std::uint16_t>(part.size()));
    util::store_be(header + 3, util::crc32c(part));
    out.append(header, sizeof(header));
    out.append(part);
    counters_.fragments.fetch_add(1, std::memory_order_relaxed);
    counters_.fragment_bytes.fetch_add(sizeof(header) + part.size(), std::memory_order_relaxed);
    planned_bytes_ += sizeof(header) + part.size();
    if (planned_bytes_ % kWalPageBytes == 0)
      counters_.pages_completed.fetch_add(1, std::memory_order_relaxed);
    first = false;
  } while (!data.empty());
}

util::Result<void> LogWriter::write_pieces() {
  for (std::size_t i = 0; i < piece_count_; ++i) {
    std::shared_ptr<Segment> segment;
    {
      const util::MutexLock lock(mutex_);
      segment = current_;
    }
    if (i > 0) {
      NX_TRY(start_segment(segment->number + 1));
      const util::MutexLock lock(mutex_);
      segment = current_;
    }
    batch_segments_.push_back(segment);
    if (pieces_[i].bytes.empty()) continue;
    NX_TRY(segment->file->append(pieces_[i].bytes));
    counters_.bytes_written.fetch_add(pieces_[i].bytes.size(), std::memory_order_relaxed);
    counters_.pages_flushed.fetch_add((pieces_[i].bytes.size() + kWalPageBytes - 1) / kWalPageBytes,
                                      std::memory_order_relaxed);
  }
  return {};
}

util::Result<void> LogWriter::commit() {
  if (auto written = write_pieces(); !written) {
    counters_.writes_failed.fetch_add(1, std::memory_order_relaxed);
    take_back_batch();
    must_roll_ = true;
    // At once, so that the next batch finds a sound segment if the disk has recovered.
    if (const auto recovered = recover(); !recovered) {
      util::log_warn(
          "No new log segment after a failed write; appends are refused until there is one",
          {{"component", "tsdb"}, {"err", recovered.error()}});
    }
    return std::unexpected(std::move(written).error().with_context("write log"));
  }
  accept_batch();
  return {};
}

util::Result<void> LogWriter::commit_durably() {
  NX_TRY(commit());
  if (auto synced = sync(); !synced) {
    {
      const util::MutexLock lock(mutex_);
      for (std::size_t i = 0; i < batch_segments_.size(); ++i)
        batch_segments_[i]->committed_bytes -= pieces_[i].bytes.size();
    }
    take_back_batch();
    return synced;
  }
  return {};
}

void LogWriter::accept_batch() {
  const util::MutexLock lock(mutex_);
  for (std::size_t i = 0; i < batch_segments_.size(); ++i)
    batch_segments_[i]->committed_bytes += pieces_[i].bytes.size();
}

// The failed batch must not come back at the next start.
void LogWriter::take_back_batch() {
  for (const auto& segment : batch_segments_) {
    std::uint64_t keep = 0;
    {
      const util::MutexLock lock(mutex_);
      keep = segment->committed_bytes;
    }
    if (segment->file->size_bytes() == keep) continue;
    if (const auto cut = segment->file->truncate(keep); !cut) {
      util::log_warn(
          "A log segment could not be cut back to its last whole batch; replay will step over the "
          "rest",
          {{"component", "tsdb"}, {"segment", segment->path}, {"err", cut.error()}});
    }
  }
  batch_segments_.clear();
}

util::Result<void> LogWriter::recover() {
  std::uint64_t number = 0;
  {
    const util::MutexLock sync_lock(sync_mutex_);
    const util::MutexLock lock(mutex_);
    for (const auto& segment : sync_failed_) {
      doubtful_.push_back({segment->path, segment->synced_bytes, segment->committed_bytes});
      std::erase(unsynced_, segment);
      if (segment == current_) must_roll_ = true;
    }
    sync_failed_.clear();
    number = current_->number + 1;
  }
  if (must_roll_ || !doubtful_.empty()) {
    NX_TRY(start_segment(number));
    must_roll_ = false;
    if (!doubtful_.empty()) {
      // What start_segment moved to the unsynced list is among the doubtful: syncing it again would
      // prove nothing.
      const util::MutexLock lock(mutex_);
      std::erase_if(unsynced_, [this](const auto& segment) {
        return std::ranges::any_of(doubtful_,
                                   [&](const Doubtful& d) { return d.path == segment->path; });
      });
    }
  }
  while (!doubtful_.empty()) {
    const Doubtful next = doubtful_.front();
    NX_TRY(relog(next.path, next.from, next.to));
    doubtful_.erase(doubtful_.begin());
  }
  return {};
}

// Duplicates do no harm: replay ignores what is not newer.
util::Result<void> LogWriter::relog(const std::string& path, std::uint64_t from, std::uint64_t to) {
  if (from >= to) return {};
  NX_ASSIGN(const auto file, env_.map_file(path));
  const std::string_view bytes =
      file->bytes().substr(0, std::min<std::uint64_t>(to, file->bytes().size()));
  SegmentReader reader(bytes, from / kWalPageBytes * kWalPageBytes);
  bool more = true;
  while (more) {
    batch_segments_.clear();
    piece_count_ = 1;
    pieces_[0].bytes.clear();
    {
      const util::MutexLock lock(mutex_);
      planned_bytes_ = current_->committed_bytes;
    }
    for (std::size_t i = 0; i < kRelogBatchRecords && more; ++i) {
      const auto record = reader.next();
      if (record) {
        add(std::string(*record));
      } else {
        more = false;
      }
    }
    if (auto written = write_pieces(); !written) {
      take_back_batch();
      must_roll_ = true;
      return written;
    }
    accept_batch();
  }
  util::log_warn("Log records that a failed sync made doubtful were written again",
                 {{"component", "tsdb"}, {"segment", path}, {"from", from}, {"to", to}});
  return sync();
}

util::Result<void> LogWriter::sync_file(util::WritableFile& file) const {
  if (options_.sync_seconds == nullptr) return file.sync();
  const util::SteadyNs begin = options_.clock->steady_ns();
  auto synced = file.sync();
  options_.sync_seconds->observe(static_cast<double>(options_.clock->steady_ns() - begin) / 1e9);
  return synced;
}

util::Result<void> LogWriter::sync() {
  const util::MutexLock sync_lock(sync_mutex_);
  struct Target {
    std::shared_ptr<Segment> segment;
    std::uint64_t bytes;
  };
  std::vector<Target> targets;
  {
    const util::MutexLock lock(mutex_);
    for (const auto& segment : unsynced_) targets.push_back({segment, segment->committed_bytes});
    targets.push_back({current_, current_->committed_bytes});
  }
  util::Result<void> result;
  for (const Target& target : targets) {
    {
      const util::MutexLock lock(mutex_);
      if (target.bytes == target.segment->synced_bytes) continue;
    }
    auto synced = sync_file(*target.segment->file);
    const util::MutexLock lock(mutex_);
    if (synced) {
      target.segment->synced_bytes = target.bytes;
    } else {
      counters_.syncs_failed.fetch_add(1, std::memory_order_relaxed);
      if (std::ranges::find(sync_failed_, target.segment) == sync_failed_.end())
        sync_failed_.push_back(target.segment);
      result = std::unexpected(std::move(synced).error().with_context("sync log"));
    }
  }
  // Closes what is complete and safe.
  const util::MutexLock lock(mutex_);
  std::erase_if(unsynced_, [](const auto& segment) {
    return segment->synced_bytes == segment->committed_bytes;
  });
  return result;
}

util::Result<void> LogWriter::next_segment() {
  NX_TRY(begin());  // Deals with what an earlier failure left behind.
  std::uint64_t number = 0;
  {
    const util::MutexLock lock(mutex_);
    if (current_->committed_bytes == 0) return {};
    number = current_->number + 1;
  }
  return start_segment(number);
}

util::Result<void> LogWriter::close() {
  NX_TRY(begin());  // Deals with what an earlier sync left behind.
  NX_TRY(sync());
  const util::MutexLock lock(mutex_);
  return current_->file->close();
}

}  // namespace narthex::tsdb
