// Splitting and understanding lines of 75 bytes, as the end-to-end load has them.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "narthex/exposition/text_parser.h"
#include "narthex/util/hash.h"
#include "narthex/util/random.h"

namespace narthex::exposition {
namespace {

std::string body_of(std::size_t lines) {
  util::Random random(1);
  std::string body = "# TYPE demo_requests_total counter\n";
  for (std::size_t i = 0; i < lines; ++i) {
    const double value =
        random.below(100) < 57 ? static_cast<double>(random.below(1'000'000'000)) / 1000.0 : 1.0;
    body += fmt::format(
        "demo_requests_total{{instance_id=\"{:05}\",path=\"/api/{:03}\",code=\"200\"}} {}\n", i,
        i % 997, value);
  }
  return body;
}

template <class OnSample>
void run(benchmark::State& state, OnSample on_sample) {
  const std::string body = body_of(100'000);
  TextParser parser;
  std::int64_t samples = 0;
  for (auto _ : state) {
    parser.reset();
    parser.feed(body, true);
    for (;;) {
      const TextEvent event = parser.next();
      if (event == TextEvent::kEnd) break;
      if (event != TextEvent::kSample) continue;
      on_sample(parser);
      ++samples;
    }
  }
  state.SetItemsProcessed(samples);
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * body.size()));
}

void BM_TextParse_Split(benchmark::State& state) {
  run(state, [](TextParser& parser) { benchmark::DoNotOptimize(parser.sample().value); });
}
BENCHMARK(BM_TextParse_Split);

void BM_TextParse_SplitAndHash(benchmark::State& state) {
  run(state,
      [](TextParser& parser) { benchmark::DoNotOptimize(util::hash128(parser.sample().series)); });
}
BENCHMARK(BM_TextParse_SplitAndHash);

void BM_TextParse_VerifyAndLabels(benchmark::State& state) {
  SeriesLabels labels;
  run(state, [&labels](TextParser& parser) {
    benchmark::DoNotOptimize(parser.verify());
    benchmark::DoNotOptimize(labels.parse(parser.sample().series, parser.context()));
  });
}
BENCHMARK(BM_TextParse_VerifyAndLabels);

}  // namespace
}  // namespace narthex::exposition
