// The part of Ingest that knows when things began to count.
#include <algorithm>

#include "narthex/model/zero_histogram.h"

#include "scrape/ingest.h"

namespace narthex::scrape {

// The sample that was stored last, as one that counts from a start on.
CountedSample Ingest::counted_sample(bool is_histogram) {
  CountedSample out{.entry = stored_,
                    .timestamp = stored_timestamp_,
                    .continued = cache_[stored_].joined == 0,
                    .integer = nullptr,
                    .floating = nullptr};
  if (is_histogram) {
    out.integer = batch_.histograms.back().integer;
    out.floating = batch_.histograms.back().floating;
  }
  return out;
}

void Ingest::remember_start(const exposition::OpenMetricsParser& parser) {
  if (!start_.job->start_timestamps || stored_ == SeriesCache::kNone) [[likely]]
    return;
  const exposition::FamilyContext context = parser.context();
  if (is_cumulative(context.type))
    starts_.remember(counted_sample(false), sample_->series, context);
}

// True: the line says when a metric began to count, and is nothing else.
util::Result<bool> Ingest::take_created(exposition::OpenMetricsParser& parser) {
  constexpr std::string_view kSuffix = "_created";
  const exposition::FamilyContext context = parser.context();
  if (!is_cumulative(context.type) || !parser.sample().series.contains(kSuffix)) return false;
  if (!parser.verified() && parser.verify() == exposition::TextEvent::kError)
    return std::unexpected(parser.error());
  NX_TRY(series_labels_.parse(parser.sample().series, context));
  const auto& labels = series_labels_.labels();
  const auto name = std::ranges::find(labels, model::kMetricName, &model::LabelView::name);
  const bool is_created =
      name != labels.end() && name->value.ends_with(kSuffix) &&
      name->value.substr(0, name->value.size() - kSuffix.size()) == context.name;
  if (!is_created) return false;
  constexpr double kSecondsMax = 1e12;
  const double seconds = parser.sample().value;
  const bool is_time = seconds > 0 && seconds < kSecondsMax;
  NX_TRY(starts_.on_created(labels, is_time ? static_cast<std::int64_t>(seconds * 1000) : 0));
  return true;
}

// Before the samples that count from there on. What storage refuses it has already, or has newer
// samples than: that is no news.
util::Result<void> Ingest::append_zeros() {
  if (starts_.zeros().empty()) return {};
  storage::WriteBatch zeros = shared_->batches.take();
  for (const ZeroSample& zero : starts_.zeros()) {
    const storage::SeriesRef ref = cache_[zero.entry].ref;
    if (ref == storage::kNoSeries) continue;
    if (!zero.integer && !zero.floating) {
      zeros.add(ref, zero.start, 0);
    } else {
      zeros.histograms.push_back({.ref = ref,
                                  .timestamp = zero.start,
                                  .integer = model::zero_like(zero.integer),
                                  .floating = model::zero_like(zero.floating)});
    }
  }
  storage::AppendReport refused;
  auto stored = shared_->appender->append(zeros, storage::Atomicity::kKeepGood, refused);
  shared_->batches.give(std::move(zeros));
  return stored;
}

}  // namespace narthex::scrape
