#include "tsdb/head/head_chunk_files.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/log.h"

namespace narthex::tsdb {

namespace {

constexpr const char* kComponent = "tsdb";
constexpr std::uint32_t kNumberMax = 0x7fff'ffff;
constexpr const char* kScratchSuffix = ".tmp";

std::uint32_t number_of(const std::string& name) noexcept {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size() || name.size() < 6) return 0;
  return number <= kNumberMax ? number : 0;
}

FileChunkRef ref_of(std::uint32_t number, std::uint64_t offset) noexcept {
  return (std::uint64_t{number} << 32U) | offset;
}

}  // namespace

std::string HeadChunkFiles::path_of(std::uint32_t number) const {
  return fmt::format("{}/{:06}", directory_, number);
}

util::Result<std::vector<std::uint32_t>> HeadChunkFiles::list() {
  std::vector<std::uint32_t> numbers;
  if (!env_.exists(directory_)) return numbers;
  NX_ASSIGN(const auto entries, env_.list_dir(directory_));
  for (const util::DirEntry& entry : entries) {
    if (entry.is_directory) continue;
    if (const std::uint32_t number = number_of(entry.name); number != 0) numbers.push_back(number);
    if (entry.name.ends_with(kScratchSuffix))
      NX_TRY(env_.remove_file(directory_ + "/" + entry.name));
  }
  std::ranges::sort(numbers);
  return numbers;
}

// A crash may come between the making of a file and the writing of its header.
util::Result<void> HeadChunkFiles::remove_unfinished(std::vector<std::uint32_t>& numbers) {
  while (!numbers.empty()) {
    const std::string path = path_of(numbers.back());
    const auto file = env_.map_file(path);
    if (!file) return {};  // load_file() reports it.
    const std::string_view bytes = (*file)->bytes();
    constexpr std::size_t kMagicBytes = 4;
    if (bytes.size() >= kHeadChunksHeaderBytes &&
        util::load_be<std::uint32_t>(bytes.substr(0, kMagicBytes).data()) != 0)
      return {};
    NX_TRY(env_.remove_file(path));
    numbers.pop_back();
  }
  return {};
}

util::Result<HeadChunksDamage> HeadChunkFiles::load(const Visit& visit) {
  NX_ASSIGN(auto numbers, list());
  NX_TRY(remove_unfinished(numbers));
  Loading loading;
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0 && numbers[i] != numbers[i - 1] + 1) {
      ++loading.damage.regions;
      loading.after_damage = true;
      util::log_error("Files of head chunks are missing; their samples are taken from the log",
                      {{"component", kComponent},
                       {"after", path_of(numbers[i - 1])},
                       {"before", path_of(numbers[i])}});
    }
    load_file(numbers[i], i + 1 == numbers.size(), loading, visit);
  }
  if (!numbers.empty()) number_ = (loading.left_in_place ? numbers.back() : loading.kept) + 1;
  counters_.damaged_regions += loading.damage.regions;
  return std::move(loading.damage);
}

void HeadChunkFiles::load_file(std::uint32_t number, bool last, Loading& loading,
                               const Visit& visit) {
  auto mapped = env_.map_file(path_of(number));
  if (!mapped) {
    ++loading.damage.regions;
    loading.after_damage = true;
    util::log_error(
        "A file of head chunks cannot be read; its samples are taken from the log",
        {{"component", kComponent}, {"file", path_of(number)}, {"err", mapped.error()}});
    if (!move_aside(number, loading.damage)) loading.left_in_place = true;
    return;
  }
  const std::shared_ptr<const util::MappedFile> file = *std::move(mapped);
  HeadChunksScan scan = scan_head_chunks(file->bytes());
  // Only the file that was being written ends where a crash cut it.
  if (scan.torn && !last) {
    if (scan.damaged_regions++ == 0) scan.damage_offset = scan.sound_end;
    scan.damaged_bytes += file->bytes().size() - scan.sound_end;
  }
  if (scan.damaged_regions != 0) report_damage(number, scan, loading.damage);

  bool settled = true;
  const bool none_stays = loading.after_damage || (scan.damaged_regions != 0 &&
                                                   scan.damage_offset <= kHeadChunksHeaderBytes);
  if (none_stays) {
    settled = move_aside(number, loading.damage);
  } else {
    publish(number, file);
    loading.kept = number;
    if (scan.damaged_regions != 0) {
      settled = end_file_at(number, file->bytes().substr(0, scan.damage_offset), loading.damage);
    } else if (scan.torn) {
      loading.damage.torn_end = true;
      cut_torn_end(number, file->bytes().substr(0, scan.sound_end));
    }
  }
  if (!settled) loading.left_in_place = true;
  for (const FoundFileChunk& found : scan.chunks)
    visit(found.chunk, ref_of(number, found.offset), none_stays || found.after_damage);
  loading.after_damage = loading.after_damage || scan.damaged_regions != 0;
}

