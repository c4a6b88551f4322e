#include <benchmark/benchmark.h>

#include "series_shapes.h"
#include "tsdb/chunk/packed_samples.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

constexpr std::size_t kSamples = 120;

void BM_XorChunk_Append(benchmark::State& state) {
  const auto shape = static_cast<bench::Shape>(state.range(0));
  const bench::Samples samples = bench::make_samples(shape, kSamples, 1);
  XorChunkBuilder builder;
  for (auto _ : state) {
    builder.clear();
    for (std::size_t i = 0; i < kSamples; ++i)
      builder.append(samples.timestamps[i], samples.values[i]);
    benchmark::DoNotOptimize(builder.bytes().data());
  }
  state.SetLabel(bench::kShapeNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSamples));
  state.counters["bytes_per_sample"] = static_cast<double>(builder.bytes().size()) / kSamples;
}
BENCHMARK(BM_XorChunk_Append)->ArgName("shape")->DenseRange(0, 3);

void BM_XorChunk_Decode(benchmark::State& state) {
  const auto shape = static_cast<bench::Shape>(state.range(0));
  const bench::Samples samples = bench::make_samples(shape, kSamples, 1);
  XorChunkBuilder builder;
  for (std::size_t i = 0; i < kSamples; ++i)
    builder.append(samples.timestamps[i], samples.values[i]);
  const std::string chunk(builder.bytes());
  bench::Samples out;
  if (!decode_xor_chunk(chunk, {out.timestamps, out.values}) || out.values != samples.values) {
    state.SkipWithError("decoded values differ");
    return;
  }
  for (auto _ : state) {
    out.timestamps.clear();
    out.values.clear();
    const auto result = decode_xor_chunk(chunk, {out.timestamps, out.values});
    benchmark::DoNotOptimize(result.has_value());
    benchmark::DoNotOptimize(out.values.data());
  }
  state.SetLabel(bench::kShapeNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSamples));
}
BENCHMARK(BM_XorChunk_Decode)->ArgName("shape")->DenseRange(0, 3);

void BM_PackedSamples_Pack(benchmark::State& state) {
  const auto shape = static_cast<bench::Shape>(state.range(0));
  const bench::Samples samples = bench::make_samples(shape, kSamples, 1);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const PackedSamples packed = PackedSamples::pack(samples.timestamps, samples.values);
    bytes = packed.size_bytes();
    benchmark::DoNotOptimize(bytes);
  }
  state.SetLabel(bench::kShapeNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSamples));
  state.counters["bytes_per_sample"] = static_cast<double>(bytes) / kSamples;
}
BENCHMARK(BM_PackedSamples_Pack)->ArgName("shape")->DenseRange(0, 3);

void BM_PackedSamples_Decode(benchmark::State& state) {
  const auto shape = static_cast<bench::Shape>(state.range(0));
  const bench::Samples samples = bench::make_samples(shape, kSamples, 1);
  const PackedSamples packed = PackedSamples::pack(samples.timestamps, samples.values);
  bench::Samples out;
  packed.append_to({out.timestamps, out.values});
  if (out.values != samples.values || out.timestamps != samples.timestamps) {
    state.SkipWithError("decoded samples differ");
    return;
  }
  for (auto _ : state) {
    out.timestamps.clear();
    out.values.clear();
    packed.append_to({out.timestamps, out.values});
    benchmark::DoNotOptimize(out.values.data());
  }
  state.SetLabel(bench::kShapeNames[state.range(0)]);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kSamples));
}
BENCHMARK(BM_PackedSamples_Decode)->ArgName("shape")->DenseRange(0, 3);

}  // namespace
}  // namespace narthex::tsdb
