#include "exposition/protobuf_metric.h"

#include <limits>

#include <protozero/pbf_reader.hpp>

#include "narthex/util/utf8.h"

#include "exposition/text_grammar.h"

namespace narthex::exposition {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

std::string_view view_of(pbf_reader& reader) {
  const protozero::data_view view = reader.get_view();
  return {view.data(), view.size()};
}

pbf_reader reader_of(std::string_view message) {
  return pbf_reader(message.data(), message.size());
}

// google.protobuf.Timestamp, in milliseconds.
std::int64_t decode_timestamp(std::string_view message) {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / 1000 - 1;
  std::int64_t seconds = 0;
  std::int64_t nanos = 0;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    if (reader.tag() == 1 && reader.wire_type() == pbf_wire_type::varint) {
      seconds = reader.get_int64();
    } else if (reader.tag() == 2 && reader.wire_type() == pbf_wire_type::varint) {
      nanos = reader.get_int32();
    } else {
      reader.skip();
    }
  }
  if (seconds > kSecondsMax) return std::numeric_limits<std::int64_t>::max();
  if (seconds < -kSecondsMax) return std::numeric_limits<std::int64_t>::min();
  return seconds * 1000 + nanos / 1'000'000;
}

std::pair<std::string_view, std::string_view> decode_label(std::string_view message) {
  std::pair<std::string_view, std::string_view> label;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    const bool is_text = reader.wire_type() == pbf_wire_type::length_delimited;
    if (reader.tag() == 1 && is_text) {
      label.first = view_of(reader);
    } else if (reader.tag() == 2 && is_text) {
      label.second = view_of(reader);
    } else {
      reader.skip();
    }
  }
  return label;
}

// A field that has a type of its own on the wire: read if it comes as that, else skipped.
void read_double(pbf_reader& reader, double& out) {
  if (reader.wire_type() == pbf_wire_type::fixed64) {
    out = reader.get_double();
  } else {
    reader.skip();
  }
}
void read_unsigned(pbf_reader& reader, std::uint64_t& out) {
  if (reader.wire_type() == pbf_wire_type::varint) {
    out = reader.get_uint64();
  } else {
    reader.skip();
  }
}
void read_message(pbf_reader& reader, std::string_view& out) {
  if (reader.wire_type() == pbf_wire_type::length_delimited) {
    out = view_of(reader);
  } else {
    out = {};
    reader.skip();
  }
}

// Repeated numbers, packed or one by one.
void read_numbers(pbf_reader& reader, std::vector<std::int64_t>& out) {
  if (reader.wire_type() == pbf_wire_type::length_delimited) {
    for (const std::int64_t value : reader.get_packed_sint64()) out.push_back(value);
  } else if (reader.wire_type() == pbf_wire_type::varint) {
    out.push_back(reader.get_sint64());
  } else {
    reader.skip();
  }
}
void read_numbers(pbf_reader& reader, std::vector<double>& out) {
  if (reader.wire_type() == pbf_wire_type::length_delimited) {
    for (const double value : reader.get_packed_double()) out.push_back(value);
  } else if (reader.wire_type() == pbf_wire_type::fixed64) {
    out.push_back(reader.get_double());
  } else {
    reader.skip();
  }
}

void read_span(pbf_reader& reader, std::vector<model::Span>& out) {
  std::string_view message;
  read_message(reader, message);
  model::Span span;
  pbf_reader fields = reader_of(message);
  while (fields.next()) {
    const bool is_number = fields.wire_type() == pbf_wire_type::varint;
    if (fields.tag() == 1 && is_number) {
      span.offset = fields.get_sint32();
    } else if (fields.tag() == 2 && is_number) {
      span.length = fields.get_uint32();
    } else {
      fields.skip();
    }
  }
  out.push_back(span);
}

ProtobufMetric::Bucket decode_bucket(std::string_view message) {
  ProtobufMetric::Bucket bucket;
  std::uint64_t count = 0;
  double count_float = 0;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        read_unsigned(reader, count);
        break;
      case 2:
        read_double(reader, bucket.upper_bound);
        break;
      case 3:
        read_message(reader, bucket.exemplar);
        break;
      case 4:
        read_double(reader, count_float);
        break;
      default:
        reader.skip();
    }
  }
  bucket.cumulative_count = count_float > 0 ? count_float : static_cast<double>(count);
  return bucket;
}

ProtobufMetric::Quantile decode_quantile(std::string_view message) {
  ProtobufMetric::Quantile quantile;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    if (reader.tag() == 1) {
      read_double(reader, quantile.quantile);
    } else if (reader.tag() == 2) {
      read_double(reader, quantile.value);
    } else {
      reader.skip();
    }
  }
  return quantile;
}

}  // namespace