void HeadChunkFiles::report_damage(std::uint32_t number, const HeadChunksScan& scan,
                                   HeadChunksDamage& damage) {
  damage.regions += scan.damaged_regions;
  damage.bytes += scan.damaged_bytes;
  util::log_warn("A file of head chunks is damaged; what is missing is taken from the log",
                 {{"component", kComponent},
                  {"file", path_of(number)},
                  {"offset", scan.damage_offset},
                  {"bytes", scan.damaged_bytes},
                  {"chunks_left", scan.chunks.size()}});
}

util::Result<std::string> HeadChunkFiles::place_aside(std::uint32_t number) {
  const std::string directory = data_directory_ + "/damaged";
  NX_TRY(env_.create_dirs(directory));
  const std::string base = fmt::format("{}/chunks_head-{:06}", directory, number);
  std::string copy = base;
  for (int i = 1; env_.exists(copy); ++i) copy = fmt::format("{}.{}", base, i);
  // A link is enough: the file is replaced or removed, never changed.
  NX_TRY(env_.link(path_of(number), copy));
  NX_TRY(env_.sync_dir(directory));
  return copy;
}

bool HeadChunkFiles::move_aside(std::uint32_t number, HeadChunksDamage& damage) {
  util::Result<void> moved;
  if (auto copy = place_aside(number); copy) {
    damage.set_aside.push_back(*std::move(copy));
    moved = env_.remove_file(path_of(number));
  } else {
    moved = std::unexpected(std::move(copy).error());
  }
  if (!moved) {
    util::log_error("A file of head chunks behind a damaged one could not be set aside",
                    {{"component", kComponent}, {"file", path_of(number)}, {"err", moved.error()}});
  }
  return moved.has_value();
}

bool HeadChunkFiles::end_file_at(std::uint32_t number, std::string_view sound,
                                 HeadChunksDamage& damage) {
  util::Result<void> ended;
  if (auto copy = place_aside(number); copy) {
    damage.set_aside.push_back(*std::move(copy));
    ended = replace_by(number, sound);
  } else {
    ended = std::unexpected(std::move(copy).error());
  }
  if (!ended) {
    util::log_error(
        "The sound part of a damaged file of head chunks could not be written; it stays as it is",
        {{"component", kComponent}, {"file", path_of(number)}, {"err", ended.error()}});
  }
  return ended.has_value();
}

util::Result<void> HeadChunkFiles::replace_by(std::uint32_t number, std::string_view sound) {
  const std::string scratch = path_of(number) + kScratchSuffix;
  NX_ASSIGN(const auto file, env_.open_writable(scratch, util::WriteMode::kTruncate));
  NX_TRY(file->append(sound));
  NX_TRY(file->sync());
  NX_TRY(file->close());
  NX_TRY(env_.rename(scratch, path_of(number)));
  NX_TRY(env_.sync_dir(directory_));
  NX_ASSIGN(std::shared_ptr<const util::MappedFile> mapped, env_.map_file(path_of(number)));
  publish(number, std::move(mapped));
  return {};
}

void HeadChunkFiles::cut_torn_end(std::uint32_t number, std::string_view sound) {
  util::log_info("The last file of head chunks ends inside a chunk; the log has its samples",
                 {{"component", kComponent}, {"file", path_of(number)}, {"offset", sound.size()}});
  // It is mapped: it is replaced, not cut.
  if (const auto cut = replace_by(number, sound); !cut) {
    util::log_warn("The torn end of a file of head chunks could not be cut off",
                   {{"component", kComponent}, {"file", path_of(number)}, {"err", cut.error()}});
  }
}

void HeadChunkFiles::publish(std::uint32_t number, std::shared_ptr<const util::MappedFile> file) {
  const util::MutexLock lock(mutex_);
  mapped_[number] = std::move(file);
}

void HeadChunkFiles::next_file() {
  if (!file_) return;
  // All of it is durable: whatever closing says, the file is whole.
  if (const auto closed = file_->close(); !closed) {
    util::log_warn(
        "A file of head chunks could not be closed",
        {{"component", kComponent}, {"file", path_of(number_)}, {"err", closed.error()}});
  }
  file_.reset();
  file_bytes_ = 0;
  ++number_;
}

