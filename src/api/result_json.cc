#include "api/result_json.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include <fmt/format.h>

#include "narthex/util/number.h"

namespace narthex::api {
namespace {

constexpr std::size_t kAnnotationsMax = 10;
// Points between two looks at how full the buffer is: 256 of them take some 8 KiB.
constexpr std::size_t kPointsPerLook = 256;

enum class BucketRule : std::uint8_t { kOpenLeft = 0, kOpenRight = 1, kOpenBoth = 2, kClosed = 3 };

struct Bucket {
  BucketRule rule = BucketRule::kOpenLeft;
  double lower = 0;
  double upper = 0;
  double count = 0;
};

// The upper bound of exponential bucket `index`: 2^(index · 2^-schema). The largest finite one is
// the largest number (as upstream, so that the bucket of the maximum has a printable end).
double exponential_bound(std::int32_t schema, std::int64_t index) noexcept {
  if (schema < 0) {
    const std::int64_t exponent = index * (std::int64_t{1} << -schema);
    if (exponent == 1024) return std::numeric_limits<double>::max();
    return std::ldexp(1.0, static_cast<int>(std::clamp<std::int64_t>(exponent, -5000, 5000)));
  }
  const std::int64_t per_octave = std::int64_t{1} << schema;
  std::int64_t octave = index / per_octave;
  std::int64_t part = index % per_octave;
  if (part < 0) {
    part += per_octave;
    --octave;
  }
  if (part == 0 && octave == 1024) return std::numeric_limits<double>::max();
  const double fraction = std::exp2(static_cast<double>(part) / static_cast<double>(per_octave));
  return std::ldexp(fraction, static_cast<int>(std::clamp<std::int64_t>(octave, -5000, 5000)));
}

struct IndexedCount {
  std::int64_t index = 0;
  double count = 0;
};

// Spans unrolled; ascending by index. Counts beyond the spans and spans beyond the counts are left
// out.
std::vector<IndexedCount> indexed_counts(const std::vector<model::Span>& spans,
                                         const std::vector<double>& counts) {
  std::vector<IndexedCount> out;
  out.reserve(counts.size());
  std::int64_t index = 0;
  std::size_t next = 0;
  for (const model::Span& span : spans) {
    index += span.offset;
    for (std::uint32_t i = 0; i < span.length && next < counts.size(); ++i)
      out.push_back({index++, counts[next++]});
  }
  return out;
}

double custom_bound(const std::vector<double>& bounds, std::int64_t index,
                    double otherwise) noexcept {
  return index >= 0 && static_cast<std::size_t>(index) < bounds.size()
             ? bounds[static_cast<std::size_t>(index)]
             : otherwise;
}

// In ascending order: negative, zero, positive; empty ones left out.
std::vector<Bucket> buckets_of(const model::FloatHistogram& h) {
  std::vector<Bucket> out;
  if (h.schema == model::kCustomBucketsSchema) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (const IndexedCount& each : indexed_counts(h.positive_spans, h.positive_buckets)) {
      if (each.count == 0) continue;
      const double lower = custom_bound(h.custom_values, each.index - 1, -infinity);
      const double upper = custom_bound(h.custom_values, each.index, infinity);
      out.push_back({each.index == 0 ? BucketRule::kClosed : BucketRule::kOpenLeft, lower, upper,
                     each.count});
    }
    return out;
  }
  const std::vector<IndexedCount> negative = indexed_counts(h.negative_spans, h.negative_buckets);
  for (auto each = negative.rbegin(); each != negative.rend(); ++each) {
    if (each->count == 0) continue;
    out.push_back({BucketRule::kOpenRight, -exponential_bound(h.schema, each->index),
                   -exponential_bound(h.schema, each->index - 1), each->count});
  }
  // Prometheus lists it only then, unlike the others.
  if (h.zero_count > 0)
    out.push_back({BucketRule::kClosed, -h.zero_threshold, h.zero_threshold, h.zero_count});
  for (const IndexedCount& each : indexed_counts(h.positive_spans, h.positive_buckets)) {
    if (each.count == 0) continue;
    out.push_back({BucketRule::kOpenLeft, exponential_bound(h.schema, each.index - 1),
                   exponential_bound(h.schema, each.index), each.count});
  }
  return out;
}

void append_point_start(std::string& out, model::TimestampMs timestamp) {
  out.push_back('[');
  append_json_timestamp(out, timestamp);
  out.push_back(',');
}

void append_vector_point(std::string& out, const promql::ResultSeries& series, std::size_t index) {
  series.for_each_point(
      index,
      [&out](model::TimestampMs t, double value) {
        out += R"(,"value":)";
        append_json_point(out, t, value);
      },
      [&out](model::TimestampMs t, const model::FloatHistogram& histogram) {
        out += R"(,"histogram":)";
        append_point_start(out, t);
        append_json_histogram(out, histogram);
        out.push_back(']');
      });
}

// "values":[…] and "histograms":[…] of one series. for_each_point mixes the two, so each is a pass
// of its own.
bool write_matrix_points(JsonStream& json, const promql::ResultSeries& series, std::size_t index) {
  std::string& out = json.buffer();
  bool alive = true;
  std::size_t points = 0;
  const auto look = [&] {
    if (++points % kPointsPerLook == 0 && alive) alive = json.relieve();
  };
  if (series.float_count(index) > 0) {
    out += R"(,"values":[)";
    JsonCommas commas;
    series.for_each_point(
        index,
        [&](model::TimestampMs t, double value) {
          if (!alive) return;
          commas.next(out);
          append_json_point(out, t, value);
          look();
        },
        [](model::TimestampMs, const model::FloatHistogram&) {});
    out.push_back(']');
  }
  if (series.histogram_count(index) > 0) {
    out += R"(,"histograms":[)";
    JsonCommas commas;
    series.for_each_point(
        index, [](model::TimestampMs, double) {},
        [&](model::TimestampMs t, const model::FloatHistogram& histogram) {
          if (!alive) return;
          commas.next(out);
          append_point_start(out, t);
          append_json_histogram(out, histogram);
          out.push_back(']');
          look();
        });
    out.push_back(']');
  }
  return alive && json.relieve();
}

// [1.5,"…"]: scalars and strings show their time as a plain number.
void append_plain_point_start(std::string& out, model::TimestampMs timestamp) {
  out.push_back('[');
  append_json_double(out, static_cast<double>(timestamp) / 1000);
  out.push_back(',');
}

void append_annotation_list(std::string& out, std::string_view key, std::string_view word,
                            const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  fmt::format_to(std::back_inserter(out), ",\"{}\":[", key);
  JsonCommas commas;
  for (std::size_t i = 0; i < texts.size() && i < kAnnotationsMax; ++i) {
    commas.next(out);
    append_json_string(out, texts[i]);
  }
  if (texts.size() > kAnnotationsMax) {
    fmt::format_to(std::back_inserter(out), ",\"{} more {} annotations omitted\"",
                   texts.size() - kAnnotationsMax, word);
  }
  out.push_back(']');
}

}  // namespace

