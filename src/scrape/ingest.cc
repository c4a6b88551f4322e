#include "scrape/ingest.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/check.h"

namespace narthex::scrape {
namespace {

using exposition::ScrapeProtocol;
using exposition::TextEvent;
using util::Code;
using util::fail;

constexpr std::size_t kTextBytesMin = 16U << 10U;
constexpr std::size_t kCompressedBytes = 64U << 10U;
constexpr std::size_t kLineBytesMax = 8U << 20U;
constexpr std::size_t kMessageBytesMax = exposition::ProtobufParser::kMessageBytesMax + 16;
// New series are asked for in groups of this size.
constexpr std::size_t kPendingGroupMax = 16'384;
// What the allocator adds to a short string.
constexpr std::size_t kAllocationBytes = 24;
// Storage keeps a series for hours after its last sample; half of this is how long a reference is
// used without asking again.
constexpr model::TimestampMs kTrustMs = 20 * 60 * 1000;
// Samples further ahead of the clock than this are refused (PR-S14).
constexpr model::TimestampMs kFutureMsMax = 10 * 60 * 1000;

// How long ago `round` was, seen from `now`; rounds wrap.
std::uint32_t age(std::uint32_t now, std::uint32_t round) noexcept {
  return (now - round) & SeriesCache::kRoundMask;
}

}  // namespace

storage::WriteBatch BatchPool::take() {
  const util::MutexLock lock(mutex_);
  if (free_.empty()) return {};
  storage::WriteBatch batch = std::move(free_.back());
  free_.pop_back();
  return batch;
}

void BatchPool::give(storage::WriteBatch batch) {
  constexpr std::size_t kFreeMax = 8;
  // One large target must not have its memory kept for ever.
  constexpr std::size_t kSamplesMax = 256U << 10U;
  if (batch.refs.capacity() > kSamplesMax) return;
  batch.clear();
  const util::MutexLock lock(mutex_);
  if (free_.size() < kFreeMax) free_.push_back(std::move(batch));
}

Ingest::Ingest(Shared* shared)
    : shared_(shared), metadata_(&shared->interner), last_good_round_(kNoRound) {}

Ingest::~Ingest() {
  shared_->cache_bytes.fetch_sub(published_cache_bytes_, std::memory_order_relaxed);
}

void Ingest::begin_round(const RoundStart& start) {
  start_ = start;
  report_ = {};
  limit_error_.reset();
  round_ = (round_ + 1) & SeriesCache::kRoundMask;
  if (start.timestamp - last_timestamp_ > kTrustMs / 2) {
    // The first round, or one after a long pause.
    trusted_since_ = next_trusted_since_ = round_;
    trust_step_ = start.timestamp;
  } else if (start.timestamp - trust_step_ > kTrustMs / 2) {
    trusted_since_ = next_trusted_since_;
    next_trusted_since_ = round_;
    trust_step_ = start.timestamp;
  }
  if (resolve_all_) trusted_since_ = next_trusted_since_ = round_;
  resolve_all_ = false;

  expect_format(ScrapeProtocol::kPrometheusText004);
  cache_.rewind();
  metadata_.begin_round();
  batch_ = shared_->batches.take();
  replaced_.clear();
  seen_ = continued_ = 0;
  pending_.clear();
  pending_samples_.clear();
  pending_histograms_.clear();
  pending_exemplars_.clear();
  pending_metadata_.clear();
  pending_bytes_ = histogram_bytes_ = 0;
  if (collector_) collector_->clear();
  starts_.begin_round(last_timestamp_);
  source_ = Source::kSeriesText;
  histogram_.reset();
  exemplars_.clear();
  text_begin_ = text_end_ = unfinished_bytes_ = 0;
}

void Ingest::expect_format(ScrapeProtocol format) {
  format_ = format;
  switch (format) {
    case ScrapeProtocol::kPrometheusProto:
      if (!protobuf_parser_) protobuf_parser_ = std::make_unique<exposition::ProtobufParser>();
      protobuf_parser_->reset(start_.target->histograms);
      break;
    case ScrapeProtocol::kOpenMetricsText001:
    case ScrapeProtocol::kOpenMetricsText100:
      openmetrics_parser_.reset();
      break;
    case ScrapeProtocol::kPrometheusText004:
    case ScrapeProtocol::kPrometheusText100:
      text_parser_.reset();
  }
}

void Ingest::expect_gzip() {
  inflater_ = std::make_unique<http::Inflater>();
  compressed_ = std::make_unique_for_overwrite<char[]>(kCompressedBytes);
}

// ---- The body ----

std::span<char> Ingest::buffer() {
  if (inflater_) return {compressed_.get(), kCompressedBytes};
  make_room();
  return {text_.data() + text_end_, text_.size() - text_end_};
}

// Moves unparsed text to the front and grows the buffer: to the usual size as the body turns out to
// be long, and beyond it, doubling, only for a line that does not fit.
void Ingest::make_room() {
  const std::size_t unparsed = text_end_ - text_begin_;
  std::size_t wanted = text_.size();
  if (wanted == 0) {
    wanted = kTextBytesMin;
  } else if (report_.body_bytes > static_cast<std::int64_t>(text_.size() / 2)) {
    wanted = std::max(wanted, TextBuffer::kUsualBytes);
  }
  // A message is there whole or not at all: that it is read again costs nothing.
  const bool is_protobuf = format_ == ScrapeProtocol::kPrometheusProto;
  while (wanted < (is_protobuf ? unparsed + 1 : 2 * unparsed + 1)) wanted *= 2;
  if (wanted == text_.size()) {
    if (text_begin_ > 0) std::memmove(text_.data(), text_.data() + text_begin_, unparsed);
  } else {
    TextBuffer larger(wanted);
    if (unparsed > 0) std::memcpy(larger.data(), text_.data() + text_begin_, unparsed);
    text_ = std::move(larger);
  }
  text_begin_ = 0;
  text_end_ = unparsed;
}

util::Result<void> Ingest::count_body(std::size_t bytes) {
  report_.body_bytes += static_cast<std::int64_t>(bytes);
  const std::uint64_t limit = start_.job->options.limits.body_size_bytes;
  if (limit == 0 || static_cast<std::uint64_t>(report_.body_bytes) < limit) return {};
  report_.body_bytes = -1;
  shared_->metrics->body_size_limit_exceeded.increment();
  return fail(Code::kLimitExceeded, "body size limit exceeded");
}

util::Result<void> Ingest::check_memory() const {
  const std::size_t sample_bytes =
      sizeof(storage::SeriesRef) + sizeof(model::TimestampMs) + sizeof(double);
  const std::size_t used = text_.size() + batch_.refs.capacity() * sample_bytes +
                           pending_samples_.capacity() * sizeof(Pending) + pending_bytes_ +
                           histogram_bytes_ + cache_.memory_bytes() + starts_.memory_bytes();
  const std::size_t allowed =
      std::max<std::size_t>(kMemoryBytesDefault, start_.job->options.limits.body_size_bytes);
  if (used <= allowed) return {};
  return fail(
      Code::kLimitExceeded,
      fmt::format("scrape needs more than {} MiB of memory; a larger body_size_limit allows more",
                  allowed >> 20U));
}

util::Result<void> Ingest::take(std::size_t bytes, bool last) {
  if (inflater_) return inflate_and_parse({compressed_.get(), bytes}, last);
  text_end_ += bytes;
  NX_TRY(count_body(bytes));
  return parse(last);
}

util::Result<void> Ingest::inflate_and_parse(std::span<const char> raw, bool last) {
  for (;;) {
    make_room();
    NX_ASSIGN(const http::Inflater::Step step,
              inflater_->step(raw, std::span(text_.data() + text_end_, text_.size() - text_end_)));
    raw = raw.subspan(step.consumed);
    text_end_ += step.produced;
    NX_TRY(count_body(step.produced));
    if (step.consumed == 0 && step.produced == 0) break;
    NX_TRY(parse(false));
  }
  if (!last) return {};
  if (!inflater_->at_end()) return fail(Code::kInvalidArgument, "gzip: unexpected EOF");
  return parse(true);
}

util::Result<void> Ingest::parse(bool last) {
  const std::size_t unparsed = text_end_ - text_begin_;
  const bool is_protobuf = format_ == ScrapeProtocol::kPrometheusProto;
  // Reading the start of a long line again pays only when there is much more of it.
  if (!last && !is_protobuf && unparsed < 2 * unfinished_bytes_) return {};
  if (last && !is_protobuf && unparsed > 0 && text_.data()[text_end_ - 1] != '\n') {
    if (text_end_ == text_.size()) make_room();
    text_.data()[text_end_++] = '\n';
  }
  switch (format_) {
    case ScrapeProtocol::kPrometheusProto:
      return parse_with(*protobuf_parser_, last);
    case ScrapeProtocol::kOpenMetricsText001:
    case ScrapeProtocol::kOpenMetricsText100:
      return parse_with(openmetrics_parser_, last);
    case ScrapeProtocol::kPrometheusText004:
    case ScrapeProtocol::kPrometheusText100:
      return parse_with(text_parser_, last);
  }
  return fail(Code::kInternal, "unknown exposition format");
}

// The parser has nothing more to give: what it did not use up waits for more.
util::Result<void> Ingest::stop_parsing(std::size_t consumed) {
  text_begin_ += consumed;
  unfinished_bytes_ = text_end_ - text_begin_;
  const std::size_t allowed =
      format_ == ScrapeProtocol::kPrometheusProto ? kMessageBytesMax : kLineBytesMax;
  if (unfinished_bytes_ > allowed) {
    return fail(Code::kLimitExceeded, fmt::format("a line is longer than {} MiB", allowed >> 20U));
  }
  return check_memory();
}

template <class Parser>
util::Result<void> Ingest::parse_with(Parser& parser, bool last) {
  parser.feed({text_.data() + text_begin_, text_end_ - text_begin_}, last);
  for (;;) {
    const TextEvent event = parser.next();
    switch (event) {
      case TextEvent::kSample: {
        NX_ASSIGN(const Step step, on_sample(parser));
        if (step == Step::kDone) [[likely]]
          continue;
        return stop_parsing(parser.consumed());
      }
      case TextEvent::kType:
      case TextEvent::kHelp:
      case TextEvent::kUnit:
        NX_TRY(flush_collector());
        starts_.forget();
        metadata_.on_line(metadata_line(parser, event));
        continue;
      case TextEvent::kEnd:
        NX_TRY(flush_collector());
        return stop_parsing(parser.consumed());
      case TextEvent::kNeedMore:
        return stop_parsing(parser.consumed());
      case TextEvent::kError:
        return std::unexpected(parser.error());
    }
  }
}

// ---- Its samples ----

namespace {

// Exemplars stand in OpenMetrics lines alone.
util::Result<void> read_exemplars(const exposition::TextParser&, exposition::SeriesLabels&,
                                  std::vector<exposition::ExposedExemplar>&) {
  return {};
}
util::Result<void> read_exemplars(const exposition::OpenMetricsParser& parser,
                                  exposition::SeriesLabels& scratch,
                                  std::vector<exposition::ExposedExemplar>& out) {
  if (!parser.verified() || !parser.has_exemplar()) return {};
  NX_ASSIGN(auto exemplar, exposition::read_exemplar(parser.exemplar(), scratch));
  out.push_back(std::move(exemplar));
  return {};
}

}  // namespace

// A line of text: known by its hash, or read by its whole grammar.
template <class Parser>
util::Result<Ingest::Step> Ingest::on_sample(Parser& parser) {
  constexpr bool kHasStarts = std::is_same_v<Parser, exposition::OpenMetricsParser>;
  if constexpr (kHasStarts) {
    if (start_.job->start_timestamps) [[unlikely]] {
      NX_ASSIGN(const bool is_created, take_created(parser));
      if (is_created) return Step::kDone;
    }
  }
  if (start_.target->histograms.convert_classic_histograms_to_nhcb) [[unlikely]]
    return collect(parser);
  sample_ = &parser.sample();
  stored_ = SeriesCache::kNone;
  util::Hash128 hash = util::hash128(sample_->series);
  if (!take_known_sample(hash)) [[unlikely]] {
    bool is_known = false;
    if (!parser.verified()) {
      const std::string_view split = sample_->series;
      const TextEvent event = parser.verify();
      if (event == TextEvent::kNeedMore) return Step::kNeedMore;
      if (event == TextEvent::kError) return std::unexpected(parser.error());
      // Where splitting misread the line, the series may be one that is known after all.
      if (sample_->series != split) {
        hash = util::hash128(sample_->series);
        is_known = take_known_sample(hash);
      }
    }
    if (!is_known) {
      context_ = parser.context();
      NX_TRY(take_new_sample(hash));
    }
  }
  if constexpr (kHasStarts) {
    remember_start(parser);
    if (stored_ == SeriesCache::kNone || !parser.verified() || !parser.has_exemplar())
      return Step::kDone;
    NX_TRY(read_exemplars(parser, series_labels_, exemplars_));
    NX_TRY(add_exemplars(exemplars_));
  }
  return Step::kDone;
}

util::Result<Ingest::Step> Ingest::on_sample(exposition::ProtobufParser& parser) {
  sample_ = &parser.sample();
  source_ = Source::kProtobuf;
  stored_ = SeriesCache::kNone;
  if (parser.is_histogram()) {
    NX_ASSIGN(auto histogram, parser.histogram());
    NX_TRY(take_histogram(std::move(histogram)));
  } else {
    const util::Hash128 hash = util::hash128(sample_->series);
    if (!take_known_sample(hash)) NX_TRY(take_new_sample(hash));
  }
  source_ = Source::kSeriesText;
  if (stored_ == SeriesCache::kNone) return Step::kDone;
  if (start_.job->start_timestamps) {
    if (const auto start = parser.start_timestamp_ms())
      starts_.add(counted_sample(parser.is_histogram()), *start);
  }
  if (parser.has_exemplar()) {
    NX_TRY(parser.read_exemplars(exemplars_));
    NX_TRY(add_exemplars(exemplars_));
  }
  return Step::kDone;
}

// The same for a target whose classic histograms become native ones: every line is read whole.
template <class Parser>
util::Result<Ingest::Step> Ingest::collect(Parser& parser) {
  if (!parser.verified()) {
    const TextEvent event = parser.verify();
    if (event == TextEvent::kNeedMore) return Step::kNeedMore;
    if (event == TextEvent::kError) return std::unexpected(parser.error());
  }
  if (!collector_) collector_ = std::make_unique<ClassicCollector>();
  const exposition::FamilyContext context = parser.context();
  NX_TRY(series_labels_.parse(parser.sample().series, context));
  const bool is_part = ClassicCollector::is_part(series_labels_.labels(), context);
  if (!is_part || !collector_->fits(series_labels_.labels(), context)) {
    NX_TRY(flush_collector());
    NX_TRY(series_labels_.parse(parser.sample().series, context));
  }
  exemplars_.clear();
  if (is_part) {
    collector_->add(series_labels_.labels(), context, parser.sample());
    NX_TRY(read_exemplars(parser, series_labels_, exemplars_));
    for (const exposition::ExposedExemplar& exemplar : exemplars_)
      collector_->add_exemplar(exemplar);
    if (!start_.target->histograms.always_scrape_classic_histograms) return Step::kDone;
  }
  sample_ = &parser.sample();
  stored_ = SeriesCache::kNone;
  context_ = context;
  const util::Hash128 hash = util::hash128(sample_->series);
  if (!take_known_sample(hash)) NX_TRY(take_new_sample(hash));
  if constexpr (std::is_same_v<Parser, exposition::OpenMetricsParser>) remember_start(parser);
  exemplars_.clear();
  NX_TRY(read_exemplars(parser, series_labels_, exemplars_));
  NX_TRY(add_exemplars(exemplars_));
  return Step::kDone;
}

// The histogram whose lines have come to their end.
util::Result<void> Ingest::flush_collector() {
  if (!collector_) [[likely]]
    return {};
  auto histogram = collector_->take();
  if (!histogram) return {};
  sample_ = &collector_->sample();
  source_ = Source::kCollector;
  stored_ = SeriesCache::kNone;
  NX_TRY(take_histogram(*std::move(histogram)));
  source_ = Source::kSeriesText;
  if (start_.job->start_timestamps && stored_ != SeriesCache::kNone)
    starts_.on_gathered(collector_->labels(), counted_sample(true));
  exemplars_ = collector_->exemplars();
  return add_exemplars(exemplars_);
}

util::Result<void> Ingest::take_histogram(exposition::ExposedHistogram histogram) {
  NX_TRY(exposition::check_counts(histogram));
  const exposition::ResolutionLimits& limits = start_.job->resolution;
  const auto limit = [&limits](auto& shared) -> util::Result<void> {
    if (!shared) return {};
    auto limited = *shared;
    NX_TRY(exposition::limit_resolution(limited, limits));
    shared = std::make_shared<const decltype(limited)>(std::move(limited));
    return {};
  };
  if (limits.buckets_max != 0 || limits.schema_max < model::kExponentialSchemaMax) {
    auto limited = limit(histogram.integer);
    if (limited) limited = limit(histogram.floating);
    if (!limited) {
      shared_->metrics->histogram_bucket_limit_exceeded.increment();
      return limited;
    }
  }
  histogram_ = std::move(histogram);
  const util::Hash128 hash = util::hash128(sample_->series);
  util::Result<void> taken;
  if (!take_known_sample(hash)) taken = take_new_sample(hash);
  histogram_.reset();
  return taken;
}

// Adds them to the sample that was stored last, oldest first, and empties the list.
util::Result<void> Ingest::add_exemplars(std::vector<exposition::ExposedExemplar>& exemplars) {
  if (stored_ != SeriesCache::kNone) {
    for (exposition::ExposedExemplar& exemplar : exemplars) {
      if (!exemplar.has_timestamp) exemplar.timestamp_ms = stored_timestamp_;
    }
    std::ranges::stable_sort(exemplars, [](const auto& a, const auto& b) {
      if (a.timestamp_ms != b.timestamp_ms) return a.timestamp_ms < b.timestamp_ms;
      return a.value != b.value ? a.value < b.value : a.labels < b.labels;
    });
    const SeriesCache::Entry& entry = cache_[stored_];
    for (exposition::ExposedExemplar& exemplar : exemplars) {
      if (entry.ref == storage::kNoSeries)
        pending_exemplars_.push_back({batch_.exemplars.size(), stored_});
      histogram_bytes_ += sizeof(storage::Exemplar) + exemplar.labels.bytes().size();
      batch_.exemplars.push_back({.ref = entry.ref,
                                  .timestamp = exemplar.timestamp_ms,
                                  .value = exemplar.value,
                                  .labels = std::move(exemplar.labels)});
    }
  }
  exemplars.clear();
  return {};
}

// Whether the entry's reference may be used as it is.
bool Ingest::trusts(const SeriesCache::Entry& entry) const noexcept {
  return entry.resolve == 0 && age(round_, entry.round) <= age(round_, trusted_since_) &&
         trusted_since_ != round_;
}

void Ingest::touch(SeriesCache::Entry& entry) noexcept {
  const exposition::TextSample& sample = *sample_;
  if (entry.round != round_) {
    const bool continued = entry.round == last_good_round_;
    entry.joined = continued ? 0 : 1;
    continued_ += continued ? 1 : 0;
    ++seen_;
  }
  entry.round = round_ & SeriesCache::kRoundMask;
  const ScrapeJobOptions& options = start_.job->options;
  const bool own_timestamp = sample.has_timestamp && options.honor_timestamps;
  entry.tracked = !own_timestamp || options.track_timestamps_staleness ? 1 : 0;
}

void Ingest::append_sample(SeriesCache::Index index) {
  const SeriesCache::Entry& entry = cache_[index];
  ++report_.kept;
  const std::uint64_t limit = start_.job->options.limits.samples;
  if (limit != 0 && report_.kept > limit) {
    if (!limit_error_) limit_error_ = util::Error(Code::kLimitExceeded, "sample limit exceeded");
    return;
  }
  const exposition::TextSample& sample = *sample_;
  const bool own_timestamp = sample.has_timestamp && start_.job->options.honor_timestamps;
  if (own_timestamp && sample.timestamp_ms > start_.timestamp + kFutureMsMax) {
    shared_->metrics->out_of_bounds.increment();
    return;
  }
  stored_ = index;
  stored_timestamp_ = own_timestamp ? sample.timestamp_ms : start_.timestamp;
  if (histogram_) [[unlikely]]
    return append_histogram(index);
  if (entry.ref == storage::kNoSeries) pending_samples_.push_back({batch_.float_count(), index});
  batch_.add(entry.ref, stored_timestamp_, sample.value);
}

void Ingest::append_histogram(SeriesCache::Index index) {
  const SeriesCache::Entry& entry = cache_[index];
  if (entry.ref == storage::kNoSeries)
    pending_histograms_.push_back({batch_.histograms.size(), index});
  const auto bytes_of = [](const auto& h, const auto& positive, const auto& negative) {
    return sizeof(h) + (h.positive_spans.size() + h.negative_spans.size()) * sizeof(model::Span) +
           (positive.size() + negative.size() + h.custom_values.size()) * sizeof(double);
  };
  if (histogram_->integer) {
    const model::IntHistogram& h = *histogram_->integer;
    histogram_bytes_ += bytes_of(h, h.positive_deltas, h.negative_deltas);
  } else {
    const model::FloatHistogram& h = *histogram_->floating;
    histogram_bytes_ += bytes_of(h, h.positive_buckets, h.negative_buckets);
  }
  histogram_bytes_ += sizeof(storage::HistogramSample);
  batch_.histograms.push_back({.ref = entry.ref,
                               .timestamp = stored_timestamp_,
                               .integer = std::move(histogram_->integer),
                               .floating = std::move(histogram_->floating)});
}

// A series that storage refused is offered again in one of 16 rounds; which one differs, so that
// the work is spread.
bool Ingest::is_retry_round(const util::Hash128& hash) const noexcept {
  return ((hash.high ^ round_) & 15U) == 0;
}

// True when the line is done with: the series is known and its reference good.
bool Ingest::take_known_sample(const util::Hash128& hash) {
  const SeriesCache::Index index = cache_.find(hash);
  if (index == SeriesCache::kNone) [[unlikely]]
    return false;
  SeriesCache::Entry& entry = cache_[index];
  if (entry.round != round_) [[likely]] {
    if (entry.refused != 0 && !is_retry_round(hash)) [[unlikely]] {
      ++report_.scraped;
      ++report_.kept;
      ++report_.refused;
      touch(entry);
      return true;
    }
    if (!trusts(entry)) [[unlikely]]
      return false;
    ++report_.scraped;
    touch(entry);
    if (entry.dropped == 0) append_sample(index);
    return true;
  }
  // The same series again. Without a time of its own the second one is a duplicate.
  ++report_.scraped;
  if (entry.dropped != 0) return true;
  if (sample_->has_timestamp && start_.job->options.honor_timestamps) {
    append_sample(index);
  } else {
    ++report_.kept;
    shared_->metrics->duplicate_timestamp.increment();
  }
  return true;
}

// A series that the cache does not know, or not well enough: labels and rules.
util::Result<void> Ingest::take_new_sample(const util::Hash128& hash) {
  ++report_.scraped;
  SeriesCache::Index index = cache_.find(hash);
  if (index == SeriesCache::kNone) {
    index = cache_.add(hash);
    cache_[index].round = (round_ - 2) & SeriesCache::kRoundMask;  // Not the round before.
    ++report_.added;
  }
  NX_TRY(resolve(index));
  touch(cache_[index]);
  if (cache_[index].dropped == 0) append_sample(index);
  return {};
}

// Decides about the series of the current line anew: dropped, or to be ensured.
util::Result<void> Ingest::resolve(SeriesCache::Index index) {
  model::Labels labels;
  NX_ASSIGN(const bool keep, build_labels(labels));
  SeriesCache::Entry& entry = cache_[index];
  const bool live =
      entry.round == last_good_round_ && entry.tracked != 0 && entry.ref != storage::kNoSeries;
  if (live) replaced_.push_back({entry.ref, index});
  const storage::SeriesRef dead = entry.resolve != 0 ? entry.ref : storage::kNoSeries;
  entry.resolve = 0;
  entry.refused = 0;
  entry.dropped = keep ? 0 : 1;
  entry.ref = storage::kNoSeries;
  if (!keep) return {};
  NX_TRY(check_labels(labels));
  if (dead != storage::kNoSeries && !lost_.empty()) make_up_for_lost(dead, index);
  // Storage hears of new series when the body has come to its end: one that turns out to be no good
  // leaves no series behind.
  pending_bytes_ +=
      labels.bytes().size() + sizeof(model::Labels) + sizeof(SeriesCache::Index) + kAllocationBytes;
  if (pending_.empty() || pending_.back().labels.size() == kPendingGroupMax)
    pending_.emplace_back();
  // A copy has no room to grow that nobody needs.
  pending_.back().labels.push_back(model::Labels::from_bytes(std::string(labels.bytes())));
  pending_.back().entries.push_back(index);
  if (start_.job->append_metadata) note_metadata(index);
  return {};
}

void Ingest::note_metadata(SeriesCache::Index entry) {
  const auto name = std::ranges::find(exposed_, model::kMetricName, &model::LabelView::name);
  if (name == exposed_.end()) return;
  if (FamilyMetadataPtr family = metadata_.find_of_series(name->value))
    pending_metadata_.push_back({entry, std::move(family)});
}

void Ingest::make_up_for_lost(storage::SeriesRef dead, SeriesCache::Index entry) {
  const auto found = std::ranges::equal_range(lost_, dead, {}, &Lost::ref);
  for (const Lost& lost : found) {
    pending_samples_.push_back({batch_.float_count(), entry});
    batch_.add(storage::kNoSeries, lost.timestamp, lost.value);
  }
}

// What the target itself says about the series.
util::Result<void> Ingest::read_exposed_labels() {
  switch (source_) {
    case Source::kSeriesText:
      NX_TRY(series_labels_.parse(sample_->series, context_));
      exposed_ = series_labels_.labels();
      break;
    case Source::kProtobuf: {
      NX_ASSIGN(exposed_, protobuf_parser_->labels());
      break;
    }
    case Source::kCollector:
      exposed_ = collector_->labels();
  }
  if (start_.job->type_and_unit_labels) add_type_and_unit();
  return {};
}

// What the metadata knows of the two comes before what the target says in labels of that name
// (PR-S18).
void Ingest::add_type_and_unit() {
  const auto name = std::ranges::find(exposed_, model::kMetricName, &model::LabelView::name);
  if (name == exposed_.end()) return;
  typed_family_ = metadata_.find_of_series(name->value);
  if (!typed_family_) return;
  typed_labels_.assign(exposed_.begin(), exposed_.end());
  const auto set = [this](std::string_view label, std::string_view value) {
    const auto at = std::ranges::lower_bound(typed_labels_, label, {}, &model::LabelView::name);
    if (at != typed_labels_.end() && at->name == label) {
      at->value = value;
    } else {
      typed_labels_.insert(at, {label, value});
    }
  };
  const model::Metadata& metadata = typed_family_->metadata;
  if (metadata.type != model::MetricType::kUnknown)
    set(model::kTypeLabel, model::metric_type_text(metadata.type));
  if (!metadata.unit.empty()) set(model::kUnitLabel, metadata.unit);
  exposed_ = typed_labels_;
}

// The labels under which the series is stored; false when the rules drop it.
util::Result<bool> Ingest::build_labels(model::Labels& out) {
  NX_TRY(read_exposed_labels());
  if (start_.job->metric_relabel_rules.empty() && merge_labels(out)) return true;
  return relabel(out);
}

// Two sorted lists into one. False: a label of the series has to make room for one of the target.
bool Ingest::merge_labels(model::Labels& out) const {
  const std::span<const model::LabelView> exposed = exposed_;
  model::LabelsEncoder encoder;
  auto next = start_.target->labels.begin();
  const auto end = start_.target->labels.end();
  for (const model::LabelView& label : exposed) {
    for (; next != end && (*next).name < label.name; ++next)
      encoder.add((*next).name, (*next).value);
    if (next != end && (*next).name == label.name) {
      if (!start_.job->options.honor_labels) return false;
      ++next;
    }
    encoder.add(label.name, label.value);
  }
  for (; next != end; ++next) encoder.add((*next).name, (*next).value);
  out = std::move(encoder).finish();
  return true;
}

util::Result<bool> Ingest::relabel(model::Labels& out) {
  const std::span<const model::LabelView> exposed = exposed_;
  model::LabelsBuilder builder;
  for (const model::LabelView& label : exposed) builder.set(label.name, label.value);
  const auto has = [&exposed](std::string_view name) {
    return std::ranges::find(exposed, name, &model::LabelView::name) != exposed.end();
  };
  if (start_.job->options.honor_labels) {
    for (const model::LabelView label : start_.target->labels) {
      if (!has(label.name)) builder.set(label.name, label.value);
    }
  } else {
    std::vector<std::pair<std::string, std::string>> renamed;
    for (const model::LabelView label : start_.target->labels) {
      if (const std::string_view exposed_value = builder.get(label.name); !exposed_value.empty()) {
        renamed.emplace_back(label.name, exposed_value);
      }
      builder.set(label.name, label.value);
    }
    std::ranges::stable_sort(renamed, {}, [](const auto& label) { return label.first.size(); });
    for (const auto& [name, value] : renamed) {
      std::string free_name = "exported_" + name;
      while (!builder.get(free_name).empty()) free_name.insert(0, "exported_");
      builder.set(free_name, value);
    }
  }
  if (start_.job->metric_relabel_rules.apply(builder) == relabel::Verdict::kDrop || builder.empty())
    return false;
  out = builder.build();
  return true;
}

util::Result<void> Ingest::check_labels(const model::Labels& labels) const {
  const ScrapeJobOptions& options = start_.job->options;
  const std::string_view metric = labels.metric_name();
  if (metric.empty()) return fail(Code::kInvalidArgument, "missing metric name (__name__ label)");
  std::size_t count = 0;
  bool valid = model::is_valid_metric_name(metric, options.name_scheme);
  const ScrapeLimits& limits = options.limits;
  const auto limited = [this](std::string message) {
    shared_->metrics->label_limit_exceeded.increment();
    return fail(Code::kLimitExceeded, std::move(message));
  };
  for (const model::LabelView label : labels) {
    ++count;
    valid = valid && (label.name == model::kMetricName ||
                      model::is_valid_label_name(label.name, options.name_scheme));
    if (limits.label_name_bytes != 0 && label.name.size() > limits.label_name_bytes) {
      return limited(
          fmt::format("label_name_length_limit exceeded (metric: {:.50}, label name: {:.50}, "
                      "length: {}, limit: {})",
                      metric, label.name, label.name.size(), limits.label_name_bytes));
    }
    if (limits.label_value_bytes != 0 && label.value.size() > limits.label_value_bytes) {
      return limited(
          fmt::format("label_value_length_limit exceeded (metric: {:.50}, label name: {:.50}, "
                      "value: {:.50}, length: {}, limit: {})",
                      metric, label.name, model::quoted(label.value.substr(0, 50)),
                      label.value.size(), limits.label_value_bytes));
    }
  }
  if (!valid) {
    return fail(Code::kInvalidArgument, fmt::format("invalid metric name or label names: {:.300}",
                                                    labels.to_series_string()));
  }
  if (limits.labels != 0 && count > limits.labels) {
    return limited(
        fmt::format("label_limit exceeded (metric: {:.50}, number of labels: {}, limit: {})",
                    metric, count, limits.labels));
  }
  return {};
}

}  // namespace narthex::scrape
