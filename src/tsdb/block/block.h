// A sealed block of a data directory, open for reading.
// Format: docs/formats/block.md. Threads: immutable; a deletion makes a new Block that shares the
// files with the old one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "narthex/model/timestamp.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_reader.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/sample_cache.h"

namespace narthex::tsdb {

class Block {
 public:
  // kCorruption, kTruncated or kNotFound when the directory is no sound block: what is wrong with
  // it will not go away by itself. Other errors are the machine's.
  static util::Result<std::shared_ptr<const Block>> open(util::Env& env, std::string directory);

  [[nodiscard]] const std::string& directory() const noexcept { return directory_; }
  [[nodiscard]] const BlockMeta& meta() const noexcept { return meta_; }
  [[nodiscard]] const IndexReader& index() const noexcept { return *index_; }
  [[nodiscard]] const ChunkReader& chunks() const noexcept { return *chunks_; }
  [[nodiscard]] const Tombstones& tombstones() const noexcept { return *tombstones_; }
  // Of index, chunks and tombstones.
  [[nodiscard]] std::uint64_t size_bytes() const noexcept { return size_bytes_; }
  // Both ends belong to it.
  [[nodiscard]] model::TimeRange time_range() const noexcept {
    return {meta_.min_time, meta_.max_time - 1};
  }

  // Writes tombstones and meta.json, each at once; the block as it is then.
  [[nodiscard]] util::Result<std::shared_ptr<const Block>> with_tombstones(
      util::Env& env, Tombstones tombstones) const;
  // The same files with a changed meta.json.
  [[nodiscard]] util::Result<std::shared_ptr<const Block>> with_meta(util::Env& env,
                                                                     BlockMeta meta) const;

 private:
  Block() = default;
  Block(const Block&) = default;

  std::string directory_;
  BlockMeta meta_;
  std::shared_ptr<const IndexReader> index_;
  std::shared_ptr<const ChunkReader> chunks_;
  std::shared_ptr<const Tombstones> tombstones_;
  std::uint64_t size_bytes_ = 0;
};

// Reads the samples of one block. Precondition: `block` is not null.
// `cache`, if given, outlives the querier and what it returned.
[[nodiscard]] std::unique_ptr<storage::Querier> block_querier(std::shared_ptr<const Block> block,
                                                              model::TimeRange range,
                                                              SampleCache* cache = nullptr);

}  // namespace narthex::tsdb
