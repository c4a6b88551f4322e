// Shows the API what it asks of the scrape manager and of the database. The modules are blind to
// each other; their plain data is carried over here, field by field. Threads: synchronized, as what
// they wrap.
#pragma once

#include "narthex/api/views.h"
#include "narthex/config/config.h"
#include "narthex/scrape/manager.h"
#include "narthex/tsdb/db.h"

namespace narthex::server {

class ScrapeTargets final : public api::TargetsView {
 public:
  // The manager outlives the view.
  explicit ScrapeTargets(const scrape::ScrapeManager& manager) : manager_(manager) {}
  [[nodiscard]] std::vector<std::string> pools() const override;
  [[nodiscard]] std::vector<api::TargetStatus> active(
      std::optional<std::string_view> pool) const override;
  [[nodiscard]] std::vector<api::DroppedTarget> dropped(
      std::optional<std::string_view> pool) const override;
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> dropped_counts() const override;
  [[nodiscard]] std::vector<api::TargetMetadata> metadata(
      std::optional<std::string_view> family) const override;

 private:
  const scrape::ScrapeManager& manager_;
};

class HeadView final : public api::DatabaseView {
 public:
  // The database outlives the view.
  explicit HeadView(tsdb::Db& db) : db_(db) {}
  [[nodiscard]] api::HeadStatus head_status(std::size_t names_max) const override;
  [[nodiscard]] std::vector<api::BlockStatus> blocks() const override;
  util::Result<void> delete_series(std::span<const model::Matcher> matchers, model::TimeRange range,
                                   const storage::Deadline& deadline) override {
    return db_.delete_series(matchers, range, deadline);
  }
  util::Result<void> clean_tombstones() override { return db_.clean_tombstones(); }
  util::Result<std::string> snapshot(bool skip_head) override { return db_.snapshot(skip_head); }

 private:
  tsdb::Db& db_;
};

// nullopt: no job of that name.
[[nodiscard]] std::optional<api::PoolConfig> pool_config(const config::Config& config,
                                                         std::string_view pool);
[[nodiscard]] api::ReplayStatus replay_status(const tsdb::ReplayProgress& progress);

}  // namespace narthex::server
