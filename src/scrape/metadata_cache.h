// Type, help and unit of a target's metric families. The texts are shared between targets, of which
// many expose the same families.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/exposition/openmetrics_parser.h"
#include "narthex/exposition/protobuf_parser.h"
#include "narthex/exposition/text_parser.h"
#include "narthex/model/metadata.h"
#include "narthex/util/hash.h"
#include "narthex/util/mutex.h"

namespace narthex::scrape {

struct FamilyMetadata {
  std::string family;
  model::Metadata metadata;
  friend bool operator==(const FamilyMetadata&, const FamilyMetadata&) = default;
};
using FamilyMetadataPtr = std::shared_ptr<const FamilyMetadata>;

// One for all targets. Threads: synchronized.
class MetadataInterner {
 public:
  // The shared object that equals `metadata`.
  FamilyMetadataPtr intern(FamilyMetadata metadata);

 private:
  util::Mutex mutex_;
  boost::unordered_flat_map<util::Hash128, std::weak_ptr<const FamilyMetadata>, util::Hash128Hasher>
      known_ NX_GUARDED_BY(mutex_);
  std::size_t sweep_at_ NX_GUARDED_BY(mutex_) = 1024;
};

// What one line about a family says, in whatever format it came.
struct MetadataLine {
  std::uint64_t hash = 0;  // Of the line: equal lines say the same.
  std::string_view family;
  exposition::TextEvent kind = exposition::TextEvent::kType;  // kType, kHelp or kUnit.
  model::MetricType type = model::MetricType::kUnknown;
  std::string_view text;                                // Help, still escaped, or unit.
  std::string (*unescape)(std::string_view) = nullptr;  // Null: nothing is escaped.
};

// Of what the parser has just returned.
[[nodiscard]] MetadataLine metadata_line(const exposition::TextParser& parser,
                                         exposition::TextEvent event);
[[nodiscard]] MetadataLine metadata_line(const exposition::OpenMetricsParser& parser,
                                         exposition::TextEvent event);
[[nodiscard]] MetadataLine metadata_line(const exposition::ProtobufParser& parser,
                                         exposition::TextEvent event);

// Of one target. Threads: confined, except snapshot() and its relatives, which any thread may call.
class MetadataCache {
 public:
  explicit MetadataCache(MetadataInterner* interner) : interner_(interner) {}

  void begin_round();
  // A line that stood at the same place in the round before costs one comparison.
  void on_line(const MetadataLine& line);
  // Forgets what was not seen for ten rounds.
  void end_round();

  [[nodiscard]] std::vector<FamilyMetadataPtr> snapshot() const;
  // Null when the target does not have the family.
  [[nodiscard]] FamilyMetadataPtr find(std::string_view family) const;
  // Of the family that a series of that name belongs to: its own, or one of a type whose series
  // have the suffix. Null when there is none. Confined.
  [[nodiscard]] FamilyMetadataPtr find_of_series(std::string_view name) const;
  // Changes when a family comes, goes or says something else. Confined.
  [[nodiscard]] std::uint64_t version() const noexcept { return version_; }
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct Line {
    std::uint64_t hash = 0;
    std::uint32_t entry = 0;
  };
  std::uint32_t entry_of(std::string_view family);
  [[nodiscard]] FamilyMetadataPtr find_confined(std::string_view family) const;

  MetadataInterner* const interner_;
  mutable util::Mutex mutex_;
  // Index i of all three belongs to one family. Written with the lock held by the confined thread,
  // which may read without it.
  std::vector<FamilyMetadataPtr> families_;
  std::vector<std::uint32_t> seen_;                                  // Round; confined.
  boost::unordered_flat_map<std::uint64_t, std::uint32_t> by_name_;  // Hash of the name; confined.
  std::vector<Line> lines_;  // Of the round before, overwritten as this one goes; confined.
  std::size_t line_count_ = 0;
  std::uint32_t round_ = 0;
  std::uint64_t version_ = 0;
};

}  // namespace narthex::scrape
