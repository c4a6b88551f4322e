#include "api/columns.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <fmt/format.h>

#include "api/result_json.h"

namespace narthex::api {
namespace {

static_assert(std::endian::native == std::endian::little, "Columns go out as they lie in memory.");

constexpr std::size_t kAlignment = 8;

// Texts by number, each once, in order of their first use.
class Dictionary {
 public:
  // `text` outlives the dictionary.
  std::size_t number_of(std::string_view text) {
    const auto [entry, is_new] = numbers_.try_emplace(text, texts_.size());
    if (is_new) texts_.push_back(text);
    return entry->second;
  }
  void append_to(std::string& out) const {
    JsonCommas commas;
    out.push_back('[');
    for (const std::string_view text : texts_) {
      commas.next(out);
      append_json_string(out, text);
    }
    out.push_back(']');
  }

 private:
  boost::unordered_flat_map<std::string_view, std::size_t> numbers_;
  std::vector<std::string_view> texts_;
};

std::size_t points_of(const promql::QueryResult& result) noexcept {
  return result.type == promql::ValueType::kMatrix ? result.grid.count : 1;
}

bool has_holes(const promql::QueryResult& result, std::size_t series) noexcept {
  return result.series.float_count(series) != points_of(result);
}

std::uint64_t body_bytes(const promql::QueryResult& result) noexcept {
  const std::size_t points = points_of(result);
  std::uint64_t bytes = std::uint64_t{result.series.size()} * points * sizeof(double);
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    if (has_holes(result, i)) bytes += promql::presence_words(points) * sizeof(std::uint64_t);
  }
  return bytes;
}

// Finds the steps of times that ascend.
class StepFinder {
 public:
  explicit StepFinder(const promql::QueryResult& result)
      : grid_(result.grid), points_(points_of(result)) {}
  std::size_t step_of(model::TimestampMs t) noexcept {
    while (step_ + 1 < points_ && grid_.at(step_) < t) ++step_;
    return step_;
  }

 private:
  promql::StepGrid grid_;
  std::size_t points_;
  std::size_t step_ = 0;
};

// ,"names":[…],"values":[…],"series":[[name,value,…],…]: false when it becomes too long.
bool append_labels(std::string& out, const promql::ResultSeries& series) {
  Dictionary names;
  Dictionary values;
  std::string pairs = R"(,"series":[)";
  JsonCommas series_commas;
  for (std::size_t i = 0; i < series.size(); ++i) {
    series_commas.next(pairs);
    pairs.push_back('[');
    JsonCommas commas;
    for (const model::LabelView label : series.labels(i)) {
      commas.next(pairs);
      append_json_uint(pairs, names.number_of(label.name));
      commas.next(pairs);
      append_json_uint(pairs, values.number_of(label.value));
    }
    pairs.push_back(']');
    if (pairs.size() > kColumnsHeaderBytesMax) return false;
  }
  pairs.push_back(']');
  out += R"(,"names":)";
  names.append_to(out);
  out += R"(,"values":)";
  values.append_to(out);
  out += pairs;
  return out.size() <= kColumnsHeaderBytesMax;
}

// ,"holes":[index,…]: the series that have fewer floats than points. Absent if there are none.
void append_holes(std::string& out, const promql::QueryResult& result) {
  JsonCommas commas;
  bool is_open = false;
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    if (!has_holes(result, i)) continue;
    if (!is_open) out += R"(,"holes":[)";
    is_open = true;
    commas.next(out);
    append_json_uint(out, i);
  }
  if (is_open) out.push_back(']');
}

// ,"histograms":[[series,step,{…}],…]. Absent if there are none. False when it becomes too long.
bool append_histograms(std::string& out, const promql::QueryResult& result) {
  JsonCommas commas;
  bool is_open = false;
  bool fits = true;
  for (std::size_t i = 0; i < result.series.size() && fits; ++i) {
    if (result.series.histogram_count(i) == 0) continue;
    if (!is_open) out += R"(,"histograms":[)";
    is_open = true;
    StepFinder finder(result);
    result.series.for_each_point(
        i, [](model::TimestampMs, double) {},
        [&](model::TimestampMs t, const model::FloatHistogram& histogram) {
          fits = fits && out.size() <= kColumnsHeaderBytesMax;
          if (!fits) return;
          commas.next(out);
          fmt::format_to(std::back_inserter(out), "[{},{},", i, finder.step_of(t));
          append_json_histogram(out, histogram);
          out.push_back(']');
        });
  }
  if (is_open) out.push_back(']');
  return fits;
}

