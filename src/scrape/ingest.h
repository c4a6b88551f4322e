// One target's way from the text of a body to one batch in storage: the hot path of scraping.
//
// A round is begin_round(), take() for each piece of the body, then commit() or abandon(). Between
// rounds it keeps the cache of series. A warm round over an unchanged set of series allocates
// nothing for each line.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "narthex/exposition/openmetrics_parser.h"
#include "narthex/exposition/protobuf_parser.h"
#include "narthex/exposition/protocol.h"
#include "narthex/exposition/text_parser.h"
#include "narthex/http/inflater.h"
#include "narthex/model/timestamp.h"
#include "narthex/storage/appender.h"
#include "narthex/util/mutex.h"

#include "scrape/classic_collector.h"
#include "scrape/job.h"
#include "scrape/metadata_cache.h"
#include "scrape/metrics.h"
#include "scrape/series_cache.h"
#include "scrape/start_times.h"
#include "scrape/target.h"
#include "scrape/text_buffer.h"

namespace narthex::scrape {

struct RoundStart {
  const Job* job = nullptr;  // Both outlive the round.
  const Target* target = nullptr;
  model::TimestampMs timestamp = 0;  // Of every sample without one of its own.
};

// What the report series say.
struct RoundReport {
  double seconds = 0;
  std::uint64_t scraped = 0;
  std::uint64_t kept = 0;   // After metric_relabel_configs.
  std::uint64_t added = 0;  // Series that the cache did not know.
  std::int64_t body_bytes = 0;
  std::uint64_t refused = 0;  // New series that storage did not take.
};

// Batches that are not in use: a target needs one only during its round. Threads: synchronized.
class BatchPool {
 public:
  [[nodiscard]] storage::WriteBatch take();
  void give(storage::WriteBatch batch);

 private:
  util::Mutex mutex_;
  std::vector<storage::WriteBatch> free_ NX_GUARDED_BY(mutex_);
};

// What all targets use together. Threads: synchronized.
struct Shared {
  storage::Appender* appender = nullptr;
  Metrics* metrics = nullptr;
  std::atomic<std::uint64_t> cache_bytes{0};  // Of all targets' caches of series.
  MetadataInterner interner;
  BatchPool batches;
};

// Threads: confined; one thread at a time. Blocks in storage for the time of a short write.
class Ingest {
 public:
  // `shared` outlives the object.
  explicit Ingest(Shared* shared);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  void begin_round(const RoundStart& start);
  // What the body is written in, and that it is compressed. Before the first buffer() of the round;
  // without them it is plain text.
  void expect_format(exposition::ScrapeProtocol format);
  void expect_gzip();
  // Where the next bytes of the body go: never empty before the memory bound is hit. Valid until
  // take().
  [[nodiscard]] std::span<char> buffer();
  // `bytes` of the body stand at the front of buffer(); `last` says that no more follow. An error
  // ends the round: abandon() it.
  util::Result<void> take(std::size_t bytes, bool last);

  // Appends samples, stale markers and the report. An error means that nothing was stored.
  util::Result<void> commit(double seconds);
  // Appends stale markers for everything the round before had, and the report with `up` 0.
  util::Result<void> abandon(double seconds);
  // The target is gone: stale markers for its series and for the report.
  util::Result<void> write_end_markers(const Job& job, const Target& target,
                                       model::TimestampMs timestamp);
  // The job has changed: every series is looked at again, by the new rules; those that are gone by
  // them get their stale markers.
  void forget_decisions() noexcept { resolve_all_ = true; }

  // What storage did not take of the last round, in words; empty when it took everything.
  [[nodiscard]] std::string refusal_text() const;
  [[nodiscard]] const RoundReport& report() const noexcept { return report_; }
  [[nodiscard]] const MetadataCache& metadata() const noexcept { return metadata_; }
  [[nodiscard]] std::size_t cached_series() const noexcept { return cache_.size(); }

