// Bodies as targets send them, good and bad: verdict, events in order, number of samples.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/exposition/openmetrics_parser.h"
#include "narthex/exposition/protobuf_parser.h"
#include "narthex/exposition/text_parser.h"
#include "narthex/model/names.h"
#include "narthex/model/stale.h"
#include "narthex/util/number.h"

#include "conformance/protobuf_text.h"
#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;
using exposition::TextEvent;

// What a parser made of a body: one line of text an event, in the words of the expectation.
struct Reading {
  std::vector<std::string> events;
  std::size_t samples = 0;
  std::string error;
};

std::string sample_text(std::string_view series, const model::Labels& labels, double value,
                        std::optional<std::int64_t> timestamp) {
  std::string out = fmt::format("{} {} ", series, labels.to_string());
  util::append_value(out, value);
  if (timestamp) out += fmt::format(" @{}", *timestamp);
  return out;
}

Reading read_text(std::string body) {
  if (!body.ends_with('\n')) body.push_back('\n');
  Reading reading;
  exposition::TextParser parser;
  exposition::SeriesLabels labels;
  parser.reset();
  parser.feed(body, true);
  for (;;) {
    TextEvent event = parser.next();
    if (event == TextEvent::kSample && !parser.verified()) event = parser.verify();
    if (event == TextEvent::kEnd) return reading;
    if (event == TextEvent::kError) {
      reading.error = parser.error().message();
      return reading;
    }
    if (event == TextEvent::kType) {
      reading.events.push_back(
          fmt::format("TYPE {} {}", parser.family(), model::metric_type_text(parser.type())));
    } else if (event == TextEvent::kHelp) {
      reading.events.push_back(
          fmt::format("HELP {} {}", parser.family(), exposition::unescape_help(parser.help_raw())));
    } else if (event == TextEvent::kSample) {
      ++reading.samples;
      const auto& sample = parser.sample();
      if (const auto parsed = labels.parse(sample.series, parser.context()); !parsed) {
        reading.error = parsed.error().message();
        return reading;
      }
      const auto timestamp =
          sample.has_timestamp ? std::optional(sample.timestamp_ms) : std::nullopt;
      reading.events.push_back(sample_text(
          sample.series, model::Labels::from_unsorted(labels.labels()), sample.value, timestamp));
    }
  }
}

Reading read_openmetrics(const std::string& body) {
  Reading reading;
  exposition::OpenMetricsParser parser;
  exposition::SeriesLabels labels;
  parser.reset();
  parser.feed(body, true);
  for (;;) {
    TextEvent event = parser.next();
    if (event == TextEvent::kSample && !parser.verified()) event = parser.verify();
    switch (event) {
      case TextEvent::kEnd:
      case TextEvent::kNeedMore:
        return reading;
      case TextEvent::kError:
        reading.error = parser.error().message();
        return reading;
      case TextEvent::kType:
        reading.events.push_back(
            fmt::format("TYPE {} {}", parser.family(), model::metric_type_text(parser.type())));
        break;
      case TextEvent::kHelp:
        reading.events.push_back(
            fmt::format("HELP {} {}", parser.family(),
                        exposition::unescape_openmetrics_help(parser.help_raw())));
        break;
      case TextEvent::kUnit:
        reading.events.push_back(fmt::format("UNIT {} {}", parser.family(), parser.unit()));
        break;
      case TextEvent::kSample: {
        ++reading.samples;
        const auto& sample = parser.sample();
        if (const auto parsed = labels.parse(sample.series, parser.context()); !parsed) {
          reading.error = parsed.error().message();
          return reading;
        }
        const auto timestamp =
            sample.has_timestamp ? std::optional(sample.timestamp_ms) : std::nullopt;
        reading.events.push_back(sample_text(
            sample.series, model::Labels::from_unsorted(labels.labels()), sample.value, timestamp));
        break;
      }
    }
  }
}

// A histogram in words that do not depend on how the numbers were written.
template <class Histogram>
std::string histogram_words(const Histogram& h, const auto& positive, const auto& negative) {
  std::string out =
      fmt::format("schema {} zero {}:{} count {} sum {} hint {}", h.schema, h.zero_threshold,
                  static_cast<double>(h.zero_count), static_cast<double>(h.count), h.sum,
                  static_cast<int>(h.counter_reset_hint));
  const auto add = [&out](std::string_view name, const auto& spans, const auto& counts) {
    out += fmt::format(" {}", name);
    for (const model::Span& span : spans) out += fmt::format(" {}+{}", span.offset, span.length);
    out += ":";
    for (const auto count : counts) out += fmt::format(" {}", static_cast<double>(count));
  };
  add("positive", h.positive_spans, positive);
  add("negative", h.negative_spans, negative);
  for (const double bound : h.custom_values) out += fmt::format(" |{}", bound);
  return out;
}

