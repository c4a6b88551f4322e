#include "tsdb/block/block_writer.h"

#include "narthex/util/log.h"

#include "tsdb/block/chunk_merge.h"
#include "tsdb/block/chunk_samples.h"
#include "tsdb/block/index_writer.h"
#include "tsdb/block/tombstones.h"

namespace narthex::tsdb {
namespace {

util::Result<void> write_file(util::Env& env, const std::string& path, std::string_view content) {
  NX_ASSIGN(const auto file, env.open_writable(path, util::WriteMode::kExclusive));
  NX_TRY(file->append(content));
  NX_TRY(file->sync());
  return file->close();
}

// One block in its temporary directory.
class Writing {
 public:
  Writing(util::Env& env, std::string directory, BlockMeta meta, const BlockWriteOptions& options)
      : env_(env), directory_(std::move(directory)), options_(options) {
    out_.meta = std::move(meta);
    out_.meta.stats = {};
  }

  util::Result<WrittenBlock> run(SeriesSource& source) {
    NX_TRY(env_.create_dirs(directory_ + "/chunks"));
    NX_TRY(write_series(source));
    if (out_.meta.stats.samples == 0) return std::move(out_);
    NX_TRY(write_file(env_, directory_ + "/tombstones", Tombstones().encode()));
    NX_TRY(write_file(env_, directory_ + "/meta.json", sealed_block_meta_json(out_.meta)));
    NX_TRY(env_.sync_dir(directory_));
    return std::move(out_);
  }

 private:
  util::Result<void> write_series(SeriesSource& source) {
    NX_ASSIGN(const auto symbols, source.symbols());
    NX_ASSIGN(const auto index, IndexWriter::create(env_, directory_ + "/index", symbols));
    ChunkWriter chunks(env_, directory_ + "/chunks", options_.chunk_segment_bytes);
    ChunkMerger merger({out_.meta.min_time, out_.meta.max_time - 1}, options_.samples_per_chunk);
    SourceSeries series;
    std::vector<ChunkMeta> metas;
    for (;;) {
      if (options_.stop && options_.stop()) {
        return util::fail(util::Code::kCanceled, "writing a block was stopped");
      }
      NX_ASSIGN(const bool more, source.next(series));
      if (!more) break;
      NX_ASSIGN(const auto merged, merger.merge(series.chunks));
      if (merged.empty()) continue;
      metas.clear();
      for (const SourceChunk& chunk : merged) {
        NX_ASSIGN(const std::uint64_t ref, chunks.write(chunk.stored));
        metas.push_back({.ref = ref, .min_time = chunk.min_time, .max_time = chunk.max_time});
        count(chunk);
      }
      NX_TRY(index->add_series(series.labels, metas));
      ++out_.meta.stats.series;
    }
    out_.chunks_copied = merger.chunks_copied();
    out_.chunks_encoded = merger.chunks_encoded();
    out_.chunk_bytes = chunks.bytes_written();
    if (out_.meta.stats.samples == 0) return {};
    NX_TRY(chunks.finish());
    return index->finish();
  }

  void count(const SourceChunk& chunk) {
    const std::uint32_t samples = chunk_sample_count(chunk.stored);
    BlockStats& stats = out_.meta.stats;
    ++stats.chunks;
    stats.samples += samples;
    (holds_histograms(chunk.stored.encoding) ? stats.histogram_samples : stats.float_samples) +=
        samples;
    if (options_.chunk_written) {
      options_.chunk_written({.samples = samples,
                              .payload_bytes = chunk.stored.payload.size(),
                              .range_ms = model::sub_saturated(chunk.max_time, chunk.min_time)});
    }
  }

  util::Env& env_;
  const std::string directory_;
  const BlockWriteOptions& options_;
  WrittenBlock out_;
};

}  // namespace

util::Result<std::optional<WrittenBlock>> write_block(util::Env& env,
                                                      const std::string& data_directory,
                                                      BlockMeta meta, SeriesSource& source,
                                                      const BlockWriteOptions& options) {
  const std::string directory = data_directory + "/" + meta.ulid;
  const std::string temporary = directory + ".tmp-for-creation";
  const auto clean_up = [&] {
    if (const auto removed = env.remove_all(temporary); !removed) {
      util::log_warn("A directory that is no longer needed stays until the next start",
                     {{"component", "tsdb"}, {"err", removed.error()}});
    }
  };
  NX_TRY(env.remove_all(temporary));
  auto written = Writing(env, temporary, std::move(meta), options).run(source);
  if (!written) {
    clean_up();
    return std::unexpected(std::move(written).error());
  }
  if (written->meta.stats.samples == 0) {
    clean_up();
    return std::optional<WrittenBlock>();
  }
  if (auto renamed = env.rename(temporary, directory); !renamed) {
    clean_up();
    return std::unexpected(std::move(renamed).error());
  }
  NX_TRY(env.sync_dir(data_directory));
  return std::optional(*std::move(written));
}

}  // namespace narthex::tsdb
