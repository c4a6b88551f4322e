// Three neighbouring blocks become one, and three blocks that overlap: megabytes of chunks a
// second, and how much memory it takes beyond what the process had (peak of anonymous memory;
// mapped files are the page cache's).
#include <fstream>
#include <string>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "narthex/util/env.h"

#include "series_shapes.h"
#include "support/temp_dir.h"
#include "tsdb/block/querier_source.h"
#include "tsdb/block/ulid.h"
#include "tsdb/chunk/xor_chunk.h"
#include "tsdb/compact/compactor.h"
#include "tsdb/head/head_source.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kChunksPerSeries = 4;
constexpr std::size_t kChunkSamples = 120;
constexpr model::TimestampMs kStepMs = 15'000;
constexpr model::TimestampMs kBlockMs = kChunksPerSeries * kChunkSamples * kStepMs;

// Series of ten labels, all with the same chunks.
class BenchSource final : public SeriesSource {
 public:
  BenchSource(std::size_t series_count, model::TimestampMs start) : series_count_(series_count) {
    for (std::size_t c = 0; c < kChunksPerSeries; ++c) {
      const bench::Samples samples = bench::make_samples(bench::Shape::kCounter, kChunkSamples, c);
      XorChunkBuilder builder;
      const model::TimestampMs from =
          start + static_cast<model::TimestampMs>(c * kChunkSamples) * kStepMs;
      for (std::size_t i = 0; i < kChunkSamples; ++i)
        builder.append(from + static_cast<model::TimestampMs>(i) * kStepMs, samples.values[i]);
      payloads_.emplace_back(builder.bytes());
      starts_.push_back(from);
    }
    for (std::size_t i = 0; i < series_count_; ++i) numbers_.push_back(fmt::format("{:08}", i));
    for (int i = 0; i < 9; ++i) {
      names_.push_back(fmt::format("label_{}", i));
      values_.push_back(fmt::format("value_{}", i));
    }
  }
  util::Result<std::vector<std::string_view>> symbols() override {
    std::vector<std::string_view> out(numbers_.begin(), numbers_.end());
    out.insert(out.end(), names_.begin(), names_.end());
    out.emplace_back("number");
    out.insert(out.end(), values_.begin(), values_.end());
    return out;
  }
  util::Result<bool> next(SourceSeries& out) override {
    if (at_ == series_count_) return false;
    model::LabelsEncoder labels;
    for (std::size_t i = 0; i < names_.size(); ++i) labels.add(names_[i], values_[i]);
    labels.add("number", numbers_[at_++]);
    out.labels = std::move(labels).finish();
    out.chunks.clear();
    for (std::size_t c = 0; c < kChunksPerSeries; ++c) {
      out.chunks.push_back(
          {.min_time = starts_[c],
           .max_time = starts_[c] + static_cast<model::TimestampMs>(kChunkSamples - 1) * kStepMs,
           .stored = {.encoding = 1, .payload = payloads_[c]},
           .deleted = {}});
    }
    return true;
  }

 private:
  std::size_t series_count_;
  std::size_t at_ = 0;
  std::vector<std::string> payloads_;
  std::vector<model::TimestampMs> starts_;
  std::vector<std::string> numbers_;
  std::vector<std::string> names_;
  std::vector<std::string> values_;
};

std::uint64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

