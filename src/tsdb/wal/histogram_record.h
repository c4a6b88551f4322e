// What the log's records of native histograms and exemplars say (storage-format.md §8): types 4 and
// 7 to 10. Threads: functions without state.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/histogram.h"
#include "narthex/model/labels.h"
#include "narthex/model/timestamp.h"
#include "narthex/util/result.h"

#include "tsdb/wal/record.h"

namespace narthex::tsdb {

template <class Histogram>
struct RefHistogram {
  std::uint64_t ref = 0;
  model::TimestampMs timestamp = 0;
  Histogram histogram;
};
using RefIntHistogram = RefHistogram<model::IntHistogram>;
using RefFloatHistogram = RefHistogram<model::FloatHistogram>;

struct RefExemplar {
  std::uint64_t ref = 0;
  model::TimestampMs timestamp = 0;
  double value = 0;
  model::Labels labels;
};

// Writes one record of one or more histograms into `out`, which begins empty. All of them have
// custom buckets, or none has: they go into records of different types.
template <class Histogram>
class HistogramsRecordEncoder {
 public:
  HistogramsRecordEncoder(std::string& out, bool custom_buckets)
      : out_(out), custom_buckets_(custom_buckets) {}
  void add(std::uint64_t ref, model::TimestampMs timestamp, const Histogram& histogram);

 private:
  std::string& out_;
  const bool custom_buckets_;
  std::uint64_t base_ref_ = 0;
  std::uint64_t base_time_ = 0;
};

// The histogram alone, as entries of all these records have it.
void append_histogram_body(std::string& out, const model::IntHistogram& histogram);
void append_histogram_body(std::string& out, const model::FloatHistogram& histogram);

// Each writes one record into `out`, which is empty; of no entries, nothing. Precondition: of the
// histograms either all have custom buckets or none has: they go into records of different types.
void encode_histograms_record(std::string& out, std::span<const RefIntHistogram> entries);
void encode_histograms_record(std::string& out, std::span<const RefFloatHistogram> entries);
void encode_exemplars_record(std::string& out, std::span<const RefExemplar> entries);

// Each appends to `out` what a record of its kind (either type of buckets) says. kCorruption when
// the bytes do not parse; entries before the damage have been appended then. Whether the parts of a
// histogram agree with each other is not looked at.
util::Result<void> decode_histograms(std::string_view record, std::vector<RefIntHistogram>& out);
util::Result<void> decode_histograms(std::string_view record, std::vector<RefFloatHistogram>& out);
util::Result<void> decode_exemplars(std::string_view record, std::vector<RefExemplar>& out);

}  // namespace narthex::tsdb
