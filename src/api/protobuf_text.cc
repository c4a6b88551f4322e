#include "api/protobuf_text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <span>

#include <fmt/format.h>
#include <protozero/pbf_reader.hpp>

#include "narthex/util/check.h"
#include "narthex/util/number.h"

namespace narthex::api {
namespace {

enum class FieldKind : std::uint8_t {
  kString,
  kDouble,
  kDoubles,  // Packed.
  kUint,
  kInt,
  kZigzag,
  kZigzags,  // Packed.
  kMetricType,
  kMessage,
};

struct Field;
using Message = std::span<const Field>;

struct Field {
  std::uint32_t number;
  std::string_view name;
  FieldKind kind;
  Message message = {};
};

using enum FieldKind;
constexpr std::array kLabelPair = {Field{1, "name", kString}, Field{2, "value", kString}};
constexpr std::array kTimestamp = {Field{1, "seconds", kInt}, Field{2, "nanos", kInt}};
constexpr std::array kExemplar = {Field{1, "label", kMessage, kLabelPair},
                                  Field{2, "value", kDouble},
                                  Field{3, "timestamp", kMessage, kTimestamp}};
constexpr std::array kValue = {Field{1, "value", kDouble}};  // Gauge and Untyped.
constexpr std::array kCounter = {Field{1, "value", kDouble},
                                 Field{2, "exemplar", kMessage, kExemplar},
                                 Field{3, "created_timestamp", kMessage, kTimestamp}};
constexpr std::array kQuantile = {Field{1, "quantile", kDouble}, Field{2, "value", kDouble}};
constexpr std::array kSummary = {Field{1, "sample_count", kUint}, Field{2, "sample_sum", kDouble},
                                 Field{3, "quantile", kMessage, kQuantile},
                                 Field{4, "created_timestamp", kMessage, kTimestamp}};
constexpr std::array kBucket = {
    Field{1, "cumulative_count", kUint}, Field{2, "upper_bound", kDouble},
    Field{3, "exemplar", kMessage, kExemplar}, Field{4, "cumulative_count_float", kDouble}};
constexpr std::array kSpan = {Field{1, "offset", kZigzag}, Field{2, "length", kUint}};
constexpr std::array kHistogram = {
    Field{1, "sample_count", kUint},
    Field{2, "sample_sum", kDouble},
    Field{3, "bucket", kMessage, kBucket},
    Field{4, "sample_count_float", kDouble},
    Field{5, "schema", kZigzag},
    Field{6, "zero_threshold", kDouble},
    Field{7, "zero_count", kUint},
    Field{8, "zero_count_float", kDouble},
    Field{9, "negative_span", kMessage, kSpan},
    Field{10, "negative_delta", kZigzags},
    Field{11, "negative_count", kDoubles},
    Field{12, "positive_span", kMessage, kSpan},
    Field{13, "positive_delta", kZigzags},
    Field{14, "positive_count", kDoubles},
    Field{15, "created_timestamp", kMessage, kTimestamp},
    Field{16, "exemplars", kMessage, kExemplar},
};
constexpr std::array kMetric = {
    Field{1, "label", kMessage, kLabelPair},    Field{2, "gauge", kMessage, kValue},
    Field{3, "counter", kMessage, kCounter},    Field{4, "summary", kMessage, kSummary},
    Field{5, "untyped", kMessage, kValue},      Field{6, "timestamp_ms", kInt},
    Field{7, "histogram", kMessage, kHistogram}};
constexpr std::array kFamily = {Field{1, "name", kString}, Field{2, "help", kString},
                                Field{3, "type", kMetricType},
                                Field{4, "metric", kMessage, kMetric}, Field{5, "unit", kString}};

constexpr std::array<std::string_view, 6> kMetricTypes = {
    "COUNTER", "GAUGE", "SUMMARY", "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM"};

void append_quoted_bytes(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    switch (c) {
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '"':
      case '\\':
        out.push_back('\\');
        out.push_back(c);
        break;
      default:
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
          fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
        } else {
          out.push_back(c);
        }
    }
  }
  out.push_back('"');
}

std::string_view text_of(protozero::data_view view) noexcept {
  return {view.data(), view.size()};
}

void append_number(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";
  } else if (std::isinf(value)) {
    out += value > 0 ? "inf" : "-inf";
  } else {
    util::append_general(out, value);
  }
}

class TextWriter {
 public:
  TextWriter(std::string& out, ProtobufLayout layout) : out_(out), layout_(layout) {}

  void message(protozero::pbf_reader from, Message fields) {
    while (from.next()) {
      const auto field = std::ranges::find(fields, from.tag(), &Field::number);
      NX_CHECK(field != fields.end(), "field {} is not in the table", from.tag());
      value(from, *field);
    }
  }

 private:
  void value(protozero::pbf_reader& from, const Field& field) {
    switch (field.kind) {
      case kDoubles:
        for (const double v : from.get_packed_double()) {
          append_number(begin(field), v);
          end();
        }
        return;
      case kZigzags:
        for (const std::int64_t v : from.get_packed_sint64()) {
          begin(field) += fmt::to_string(v);
          end();
        }
        return;
      case kString:
        append_quoted_bytes(begin(field), text_of(from.get_view()));
        return end();
      case kDouble:
        append_number(begin(field), from.get_double());
        return end();
      case kUint:
        begin(field) += fmt::to_string(from.get_uint64());
        return end();
      case kInt:
        begin(field) += fmt::to_string(from.get_int64());
        return end();
      case kZigzag:
        begin(field) += fmt::to_string(from.get_sint64());
        return end();
      case kMetricType:
        begin(field) += kMetricTypes.at(from.get_uint32());
        return end();
      case kMessage:
        begin(field);
        nested(from.get_message(), field.message);
        return end();
    }
  }

  // The name; what is appended to the result is its value.
  std::string& begin(const Field& field) {
    if (layout_ == ProtobufLayout::kLines) {
      out_.append(2 * depth_, ' ');
    } else if (!out_.empty() && out_.back() != '{' && out_.back() != '\n') {
      out_.push_back(' ');
    }
    out_ += field.name;
    out_ += layout_ == ProtobufLayout::kLines ? ": " : ":";
    return out_;
  }
  void end() {
    if (layout_ == ProtobufLayout::kLines) out_.push_back('\n');
  }
  void nested(protozero::pbf_reader from, Message fields) {
    out_.push_back('{');
    end();
    ++depth_;
    message(from, fields);
    --depth_;
    if (layout_ == ProtobufLayout::kLines) out_.append(2 * depth_, ' ');
    out_.push_back('}');
  }

  std::string& out_;
  ProtobufLayout layout_;
  std::size_t depth_ = 0;
};

}  // namespace

void append_protobuf_text(std::string& out, std::string_view delimited, ProtobufLayout layout) {
  const char* at = delimited.data();
  const char* const end = at + delimited.size();
  while (at != end) {
    const std::uint64_t bytes = protozero::decode_varint(&at, end);
    TextWriter(out, layout).message(protozero::pbf_reader(at, bytes), kFamily);
    out.push_back('\n');
    at += bytes;
  }
}

}  // namespace narthex::api