std::string exemplar_words(const exposition::ExposedExemplar& exemplar) {
  std::string out = fmt::format(" # {} {}", exemplar.labels.to_string(), exemplar.value);
  if (exemplar.has_timestamp) out += fmt::format(" @{}", exemplar.timestamp_ms);
  return out;
}

// The sample that a protobuf parser has just returned; empty when its labels are no labels.
util::Result<std::string> protobuf_sample(exposition::ProtobufParser& parser) {
  NX_ASSIGN(const auto labels, parser.labels());
  const auto& sample = parser.sample();
  std::string out = model::Labels::from_unsorted(labels).to_string() + " ";
  if (parser.is_histogram()) {
    NX_ASSIGN(const exposition::ExposedHistogram h, parser.histogram());
    out += h.integer ? "int " + histogram_words(*h.integer, h.integer->positive_deltas,
                                                h.integer->negative_deltas)
                     : "float " + histogram_words(*h.floating, h.floating->positive_buckets,
                                                  h.floating->negative_buckets);
  } else {
    util::append_value(out, sample.value);
  }
  if (sample.has_timestamp) out += fmt::format(" @{}", sample.timestamp_ms);
  if (const auto start = parser.start_timestamp_ms()) out += fmt::format(" from {}", *start);
  std::vector<exposition::ExposedExemplar> exemplars;
  NX_TRY(parser.read_exemplars(exemplars));
  for (const auto& exemplar : exemplars) out += exemplar_words(exemplar);
  return out;
}

Reading read_protobuf(const std::string& body, const exposition::HistogramOptions& options) {
  Reading reading;
  exposition::ProtobufParser parser;
  parser.reset(options);
  parser.feed(body, true);
  for (;;) {
    switch (parser.next()) {
      case TextEvent::kEnd:
      case TextEvent::kNeedMore:
        return reading;
      case TextEvent::kError:
        reading.error = parser.error().message();
        return reading;
      case TextEvent::kType:
        reading.events.push_back(
            fmt::format("TYPE {} {}", parser.family(), model::metric_type_text(parser.type())));
        break;
      case TextEvent::kHelp:
        reading.events.push_back(fmt::format("HELP {} {}", parser.family(), parser.help()));
        break;
      case TextEvent::kUnit:
        reading.events.push_back(fmt::format("UNIT {} {}", parser.family(), parser.unit()));
        break;
      case TextEvent::kSample: {
        ++reading.samples;
        auto text = protobuf_sample(parser);
        if (!text) {
          reading.error = text.error().message();
          return reading;
        }
        reading.events.push_back(*std::move(text));
      }
    }
  }
}

double number_of(const json::value& value) {
  if (value.is_string()) return util::parse_double(value.as_string()).value_or(model::normal_nan());
  return value.to_number<double>();
}

// Label sets come plain, as alternatives by parser option, or as the call that makes them (option,
// labels, type).
const json::object& plain_labels(const json::object& sets) {
  if (const auto* plain = sets.if_contains("plain")) return plain->as_object();
  if (const auto* call = sets.if_contains("args"); call != nullptr && call->is_array())
    return call->as_array().at(1).as_object();
  return sets;
}

// The expected event in the words above; "" for one that the parser does not report (comments).
std::string expected_text(const json::object& event) {
  const std::string_view name = text_of(event, "m");
  if (event.contains("typ")) return fmt::format("TYPE {} {}", name, text_of(event, "typ"));
  if (event.contains("unit")) return fmt::format("UNIT {} {}", name, text_of(event, "unit"));
  if (event.contains("help")) return fmt::format("HELP {} {}", name, text_of(event, "help"));
  const auto* lset = event.if_contains("lset");
  if (lset == nullptr) return {};
  const json::object& sets = lset->as_object();
  const json::object& plain = plain_labels(sets);
  model::LabelsBuilder builder;
  for (const auto& [key, value] : plain) builder.set(key, std::string_view(value.as_string()));
  const auto* t = event.if_contains("t");
  const auto timestamp =
      t != nullptr && !t->is_null() ? std::optional(t->to_number<std::int64_t>()) : std::nullopt;
  const auto* v = event.if_contains("v");
  return sample_text(name, builder.build(), v == nullptr ? 0.0 : number_of(*v), timestamp);
}

double number_under(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? 0 : number_of(*value);
}

