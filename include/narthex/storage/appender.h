// How samples get into storage: whole batches (a scrape, a remote-write request, a rule group's
// results).
//
// A writer resolves label sets to references once (ensure_series), keeps the references, and then
// sends batches of plain numbers (append). A batch is logged before it is applied, and queries see
// all of it or nothing of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/metadata.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

namespace narthex::storage {

// Names a series inside the running store. Never reused for another series; a series that storage
// has dropped in the meantime (AppendOutcome::kUnknownSeries) must be resolved again by its labels.
using SeriesRef = std::uint64_t;
inline constexpr SeriesRef kNoSeries = 0;

enum class AppendOutcome : std::uint8_t {
  kOk,
  // The series has another value at this timestamp. (An equal value is kOk; so is a second one of
  // the same batch, of which the first is kept.)
  kDuplicate,
  kOutOfOrder,   // Older than the series' newest sample, and no out-of-order window is configured.
  kOutOfBounds,  // Older than anything the head may still take, or too far in the future.
  kTooOld,       // Older than the out-of-order window.
  kUnknownSeries,     // No such reference: the series was dropped.
  kInvalidHistogram,  // Counts, spans or bounds that contradict each other.
};
// "out of order sample" and so on, as Prometheus words them; "" for kOk.
[[nodiscard]] std::string_view append_outcome_text(AppendOutcome outcome) noexcept;

// A sample that was refused: its index in the batch and why.
struct Refusal {
  std::size_t index = 0;
  AppendOutcome outcome = AppendOutcome::kOk;
  // Of a float that is a kDuplicate: what the series has at that time.
  bool existing_is_histogram = false;
  double existing = 0;
};
// append_outcome_text of a float sample; for a duplicate with the time and both values: "duplicate
// sample for timestamp 1000; overrides not allowed: existing 5, new value 9".
[[nodiscard]] std::string refusal_text(const Refusal& refusal, model::TimestampMs timestamp,
                                       double value);

struct HistogramSample {
  SeriesRef ref = kNoSeries;
  model::TimestampMs timestamp = 0;
  // Exactly one is set.
  std::shared_ptr<const model::IntHistogram> integer;
  std::shared_ptr<const model::FloatHistogram> floating;
};

struct Exemplar {
  SeriesRef ref = kNoSeries;
  model::TimestampMs timestamp = 0;
  double value = 0;
  model::Labels labels;
};

struct MetadataUpdate {
  SeriesRef ref = kNoSeries;
  model::Metadata metadata;
};

// One transaction. Float samples are three parallel arrays of equal length. Reused between rounds:
// clear() keeps capacity. Threads: confined.
struct WriteBatch {
  std::vector<SeriesRef> refs;
  std::vector<model::TimestampMs> timestamps;
  std::vector<double> values;

  std::vector<HistogramSample> histograms;
  std::vector<Exemplar> exemplars;
  std::vector<MetadataUpdate> metadata;

  void add(SeriesRef ref, model::TimestampMs timestamp, double value) {
    refs.push_back(ref);
    timestamps.push_back(timestamp);
    values.push_back(value);
  }
  void clear() noexcept {
    refs.clear();
    timestamps.clear();
    values.clear();
    histograms.clear();
    exemplars.clear();
    metadata.clear();
  }
  [[nodiscard]] std::size_t float_count() const noexcept { return refs.size(); }
};

// What append() did with a batch. Refusals are sparse: a normal round has none.
struct AppendReport {
  std::vector<Refusal> floats;      // By index into the float arrays, ascending.
  std::vector<Refusal> histograms;  // By index into `histograms`, ascending.
  void clear() noexcept {
    floats.clear();
    histograms.clear();
  }
};

enum class EnsureOutcome : std::uint8_t {
  kExisting,
  kCreated,
  kRefusedLimit,   // The memory budget is spent: only series that exist already go on.
  kRefusedLabels,  // An empty label set, or text that is not valid UTF-8.
};

struct EnsuredSeries {
  SeriesRef ref = kNoSeries;  // kNoSeries when refused.
  EnsureOutcome outcome = EnsureOutcome::kExisting;
};

// Whether a batch goes in with what is acceptable, or only if all of it is.
enum class Atomicity : std::uint8_t {
  kKeepGood,     // Refused samples are reported, the others stored (scrapes, rules).
  kAllOrNothing  // Any refusal: nothing is stored, the report says which (remote write 1.0).
};

// Threads: synchronized; any number of writers.
class Appender {
 public:
  virtual ~Appender() = default;

  // Finds or creates the series of each label set; out[i] belongs to series[i]. Precondition: equal
  // sizes. New series become durable together with the next append that is acknowledged.
  virtual util::Result<void> ensure_series(std::span<const model::Labels> series,
                                           std::span<EnsuredSeries> out) = 0;

  // Logs and applies one batch. An error (disk full, closed) means that nothing of it was stored.
  virtual util::Result<void> append(const WriteBatch& batch, Atomicity atomicity,
                                    AppendReport& report) = 0;
};

}  // namespace narthex::storage