void append_json_histogram(std::string& out, const model::FloatHistogram& histogram) {
  out += R"({"count":)";
  append_json_value(out, histogram.count);
  out += R"(,"sum":)";
  append_json_value(out, histogram.sum);
  const std::vector<Bucket> buckets = buckets_of(histogram);
  if (!buckets.empty()) {
    out += R"(,"buckets":[)";
    JsonCommas commas;
    for (const Bucket& bucket : buckets) {
      commas.next(out);
      out.push_back('[');
      out.push_back(static_cast<char>('0' + static_cast<int>(bucket.rule)));
      for (const double number : {bucket.lower, bucket.upper, bucket.count}) {
        out.push_back(',');
        append_json_value(out, number);
      }
      out.push_back(']');
    }
    out.push_back(']');
  }
  out.push_back('}');
}

bool write_result(JsonStream& json, const promql::QueryResult& result) {
  std::string& out = json.buffer();
  if (result.type == promql::ValueType::kScalar) {
    append_plain_point_start(out, result.grid.start);
    out.push_back('"');
    util::append_plain(out, result.scalar);
    out += "\"]";
    return true;
  }
  if (result.type == promql::ValueType::kString) {
    append_plain_point_start(out, result.grid.start);
    append_json_string(out, result.text);
    out.push_back(']');
    return true;
  }
  out.push_back('[');
  JsonCommas commas;
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    commas.next(out);
    out += R"({"metric":)";
    append_json_labels(out, result.series.labels(i));
    if (result.type == promql::ValueType::kVector) {
      append_vector_point(out, result.series, i);
      if (!json.relieve()) return false;
    } else if (!write_matrix_points(json, result.series, i)) {
      return false;
    }
    out.push_back('}');
  }
  out.push_back(']');
  return true;
}

void append_stats(std::string& out, const promql::QueryResult& result) {
  const promql::QueryTimings& timings = result.timings;
  const auto field = [&out](std::string_view name, double seconds) {
    fmt::format_to(std::back_inserter(out), "\"{}\":", name);
    append_json_double(out, seconds);
  };
  out += R"("stats":{"timings":{)";
  field("evalTotalTime", timings.preparation + timings.evaluation + timings.sort);
  out.push_back(',');
  field("resultSortTime", timings.sort);
  out.push_back(',');
  field("queryPreparationTime", timings.preparation);
  out.push_back(',');
  field("innerEvalTime", timings.evaluation);
  out.push_back(',');
  field("execQueueTime", timings.queue);
  out.push_back(',');
  field("execTotalTime", timings.total);
  fmt::format_to(std::back_inserter(out),
                 R"(}},"samples":{{"totalQueryableSamples":{},"samplesRead":{},"peakSamples":{})",
                 result.samples.queryable, result.samples.read, result.samples.peak);
  if (!result.samples.queryable_per_step.empty()) {
    out += R"(,"totalQueryableSamplesPerStep":[)";
    JsonCommas commas;
    for (std::size_t step = 0; step < result.samples.queryable_per_step.size(); ++step) {
      commas.next(out);
      append_point_start(out, result.grid.at(step));
      append_json_uint(out, result.samples.queryable_per_step[step]);
      out.push_back(']');
    }
    out.push_back(']');
  }
  out += "}}";
}

void append_annotations(std::string& out, const promql::Annotations& annotations) {
  append_annotation_list(out, "warnings", "warning", annotations.warnings);
  append_annotation_list(out, "infos", "info", annotations.infos);
}

void append_warnings(std::string& out, const std::vector<std::string>& warnings) {
  append_annotation_list(out, "warnings", "warning", warnings);
}

}  // namespace narthex::api