template <class T>
std::string_view bytes_of(const std::vector<T>& values) noexcept {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

util::Result<void> write_body(http::ResponseWriter& out, const promql::QueryResult& result) {
  const std::size_t points = points_of(result);
  std::vector<double> values(points);
  std::vector<std::uint64_t> present(promql::presence_words(points));
  for (std::size_t i = 0; i < result.series.size(); ++i) {
    const bool holes = has_holes(result, i);
    // What is absent is zero: nothing of what memory held before goes out.
    if (holes) {
      std::ranges::fill(values, 0.0);
      std::ranges::fill(present, 0);
    }
    StepFinder finder(result);
    result.series.for_each_point(
        i,
        [&](model::TimestampMs t, double value) {
          const std::size_t step = finder.step_of(t);
          values[step] = value;
          present[step / 64] |= std::uint64_t{1} << (step % 64);
        },
        [](model::TimestampMs, const model::FloatHistogram&) {});
    NX_TRY(out.write(bytes_of(values)));
    if (holes) NX_TRY(out.write(bytes_of(present)));
  }
  return {};
}

std::string prefix(std::string_view magic, std::size_t header_bytes, std::uint64_t body) {
  std::string out(kMessagePrefixBytes, '\0');
  const auto header = static_cast<std::uint32_t>(header_bytes);
  std::memcpy(out.data(), magic.data(), sizeof(header));
  std::memcpy(out.data() + 4, &header, sizeof(header));
  std::memcpy(out.data() + 8, &body, sizeof(body));
  return out;
}

}  // namespace

bool fits_columns(const Evaluation& evaluation, bool is_range) noexcept {
  const promql::ValueType type = evaluation.result.type;
  return type == promql::ValueType::kVector || (is_range && type == promql::ValueType::kMatrix);
}

ApiResult<std::string> columns_header(std::string_view id, const Evaluation& evaluation,
                                      std::string_view exemplars) {
  const promql::QueryResult& result = evaluation.result;
  std::string out = R"({"id":)";
  append_json_string(out, id);
  fmt::format_to(std::back_inserter(out),
                 R"(,"status":"success","resultType":"{}","start":{},"step":{},"points":{})",
                 promql::value_type_text(result.type), result.grid.start, result.grid.step_ms,
                 points_of(result));
  bool fits = append_labels(out, result.series);
  if (fits) append_holes(out, result);
  fits = fits && append_histograms(out, result);
  if (fits && !exemplars.empty()) {
    out += R"(,"exemplars":)";
    out += exemplars;
  }
  append_annotations(out, result.annotations);
  if (evaluation.with_stats) {
    out.push_back(',');
    append_stats(out, result);
  }
  out.push_back('}');
  if (!fits || out.size() > kColumnsHeaderBytesMax) {
    return std::unexpected(
        ApiError{ErrorType::kExecution,
                 "labels, histograms and exemplars of the answer are too long for columns; ask for "
                 "JSON, or for less"});
  }
  return out;
}

std::string error_header(std::string_view id, const ApiError& error) {
  std::string out = R"({"id":)";
  append_json_string(out, id);
  fmt::format_to(std::back_inserter(out), R"(,"status":"error","errorType":"{}","error":)",
                 error_type_text(error.type));
  append_json_string(out, error.message);
  out.push_back('}');
  return out;
}

util::Result<void> write_columns(http::ResponseWriter& out, std::string header,
                                 const promql::QueryResult* result) {
  header.append(padding_of(header.size()).size(), ' ');  // JSON does not mind.
  NX_TRY(out.write(prefix("NXC1", header.size(), result == nullptr ? 0 : body_bytes(*result))));
  NX_TRY(out.write(header));
  if (result == nullptr) return {};
  return write_body(out, *result);
}

util::Result<void> write_json_prefix(http::ResponseWriter& out, std::uint64_t body_bytes) {
  return out.write(prefix("NXJ1", 0, body_bytes));
}

std::string_view padding_of(std::uint64_t bytes) noexcept {
  static constexpr char kZeros[kAlignment] = {};
  return {kZeros, static_cast<std::size_t>((kAlignment - bytes % kAlignment) % kAlignment)};
}

}  // namespace narthex::api
