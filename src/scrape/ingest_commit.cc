// The second half of Ingest: what a round leaves in storage.
#include <algorithm>
#include <array>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <fmt/format.h>

#include "narthex/model/stale.h"

#include "scrape/ingest.h"

namespace narthex::scrape {

namespace {

// The name of the label with the most values; the first of equals.
std::string most_different_label(std::span<const model::Labels> series) {
  // An exploding label shows in a few of its series.
  constexpr std::size_t kLookedAtMax = 256;
  boost::unordered_flat_map<std::string_view, boost::unordered_flat_set<std::string_view>> values;
  for (const model::Labels& labels : series.first(std::min(series.size(), kLookedAtMax))) {
    for (const model::LabelView label : labels) values[label.name].insert(label.value);
  }
  std::string_view name;
  std::size_t most = 0;
  for (const auto& [label, seen] : values) {
    if (seen.size() < most || (seen.size() == most && label >= name)) continue;
    name = label;
    most = seen.size();
  }
  return std::string(name);
}

}  // namespace

// ---- The end of a round ----

util::Result<void> Ingest::ensure_pending() {
  std::vector<storage::EnsuredSeries> ensured;
  for (const PendingGroup& group : pending_) {
    ensured.assign(group.labels.size(), {});
    NX_TRY(shared_->appender->ensure_series(group.labels, ensured));
    const bool over_limit = std::ranges::any_of(ensured, [](const storage::EnsuredSeries& one) {
      return one.outcome == storage::EnsureOutcome::kRefusedLimit;
    });
    if (over_limit) refused_label_ = most_different_label(group.labels);
    for (std::size_t i = 0; i < ensured.size(); ++i) {
      SeriesCache::Entry& entry = cache_[group.entries[i]];
      entry.ref = ensured[i].ref;
      entry.refused = entry.ref == storage::kNoSeries ? 1 : 0;
      if (entry.refused == 0) continue;
      ++report_.refused;
      entry.resolve = 1;
    }
  }
  for (const Pending& sample : pending_samples_)
    batch_.refs[sample.batch_index] = cache_[sample.entry].ref;
  for (const Pending& histogram : pending_histograms_)
    batch_.histograms[histogram.batch_index].ref = cache_[histogram.entry].ref;
  for (const Pending& exemplar : pending_exemplars_)
    batch_.exemplars[exemplar.batch_index].ref = cache_[exemplar.entry].ref;
  add_metadata();
  return {};
}

// Every series gets a copy, in the log as well: what a long text on many series costs is bounded,
// and the rest of them go without.
void Ingest::add_metadata() {
  constexpr std::size_t kBytesMax = std::size_t{64} << 20U;
  std::size_t bytes = 0;
  for (const PendingMetadata& one : pending_metadata_) {
    const storage::SeriesRef ref = cache_[one.entry].ref;
    if (ref == storage::kNoSeries) continue;
    const model::Metadata& metadata = one.family->metadata;
    bytes += sizeof(storage::MetadataUpdate) + metadata.help.size() + metadata.unit.size();
    if (bytes > kBytesMax) return;
    batch_.metadata.push_back({ref, metadata});
  }
}

// Takes samples out of the batch whose series storage refused.
void Ingest::drop_unresolved() {
  if (report_.refused == 0) return;  // Nothing in the batch can lack its reference.
  std::size_t kept = 0;
  for (std::size_t i = 0; i < batch_.float_count(); ++i) {
    if (batch_.refs[i] == storage::kNoSeries) continue;
    batch_.refs[kept] = batch_.refs[i];
    batch_.timestamps[kept] = batch_.timestamps[i];
    batch_.values[kept] = batch_.values[i];
    ++kept;
  }
  batch_.refs.resize(kept);
  batch_.timestamps.resize(kept);
  batch_.values.resize(kept);
  const auto is_refused = [](const auto& item) { return item.ref == storage::kNoSeries; };
  std::erase_if(batch_.histograms, is_refused);
  std::erase_if(batch_.exemplars, is_refused);
}

// For what the last good round had and this one has not; if this one failed, for all that the last
// good round had.
void Ingest::add_stale_markers(bool failed) {
  for (const Replaced& old : replaced_) {
    if (failed || cache_[old.entry].ref != old.ref)
      batch_.add(old.ref, start_.timestamp, model::stale_nan());
  }
  if (last_good_round_ == kNoRound || (!failed && continued_ == live_)) return;
  for (const SeriesCache::Entry& entry : cache_.entries()) {
    const bool was_there =
        entry.round == last_good_round_ || (failed && entry.round == round_ && entry.joined == 0);
    if (was_there && entry.tracked != 0 && entry.dropped == 0 && entry.ref != storage::kNoSeries) {
      batch_.add(entry.ref, start_.timestamp, model::stale_nan());
    }
  }
}

util::Result<void> Ingest::ensure_report_series(const Target& target, bool extra) {
  static constexpr std::array<std::string_view, 8> kNames{"up",
                                                          "scrape_duration_seconds",
                                                          "scrape_samples_scraped",
                                                          "scrape_samples_post_metric_relabeling",
                                                          "scrape_series_added",
                                                          "scrape_timeout_seconds",
                                                          "scrape_sample_limit",
                                                          "scrape_body_size_bytes"};
  const std::size_t count = extra ? kNames.size() : 5;
  if (report_series_.size() != count) {
    report_series_.clear();
    for (std::size_t i = 0; i < count; ++i) report_series_.push_back({kNames[i]});
  }
  std::vector<model::Labels> labels;
  std::vector<std::size_t> missing;
  for (std::size_t i = 0; i < count; ++i) {
    if (report_series_[i].ref != storage::kNoSeries) continue;
    model::LabelsBuilder builder(target.labels);
    builder.set(model::kMetricName, report_series_[i].name);
    labels.push_back(builder.build());
    missing.push_back(i);
  }
  if (missing.empty()) return {};
  std::vector<storage::EnsuredSeries> ensured(missing.size());
  NX_TRY(shared_->appender->ensure_series(labels, ensured));
  for (std::size_t i = 0; i < missing.size(); ++i) report_series_[missing[i]].ref = ensured[i].ref;
  return {};
}

void Ingest::add_report(double up, double seconds) {
  const std::array<double, 8> values{up,
                                     seconds,
                                     static_cast<double>(report_.scraped),
                                     static_cast<double>(report_.kept),
                                     static_cast<double>(report_.added),
                                     std::chrono::duration<double>(start_.target->timeout).count(),
                                     static_cast<double>(start_.job->options.limits.samples),
                                     static_cast<double>(report_.body_bytes)};
  for (std::size_t i = 0; i < report_series_.size(); ++i) {
    if (report_series_[i].ref != storage::kNoSeries)
      batch_.add(report_series_[i].ref, start_.timestamp, values[i]);
  }
}

// Appends the batch. Its first `sample_count` samples are the target's own.
util::Result<void> Ingest::append(std::size_t sample_count) {
  append_report_.clear();
  NX_TRY(shared_->appender->append(batch_, storage::Atomicity::kKeepGood, append_report_));
  if (!append_report_.floats.empty() || !append_report_.histograms.empty())
    count_refusals(sample_count);
  return {};
}

void Ingest::count_refusal(storage::AppendOutcome outcome) {
  switch (outcome) {
    case storage::AppendOutcome::kDuplicate:
      shared_->metrics->duplicate_timestamp.increment();
      break;
    case storage::AppendOutcome::kOutOfOrder:
      shared_->metrics->out_of_order.increment();
      break;
    case storage::AppendOutcome::kOutOfBounds:
    case storage::AppendOutcome::kTooOld:
      shared_->metrics->out_of_bounds.increment();
      break;
    default:
      break;
  }
}

void Ingest::count_refusals(std::size_t sample_count) {
  std::vector<storage::SeriesRef> dead;
  for (const storage::Refusal& refusal : append_report_.floats) {
    const std::size_t i = refusal.index;
    const bool is_dead = refusal.outcome == storage::AppendOutcome::kUnknownSeries;
    if (is_dead) dead.push_back(batch_.refs[i]);
    // A stale marker that came too late was not needed.
    if (i >= sample_count) continue;
    if (is_dead) lost_.push_back({batch_.refs[i], batch_.timestamps[i], batch_.values[i]});
    count_refusal(refusal.outcome);
  }
  for (const storage::Refusal& refusal : append_report_.histograms) {
    if (refusal.outcome == storage::AppendOutcome::kUnknownSeries)
      dead.push_back(batch_.histograms[refusal.index].ref);
    count_refusal(refusal.outcome);
  }
  if (!dead.empty()) renew_dead(std::move(dead));
}

// What used these references asks for new ones.
void Ingest::renew_dead(std::vector<storage::SeriesRef> dead) {
  std::ranges::sort(dead);
  std::ranges::stable_sort(lost_, {}, &Lost::ref);
  const auto is_dead = [&dead](storage::SeriesRef ref) {
    return std::ranges::binary_search(dead, ref);
  };
  for (SeriesCache::Entry& entry : cache_.entries()) {
    if (is_dead(entry.ref)) entry.resolve = 1;
  }
  for (ReportSeries& series : report_series_) {
    if (is_dead(series.ref)) series.ref = storage::kNoSeries;
  }
}

// The target's labels are at hand, so what the report lost is stored at once.
util::Result<void> Ingest::repeat_report(double up) {
  std::vector<ReportSeries> good = report_series_;
  std::erase_if(good, [](const ReportSeries& series) { return series.ref == storage::kNoSeries; });
  if (good.size() == report_series_.size()) return {};
  NX_TRY(ensure_report_series(*start_.target, start_.job->options.extra_scrape_metrics));
  batch_.clear();
  add_report(up, report_.seconds);
  return append(0);
}

util::Result<void> Ingest::commit(double seconds) {
  if (limit_error_) {
    shared_->metrics->sample_limit_exceeded.increment();
    return std::unexpected(*limit_error_);
  }
  report_.seconds = seconds;
  NX_TRY(ensure_pending());
  drop_unresolved();
  const std::size_t sample_count = batch_.float_count();
  add_stale_markers(false);
  NX_TRY(ensure_report_series(*start_.target, start_.job->options.extra_scrape_metrics));
  add_report(1, seconds);
  lost_.clear();
  NX_TRY(append_zeros());
  NX_TRY(append(sample_count));
  NX_TRY(repeat_report(1));
  end_round(true);
  return {};
}

util::Result<void> Ingest::abandon(double seconds) {
  report_.seconds = seconds;
  report_.kept = 0;
  report_.added = 0;
  if (report_.body_bytes > 0) report_.body_bytes = 0;
  batch_.clear();
  // Entries of this round whose series was never asked for must not be trusted later.
  const bool saw_lines = report_.scraped > 0;
  add_stale_markers(true);
  auto stored = ensure_report_series(*start_.target, start_.job->options.extra_scrape_metrics);
  if (stored) {
    add_report(0, seconds);
    stored = append(0);
    if (stored) stored = repeat_report(0);
  }
  resolve_all_ = resolve_all_ || saw_lines;
  end_round(false);
  return stored;
}

util::Result<void> Ingest::write_end_markers(const Job& job, const Target& target,
                                             model::TimestampMs timestamp) {
  start_ = {.job = &job, .target = &target, .timestamp = timestamp};
  batch_ = shared_->batches.take();
  replaced_.clear();
  continued_ = live_ + 1;  // Everything that was there is gone.
  add_stale_markers(false);
  for (const ReportSeries& series : report_series_) {
    if (series.ref != storage::kNoSeries) batch_.add(series.ref, timestamp, model::stale_nan());
  }
  last_good_round_ = kNoRound;
  auto stored = append(0);
  shared_->batches.give(std::move(batch_));
  shared_->metrics->metadata_cache_entries(job.options.job_name).add(-published_entries_);
  shared_->metrics->metadata_cache_bytes(job.options.job_name).add(-published_bytes_);
  published_entries_ = published_bytes_ = 0;
  return stored;
}

void Ingest::end_round(bool success) {
  metadata_.end_round();
  const bool metadata_counts = start_.job->append_metadata || start_.job->type_and_unit_labels;
  if (metadata_counts && metadata_.version() != appended_metadata_version_) {
    // Series that were there before may be among those it is about: the next round resolves all.
    appended_metadata_version_ = metadata_.version();
    resolve_all_ = true;
  }
  publish_cache_size();
  publish_metadata_size(start_.job->options.job_name);
  last_timestamp_ = start_.timestamp;
  last_good_round_ = success ? round_ : kNoRound;
  live_ = success ? seen_ : 0;
  // What a good round did not see is kept for a while, in case it comes back; not without bound.
  constexpr std::size_t kUnseenFree = 1000;
  const std::size_t unseen = cache_.size() - seen_;
  if (success && unseen > seen_ / 4 + kUnseenFree) cache_.keep_only(round_);
  if (!success && cache_.memory_bytes() > kMemoryBytesDefault / 2 && unseen > kUnseenFree) {
    cache_.clear();
    shared_->metrics->cache_flush_forced.increment();
  }
  release_buffers();
}

std::string Ingest::refusal_text() const {
  if (report_.refused == 0) return {};
  std::string text = fmt::format("memory budget is spent: {} new series refused", report_.refused);
  if (!refused_label_.empty())
    text += fmt::format(", which differ most in label \"{}\"", refused_label_);
  return text;
}

void Ingest::publish_cache_size() {
  const std::uint64_t bytes = cache_.memory_bytes();
  // Wraps around when it became smaller, as the sum does.
  shared_->cache_bytes.fetch_add(bytes - published_cache_bytes_, std::memory_order_relaxed);
  published_cache_bytes_ = bytes;
}

void Ingest::publish_metadata_size(const std::string& job_name) {
  const auto entries = static_cast<double>(metadata_.size());
  const std::uint64_t version = metadata_.version();
  if (version == published_version_) return;
  published_version_ = version;
  const auto bytes = static_cast<double>(metadata_.bytes());
  shared_->metrics->metadata_cache_entries(job_name).add(entries - published_entries_);
  shared_->metrics->metadata_cache_bytes(job_name).add(bytes - published_bytes_);
  published_entries_ = entries;
  published_bytes_ = bytes;
}

// Between rounds a target costs its cache, not its body and not its batch.
void Ingest::release_buffers() {
  shared_->batches.give(std::move(batch_));
  batch_ = {};
  text_ = TextBuffer();
  text_begin_ = text_end_ = 0;
  compressed_.reset();
  inflater_.reset();
  pending_ = {};
  pending_samples_ = {};
  pending_histograms_ = {};
  pending_exemplars_ = {};
  pending_metadata_ = {};
  exemplars_ = {};
  starts_.release();
}

}  // namespace narthex::scrape
