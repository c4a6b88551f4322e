// The files that full chunks of the head go to: written front to back, read through mappings.
// Format: docs/formats/head_chunks.md.
//
// Everything in them is in the log, too. They let memory go, and spare a start the samples that
// they have. What is damaged is therefore left out and taken from the log.
// Threads: read() and the counters by any thread at any time; the rest by one thread at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "tsdb/head/file_chunk.h"

namespace narthex::tsdb {

struct HeadChunkFilesOptions {
  std::uint64_t file_bytes_max = std::uint64_t{128} << 20U;  // The next file begins there.
};

struct HeadChunkFilesCounters {
  std::atomic<std::uint64_t> chunks_written{0};
  std::atomic<std::uint64_t> writes_failed{0};
  std::atomic<std::uint64_t> damaged_regions{0};
};

// What load() found to be damaged.
struct HeadChunksDamage {
  bool torn_end = false;  // The last file ends inside a chunk, as a crash leaves it.
  std::uint64_t regions = 0;
  std::uint64_t bytes = 0;
  std::vector<std::string> set_aside;
};

class HeadChunkFiles {
 public:
  HeadChunkFiles(util::Env& env, std::string data_directory, HeadChunkFilesOptions options = {})
      : env_(env),
        data_directory_(std::move(data_directory)),
        directory_(data_directory_ + "/chunks_head"),
        options_(options) {}

  // Called for every sound chunk, in the order of writing. `after_damage`: something before it is
  // missing, so that there may be a gap between it and the chunk of its series before; it is
  // nowhere but in the payload then, which is valid during the call.
  using Visit = std::function<void(const FileChunk& chunk, FileChunkRef ref, bool after_damage)>;
  // Reads what an earlier run has left. Where something is damaged or missing the files end: what
  // comes behind is set aside, so that no other program meets the damage, and chunks are written in
  // the order of time again. Before anything else. Errors are those of listing the directory.
  util::Result<HeadChunksDamage> load(const Visit& visit);

  // Writes the chunks, makes them durable and readable. After an error none of them counts.
  util::Result<void> append(std::span<const FileChunk> chunks, std::vector<FileChunkRef>& refs);
  // The number of the file that append() writes to; files with smaller ones are complete.
  [[nodiscard]] std::uint32_t current_file() const noexcept { return number_; }
  // append() goes on in a new file, unless the current one is empty.
  void next_file();
  // All files there are have smaller numbers; 0 when there are none.
  [[nodiscard]] std::uint32_t files_end() const;
  // Deletes the files with smaller numbers. Chunks that are being read stay readable.
  util::Result<void> remove_before(std::uint32_t number);

  // Valid as long as `file` is held.
  struct Chunk {
    std::shared_ptr<const util::MappedFile> file;
    std::uint8_t encoding = 0;
    std::string_view payload;
    std::uint64_t series = 0;  // As FileChunk has them.
    model::TimestampMs min = 0;
    model::TimestampMs max = 0;
    bool late = false;
  };
  // kCorruption, naming file and offset, when no sound entry is there.
  [[nodiscard]] util::Result<Chunk> read(FileChunkRef ref) const;

  [[nodiscard]] std::uint64_t size_bytes() const;
  [[nodiscard]] const HeadChunkFilesCounters& counters() const noexcept { return counters_; }

 private:
  [[nodiscard]] std::string path_of(std::uint32_t number) const;
  util::Result<std::vector<std::uint32_t>> list();
  util::Result<void> remove_unfinished(std::vector<std::uint32_t>& numbers);
  // Whether the files before have all that they should.
  struct Loading {
    bool after_damage = false;
    bool left_in_place = false;  // Something that should have been set aside.
    std::uint32_t kept = 0;      // The last file that stays.
    HeadChunksDamage damage;
  };
  void load_file(std::uint32_t number, bool last, Loading& loading, const Visit& visit);
  void report_damage(std::uint32_t number, const HeadChunksScan& scan, HeadChunksDamage& damage);
  // All three report what fails; the file stays as it is then.
  bool move_aside(std::uint32_t number, HeadChunksDamage& damage);
  bool end_file_at(std::uint32_t number, std::string_view sound, HeadChunksDamage& damage);
  void cut_torn_end(std::uint32_t number, std::string_view sound);
  util::Result<void> replace_by(std::uint32_t number, std::string_view sound);
  util::Result<std::string> place_aside(std::uint32_t number);
  void publish(std::uint32_t number, std::shared_ptr<const util::MappedFile> file);

  util::Result<void> begin_file(std::uint64_t bytes);
  util::Result<void> write_batch(std::string_view bytes);
  // After a failure: nothing is written to the file any more.
  void abandon_file();

  util::Env& env_;
  const std::string data_directory_;
  const std::string directory_;
  const HeadChunkFilesOptions options_;
  HeadChunkFilesCounters counters_;

  std::uint32_t number_ = 1;  // Of the file that is being written, or will be.
  std::unique_ptr<util::WritableFile> file_;
  std::uint64_t file_bytes_ = 0;  // Of it that are durable; all whole entries.
  std::string batch_;

  mutable util::Mutex mutex_;
  std::map<std::uint32_t, std::shared_ptr<const util::MappedFile>> mapped_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::tsdb
