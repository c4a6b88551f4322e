#include "api/remote_write_wire.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "narthex/model/names.h"
#include "narthex/util/bytes.h"
#include "narthex/util/utf8.h"

namespace narthex::api {
namespace {

using util::ByteReader;
using util::Code;

// Exemplar labels longer than this in all are refused by every receiver (OpenMetrics).
constexpr std::size_t kExemplarRunesMax = 128;

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

// Tag byte of a field with a number below 16.
constexpr std::uint64_t tag(std::uint32_t field, WireType type) noexcept {
  return field << 3U | static_cast<std::uint32_t>(type);
}

constexpr std::uint64_t kTimeSeriesTag = tag(1, WireType::kBytes);
constexpr std::uint64_t kLabelTag = tag(1, WireType::kBytes);
constexpr std::uint64_t kSampleTag = tag(2, WireType::kBytes);
constexpr std::uint64_t kExemplarTag = tag(3, WireType::kBytes);
constexpr std::uint64_t kHistogramTag = tag(4, WireType::kBytes);

std::unexpected<util::Error> malformed() {
  return util::fail(Code::kInvalidArgument, "unexpected EOF");
}
std::unexpected<util::Error> illegal_type() {
  return util::fail(Code::kInvalidArgument, "proto: illegal wireType");
}

// Skips a field that we do not know. False: it is none.
bool skip_field(ByteReader& in, std::uint64_t field_tag) {
  switch (static_cast<WireType>(field_tag & 7U)) {
    case WireType::kVarint:
      static_cast<void>(in.uvarint());
      return in.ok();
    case WireType::kFixed64:
      in.skip(8);
      return in.ok();
    case WireType::kBytes:
      static_cast<void>(in.uvarint_bytes());
      return in.ok();
    case WireType::kFixed32:
      in.skip(4);
      return in.ok();
  }
  return false;
}

double read_double(ByteReader& in) {
  const std::string_view bytes = in.bytes(8);
  return bytes.size() == 8 ? std::bit_cast<double>(util::load_le<std::uint64_t>(bytes.data())) : 0;
}

// Calls field(tag, reader) for every field of the message; field() consumes the known ones and says
// so.
template <class Field>
util::Result<void> for_each_field(std::string_view message, Field&& field) {
  ByteReader in(message);
  while (in.remaining() > 0) {
    const std::uint64_t field_tag = in.uvarint();
    if (!in.ok() || field_tag >> 3U == 0) return malformed();
    if (!field(field_tag, in) && !skip_field(in, field_tag))
      return in.ok() ? illegal_type() : malformed();
    if (!in.ok()) return malformed();
  }
  return {};
}

struct Sample {
  double value = 0;
  model::TimestampMs timestamp = 0;
};

constexpr std::uint8_t kSampleValueTag = tag(1, WireType::kFixed64);
constexpr std::uint8_t kSampleTimestampTag = tag(2, WireType::kVarint);

util::Result<Sample> read_sample(std::string_view message) {
  Sample sample;
  NX_TRY(for_each_field(message, [&sample](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag == kSampleValueTag) {
      sample.value = read_double(in);
    } else if (field_tag == kSampleTimestampTag) {
      sample.timestamp = static_cast<std::int64_t>(in.uvarint());
    } else {
      return false;
    }
    return true;
  }));
  return sample;
}

struct RawLabel {
  std::string_view name;
  std::string_view value;
};

util::Result<RawLabel> read_label(std::string_view message) {
  RawLabel label;
  NX_TRY(for_each_field(message, [&label](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag == tag(1, WireType::kBytes)) {
      label.name = in.uvarint_bytes();
    } else if (field_tag == tag(2, WireType::kBytes)) {
      label.value = in.uvarint_bytes();
    } else {
      return false;
    }
    return true;
  }));
  return label;
}

