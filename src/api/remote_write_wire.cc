#include "api/remote_write_wire.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "narthex/model/names.h"
#include "narthex/util/bytes.h"
#include "narthex/util/utf8.h"

#include "api/wire_fields.h"

namespace narthex::api {
namespace {

using util::ByteReader;
using util::Code;

// Exemplar labels longer than this in all are refused by every receiver (OpenMetrics).
constexpr std::size_t kExemplarRunesMax = 128;

constexpr std::uint64_t kTimeSeriesTag = tag(1, WireType::kBytes);
constexpr std::uint64_t kLabelTag = tag(1, WireType::kBytes);
constexpr std::uint64_t kSampleTag = tag(2, WireType::kBytes);
constexpr std::uint64_t kExemplarTag = tag(3, WireType::kBytes);
constexpr std::uint64_t kHistogramTag = tag(4, WireType::kBytes);

struct Sample {
  double value = 0;
  model::TimestampMs timestamp = 0;
};

constexpr std::uint64_t kSampleValueTag = tag(1, WireType::kFixed64);
constexpr std::uint64_t kSampleTimestampTag = tag(2, WireType::kVarint);

util::Result<Sample> read_any_sample(std::string_view message) {
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

// What senders write: a value (left out when it is zero), then a timestamp that ends the message.
// False for everything else, which read_any_sample() understands or refuses.
inline bool read_usual_sample(std::string_view message, Sample& out) noexcept {
  const auto* p = reinterpret_cast<const std::uint8_t*>(message.data());
  const std::uint8_t* const end = p + message.size();
  constexpr std::ptrdiff_t kValueBytes = 9;
  out.value = 0;
  if (end - p > kValueBytes && *p == kSampleValueTag) {
    out.value = std::bit_cast<double>(util::load_le<std::uint64_t>(p + 1));
    p += kValueBytes;
  }
  // Below 2^56: eight bytes, so that no shift overflows.
  constexpr std::ptrdiff_t kTimestampBytesMax = 1 + 8;
  if (end - p < 2 || end - p > kTimestampBytesMax || *p != kSampleTimestampTag) return false;
  std::uint64_t timestamp = 0;
  unsigned shift = 0;
  while (++p != end) {
    timestamp |= std::uint64_t{*p & 0x7fU} << shift;
    shift += 7;
    if (*p < 0x80) break;
  }
  if (p == end || p + 1 != end) return false;
  out.timestamp = static_cast<std::int64_t>(timestamp);
  return true;
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

}  // namespace

util::Result<void> add_wire_sample(std::string_view message, WireRequest& out) {
  Sample sample;
  if (!read_usual_sample(message, sample)) {
    NX_ASSIGN(sample, read_any_sample(message));
  }
  out.timestamps.push_back(sample.timestamp);
  out.values.push_back(sample.value);
  out.timestamp_max = std::max(out.timestamp_max, sample.timestamp);
  return {};
}

namespace {

// Takes TimeSeries messages apart. In all that senders write, the labels come first and in one
// piece.
class SeriesReader {
 public:
  explicit SeriesReader(WireRequest& out) : out_(out) {}

  util::Result<void> read(std::string_view message) {
    WireSeries series;
    ByteReader in(message);
    std::uint64_t field_tag = 0;
    std::size_t field_begin = 0;
    while (in.remaining() > 0) {
      field_begin = in.position();
      field_tag = in.uvarint();
      if (field_tag != kLabelTag) break;
      in.skip(in.uvarint());
      if (!in.ok()) return malformed_message();
      field_begin = in.position();
    }
    series.labels = message.substr(0, field_begin);
    NX_TRY(read_rest(message.substr(field_begin), series));
    series.hash = util::hash128(series.labels);
    out_.series.push_back(series);
    return {};
  }

 private:
  // Everything behind the labels, from a tag on.
  util::Result<void> read_rest(std::string_view message, WireSeries& series) {
    ByteReader in(message);
    std::string gathered;  // Labels that come too late.
    while (in.remaining() > 0) {
      const std::size_t field_begin = in.position();
      const std::uint64_t field_tag = in.uvarint();
      if (!in.ok() || field_tag >> 3U == 0) return malformed_message();
      if (field_tag == kSampleTag) {
        const std::string_view sample = in.uvarint_bytes();
        if (!in.ok()) return malformed_message();
        NX_TRY(add_wire_sample(sample, out_));
        ++series.sample_count;
      } else if (field_tag == kHistogramTag || field_tag == kExemplarTag) {
        const auto kind =
            field_tag == kHistogramTag ? WireExtra::Kind::kHistogram : WireExtra::Kind::kExemplar;
        out_.extras.push_back(
            {kind, static_cast<std::uint32_t>(out_.series.size()), in.uvarint_bytes()});
        if (!in.ok()) return malformed_message();
      } else {
        if (!skip_field(in, field_tag)) return in.ok() ? illegal_wire_type() : malformed_message();
        if (field_tag == kLabelTag)
          gathered.append(message.substr(field_begin, in.position() - field_begin));
      }
    }
    if (!gathered.empty()) {
      gathered.insert(0, series.labels);
      series.labels = out_.arena.emplace_back(std::move(gathered));
    }
    return {};
  }

  WireRequest& out_;
};

}  // namespace

void WireRequest::clear() {
  series.clear();
  timestamps.clear();
  values.clear();
  starts.clear();
  extras.clear();
  timestamp_max = model::kTimestampMin;
  arena.clear();
}

std::size_t WireRequest::capacity_bytes() const noexcept {
  return series.capacity() * sizeof(WireSeries) + timestamps.capacity() * sizeof(double) +
         values.capacity() * sizeof(double) + starts.capacity() * sizeof(double) +
         extras.capacity() * sizeof(WireExtra);
}

util::Result<void> read_request(std::string_view body, WireRequest& out) {
  SeriesReader reader(out);
  ByteReader in(body);
  while (in.remaining() > 0) {
    const std::uint64_t field_tag = in.uvarint();
    if (!in.ok() || field_tag >> 3U == 0) return malformed_message();
    if (field_tag == kTimeSeriesTag) {
      const std::string_view message = in.uvarint_bytes();
      if (!in.ok()) return malformed_message();
      NX_TRY(reader.read(message));
    } else if (!skip_field(in, field_tag)) {
      return in.ok() ? illegal_wire_type() : malformed_message();
    }
  }
  return {};
}

util::Result<model::Labels> read_labels(std::string_view label_fields) {
  NX_ASSIGN(const std::vector<RawLabel> raw, read_label_fields(label_fields, kLabelTag));
  NX_ASSIGN(model::Labels labels, to_labels(raw));
  if (!model::is_valid_metric_name(labels.metric_name(), model::NameScheme::kUtf8)) {
    return util::fail(Code::kInvalidArgument, "no metric name");
  }
  return labels;
}

// A MetricMetadata message, whose family is the series'. It never fails a request (PR-W14).
util::Result<void> add_metadata(storage::SeriesRef ref, std::string_view message,
                                storage::WriteBatch& batch) {
  storage::MetadataUpdate update;
  update.ref = ref;
  NX_TRY(for_each_field(message, [&update](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag == tag(1, WireType::kVarint)) {
      const std::uint64_t type = in.uvarint();
      constexpr auto kLast = static_cast<std::uint64_t>(model::MetricType::kStateset);
      update.metadata.type = static_cast<model::MetricType>(type <= kLast ? type : 0);
    } else if (field_tag == tag(4, WireType::kBytes)) {
      update.metadata.help = in.uvarint_bytes();
    } else if (field_tag == tag(5, WireType::kBytes)) {
      update.metadata.unit = in.uvarint_bytes();
    } else {
      return false;
    }
    return true;
  }));
  const model::Metadata& metadata = update.metadata;
  if (util::is_valid_utf8(metadata.help) && util::is_valid_utf8(metadata.unit))
    batch.metadata.push_back(std::move(update));
  return {};
}

util::Result<void> read_extra(const WireExtra& extra, storage::SeriesRef ref,
                              storage::WriteBatch& batch) {
  if (extra.kind == WireExtra::Kind::kExemplar) return add_exemplar(ref, extra.message, batch);
  if (extra.kind == WireExtra::Kind::kMetadata) return add_metadata(ref, extra.message, batch);
  NX_ASSIGN(WireHistogram histogram, read_histogram(extra.message));
  batch.histograms.push_back(to_sample(ref, std::move(histogram)));
  return {};
}

}  // namespace narthex::api