std::vector<double> numbers_under(const json::object& object, std::string_view key) {
  std::vector<double> out;
  if (const json::value* list = object.if_contains(key); list != nullptr && list->is_array()) {
    for (const json::value& value : list->get_array()) out.push_back(number_of(value));
  }
  return out;
}

std::vector<model::Span> spans_under(const json::object& object, std::string_view key) {
  std::vector<model::Span> out;
  if (const json::value* list = object.if_contains(key); list != nullptr && list->is_array()) {
    for (const json::value& span : list->get_array()) {
      out.push_back(
          {.offset = static_cast<std::int32_t>(number_under(span.as_object(), "Offset")),
           .length = static_cast<std::uint32_t>(number_under(span.as_object(), "Length"))});
    }
  }
  return out;
}

// What protobuf_sample() would say of the expected event.
std::string expected_protobuf_text(const json::object& event) {
  const json::value* lset = event.if_contains("lset");
  if (lset == nullptr) return expected_text(event);
  model::LabelsBuilder builder;
  for (const auto& [key, value] : plain_labels(lset->as_object()))
    builder.set(key, std::string_view(value.as_string()));
  std::string out = builder.build().to_string() + " ";
  const json::value* integer = event.if_contains("shs");
  const json::value* floating = event.if_contains("fhs");
  if (integer != nullptr || floating != nullptr) {
    const json::object& object = (integer != nullptr ? integer : floating)->as_object();
    model::FloatHistogram h;
    h.schema = static_cast<std::int32_t>(number_under(object, "Schema"));
    h.zero_threshold = number_under(object, "ZeroThreshold");
    h.zero_count = number_under(object, "ZeroCount");
    h.count = number_under(object, "Count");
    h.sum = number_under(object, "Sum");
    if (text_of(object, "CounterResetHint").ends_with("GaugeType"))
      h.counter_reset_hint = model::CounterResetHint::kGauge;
    h.positive_spans = spans_under(object, "PositiveSpans");
    h.negative_spans = spans_under(object, "NegativeSpans");
    h.custom_values = numbers_under(object, "CustomValues");
    out += (integer != nullptr ? "int " : "float ") +
           histogram_words(h, numbers_under(object, "PositiveBuckets"),
                           numbers_under(object, "NegativeBuckets"));
  } else {
    util::append_value(out, number_under(event, "v"));
  }
  if (event.contains("t")) out += fmt::format(" @{}", event.at("t").to_number<std::int64_t>());
  if (event.contains("st"))
    out += fmt::format(" from {}", event.at("st").to_number<std::int64_t>());
  if (const json::value* exemplars = event.if_contains("es");
      exemplars != nullptr && exemplars->is_array()) {
    for (const json::value& each : exemplars->get_array()) {
      const json::object& object = each.as_object();
      model::LabelsBuilder labels;
      for (const auto& [key, value] : object.at("Labels").as_object())
        labels.set(key, std::string_view(value.as_string()));
      out += exemplar_words({.labels = labels.build(),
                             .value = number_under(object, "Value"),
                             .timestamp_ms = static_cast<std::int64_t>(number_under(object, "Ts")),
                             .has_timestamp = flag_of(object, "HasTs")});
    }
  }
  return out;
}

std::vector<std::string> compare_events(
    const json::array& expected, const Reading& reading,
    std::string (*text_of_event)(const json::object&) = expected_text) {
  std::vector<std::string> problems;
  std::vector<std::string> want;
  for (const json::value& event : expected) {
    if (std::string text = text_of_event(event.as_object()); !text.empty())
      want.push_back(std::move(text));
  }
  if (want.size() != reading.events.size()) {
    problems.push_back(fmt::format("{} events, want {}", reading.events.size(), want.size()));
  }
  for (std::size_t i = 0; i < std::min(want.size(), reading.events.size()); ++i) {
    if (want[i] == reading.events[i]) continue;
    problems.push_back(fmt::format("got {}, want {}", reading.events[i], want[i]));
    break;
  }
  return problems;
}

std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    if (c == '=') break;
    const std::size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    bits = bits << 6U | static_cast<std::uint32_t>(digit);
    bit_count += 6;
    if (bit_count < 8) continue;
    bit_count -= 8;
    out.push_back(static_cast<char>(bits >> static_cast<unsigned>(bit_count) & 0xffU));
  }
  return out;
}

std::optional<std::string> body_of(const json::object& record,
                                   const std::filesystem::path& folder) {
  if (record.contains("file")) return read_file(folder / std::string(text_of(record, "file")));
  if (record.contains("input_base64")) return decode_base64(text_of(record, "input_base64"));
  return std::string(text_of(record, "input"));
}