 private:
  static constexpr std::size_t kMemoryBytesDefault = 64U << 20U;
  static constexpr std::uint32_t kNoRound = SeriesCache::kRoundMask + 1;

  // A sample, histogram or exemplar whose series is being asked for: batch index and cache entry.
  struct Pending {
    std::size_t batch_index = 0;
    SeriesCache::Index entry = 0;
  };
  // New series that storage will be asked for together: equally many of both.
  struct PendingGroup {
    std::vector<model::Labels> labels;
    std::vector<SeriesCache::Index> entries;
  };
  struct ReportSeries {
    std::string_view name;
    storage::SeriesRef ref = storage::kNoSeries;
  };
  // A reference that gave way to another one in this round: what it named has ended, unless both
  // are the same.
  struct Replaced {
    storage::SeriesRef ref = storage::kNoSeries;
    SeriesCache::Index entry = 0;
  };
  // A sample whose reference turned out to be dead: stored as soon as the target's next body names
  // the series.
  struct Lost {
    storage::SeriesRef ref = storage::kNoSeries;
    model::TimestampMs timestamp = 0;
    double value = 0;
  };
  enum class Step : std::uint8_t { kDone, kNeedMore };
  // Where the labels of the series at hand come from.
  enum class Source : std::uint8_t { kSeriesText, kProtobuf, kCollector };

  // The body.
  util::Result<void> inflate_and_parse(std::span<const char> raw, bool last);
  util::Result<void> parse(bool last);
  template <class Parser>
  util::Result<void> parse_with(Parser& parser, bool last);
  util::Result<void> stop_parsing(std::size_t consumed);
  util::Result<void> count_body(std::size_t bytes);
  util::Result<void> check_memory() const;
  void make_room();

  // Its samples.
  template <class Parser>
  util::Result<Step> on_sample(Parser& parser);
  util::Result<Step> on_sample(exposition::ProtobufParser& parser);
  template <class Parser>
  util::Result<Step> collect(Parser& parser);
  util::Result<void> flush_collector();
  [[nodiscard]] bool take_known_sample(const util::Hash128& hash);
  util::Result<void> take_new_sample(const util::Hash128& hash);
  util::Result<void> take_histogram(exposition::ExposedHistogram histogram);
  util::Result<bool> take_created(exposition::OpenMetricsParser& parser);
  [[nodiscard]] CountedSample counted_sample(bool is_histogram);
  void remember_start(const exposition::OpenMetricsParser& parser);
  util::Result<void> add_exemplars(std::vector<exposition::ExposedExemplar>& exemplars);
  util::Result<void> resolve(SeriesCache::Index index);
  util::Result<void> read_exposed_labels();
  util::Result<bool> build_labels(model::Labels& out);
  [[nodiscard]] bool merge_labels(model::Labels& out) const;
  util::Result<bool> relabel(model::Labels& out);
  // What storage is to be told of the series whose line was read last.
  void add_type_and_unit();
  void note_metadata(SeriesCache::Index entry);
  void add_metadata();
  void make_up_for_lost(storage::SeriesRef dead, SeriesCache::Index entry);
  util::Result<void> check_labels(const model::Labels& labels) const;
  void append_sample(SeriesCache::Index index);
  void append_histogram(SeriesCache::Index index);
  void touch(SeriesCache::Entry& entry) noexcept;
  [[nodiscard]] bool is_retry_round(const util::Hash128& hash) const noexcept;
  [[nodiscard]] bool trusts(const SeriesCache::Entry& entry) const noexcept;

  // The end of a round.
  util::Result<void> ensure_pending();
  util::Result<void> append_zeros();
  void drop_unresolved();
  void add_stale_markers(bool failed);
  void add_report(double up, double seconds);
  util::Result<void> repeat_report(double up);
  util::Result<void> append(std::size_t sample_count);
  void count_refusal(storage::AppendOutcome outcome);
  void count_refusals(std::size_t sample_count);
  void renew_dead(std::vector<storage::SeriesRef> dead);
  util::Result<void> ensure_report_series(const Target& target, bool extra);
  void end_round(bool success);
  void publish_cache_size();
  void publish_metadata_size(const std::string& job_name);
  void release_buffers();