// Label fields out of a message, in order of names.
util::Result<std::vector<RawLabel>> read_label_fields(std::string_view message,
                                                      std::uint64_t label_tag) {
  std::vector<RawLabel> labels;
  util::Result<void> inner;
  NX_TRY(for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag != label_tag) return false;
    auto label = read_label(in.uvarint_bytes());
    if (label) {
      labels.push_back(*label);
    } else {
      inner = std::unexpected(std::move(label).error());
    }
    return true;
  }));
  NX_TRY(std::move(inner));
  std::ranges::stable_sort(labels, {}, &RawLabel::name);
  return labels;
}

util::Result<model::Labels> to_labels(const std::vector<RawLabel>& sorted) {
  model::LabelsEncoder encoder;
  const std::string_view* previous = nullptr;
  for (const RawLabel& label : sorted) {
    if (previous != nullptr && *previous == label.name)
      return util::fail(Code::kInvalidArgument, "duplicate label name");
    previous = &label.name;
    if (!model::is_valid_label_name(label.name, model::NameScheme::kUtf8) ||
        !util::is_valid_utf8(label.value) || label.name.size() > model::kLabelBytesMax ||
        label.value.size() > model::kLabelBytesMax) {
      return util::fail(Code::kInvalidArgument, "invalid label");
    }
    encoder.add(label.name, label.value);
  }
  return std::move(encoder).finish();
}

// ---- histograms

// One repeated number: packed, or one by one.
template <class T, class ReadOne>
bool read_repeated(std::uint64_t field_tag, ByteReader& in, std::uint32_t field, WireType one,
                   std::vector<T>& out, ReadOne read_one) {
  if (field_tag == tag(field, one)) {
    out.push_back(read_one(in));
    return true;
  }
  if (field_tag != tag(field, WireType::kBytes)) return false;
  ByteReader packed(in.uvarint_bytes());
  while (packed.remaining() > 0) out.push_back(read_one(packed));
  if (!packed.ok()) in.skip(UINT64_MAX);  // Fails the message.
  return true;
}

bool read_span(std::uint64_t field_tag, ByteReader& in, std::uint32_t field,
               std::vector<model::Span>& out) {
  if (field_tag != tag(field, WireType::kBytes)) return false;
  model::Span span;
  const auto read =
      for_each_field(in.uvarint_bytes(), [&span](std::uint64_t inner_tag, ByteReader& inner) {
        if (inner_tag == tag(1, WireType::kVarint)) {
          span.offset = static_cast<std::int32_t>(util::unzigzag(inner.uvarint()));
        } else if (inner_tag == tag(2, WireType::kVarint)) {
          span.length = static_cast<std::uint32_t>(inner.uvarint());
        } else {
          return false;
        }
        return true;
      });
  if (!read) in.skip(UINT64_MAX);
  out.push_back(span);
  return true;
}

// Both forms at once; which one it is shows by the kind of its counts.
struct WireHistogram {
  bool is_float = false;
  std::uint64_t count_int = 0;
  double count_float = 0;
  std::uint64_t zero_count_int = 0;
  double zero_count_float = 0;
  double sum = 0;
  std::int32_t schema = 0;
  double zero_threshold = 0;
  std::vector<model::Span> negative_spans;
  std::vector<model::Span> positive_spans;
  std::vector<std::int64_t> negative_deltas;
  std::vector<std::int64_t> positive_deltas;
  std::vector<double> negative_counts;
  std::vector<double> positive_counts;
  std::vector<double> custom_values;
  std::uint64_t reset_hint = 0;
  model::TimestampMs timestamp = 0;
};

bool read_histogram_number(WireHistogram& h, std::uint64_t field_tag, ByteReader& in) {
  switch (field_tag) {
    case tag(1, WireType::kVarint):
      h.count_int = in.uvarint();
      return true;
    case tag(2, WireType::kFixed64):
      h.count_float = read_double(in);
      h.is_float = true;
      return true;
    case tag(3, WireType::kFixed64):
      h.sum = read_double(in);
      return true;
    case tag(4, WireType::kVarint):
      h.schema = static_cast<std::int32_t>(util::unzigzag(in.uvarint()));
      return true;
    case tag(5, WireType::kFixed64):
      h.zero_threshold = read_double(in);
      return true;
    case tag(6, WireType::kVarint):
      h.zero_count_int = in.uvarint();
      return true;
    case tag(7, WireType::kFixed64):
      h.zero_count_float = read_double(in);
      return true;
    case tag(14, WireType::kVarint):
      h.reset_hint = in.uvarint();
      return true;
    case tag(15, WireType::kVarint):
      h.timestamp = static_cast<std::int64_t>(in.uvarint());
      return true;
    default:
      return false;
  }
}

