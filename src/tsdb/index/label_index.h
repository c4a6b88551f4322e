// Which series the head has: their label sets, and the way from labels and matchers to series.
//
// A label pair is interned once and has an id; a label set is a list of pair ids in order of label
// names (4 bytes a label). Every pair has the sorted list of its series, every name the list of its
// pairs.
//
// Threads: synchronized. Readers hold the lock for set operations on ids only; regular expressions
// run outside it. Label sets, names and values are memory that stays until the series is removed
// and every reader of that time has gone.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/model/labels.h"
#include "narthex/model/matcher.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

#include "tsdb/chunk/stable_array.h"
#include "tsdb/index/byte_arena.h"
#include "tsdb/index/flat_id_table.h"
#include "tsdb/index/ids.h"
#include "tsdb/index/postings.h"

namespace narthex::tsdb {

// A label set in the index: [count, pair, pair, …] in order of names. Immutable.
class LabelSet {
 public:
  LabelSet() = default;
  explicit LabelSet(const std::uint32_t* block) noexcept : block_(block) {}
  [[nodiscard]] std::span<const PairId> pairs() const noexcept {
    return block_ == nullptr ? std::span<const PairId>{} : std::span(block_ + 1, block_[0]);
  }
  [[nodiscard]] const std::uint32_t* block() const noexcept { return block_; }

 private:
  const std::uint32_t* block_ = nullptr;
};

struct SelectedSeries {
  SeriesId id = kNoSeriesId;
  LabelSet labels;
};

struct NameCount {
  std::string name;
  std::uint64_t count = 0;
};

// What /api/v1/status/tsdb shows: the largest of each kind, descending.
struct CardinalityReport {
  std::vector<NameCount> series_by_metric;
  std::vector<NameCount> values_by_label;
  std::vector<NameCount>
      bytes_by_label;  // Bytes of the values of all series, as upstream counts them.
  std::vector<NameCount> series_by_pair;  // "name=value"
  std::uint64_t label_pairs = 0;
};

class LabelIndex {
 public:
  LabelIndex() = default;
  LabelIndex(const LabelIndex&) = delete;
  LabelIndex& operator=(const LabelIndex&) = delete;
  ~LabelIndex();

  // The hash that the functions below want.
  [[nodiscard]] static std::uint32_t hash_of(const model::Labels& labels) noexcept {
    return static_cast<std::uint32_t>(labels.hash());
  }
  // out[i] = the series with exactly these labels, kNoSeriesId if there is none.
  void find(std::span<const model::Labels> series, std::span<const std::uint32_t> hashes,
            std::span<SeriesId> out) const;

  // Adds series under one exclusive lock. Keep it short-lived: a few hundred series.
  class NX_SCOPED_CAPABILITY Writer {
   public:
    explicit Writer(LabelIndex& index) NX_ACQUIRE(index.mutex_) : index_(index) {
      index.mutex_.lock();
    }
    ~Writer() NX_RELEASE() { index_.mutex_.unlock(); }
    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;
    // The series with these labels if there is one, else `id`, which then has them.
    SeriesId find_or_add(const model::Labels& labels, std::uint32_t hash,
                         SeriesId id) NX_NO_THREAD_SAFETY_ANALYSIS;

   private:
    PairId pair_for(model::LabelView label, std::size_t position) NX_NO_THREAD_SAFETY_ANALYSIS;

    LabelIndex& index_;
    // The pairs of the label set before: neighbours share most of theirs, position by position.
    std::vector<PairId> previous_;
    std::vector<PairId> current_;
  };

  // What removed series leave behind: it may be read until every reader of that time has gone, then
  // it goes back by reclaim().
  struct Garbage {
    std::vector<SeriesId> series;
    std::vector<LabelSet> sets;
    std::vector<PairId> pairs;  // Those that no other series has.
  };
  // Takes the series out, so that nobody finds them any more. `sorted` is ascending and unique, and
  // every one is in the index.
  void remove(std::span<const SeriesId> sorted, Garbage& garbage);
  void reclaim(const Garbage& garbage);

  // All series that match, ascending by id. An empty list of matchers selects everything.
  util::Result<std::vector<SelectedSeries>> select(std::span<const model::Matcher> matchers,
                                                   const storage::Deadline& deadline) const;
  // Sorted, unique; of all series, or of the selected ones. limit 0 = none.
  [[nodiscard]] std::vector<std::string> label_names(std::size_t limit) const;
  [[nodiscard]] std::vector<std::string> label_names(std::span<const SelectedSeries> series,
                                                     std::size_t limit) const;
  [[nodiscard]] std::vector<std::string> label_values(std::string_view name,
                                                      std::size_t limit) const;
  [[nodiscard]] std::vector<std::string> label_values(std::span<const SelectedSeries> series,
                                                      std::string_view name,
                                                      std::size_t limit) const;

