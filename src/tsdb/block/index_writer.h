// Writes a block's index file, version 2, front to back.
// Format: docs/formats/block.md (index). Threads: confined.
//
// Memory: the symbols, and 8 bytes for each label of each series until the postings are written.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/labels.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/block/buffered_file.h"
#include "tsdb/block/index_reader.h"

namespace narthex::tsdb {

class IndexWriter {
 public:
  // `symbols` holds every label name and value that will come, sorted and unique; the empty string
  // need not be in it. It may hold more than that, and must outlive the writer.
  static util::Result<std::unique_ptr<IndexWriter>> create(
      util::Env& env, const std::string& path, std::span<const std::string_view> symbols);

  // Preconditions: series come in ascending order of labels, each once; chunks ascend in time and
  // in reference and do not overlap; every label is in the symbols.
  // kLimitExceeded: the index has reached 64 GiB, more than the format can refer to.
  util::Result<void> add_series(const model::Labels& labels, std::span<const ChunkMeta> chunks);
  // Postings, tables, sync. Nothing may be added afterwards.
  util::Result<void> finish();

 private:
  explicit IndexWriter(BufferedFile file) : file_(std::move(file)) {}
  util::Result<void> write_symbols(std::span<const std::string_view> symbols);
  util::Result<void> write_postings();
  util::Result<void> write_postings_list(std::span<const std::uint32_t> ids);
  util::Result<void> write_postings_table();
  util::Result<void> write_toc();
  [[nodiscard]] std::uint32_t pair_of(std::uint32_t name, std::uint32_t value);

  struct Pair {
    std::uint32_t name = 0;  // Symbols.
    std::uint32_t value = 0;
    std::uint32_t series_count = 0;
    std::uint64_t postings_offset = 0;
  };
  BufferedFile file_;
  std::vector<std::string_view> symbols_;
  boost::unordered_flat_map<std::string_view, std::uint32_t> symbol_refs_;

  std::vector<std::uint32_t> series_ids_;
  std::vector<std::uint32_t> label_counts_;  // Of each series.
  std::vector<std::uint32_t> label_pairs_;   // Of all series, one after the other.
  std::vector<Pair> pairs_;
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> pair_ids_;  // Name · 2³² + value.

  std::uint64_t symbols_offset_ = 0;
  std::uint64_t series_offset_ = 0;
  std::uint64_t postings_offset_ = 0;
  std::uint64_t all_postings_offset_ = 0;
  std::uint64_t postings_table_offset_ = 0;
  std::string record_;
};

}  // namespace narthex::tsdb