std::vector<std::string> check(const json::object& record, const std::filesystem::path& folder) {
  auto body = body_of(record, folder);
  if (!body) return {"the body cannot be read"};
  const Reading reading = text_of(record, "format") == "openmetrics" ? read_openmetrics(*body)
                                                                     : read_text(*std::move(body));
  if (!flag_of(record, "ok")) {
    if (reading.error.empty()) return {"accepted, want an error"};
    const std::string_view want = text_of(record, "error_contains");
    if (reading.error.find(want) != std::string::npos) return {};
    return {fmt::format("error {}, want {}", reading.error, want)};
  }
  if (!reading.error.empty()) return {"error " + reading.error};
  if (const auto* expected = record.if_contains("expected");
      expected != nullptr && expected->is_array()) {
    return compare_events(expected->as_array(), reading);
  }
  const auto* recorded = record.if_contains("prometheus_3_5");
  const auto* samples =
      recorded != nullptr ? recorded->as_object().if_contains("samples") : nullptr;
  if (samples == nullptr || samples->to_number<std::size_t>() == reading.samples) return {};
  return {fmt::format("{} samples, want {}", reading.samples, samples->to_number<std::size_t>())};
}

// The options of the parser that the expectation was taken from; nullopt: ones that we do not have.
std::optional<exposition::HistogramOptions> protobuf_options(const json::object& record) {
  exposition::HistogramOptions options{.scrape_native_histograms = true};
  if (const json::value* mode = record.if_contains("mode"); mode != nullptr && mode->is_object()) {
    const json::object& object = mode->get_object();
    if (flag_of(object, "typeAndUnit")) return std::nullopt;
    options.scrape_native_histograms = !flag_of(object, "ignoreNative");
    options.always_scrape_classic_histograms = flag_of(object, "keepClassic");
    options.convert_classic_histograms_to_nhcb = true;
    return options;
  }
  if (text_of(record, "name").find("enableTypeAndUnitLabels=true") != std::string_view::npos)
    return std::nullopt;
  options.scrape_native_histograms =
      text_of(record, "name").find("ignoreNativeHistograms=true") == std::string_view::npos;
  options.always_scrape_classic_histograms =
      text_of(record, "name").find("parseClassicHistograms=true") != std::string_view::npos;
  return options;
}

std::vector<std::string> check_protobuf(const json::object& record,
                                        const exposition::HistogramOptions& options) {
  std::string body;
  for (const json::value& family : record.at("families").as_array()) {
    const auto message = encode_metric_family(family.as_string());
    if (!message) return {"the family cannot be encoded"};
    std::uint64_t length = message->size();
    for (; length >= 0x80U; length >>= 7U) body.push_back(static_cast<char>(length | 0x80U));
    body.push_back(static_cast<char>(length));
    body += *message;
  }
  const Reading reading = read_protobuf(body, options);
  if (!flag_of(record, "ok"))
    return reading.error.empty() ? std::vector<std::string>{"accepted, want an error"}
                                 : std::vector<std::string>{};
  if (!reading.error.empty()) return {"error " + reading.error};
  return compare_events(record.at("expected").as_array(), reading, expected_protobuf_text);
}

// Whether the expectation wants _created samples turned into the start of others.
bool has_start_timestamps(const json::object& record) {
  const auto* expected = record.if_contains("expected");
  if (expected == nullptr || !expected->is_array()) return false;
  return std::ranges::any_of(expected->as_array(), [](const json::value& event) {
    return event.as_object().contains("st");
  });
}

void run_exposition(Run& run) {
  std::vector<std::filesystem::path> files;
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator(run.folder, ec)) {
    if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
  }
  std::ranges::sort(files);
  for (const std::filesystem::path& path : files) {
    const std::string file = path.filename().string();
    const auto records = read_json_lines(path, run.report);
    if (!records) continue;
    for (const json::object& record : *records) {
      const std::string_view id = text_of(record, "id");
      const std::string_view format = text_of(record, "format");
      if (!record.contains("format") || !run.wants(file, id)) continue;
      if (format == "protobuf-text") {
        if (const auto options = protobuf_options(record)) {
          run.report.judge(file, id, check_protobuf(record, *options));
        } else {
          run.report.skip(file);
        }
        continue;
      }
      // Runs with other options (start timestamps, custom buckets) are not the parser's alone.
      const bool is_plain = text_of(record, "mode").empty() && !has_start_timestamps(record);
      if (format == "text" || (format == "openmetrics" && is_plain)) {
        run.report.judge(file, id, check(record, run.folder));
      } else {
        run.report.skip(file);
      }
    }
  }
}

const Suite kSuite("exposition", &run_exposition);

}  // namespace
}  // namespace narthex::conformance