void BM_Compaction_ThreeBlocks(benchmark::State& state) {
  const auto series_count = static_cast<std::size_t>(state.range(0));
  const model::TimestampMs shift = state.range(1) != 0 ? kBlockMs / 2 + kStepMs / 2 : kBlockMs;
  util::Env& env = util::posix_env();
  const test::TempDir directory;
  std::vector<BlockPtr> parents;
  for (int i = 0; i < 3; ++i) {
    BenchSource source(series_count, i * shift);
    const std::string ulid = new_ulid(i);
    const BlockTarget target{env, directory.path(), ulid};
    if (!compact_head(target, source, {i * shift, i * shift + kBlockMs - 1}, {})) {
      state.SkipWithError("a block could not be written");
      return;
    }
    parents.push_back(Block::open(env, directory / ulid).value());
  }
  const std::uint64_t samples = 3 * series_count * kChunksPerSeries * kChunkSamples;
  std::uint64_t chunk_bytes = 0;
  const std::uint64_t memory_before = anonymous_bytes();
  std::uint64_t memory_most = memory_before;
  for (auto _ : state) {
    const std::string ulid = new_ulid(9);
    BlockWriteOptions options;
    std::size_t asked = 0;
    options.stop = [&] {
      if (++asked % 4096 == 0) memory_most = std::max(memory_most, anonymous_bytes());
      return false;
    };
    const auto written = compact_blocks({env, directory.path(), ulid}, parents, options);
    memory_most = std::max(memory_most, anonymous_bytes());
    if (!written || !*written || (*written)->meta.stats.samples != samples) {
      state.SkipWithError("the compacted block does not have all samples");
      return;
    }
    chunk_bytes = (*written)->chunk_bytes;
    state.PauseTiming();
    static_cast<void>(env.remove_all(directory / ulid));
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(chunk_bytes));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(samples));
  state.counters["memory_bytes_per_series"] =
      static_cast<double>(memory_most - memory_before) / static_cast<double>(series_count);
}
BENCHMARK(BM_Compaction_ThreeBlocks)
    ->ArgNames({"series", "overlapping"})
    ->ArgsProduct({{10'000, 100'000}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

// A block is cut from a head of series with two chunks each: as the chunks are, and, to compare
// with, decoded and encoded anew.
void BM_Compaction_HeadCut(benchmark::State& state) {
  const auto series_count = static_cast<std::size_t>(state.range(0));
  const bool copied = state.range(1) != 0;
  constexpr std::size_t kSamples = 2 * kChunkSamples;
  constexpr std::size_t kBatch = 10'000;
  Head head({.chunk_range_ms = kBlockMs, .samples_per_chunk = kChunkSamples});
  std::vector<storage::SeriesRef> refs;
  for (std::size_t i = 0; i < series_count; ++i) {
    model::LabelsEncoder labels;
    for (int k = 0; k < 9; ++k) labels.add(fmt::format("label_{}", k), fmt::format("value_{}", k));
    labels.add("number", fmt::format("{:08}", i));
    const model::Labels one = std::move(labels).finish();
    storage::EnsuredSeries ensured;
    static_cast<void>(head.ensure_series({&one, 1}, {&ensured, 1}));
    refs.push_back(ensured.ref);
  }
  const bench::Samples samples = bench::make_samples(bench::Shape::kCounter, kSamples, 1);
  for (std::size_t k = 0; k < kSamples; ++k) {
    for (std::size_t begin = 0; begin < series_count; begin += kBatch) {
      storage::WriteBatch batch;
      for (std::size_t i = begin; i < std::min(begin + kBatch, series_count); ++i)
        batch.add(refs[i], static_cast<model::TimestampMs>(k) * kStepMs, samples.values[k]);
      storage::AppendReport report;
      PreparedBatch prepared;
      head.validate(batch, storage::Atomicity::kKeepGood, prepared, report);
      head.apply(batch, prepared);
    }
  }
  util::Env& env = util::posix_env();
  const test::TempDir directory;
  const model::TimeRange range{0, kBlockMs - 1};
  const std::uint64_t memory_before = anonymous_bytes();
  std::uint64_t memory_most = memory_before;
  std::uint64_t chunk_bytes = 0;
  for (auto _ : state) {
    const std::string ulid = new_ulid(9);
    BlockWriteOptions options;
    std::size_t asked = 0;
    options.stop = [&] {
      if (++asked % 4096 == 0) memory_most = std::max(memory_most, anonymous_bytes());
      return false;
    };
    const auto querier = head.querier(range);
    const auto source =
        copied ? head_source(head, range) : querier_source(*querier, kChunkSamples).value();
    const auto written = compact_head({env, directory.path(), ulid}, *source, range, options);
    if (!written || !*written || (*written)->meta.stats.samples != series_count * kSamples) {
      state.SkipWithError("the block does not have all samples");
      return;
    }
    chunk_bytes = (*written)->chunk_bytes;
    state.PauseTiming();
    static_cast<void>(env.remove_all(directory / ulid));
    state.ResumeTiming();
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(chunk_bytes));
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(series_count * kSamples));
  state.counters["memory_bytes_per_series"] =
      static_cast<double>(memory_most - memory_before) / static_cast<double>(series_count);
}
BENCHMARK(BM_Compaction_HeadCut)
    ->ArgNames({"series", "copied"})
    ->ArgsProduct({{10'000, 100'000}, {0, 1}})
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace narthex::tsdb
