#include "narthex/tsdb/db.h"

#include <fmt/format.h>

#include "narthex/util/log.h"
#include "narthex/util/mutex.h"
#include "tsdb/head/head.h"

namespace narthex::tsdb {

namespace {

std::vector<CardinalityEntry> to_entries(const std::vector<NameCount>& counts) {
  std::vector<CardinalityEntry> entries;
  entries.reserve(counts.size());
  for (const NameCount& one : counts) entries.push_back({one.name, one.count});
  return entries;
}

class DbImpl final : public Db {
 public:
  explicit DbImpl(DbOptions options)
      : options_(std::move(options)),
        env_(*options_.env),
        head_({.chunk_range_ms = options_.block_range_min.count(), .samples_per_chunk = options_.samples_per_chunk}) {}
  ~DbImpl() override {
    if (const auto closed = close(); !closed) util::log_error("Closing the data directory failed", {{"err", closed.error()}});
  }
  DbImpl(const DbImpl&) = delete;
  DbImpl& operator=(const DbImpl&) = delete;

  util::Result<void> start(ReplayProgress* progress) {
    NX_TRY(env_.create_dirs(options_.path));
    if (options_.lock_file) {
      NX_ASSIGN(lock_, env_.lock_file(lock_path()));
    }
    if (progress != nullptr) progress->done = true;
    return {};
  }

  util::Result<void> close() override {
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return {};
    closed_ = true;
    if (lock_) {
      NX_TRY(env_.remove_file(lock_path()));
      lock_.reset();
    }
    return {};
  }

  util::Result<void> ensure_series(std::span<const model::Labels> series, std::span<storage::EnsuredSeries> out) override {
    return head_.ensure_series(series, out);
  }

  util::Result<void> append(const storage::WriteBatch& batch, storage::Atomicity atomicity,
                            storage::AppendReport& report) override {
    const util::MutexLock lock(commit_mutex_);
    if (closed_) return util::fail(util::Code::kUnavailable, "storage is closed");
    head_.validate(batch, atomicity, prepared_, report);
    if (prepared_.refused || prepared_.stored_count == 0) {
      Head::discard(prepared_);
      return {};
    }
    head_.apply(batch, prepared_);
    return {};
  }

  util::Result<std::unique_ptr<storage::Querier>> querier(model::TimeRange range) override { return head_.querier(range); }

  [[nodiscard]] const ReplayReport& replay_report() const override { return replay_report_; }

  [[nodiscard]] HeadStats head_stats() const override {
    const model::TimeRange range = head_.time_range();
    return {.series = head_.index().series_count(),
            .label_pairs = head_.index().pair_count(),
            .chunks = head_.counters().chunks.load(),
            .min_time = range.min,
            .max_time = range.max,
            .memory_bytes = head_.memory_bytes()};
  }

  [[nodiscard]] Cardinality cardinality(std::size_t limit) const override {
    const CardinalityReport report = head_.index().cardinality(limit);
    return {.series_count_by_metric_name = to_entries(report.series_by_metric),
            .label_value_count_by_label_name = to_entries(report.values_by_label),
            .memory_bytes_by_label_name = to_entries(report.bytes_by_label),
            .series_count_by_label_value_pair = to_entries(report.series_by_pair)};
  }

 private:
  [[nodiscard]] std::string lock_path() const { return options_.path + "/lock"; }

  const DbOptions options_;
  util::Env& env_;
  Head head_;
  ReplayReport replay_report_;
  std::unique_ptr<util::FileLock> lock_;

  util::Mutex commit_mutex_;
  bool closed_ NX_GUARDED_BY(commit_mutex_) = false;
  PreparedBatch prepared_ NX_GUARDED_BY(commit_mutex_);
};

}  // namespace

util::Result<std::unique_ptr<Db>> Db::open(DbOptions options, ReplayProgress* progress) {
  if (options.env == nullptr) options.env = &util::posix_env();
  if (options.clock == nullptr) options.clock = &util::system_clock();
  auto db = std::make_unique<DbImpl>(std::move(options));
  NX_TRY(db->start(progress));
  return db;
}

}  // namespace narthex::tsdb
