#include "tsdb/wal/histogram_record.h"

#include <bit>

#include <fmt/format.h>

#include "narthex/util/bytes.h"

namespace narthex::tsdb {

using model::FloatHistogram;
using model::IntHistogram;
using util::ByteReader;

namespace {

std::unexpected<util::Error> damaged(std::string_view what, const ByteReader& reader) {
  return util::fail(util::Code::kCorruption,
                    fmt::format("{} record does not parse, byte {}", what, reader.position()));
}

void put_double(std::string& out, double value) {
  util::append_be(out, std::bit_cast<std::uint64_t>(value));
}
void put_count(std::string& out, std::uint64_t value) {
  util::append_uvarint(out, value);
}
void put_count(std::string& out, double value) {
  put_double(out, value);
}
void put_bucket(std::string& out, std::int64_t value) {
  util::append_varint(out, value);
}
void put_bucket(std::string& out, double value) {
  put_double(out, value);
}
void take_count(ByteReader& in, std::uint64_t& value) {
  value = in.uvarint();
}
void take_count(ByteReader& in, double& value) {
  value = in.be_double();
}
void take_bucket(ByteReader& in, std::int64_t& value) {
  value = in.varint();
}
void take_bucket(ByteReader& in, double& value) {
  value = in.be_double();
}

auto& positive_of(IntHistogram& h) {
  return h.positive_deltas;
}
auto& negative_of(IntHistogram& h) {
  return h.negative_deltas;
}
auto& positive_of(FloatHistogram& h) {
  return h.positive_buckets;
}
auto& negative_of(FloatHistogram& h) {
  return h.negative_buckets;
}
const auto& positive_of(const IntHistogram& h) {
  return h.positive_deltas;
}
const auto& negative_of(const IntHistogram& h) {
  return h.negative_deltas;
}
const auto& positive_of(const FloatHistogram& h) {
  return h.positive_buckets;
}
const auto& negative_of(const FloatHistogram& h) {
  return h.negative_buckets;
}

void put_spans(std::string& out, const std::vector<model::Span>& spans) {
  util::append_uvarint(out, spans.size());
  for (const model::Span& span : spans) {
    util::append_varint(out, span.offset);
    util::append_uvarint(out, span.length);
  }
}

template <class Number>
void put_buckets(std::string& out, const std::vector<Number>& buckets) {
  util::append_uvarint(out, buckets.size());
  for (const Number bucket : buckets) put_bucket(out, bucket);
}

template <class Histogram>
void put_histogram(std::string& out, const Histogram& histogram) {
  out.push_back(static_cast<char>(histogram.counter_reset_hint));
  util::append_varint(out, histogram.schema);
  put_double(out, histogram.zero_threshold);
  put_count(out, histogram.zero_count);
  put_count(out, histogram.count);
  put_double(out, histogram.sum);
  put_spans(out, histogram.positive_spans);
  put_spans(out, histogram.negative_spans);
  put_buckets(out, positive_of(histogram));
  put_buckets(out, negative_of(histogram));
  if (histogram.schema != model::kCustomBucketsSchema) return;
  util::append_uvarint(out, histogram.custom_values.size());
  for (const double bound : histogram.custom_values) put_double(out, bound);
}

// A count of things that take at least so many bytes each: what is left of the record bounds it.
std::uint64_t take_size(ByteReader& in, std::size_t bytes_each) {
  const std::uint64_t count = in.uvarint();
  if (count <= in.remaining() / bytes_each) return count;
  in.skip(in.remaining() + 1);  // Fails the reader.
  return 0;
}

void take_spans(ByteReader& in, std::vector<model::Span>& spans) {
  spans.resize(take_size(in, 2));
  for (model::Span& span : spans) {
    span.offset = static_cast<std::int32_t>(in.varint());
    span.length = static_cast<std::uint32_t>(in.uvarint());
  }
}

template <class Number>
void take_buckets(ByteReader& in, std::vector<Number>& buckets) {
  buckets.resize(take_size(in, std::is_same_v<Number, double> ? 8 : 1));
  for (Number& bucket : buckets) take_bucket(in, bucket);
}

template <class Histogram>
void take_histogram(ByteReader& in, Histogram& histogram) {
  histogram.counter_reset_hint = static_cast<model::CounterResetHint>(in.u8() & 3U);
  histogram.schema = static_cast<std::int32_t>(in.varint());
  histogram.zero_threshold = in.be_double();
  take_count(in, histogram.zero_count);
  take_count(in, histogram.count);
  histogram.sum = in.be_double();
  take_spans(in, histogram.positive_spans);
  take_spans(in, histogram.negative_spans);
  take_buckets(in, positive_of(histogram));
  take_buckets(in, negative_of(histogram));
  if (histogram.schema != model::kCustomBucketsSchema) return;
  histogram.custom_values.resize(take_size(in, 8));
  for (double& bound : histogram.custom_values) bound = in.be_double();
}

// Reference and time of every entry are differences from those of the first.
struct Base {
  std::uint64_t ref = 0;
  std::uint64_t time = 0;
};

Base put_base(std::string& out, RecordType type, std::uint64_t ref, model::TimestampMs time) {
  out.push_back(static_cast<char>(type));
  util::append_be(out, ref);
  util::append_be(out, static_cast<std::uint64_t>(time));
  return {ref, static_cast<std::uint64_t>(time)};
}
void put_place(std::string& out, Base base, std::uint64_t ref, model::TimestampMs time) {
  util::append_varint(out, static_cast<std::int64_t>(ref - base.ref));
  util::append_varint(out, static_cast<std::int64_t>(static_cast<std::uint64_t>(time) - base.time));
}
Base take_base(ByteReader& in) {
  const auto ref = in.be<std::uint64_t>();
  const auto time = in.be<std::uint64_t>();
  return {ref, time};
}
template <class Entry>
void take_place(ByteReader& in, Base base, Entry& entry) {
  entry.ref = base.ref + static_cast<std::uint64_t>(in.varint());
  entry.timestamp =
      static_cast<model::TimestampMs>(base.time + static_cast<std::uint64_t>(in.varint()));
}

constexpr RecordType type_of(const IntHistogram* /*tag*/, bool custom) {
  return custom ? RecordType::kCustomHistograms : RecordType::kHistograms;
}
constexpr RecordType type_of(const FloatHistogram* /*tag*/, bool custom) {
  return custom ? RecordType::kCustomFloatHistograms : RecordType::kFloatHistograms;
}

template <class Histogram>
void encode(std::string& out, std::span<const RefHistogram<Histogram>> entries) {
  if (entries.empty()) return;
  HistogramsRecordEncoder<Histogram> encoder(
      out, entries.front().histogram.schema == model::kCustomBucketsSchema);
  for (const auto& entry : entries) encoder.add(entry.ref, entry.timestamp, entry.histogram);
}

template <class Histogram>
util::Result<void> decode(std::string_view record, std::vector<RefHistogram<Histogram>>& out) {
  ByteReader in(record.substr(1));
  if (in.remaining() == 0) return {};
  const Base base = take_base(in);
  while (in.ok() && in.remaining() > 0) {
    RefHistogram<Histogram> entry;
    take_place(in, base, entry);
    take_histogram(in, entry.histogram);
    if (!in.ok()) break;
    out.push_back(std::move(entry));
  }
  if (!in.ok()) return damaged("histograms", in);
  return {};
}

}  // namespace

template <class Histogram>
void HistogramsRecordEncoder<Histogram>::add(std::uint64_t ref, model::TimestampMs timestamp,
                                             const Histogram& histogram) {
  if (out_.empty()) {
    const Base base = put_base(out_, type_of(&histogram, custom_buckets_), ref, timestamp);
    base_ref_ = base.ref;
    base_time_ = base.time;
  }
  put_place(out_, {base_ref_, base_time_}, ref, timestamp);
  put_histogram(out_, histogram);
}

template class HistogramsRecordEncoder<IntHistogram>;
template class HistogramsRecordEncoder<FloatHistogram>;

void append_histogram_body(std::string& out, const IntHistogram& histogram) {
  put_histogram(out, histogram);
}

void append_histogram_body(std::string& out, const FloatHistogram& histogram) {
  put_histogram(out, histogram);
}

void encode_histograms_record(std::string& out, std::span<const RefIntHistogram> entries) {
  encode(out, entries);
}

void encode_histograms_record(std::string& out, std::span<const RefFloatHistogram> entries) {
  encode(out, entries);
}

void encode_exemplars_record(std::string& out, std::span<const RefExemplar> entries) {
  if (entries.empty()) return;
  const Base base =
      put_base(out, RecordType::kExemplars, entries.front().ref, entries.front().timestamp);
  for (const RefExemplar& entry : entries) {
    put_place(out, base, entry.ref, entry.timestamp);
    put_double(out, entry.value);
    util::append_uvarint(out, entry.labels.size());
    for (const model::LabelView label : entry.labels) {
      util::append_uvarint(out, label.name.size());
      out.append(label.name);
      util::append_uvarint(out, label.value.size());
      out.append(label.value);
    }
  }
}

util::Result<void> decode_histograms(std::string_view record, std::vector<RefIntHistogram>& out) {
  return decode(record, out);
}

util::Result<void> decode_histograms(std::string_view record, std::vector<RefFloatHistogram>& out) {
  return decode(record, out);
}

util::Result<void> decode_exemplars(std::string_view record, std::vector<RefExemplar>& out) {
  ByteReader in(record.substr(1));
  if (in.remaining() == 0) return {};
  const Base base = take_base(in);
  std::vector<model::LabelView> labels;
  while (in.ok() && in.remaining() > 0) {
    RefExemplar entry;
    take_place(in, base, entry);
    entry.value = in.be_double();
    labels.clear();
    const std::uint64_t count = take_size(in, 2);
    for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
      const std::string_view name = in.uvarint_bytes();
      const std::string_view value = in.uvarint_bytes();
      if (name.size() > model::kLabelBytesMax || value.size() > model::kLabelBytesMax)
        return damaged("exemplars", in);
      labels.push_back({name, value});
    }
    if (!in.ok()) break;
    entry.labels = model::Labels::from_unsorted(labels);
    out.push_back(std::move(entry));
  }
  if (!in.ok()) return damaged("exemplars", in);
  return {};
}

}  // namespace narthex::tsdb