util::Result<WireHistogram> read_histogram(std::string_view message) {
  WireHistogram h;
  const auto one_delta = [](ByteReader& in) { return util::unzigzag(in.uvarint()); };
  const auto one_double = [](ByteReader& in) { return read_double(in); };
  NX_TRY(for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
    return read_histogram_number(h, field_tag, in) ||
           read_span(field_tag, in, 8, h.negative_spans) ||
           read_repeated(field_tag, in, 9, WireType::kVarint, h.negative_deltas, one_delta) ||
           read_repeated(field_tag, in, 10, WireType::kFixed64, h.negative_counts, one_double) ||
           read_span(field_tag, in, 11, h.positive_spans) ||
           read_repeated(field_tag, in, 12, WireType::kVarint, h.positive_deltas, one_delta) ||
           read_repeated(field_tag, in, 13, WireType::kFixed64, h.positive_counts, one_double) ||
           read_repeated(field_tag, in, 16, WireType::kFixed64, h.custom_values, one_double);
  }));
  return h;
}

model::CounterResetHint to_hint(std::uint64_t value) noexcept {
  return value <= 3 ? static_cast<model::CounterResetHint>(value)
                    : model::CounterResetHint::kUnknown;
}

// The fields that both forms have.
template <class Histogram>
Histogram with_common_fields(WireHistogram& h) {
  Histogram out;
  out.counter_reset_hint = to_hint(h.reset_hint);
  out.schema = h.schema;
  out.zero_threshold = h.zero_threshold;
  out.sum = h.sum;
  out.positive_spans = std::move(h.positive_spans);
  out.negative_spans = std::move(h.negative_spans);
  out.custom_values = std::move(h.custom_values);
  return out;
}

storage::HistogramSample to_sample(storage::SeriesRef ref, WireHistogram h) {
  storage::HistogramSample sample;
  sample.ref = ref;
  sample.timestamp = h.timestamp;
  if (h.is_float) {
    auto out = with_common_fields<model::FloatHistogram>(h);
    out.count = h.count_float;
    out.zero_count = h.zero_count_float;
    out.positive_buckets = std::move(h.positive_counts);
    out.negative_buckets = std::move(h.negative_counts);
    sample.floating = std::make_shared<const model::FloatHistogram>(std::move(out));
  } else {
    auto out = with_common_fields<model::IntHistogram>(h);
    out.count = h.count_int;
    out.zero_count = h.zero_count_int;
    out.positive_deltas = std::move(h.positive_deltas);
    out.negative_deltas = std::move(h.negative_deltas);
    sample.integer = std::make_shared<const model::IntHistogram>(std::move(out));
  }
  return sample;
}