void ProtobufMetric::clear() noexcept {
  labels.clear();
  timestamp_ms = 0;
  start_timestamp_ms.reset();
  value = 0;
  exemplar = {};
  count = 0;
  count_float = sum = 0;
  quantiles.clear();
  buckets.clear();
  schema = 0;
  zero_threshold = 0;
  zero_count = 0;
  zero_count_float = 0;
  positive_spans.clear();
  negative_spans.clear();
  positive_deltas.clear();
  negative_deltas.clear();
  positive_counts.clear();
  negative_counts.clear();
  exemplars.clear();
}

void ProtobufMetric::decode_counter(std::string_view message) {
  std::string_view start;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        read_double(reader, value);
        break;
      case 2:
        read_message(reader, exemplar);
        break;
      case 3:
        read_message(reader, start);
        break;
      default:
        reader.skip();
    }
  }
  if (start.data() != nullptr) start_timestamp_ms = decode_timestamp(start);
}

void ProtobufMetric::decode_summary(std::string_view message) {
  std::string_view part;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        read_unsigned(reader, count);
        break;
      case 2:
        read_double(reader, sum);
        break;
      case 3:
        read_message(reader, part);
        quantiles.push_back(decode_quantile(part));
        break;
      case 4:
        read_message(reader, part);
        start_timestamp_ms = decode_timestamp(part);
        break;
      default:
        reader.skip();
    }
  }
}

void ProtobufMetric::decode_histogram(std::string_view message) {
  std::string_view part;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        read_unsigned(reader, count);
        break;
      case 2:
        read_double(reader, sum);
        break;
      case 3:
        read_message(reader, part);
        buckets.push_back(decode_bucket(part));
        break;
      case 4:
        read_double(reader, count_float);
        break;
      case 5:
        if (reader.wire_type() == pbf_wire_type::varint) {
          schema = reader.get_sint32();
        } else {
          reader.skip();
        }
        break;
      case 6:
        read_double(reader, zero_threshold);
        break;
      case 7:
        read_unsigned(reader, zero_count);
        break;
      case 8:
        read_double(reader, zero_count_float);
        break;
      case 9:
        read_span(reader, negative_spans);
        break;
      case 10:
        read_numbers(reader, negative_deltas);
        break;
      case 11:
        read_numbers(reader, negative_counts);
        break;
      case 12:
        read_span(reader, positive_spans);
        break;
      case 13:
        read_numbers(reader, positive_deltas);
        break;
      case 14:
        read_numbers(reader, positive_counts);
        break;
      case 15:
        read_message(reader, part);
        start_timestamp_ms = decode_timestamp(part);
        break;
      case 16:
        read_message(reader, part);
        exemplars.push_back(part);
        break;
      default:
        reader.skip();
    }
  }
}

void ProtobufMetric::decode(std::string_view message) {
  clear();
  std::string_view part;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    switch (reader.tag()) {
      case 1:
        read_message(reader, part);
        labels.push_back(decode_label(part));
        break;
      case 2:  // Gauge: its one field is a counter's first.
      case 3:
      case 5:  // Untyped.
        read_message(reader, part);
        decode_counter(part);
        break;
      case 4:
        read_message(reader, part);
        decode_summary(part);
        break;
      case 6:
        if (reader.wire_type() == pbf_wire_type::varint) {
          timestamp_ms = reader.get_int64();
        } else {
          reader.skip();
        }
        break;
      case 7:
        read_message(reader, part);
        decode_histogram(part);
        break;
      default:
        reader.skip();
    }
  }
}

bool exemplar_has_timestamp(std::string_view message) {
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    if (reader.tag() == 3) return true;
    reader.skip();
  }
  return false;
}

util::Result<ExposedExemplar> decode_exemplar(std::string_view message) {
  ExposedExemplar exemplar;
  std::vector<model::LabelView> labels;
  std::string_view part;
  pbf_reader reader = reader_of(message);
  while (reader.next()) {
    if (reader.tag() == 1) {
      read_message(reader, part);
      const auto [name, value] = decode_label(part);
      const bool is_sound = util::is_valid_utf8(name) && util::is_valid_utf8(value) &&
                            name.size() <= model::kLabelBytesMax &&
                            value.size() <= model::kLabelBytesMax;
      if (!is_sound) {
        return util::fail(util::Code::kInvalidArgument,
                          "invalid exemplar label: " + quoted_fragment(name));
      }
      labels.push_back({name, value});
    } else if (reader.tag() == 2) {
      read_double(reader, exemplar.value);
    } else if (reader.tag() == 3) {
      read_message(reader, part);
      exemplar.timestamp_ms = decode_timestamp(part);
      exemplar.has_timestamp = true;
    } else {
      reader.skip();
    }
  }
  exemplar.labels = model::Labels::from_unsorted(labels);
  return exemplar;
}

}  // namespace narthex::exposition
