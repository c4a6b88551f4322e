// What the API shows of the parts that it does not own, as plain data behind narrow interfaces. The
// composition root adapts the scrape manager and the database to them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/matcher.h"
#include "narthex/model/metadata.h"
#include "narthex/model/names.h"
#include "narthex/model/timestamp.h"
#include "narthex/relabel/relabel.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::api {

enum class TargetHealth : std::uint8_t { kUnknown, kUp, kDown };

struct TargetStatus {
  std::string pool;
  model::Labels discovered_labels;
  model::Labels labels;
  std::string scrape_url;
  std::string last_error;
  util::WallNs last_scrape_ns = 0;  // 0: never.
  double last_scrape_seconds = 0;
  TargetHealth health = TargetHealth::kUnknown;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds timeout{0};
};

struct DroppedTarget {
  std::string pool;
  model::Labels discovered_labels;
};

// What a target says about one of its metric families.
struct TargetMetadata {
  model::Labels target;
  std::string family;
  model::Metadata metadata;
};

// Threads: synchronized.
class TargetsView {
 public:
  virtual ~TargetsView() = default;
  // Sorted.
  [[nodiscard]] virtual std::vector<std::string> pools() const = 0;
  // Of one pool, or of all of them, ordered by pool and then by address.
  [[nodiscard]] virtual std::vector<TargetStatus> active(
      std::optional<std::string_view> pool) const = 0;
  // Those that are still remembered (keep_dropped_targets).
  [[nodiscard]] virtual std::vector<DroppedTarget> dropped(
      std::optional<std::string_view> pool) const = 0;
  // All of them, remembered or not, by pool; sorted by pool.
  [[nodiscard]] virtual std::vector<std::pair<std::string, std::uint64_t>> dropped_counts()
      const = 0;
  // Of the active targets, of one family or of all.
  [[nodiscard]] virtual std::vector<TargetMetadata> metadata(
      std::optional<std::string_view> family) const = 0;
};

struct NamedCount {
  std::string name;
  std::uint64_t value = 0;
};

// Of the head.
struct HeadStatus {
  std::uint64_t series = 0;
  std::uint64_t label_pairs = 0;
  std::uint64_t chunks = 0;
  // Of an empty head: min is the largest and max the smallest number.
  model::TimestampMs time_min = model::kTimestampMax;
  model::TimestampMs time_max = model::kTimestampMin;
  // Each descending by value, at most as long as was asked for.
  std::vector<NamedCount> series_by_metric;
  std::vector<NamedCount> values_by_label;
  std::vector<NamedCount> bytes_by_label;
  std::vector<NamedCount> series_by_pair;  // "name=value"
};

// A block on disk: what its meta.json says, and its size.
struct BlockStatus {
  std::string ulid;
  model::TimestampMs time_min = 0;  // It covers [time_min, time_max).
  model::TimestampMs time_max = 0;
  std::uint64_t samples = 0;
  std::uint64_t float_samples = 0;
  std::uint64_t histogram_samples = 0;
  std::uint64_t series = 0;
  std::uint64_t chunks = 0;
  std::uint64_t tombstones = 0;
  std::uint64_t bytes = 0;
  int level = 1;
  std::vector<std::string> sources;
  struct Parent {
    std::string ulid;
    model::TimestampMs time_min = 0;
    model::TimestampMs time_max = 0;
  };
  std::vector<Parent> parents;
  std::vector<std::string> hints;
  bool deletable = false;
  bool failed = false;
  int version = 1;
};

// What a scrape pool is made of.
struct PoolConfig {
  std::string yaml;  // With secrets hidden.
  std::vector<relabel::RelabelRule> relabel_rules;
  model::NameScheme name_scheme = model::NameScheme::kUtf8;
};

// Segment numbers of the log that is being replayed, or was.
struct ReplayStatus {
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t current = 0;
};

// Threads: synchronized.
class DatabaseView {
 public:
  virtual ~DatabaseView() = default;
  [[nodiscard]] virtual HeadStatus head_status(std::size_t names_max) const = 0;
  // In order of time.
  [[nodiscard]] virtual std::vector<BlockStatus> blocks() const = 0;

  // What the admin endpoints ask for. Each may take long, and returns when it is done.
  virtual util::Result<void> delete_series(std::span<const model::Matcher> matchers,
                                           model::TimeRange range,
                                           const storage::Deadline& deadline) = 0;
  virtual util::Result<void> clean_tombstones() = 0;
  // The name of the directory below "snapshots".
  virtual util::Result<std::string> snapshot(bool skip_head) = 0;
};

}  // namespace narthex::api
