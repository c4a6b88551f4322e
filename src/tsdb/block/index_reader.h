// Reads a block's index file, mapped into memory.
// Format: docs/formats/block.md (index, versions 1 to 3). Threads: immutable after open().
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::tsdb {

// Where one chunk of a series lies, and the times of its first and last sample.
struct ChunkMeta {
  std::uint64_t ref = 0;  // File number - 1 in the upper 32 bits, byte offset in the lower.
  model::TimestampMs min_time = 0;
  model::TimestampMs max_time = 0;  // Inclusive.
};

struct IndexSeries {
  model::Labels labels;
  std::vector<ChunkMeta> chunks;  // Ascending in time, not overlapping.
};

class IndexReader {
 public:
  // Checks the table of contents and the sections that are read now: symbols and the postings
  // offset table. Series and postings lists are checked when they are read. Errors: kCorruption
  // with the byte offset.
  static util::Result<std::unique_ptr<IndexReader>> open(util::Env& env, const std::string& path);

  // One label value and the place of its postings list.
  struct ValueEntry {
    std::string_view value;  // As long as the reader lives.
    std::uint64_t postings_offset = 0;
  };
  // Sorted.
  [[nodiscard]] std::vector<std::string_view> label_names() const;
  // Sorted by value; empty for an unknown name.
  [[nodiscard]] std::span<const ValueEntry> values(std::string_view name) const;
  // The value's entry, null if it does not occur.
  [[nodiscard]] const ValueEntry* find_value(std::string_view name, std::string_view value) const;

  // Ids of series, ascending; an id is what series() takes.
  util::Result<std::vector<std::uint32_t>> postings(const ValueEntry& entry) const;
  util::Result<std::vector<std::uint32_t>> all_postings() const;

  util::Result<IndexSeries> series(std::uint32_t id) const;
  // The same, appended: the labels in the encoding of model::Labels, and the chunks. After an error
  // there may be a part of them.
  util::Result<void> append_series(std::uint32_t id, std::string& label_bytes,
                                   std::vector<ChunkMeta>& chunks) const;
  // Only the labels, or only the chunks: each costs half.
  util::Result<model::Labels> series_labels(std::uint32_t id) const;
  util::Result<std::vector<ChunkMeta>> series_chunks(std::uint32_t id) const;

  // Every label name and value that occurs; sorted from version 2 on.
  [[nodiscard]] std::span<const std::string_view> symbols() const noexcept { return symbols_; }
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return bytes_.size(); }
  [[nodiscard]] std::size_t symbol_count() const noexcept { return symbols_.size(); }

 private:
  struct Toc {
    std::uint64_t symbols = 0;
    std::uint64_t series = 0;
    std::uint64_t postings = 0;
    std::uint64_t postings_table = 0;
  };
  struct Name {
    std::string_view name;
    std::size_t first = 0;  // Into values_.
    std::size_t count = 0;
  };
  IndexReader(std::unique_ptr<util::MappedFile> file, std::string path);

  util::Result<void> read_header();
  util::Result<void> read_toc();
  util::Result<void> read_symbols();
  util::Result<void> read_postings_table();
  // The `length` bytes of a section that starts with its u32 length, checked against the crc behind
  // them.
  util::Result<std::string_view> section(std::uint64_t offset, std::string_view what) const;
  // The body of a series entry, checked.
  util::Result<std::string_view> series_body(std::uint32_t id) const;
  util::Result<std::string_view> symbol(std::uint64_t ref) const;
  // An error says whose series it was.
  util::Result<void> with_place(std::uint32_t id, util::Result<void> outcome) const;
  [[nodiscard]] std::unexpected<util::Error> damaged(std::uint64_t offset,
                                                     std::string_view what) const;

  std::unique_ptr<util::MappedFile> file_;
  std::string path_;
  std::string_view bytes_;
  std::uint8_t version_ = 0;
  Toc toc_;
  // Version 1 refers to symbols by byte offset, later ones by position.
  std::vector<std::string_view> symbols_;
  std::vector<std::uint64_t> symbol_offsets_;  // Version 1 only; ascending.
  std::vector<Name> names_;                    // Sorted.
  std::vector<ValueEntry> values_;             // Grouped by name, sorted within.
  std::uint64_t all_postings_offset_ = 0;      // 0 = the index has no series.
};

}  // namespace narthex::tsdb