  Shared* const shared_;
  SeriesCache cache_;
  std::uint64_t published_cache_bytes_ = 0;
  std::string refused_label_;  // What new series that were refused last differ in most.
  MetadataCache metadata_;
  std::uint64_t published_version_ = 0;  // Of the metadata, in the self-metrics.
  double published_entries_ = 0;
  double published_bytes_ = 0;
  exposition::TextParser text_parser_;
  exposition::OpenMetricsParser openmetrics_parser_;
  std::unique_ptr<exposition::ProtobufParser> protobuf_parser_;  // Made when it is needed.
  exposition::SeriesLabels series_labels_;
  std::unique_ptr<ClassicCollector> collector_;  // Made when it is needed.
  std::vector<ReportSeries> report_series_;
  StartTimes starts_;

  RoundStart start_;
  RoundReport report_;
  exposition::ScrapeProtocol format_ = exposition::ScrapeProtocol::kPrometheusText004;

  // The sample at hand.
  const exposition::TextSample* sample_ = nullptr;  // Its series may be an identity and no text.
  Source source_ = Source::kSeriesText;
  exposition::FamilyContext context_;
  std::optional<exposition::ExposedHistogram> histogram_;  // Set: it is a histogram.
  std::span<const model::LabelView> exposed_;              // Its labels, when they were asked for.
  std::vector<model::LabelView> typed_labels_;  // Those with type and unit; into typed_family_.
  FamilyMetadataPtr typed_family_;
  SeriesCache::Index stored_ = SeriesCache::kNone;  // Its entry, when it went into the batch.
  model::TimestampMs stored_timestamp_ = 0;
  std::vector<exposition::ExposedExemplar> exemplars_;
  std::uint32_t round_ = 0;
  std::uint32_t last_good_round_ =
      0;  // kNoRound: the last one failed, so nothing is waiting for a stale marker.
  // Entries last seen before this one have to be resolved again: storage may have dropped their
  // series meanwhile.
  std::uint32_t trusted_since_ = 0;
  std::uint32_t next_trusted_since_ = 0;
  model::TimestampMs trust_step_ = 0;
  model::TimestampMs last_timestamp_ = 0;
  bool resolve_all_ = false;
  std::size_t live_ = 0;       // Entries that the last good round saw.
  std::size_t seen_ = 0;       // Entries that this round has seen,
  std::size_t continued_ = 0;  // and those of them that the last good round had seen, too.
  std::optional<util::Error>
      limit_error_;  // The sample limit: the rest of the body is still counted.

  // The body's text: bytes [begin, end) are not parsed yet.
  TextBuffer text_;
  std::size_t text_begin_ = 0;
  std::size_t text_end_ = 0;
  std::size_t unfinished_bytes_ =
      0;  // Length of the unfinished line when the parser last asked for more.
  std::unique_ptr<http::Inflater> inflater_;
  std::unique_ptr<char[]> compressed_;

  storage::WriteBatch batch_;
  storage::AppendReport append_report_;
  std::vector<PendingGroup> pending_;
  std::vector<Pending> pending_samples_;
  std::vector<Pending> pending_histograms_;
  std::vector<Pending> pending_exemplars_;
  struct PendingMetadata {
    SeriesCache::Index entry = 0;
    FamilyMetadataPtr family;
  };
  std::vector<PendingMetadata> pending_metadata_;
  std::uint64_t appended_metadata_version_ = 0;  // Of the metadata, as storage was told.
  std::size_t histogram_bytes_ = 0;              // Of the batch's histograms and exemplars.
  std::size_t pending_bytes_ = 0;
  std::vector<Replaced> replaced_;
  std::vector<Lost> lost_;  // Of the round before; by reference.
};

}  // namespace narthex::scrape
