#include "conformance/protobuf_text.h"

#include <bit>
#include <cstdint>
#include <map>

#include "narthex/util/number.h"

namespace narthex::conformance {
namespace {

enum class Wire : std::uint8_t { kUnsigned, kSigned, kZigzag, kDouble, kText, kEnum, kMessage };

struct Field {
  std::uint32_t number = 0;
  Wire wire = Wire::kText;
  std::string_view message = {};  // The type of a kMessage.
};
using Message = std::map<std::string_view, Field>;

const std::map<std::string_view, Message>& messages() {
  using enum Wire;
  static const std::map<std::string_view, Message> all = {
      {"MetricFamily",
       {{"name", {1, kText}},
        {"help", {2, kText}},
        {"type", {3, kEnum}},
        {"metric", {4, kMessage, "Metric"}},
        {"unit", {5, kText}}}},
      {"Metric",
       {{"label", {1, kMessage, "LabelPair"}},
        {"gauge", {2, kMessage, "Counter"}},
        {"counter", {3, kMessage, "Counter"}},
        {"summary", {4, kMessage, "Summary"}},
        {"untyped", {5, kMessage, "Counter"}},
        {"timestamp_ms", {6, kSigned}},
        {"histogram", {7, kMessage, "Histogram"}}}},
      {"LabelPair", {{"name", {1, kText}}, {"value", {2, kText}}}},
      {"Counter",
       {{"value", {1, kDouble}},
        {"exemplar", {2, kMessage, "Exemplar"}},
        {"start_timestamp", {3, kMessage, "Timestamp"}},
        {"created_timestamp", {3, kMessage, "Timestamp"}}}},
      {"Summary",
       {{"sample_count", {1, kUnsigned}},
        {"sample_sum", {2, kDouble}},
        {"quantile", {3, kMessage, "Quantile"}},
        {"start_timestamp", {4, kMessage, "Timestamp"}},
        {"created_timestamp", {4, kMessage, "Timestamp"}}}},
      {"Quantile", {{"quantile", {1, kDouble}}, {"value", {2, kDouble}}}},
      {"Histogram",
       {{"sample_count", {1, kUnsigned}},
        {"sample_sum", {2, kDouble}},
        {"bucket", {3, kMessage, "Bucket"}},
        {"sample_count_float", {4, kDouble}},
        {"schema", {5, kZigzag}},
        {"zero_threshold", {6, kDouble}},
        {"zero_count", {7, kUnsigned}},
        {"zero_count_float", {8, kDouble}},
        {"negative_span", {9, kMessage, "BucketSpan"}},
        {"negative_delta", {10, kZigzag}},
        {"negative_count", {11, kDouble}},
        {"positive_span", {12, kMessage, "BucketSpan"}},
        {"positive_delta", {13, kZigzag}},
        {"positive_count", {14, kDouble}},
        {"start_timestamp", {15, kMessage, "Timestamp"}},
        {"created_timestamp", {15, kMessage, "Timestamp"}},
        {"exemplars", {16, kMessage, "Exemplar"}}}},
      {"Bucket",
       {{"cumulative_count", {1, kUnsigned}},
        {"upper_bound", {2, kDouble}},
        {"exemplar", {3, kMessage, "Exemplar"}},
        {"cumulative_count_float", {4, kDouble}}}},
      {"BucketSpan", {{"offset", {1, kZigzag}}, {"length", {2, kUnsigned}}}},
      {"Exemplar",
       {{"label", {1, kMessage, "LabelPair"}},
        {"value", {2, kDouble}},
        {"timestamp", {3, kMessage, "Timestamp"}}}},
      {"Timestamp", {{"seconds", {1, kSigned}}, {"nanos", {2, kSigned}}}},
  };
  return all;
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80U; value >>= 7U) out.push_back(static_cast<char>(value | 0x80U));
  out.push_back(static_cast<char>(value));
}

class Encoder {
 public:
  explicit Encoder(std::string_view text) : rest_(text) {}

  // Fields up to the end of the text, or to and with a closing bracket.
  std::optional<std::string> message(std::string_view type, bool is_outermost) {
    const Message& fields = messages().at(type);
    std::string out;
    for (;;) {
      skip_space();
      if (rest_.empty()) return is_outermost ? std::optional(std::move(out)) : std::nullopt;
      if (!is_outermost && (rest_.front() == '>' || rest_.front() == '}')) {
        rest_.remove_prefix(1);
        return out;
      }
      const auto field = fields.find(word());
      if (field == fields.end() || !append_field(field->second, out)) return std::nullopt;
    }
  }

 private:
  bool append_field(const Field& field, std::string& out) {
    skip_space();
    if (rest_.starts_with(':')) rest_.remove_prefix(1);
    skip_space();
    const bool is_sized = field.wire == Wire::kMessage || field.wire == Wire::kText;
    const std::uint32_t wire = is_sized ? 2 : field.wire == Wire::kDouble ? 1 : 0;
    append_varint(out, (field.number << 3U) | wire);
    if (field.wire == Wire::kMessage) {
      if (rest_.empty() || (rest_.front() != '<' && rest_.front() != '{')) return false;
      rest_.remove_prefix(1);
      const auto inner = message(field.message, false);
      if (!inner) return false;
      append_varint(out, inner->size());
      out += *inner;
      return true;
    }
    if (field.wire == Wire::kText) {
      const std::string text = quoted();
      append_varint(out, text.size());
      out += text;
      return true;
    }
    return append_number(field.wire, word(), out);
  }

  static bool append_number(Wire wire, std::string_view text, std::string& out) {
    if (wire == Wire::kEnum) {
      static constexpr std::string_view kTypes[] = {"COUNTER", "GAUGE",     "SUMMARY",
                                                    "UNTYPED", "HISTOGRAM", "GAUGE_HISTOGRAM"};
      for (std::uint64_t i = 0; i < std::size(kTypes); ++i) {
        if (kTypes[i] == text) append_varint(out, i);
      }
      return true;
    }
    const auto value = util::parse_double(text);
    if (!value) return false;
    const auto whole = static_cast<std::int64_t>(*value);
    if (wire == Wire::kDouble) {
      const auto bits = std::bit_cast<std::uint64_t>(*value);
      out.append(reinterpret_cast<const char*>(&bits), sizeof(bits));
    } else if (wire == Wire::kZigzag) {
      append_varint(
          out, (static_cast<std::uint64_t>(whole) << 1U) ^ static_cast<std::uint64_t>(whole >> 63));
    } else {
      append_varint(out, static_cast<std::uint64_t>(whole));
    }
    return true;
  }

  void skip_space() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  std::string_view word() {
    const std::size_t end = std::min(rest_.find_first_of(" \t\r\n:<>{}"), rest_.size());
    const std::string_view word = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return word;
  }
  std::string quoted() {
    std::string out;
    rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) {
        rest_.remove_prefix(1);
        out.push_back(rest_.front() == 'n' ? '\n' : rest_.front());
      } else {
        out.push_back(rest_.front());
      }
      rest_.remove_prefix(1);
    }
    rest_.remove_prefix(std::min<std::size_t>(1, rest_.size()));
    return out;
  }

  std::string_view rest_;
};

}  // namespace

std::optional<std::string> encode_metric_family(std::string_view text) {
  return Encoder(text).message("MetricFamily", true);
}

}  // namespace narthex::conformance