util::Result<void> HeadChunkFiles::begin_file(std::uint64_t bytes) {
  if (file_ && file_bytes_ + bytes <= options_.file_bytes_max) return {};
  next_file();
  NX_TRY(env_.create_dirs(directory_));
  // The number may be that of a file that could not be finished; nothing of it counts.
  NX_ASSIGN(file_, env_.open_writable(path_of(number_), util::WriteMode::kTruncate));
  NX_TRY(file_->append(head_chunks_header()));
  return env_.sync_dir(directory_);
}

util::Result<void> HeadChunkFiles::write_batch(std::string_view bytes) {
  NX_TRY(file_->append(bytes));
  // Memory is let go of what this acknowledges.
  NX_TRY(file_->sync());
  NX_ASSIGN(std::shared_ptr<const util::MappedFile> mapped, env_.map_file(path_of(number_)));
  publish(number_, std::move(mapped));
  return {};
}

void HeadChunkFiles::abandon_file() {
  counters_.writes_failed.fetch_add(1, std::memory_order_relaxed);
  if (!file_) return;
  // Best effort: entries that count for nothing are left out by the next load() all the same.
  if (const auto cut = file_->truncate(file_bytes_); !cut) {
    util::log_warn("What a failed write has left in a file of head chunks could not be cut off",
                   {{"component", kComponent}, {"file", path_of(number_)}, {"err", cut.error()}});
  }
  file_.reset();
  // A file without a single chunk is begun anew; there are no gaps between numbers.
  if (file_bytes_ != 0) ++number_;
  file_bytes_ = 0;
}

util::Result<void> HeadChunkFiles::append(std::span<const FileChunk> chunks,
                                          std::vector<FileChunkRef>& refs) {
  refs.clear();
  if (chunks.empty()) return {};
  std::uint64_t bytes = 0;
  for (const FileChunk& chunk : chunks) bytes += kFileChunkBytesMax + chunk.payload.size();
  if (auto begun = begin_file(bytes); !begun) {
    abandon_file();
    return begun;
  }
  const std::uint64_t begin = std::max<std::uint64_t>(file_bytes_, kHeadChunksHeaderBytes);
  batch_.clear();
  for (const FileChunk& chunk : chunks) {
    refs.push_back(ref_of(number_, begin + batch_.size()));
    append_file_chunk(batch_, chunk);
  }
  if (auto written = write_batch(batch_); !written) {
    refs.clear();
    abandon_file();
    return written;
  }
  file_bytes_ = begin + batch_.size();
  counters_.chunks_written.fetch_add(chunks.size(), std::memory_order_relaxed);
  return {};
}

util::Result<void> HeadChunkFiles::remove_before(std::uint32_t number) {
  NX_ASSIGN(const auto numbers, list());
  for (const std::uint32_t old : numbers) {
    if (old >= number) break;
    NX_TRY(env_.remove_file(path_of(old)));
    const util::MutexLock lock(mutex_);
    mapped_.erase(old);
  }
  return {};
}

util::Result<HeadChunkFiles::Chunk> HeadChunkFiles::read(FileChunkRef ref) const {
  const auto number = static_cast<std::uint32_t>(ref >> 32U);
  const std::uint64_t offset = ref & 0xffff'ffffU;
  Chunk out;
  {
    const util::MutexLock lock(mutex_);
    const auto it = mapped_.find(number);
    if (it != mapped_.end()) out.file = it->second;
  }
  if (!out.file) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("{}: file of head chunks is missing", path_of(number)));
  }
  const auto found = parse_file_chunk(out.file->bytes(), offset);
  if (!found) {
    return util::fail(util::Code::kCorruption,
                      fmt::format("{}: byte {}: chunk checksum", path_of(number), offset));
  }
  out.encoding = found->chunk.encoding;
  out.payload = found->chunk.payload;
  out.series = found->chunk.series;
  out.min = found->chunk.min;
  out.max = found->chunk.max;
  out.late = found->chunk.late;
  return out;
}

std::uint32_t HeadChunkFiles::files_end() const {
  const util::MutexLock lock(mutex_);
  return mapped_.empty() ? 0 : mapped_.rbegin()->first + 1;
}

std::uint64_t HeadChunkFiles::size_bytes() const {
  const util::MutexLock lock(mutex_);
  std::uint64_t total = 0;
  for (const auto& [number, file] : mapped_) total += file->bytes().size();
  return total;
}

}  // namespace narthex::tsdb