// Exemplars that nobody would take are left out: they never fail a request (PR-W14).
util::Result<void> add_exemplar(storage::SeriesRef ref, std::string_view message,
                                storage::WriteBatch& batch) {
  storage::Exemplar exemplar;
  exemplar.ref = ref;
  NX_TRY(for_each_field(message, [&exemplar](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag == tag(2, WireType::kFixed64)) {
      exemplar.value = read_double(in);
    } else if (field_tag == tag(3, WireType::kVarint)) {
      exemplar.timestamp = static_cast<std::int64_t>(in.uvarint());
    } else {
      return false;
    }
    return true;
  }));
  NX_ASSIGN(const std::vector<RawLabel> raw, read_label_fields(message, tag(1, WireType::kBytes)));
  std::size_t runes = 0;
  for (const RawLabel& label : raw) {
    for (const std::string_view text : {label.name, label.value}) {
      runes += static_cast<std::size_t>(std::ranges::count_if(
          text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
    }
  }
  auto labels = to_labels(raw);
  if (!labels || runes > kExemplarRunesMax) return {};
  exemplar.labels = std::move(*labels);
  batch.exemplars.push_back(std::move(exemplar));
  return {};
}

// A TimeSeries message taken apart. In all that senders write, the labels come first and in one
// piece.
util::Result<WireSeries> split_series(std::string_view message, std::deque<std::string>& arena) {
  ByteReader in(message);
  std::size_t labels_end = 0;
  while (in.remaining() > 0) {
    const std::uint64_t field_tag = in.uvarint();
    if (field_tag != kLabelTag) break;
    in.skip(in.uvarint());
    if (!in.ok()) return malformed();
    labels_end = in.position();
  }
  WireSeries series;
  series.labels = message.substr(0, labels_end);
  series.content = message.substr(labels_end);
  // Labels further behind?
  std::string gathered;
  std::size_t field_start = labels_end;
  NX_TRY(for_each_field(series.content, [&](std::uint64_t field_tag, ByteReader& rest) {
    const bool known = skip_field(rest, field_tag);
    const std::size_t field_end = labels_end + rest.position();
    if (known && field_tag == kLabelTag)
      gathered.append(message.substr(field_start, field_end - field_start));
    field_start = field_end;
    return known;
  }));
  if (!gathered.empty()) {
    gathered.insert(0, series.labels);
    series.labels = arena.emplace_back(std::move(gathered));
  }
  series.hash = util::hash128(series.labels);
  return series;
}

}  // namespace

util::Result<void> read_series(std::string_view body, std::vector<WireSeries>& out,
                               std::deque<std::string>& arena) {
  util::Result<void> inner;
  NX_TRY(for_each_field(body, [&](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag != kTimeSeriesTag) return false;
    const std::string_view message = in.uvarint_bytes();
    if (!in.ok() || !inner) return true;
    auto series = split_series(message, arena);
    if (series) {
      out.push_back(*series);
    } else {
      inner = std::unexpected(std::move(series).error());
    }
    return true;
  }));
  return inner;
}

util::Result<model::Labels> read_labels(std::string_view label_fields) {
  NX_ASSIGN(const std::vector<RawLabel> raw, read_label_fields(label_fields, kLabelTag));
  NX_ASSIGN(model::Labels labels, to_labels(raw));
  if (!model::is_valid_metric_name(labels.metric_name(), model::NameScheme::kUtf8)) {
    return util::fail(Code::kInvalidArgument, "no metric name");
  }
  return labels;
}

util::Result<void> read_content(const WireSeries& series, storage::WriteBatch& batch) {
  util::Result<void> inner;
  NX_TRY(for_each_field(series.content, [&](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag != kSampleTag && field_tag != kHistogramTag && field_tag != kExemplarTag)
      return false;
    const std::string_view message = in.uvarint_bytes();
    if (!in.ok() || !inner) return true;
    if (field_tag == kSampleTag) {
      const auto sample = read_sample(message);
      if (sample) {
        batch.add(series.ref, sample->timestamp, sample->value);
      } else {
        inner = std::unexpected(sample.error());
      }
    } else if (field_tag == kHistogramTag) {
      auto histogram = read_histogram(message);
      if (histogram) {
        batch.histograms.push_back(to_sample(series.ref, std::move(*histogram)));
      } else {
        inner = std::unexpected(std::move(histogram).error());
      }
    } else {
      inner = add_exemplar(series.ref, message, batch);
    }
    return true;
  }));
  return inner;
}

util::Result<WireCounts> count_content(const WireSeries& series) {
  WireCounts counts;
  NX_TRY(for_each_field(series.content, [&](std::uint64_t field_tag, ByteReader& in) {
    if (!skip_field(in, field_tag)) return false;
    if (field_tag == kSampleTag) ++counts.samples;
    if (field_tag == kHistogramTag) ++counts.histograms;
    if (field_tag == kExemplarTag) ++counts.exemplars;
    return true;
  }));
  return counts;
}

}  // namespace narthex::api