  [[nodiscard]] LabelSet labels_of(SeriesId id) const;
  // Without the lock; for label sets that were handed out.
  [[nodiscard]] model::LabelView label(PairId pair) const noexcept {
    const Pair& entry = pairs_[pair];
    return {names_of_ids_[entry.name], entry.value()};
  }
  [[nodiscard]] model::Labels labels(LabelSet set) const;
  [[nodiscard]] std::string_view value(LabelSet set, std::string_view name) const noexcept;
  // Order as model::Labels compare, without building them.
  [[nodiscard]] bool less(LabelSet a, LabelSet b) const noexcept;

  [[nodiscard]] std::size_t series_count() const;
  [[nodiscard]] std::size_t pair_count() const;
  // Of names and values: what upstream calls the symbol table.
  [[nodiscard]] std::size_t symbol_bytes() const;
  [[nodiscard]] std::size_t memory_bytes() const;
  [[nodiscard]] CardinalityReport cardinality(std::size_t limit) const;

 private:
  friend class Selection;

  struct Pair {
    NameId name = 0;
    std::uint32_t value_bytes = 0;
    const char* text = nullptr;
    Postings postings;
    [[nodiscard]] std::string_view value() const noexcept { return {text, value_bytes}; }
  };
  struct Name {
    std::string_view name;
    std::vector<PairId> pairs;  // In order of creation.
  };
  static constexpr NameId kNoName = 0xffff'ffffU;

  [[nodiscard]] bool has_labels(SeriesId id, const model::Labels& labels) const noexcept;
  [[nodiscard]] SeriesId find_locked(const model::Labels& labels, std::uint32_t hash) const
      NX_REQUIRES_SHARED(mutex_);
  [[nodiscard]] static std::uint32_t hash_pair(NameId name, std::string_view value) noexcept;
  [[nodiscard]] NameId find_name(std::string_view name) const NX_REQUIRES_SHARED(mutex_);
  [[nodiscard]] PairId find_pair(NameId name, std::string_view value) const
      NX_REQUIRES_SHARED(mutex_);
  PairId intern(std::string_view name, std::string_view value) NX_REQUIRES(mutex_);
  void add_series(SeriesId id, std::span<const PairId> pairs, std::uint32_t hash)
      NX_REQUIRES(mutex_);
  // Takes series out of the postings; gives the pairs that have none left.
  [[nodiscard]] std::vector<PairId> remove_postings(
      std::span<const std::pair<PairId, SeriesId>> sorted) NX_REQUIRES(mutex_);
  void unlist_pairs(std::span<const PairId> sorted) NX_REQUIRES(mutex_);
  void release_empty_pages(std::span<const SeriesId> gone) NX_REQUIRES(mutex_);

  mutable util::SharedMutex mutex_;
  ByteArena symbols_ NX_GUARDED_BY(mutex_);
  ByteArena sets_ NX_GUARDED_BY(mutex_);
  std::size_t symbol_bytes_ NX_GUARDED_BY(mutex_) = 0;
  std::size_t postings_bytes_ NX_GUARDED_BY(mutex_) = 0;
  std::deque<Name> names_ NX_GUARDED_BY(mutex_);
  boost::unordered_flat_map<std::string_view, NameId> name_ids_ NX_GUARDED_BY(mutex_);
  FlatIdTable pair_ids_ NX_GUARDED_BY(mutex_);
  FlatIdTable series_ids_ NX_GUARDED_BY(mutex_);
  std::vector<PairId> free_pairs_ NX_GUARDED_BY(mutex_);
  PairId next_pair_ NX_GUARDED_BY(mutex_) = 1;
  SeriesId series_end_ NX_GUARDED_BY(mutex_) = 1;  // Behind the largest id.
  // Elements are written under the exclusive lock before anyone can know of their index, and not
  // changed afterwards (a pair's postings are: they are read under the lock).
  StableArray<Pair, 10> pairs_;
  StableArray<std::string_view, 6> names_of_ids_;
  StableArray<LabelSet, 10> sets_of_series_;
};

}  // namespace narthex::tsdb
