// When counters, summaries and histograms began to count, as far as a target says so, and the zero
// samples that mark it: one at the start of each series that storage has nothing of since then.
//
// Protobuf says it with the sample. OpenMetrics says it in a line of its own behind the lines of
// the same metric ("foo_created"), so what came last is kept for a while.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/exposition/text_parser.h"
#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "scrape/series_cache.h"

namespace narthex::scrape {

// A sample that counts from a start on.
struct CountedSample {
  SeriesCache::Index entry = SeriesCache::kNone;
  model::TimestampMs timestamp = 0;
  bool continued = false;  // The round before had the series, too.
  // At most one is set: it is a histogram.
  std::shared_ptr<const model::IntHistogram> integer;
  std::shared_ptr<const model::FloatHistogram> floating;
};

struct ZeroSample {
  SeriesCache::Index entry = SeriesCache::kNone;
  model::TimestampMs start = 0;
  std::shared_ptr<const model::IntHistogram> integer;  // The sample whose shape it gets.
  std::shared_ptr<const model::FloatHistogram> floating;
};

// Whether samples of this type count from a start on.
[[nodiscard]] bool is_cumulative(model::MetricType type) noexcept;

// Threads: confined.
class StartTimes {
 public:
  // Zero samples at or before `last_round` are of no use to series that were there then.
  void begin_round(model::TimestampMs last_round);
  // What `sample` counts since.
  void add(const CountedSample& sample, model::TimestampMs start);

  // --- OpenMetrics ---
  // A stored line of a cumulative family.
  void remember(const CountedSample& sample, std::string_view series,
                exposition::FamilyContext context);
  // Another family begins.
  void forget() noexcept;
  // "foo_created" with these labels: the start of the lines before it that have the same.
  util::Result<void> on_created(std::span<const model::LabelView> labels, model::TimestampMs start);
  // The same for a histogram that was gathered from lines: it is there only after its start.
  void on_gathered(std::span<const model::LabelView> labels, const CountedSample& sample);

  [[nodiscard]] const std::vector<ZeroSample>& zeros() const noexcept { return zeros_; }
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
  void release();

 private:
  struct Remembered {
    CountedSample sample;
    std::size_t text_begin = 0;  // Of its series, in text_.
    std::size_t text_bytes = 0;
  };

  model::TimestampMs last_round_ = 0;
  std::vector<ZeroSample> zeros_;
  std::vector<Remembered> lines_;
  std::string text_;
  std::string family_;
  model::MetricType type_ = model::MetricType::kUnknown;
  bool has_new_ = false;  // A line of a series that the round before did not have.
  exposition::SeriesLabels scratch_;
  std::string created_identity_;  // Of the last "foo_created" line.
  model::TimestampMs created_ = 0;
};

}  // namespace narthex::scrape
