// Reads a log back into the head at start: checkpoint, then segments; and in the same way that of
// late samples, when the first is done. A worker decodes while the
// caller's thread applies.
//
// Damage costs the records it hits and nothing else. A damaged segment is kept as it was under
// "damaged" in the data directory, and what is sound of it is written in its place, so that neither
// the next start nor another program meets the damage again. A segment that merely ends inside a
// record (a crash in mid-write) is cut back to its last whole record. None of it fails the start.
// Threads: confined.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "narthex/tsdb/db.h"

#include "tsdb/db/snapshot.h"
#include "tsdb/head/exemplar_ring.h"
#include "tsdb/head/head.h"
#include "tsdb/head/series_metadata.h"
#include "tsdb/wal/format.h"
#include "tsdb/wal/histogram_record.h"
#include "tsdb/wal/record.h"

namespace narthex::tsdb {

class LogReplay {
 public:
  // Where what is read goes.
  struct Into {
    Head& head;
    ExemplarRing& exemplars;
    SeriesMetadata& metadata;
    const HeadChunkFiles& chunk_files;  // That were loaded.
  };
  LogReplay(util::Env& env, std::string data_directory, Into into, ReplayReport& report,
            ReplayProgress* progress);
  // Takes over a snapshot of the head that check_snapshot() has found sound: run() then begins
  // behind what it holds. Before run().
  util::Result<void> run_snapshot(const SnapshotPlace& place, const SnapshotNote& note);
  // The number that the next segment must have. Errors are those of listing the directory.
  util::Result<std::uint64_t> run() { return run_log("wal"); }
  // The same for the log of late samples. Those that it says are in files of head chunks leave
  // memory, if they are there; else the log has them itself. After run().
  util::Result<std::uint64_t> run_late() {
    late_ = true;
    return run_log("wbl");
  }
  // References of the log that name a series which has another id in the head.
  [[nodiscard]] const boost::unordered_flat_map<std::uint64_t, SeriesId>& aliases() const noexcept {
    return aliases_;
  }

 private:
  util::Result<std::uint64_t> run_log(const std::string& name);
  // What the worker hands over: the content of some records, or the end of a segment.
  struct Decoded {
    std::uint64_t segment = 0;
    std::vector<RefSeries> series;
    RefSamples samples;
    std::vector<RefIntHistogram> integers;
    std::vector<RefFloatHistogram> floating;
    std::vector<RefTombstone> tombstones;
    std::vector<RefExemplar> exemplars;
    std::vector<RefMetadata> metadata;
    std::vector<RefChunkMarker> markers;
    // In which order samples, histograms and markers stood: up to which of each, at every change.
    struct Upto {
      std::size_t samples = 0;
      std::size_t integers = 0;
      std::size_t floating = 0;
      std::size_t markers = 0;
    };
    std::vector<Upto> order;
    void note_order() {
      order.push_back({samples.size(), integers.size(), floating.size(), markers.size()});
    }
    void clear();
    [[nodiscard]] std::size_t weight() const noexcept;
  };
  class Queue;

  void decode_all(const std::vector<WalSegment>& segments, Queue& queue);
  void decode_segment(const WalSegment& segment, Queue& queue);
  void decode_record(std::string_view record, Decoded& into);
  void apply(const Decoded& decoded);
  void define(std::uint64_t ref, const model::Labels& labels);
  util::Result<void> apply_snapshot_record(std::string_view record);
  void apply_snapshot_series(std::string_view record);
  template <class Histogram>
  void apply_snapshot_histograms(std::uint64_t id, const std::vector<model::TimestampMs>& times,
                                 const std::vector<Histogram>& histograms);
  void apply_samples(const RefSamples& samples, std::size_t begin, std::size_t end);
  template <class Histogram>
  void apply_histograms(std::span<const RefHistogram<Histogram>> histograms);
  void count(ReplayOutcome outcome) noexcept;
  void apply_exemplars(std::span<const RefExemplar> exemplars);
  void apply_metadata(std::span<const RefMetadata> entries);
  void apply_tombstones(std::span<const RefTombstone> stones);
  void apply_markers(std::span<const RefChunkMarker> markers);
  [[nodiscard]] LateChunkPtr find_late_chunk(const RefChunkMarker& marker) const;
  [[nodiscard]] std::uint64_t id_of(std::uint64_t ref) const;

  void settle_damage(const WalSegment& segment, std::string_view bytes);
  util::Result<void> replace_by_sound_records(const WalSegment& segment, std::string_view bytes);
  util::Result<std::string> set_aside(const WalSegment& segment);

  util::Env& env_;
  const std::string data_directory_;
  Head& head_;
  ExemplarRing& exemplars_;
  SeriesMetadata& metadata_;
  const HeadChunkFiles& chunk_files_;
  ReplayReport& report_;  // The worker writes what concerns damage, the caller's thread the rest.
  ReplayProgress* progress_;
  bool late_ = false;                      // It is the log of late samples.
  std::optional<SnapshotPlace> snapshot_;  // That was taken over.
  boost::unordered_flat_map<std::uint64_t, SeriesId>
      aliases_;  // References that are not the series' id.
};

}  // namespace narthex::tsdb
