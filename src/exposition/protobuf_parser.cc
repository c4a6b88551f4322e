#include "narthex/exposition/protobuf_parser.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "narthex/model/names.h"
#include "narthex/model/stale.h"
#include "narthex/util/number.h"
#include "narthex/util/utf8.h"

#include "exposition/protobuf_metric.h"
#include "exposition/text_grammar.h"

namespace narthex::exposition {
namespace {

using model::LabelView;
using model::MetricType;
using util::Code;
using util::fail;

constexpr std::uint32_t kNameField = 1;
constexpr std::uint32_t kHelpField = 2;
constexpr std::uint32_t kTypeField = 3;
constexpr std::uint32_t kMetricField = 4;
constexpr std::uint32_t kUnitField = 5;

std::optional<MetricType> type_of(std::int32_t number) noexcept {
  switch (number) {
    case 0:
      return MetricType::kCounter;
    case 1:
      return MetricType::kGauge;
    case 2:
      return MetricType::kSummary;
    case 3:
      return MetricType::kUnknown;
    case 4:
      return MetricType::kHistogram;
    case 5:
      return MetricType::kGaugeHistogram;
    default:
      return std::nullopt;
  }
}

// The part of a metric that a sample is.
enum class Part : std::uint8_t {
  kValue,
  kCount,
  kSum,
  kQuantile,
  kBucket,
  kInfiniteBucket,
  kNative,
  kConverted,
};

std::string_view suffix_of(Part part) noexcept {
  switch (part) {
    case Part::kCount:
      return "_count";
    case Part::kSum:
      return "_sum";
    case Part::kBucket:
    case Part::kInfiniteBucket:
      return "_bucket";
    default:
      return {};
  }
}

// NaNs that mean something are ours to write, not a target's.
double without_payload(double value) noexcept {
  return std::isnan(value) ? model::normal_nan() : value;
}

void append_sized(std::string& out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  out.append(reinterpret_cast<const char*>(&size), sizeof(size));
  out.append(text);
}

}  // namespace

struct ProtobufParser::State {
  struct Item {
    Part part = Part::kValue;
    std::uint32_t index = 0;  // Of a quantile or bucket.
  };
  enum class Stage : std::uint8_t { kBetween, kHelp, kUnit, kType, kMetrics };

  HistogramOptions options;
  std::string_view text;
  bool last = false;
  std::size_t position = 0;  // Where the next message starts.
  std::size_t message_end = 0;
  util::Error error{Code::kInvalidArgument, {}};

  // The family that is being read. Views into the text.
  Stage stage = Stage::kBetween;
  std::string_view family;
  std::string_view help;
  std::string_view unit;
  MetricType type = MetricType::kUnknown;
  std::string_view rest;  // Of the message, with the metrics that are still to come.

  ProtobufMetric metric;
  std::vector<Item> items;  // Of the metric.
  std::size_t next_item = 0;
  Item item;
  TextSample sample;
  std::string key;  // sample.series; its first `key_prefix` bytes belong to the metric.
  std::size_t key_prefix = 0;
  ClassicHistogram classic;
  std::optional<ExposedHistogram> converted;

  std::vector<LabelView> labels;
  std::string name_scratch;
  std::string bound_scratch;

  TextEvent fail_with(std::string message) {
    error = util::Error(Code::kInvalidArgument, std::move(message));
    return TextEvent::kError;
  }
  TextEvent next();
  TextEvent open_message();
  bool read_header(std::string_view message);
  bool open_metric();
  void list_items();
  void list_histogram_items();
  bool convert();
  TextEvent take_item();
  [[nodiscard]] double bound_of(const Item& i) const noexcept;
  [[nodiscard]] double value_of(const Item& i) const noexcept;
  util::Result<ExposedHistogram> native_histogram() const;
  void visit_exemplars(const auto& visit) const;
};

// The message at `position`, if it is there whole.
TextEvent ProtobufParser::State::open_message() {
  const std::string_view bytes = text.substr(position);
  if (bytes.empty()) return last ? TextEvent::kEnd : TextEvent::kNeedMore;
  constexpr std::size_t kVarintBytesMax = 10;
  std::uint64_t length = 0;
  std::size_t used = 0;
  for (;; ++used) {
    if (used == bytes.size()) {
      return last ? fail_with("protobuf: unexpected end of the body") : TextEvent::kNeedMore;
    }
    if (used == kVarintBytesMax) return fail_with("protobuf: the length of a message is no number");
    const auto byte = static_cast<std::uint8_t>(bytes[used]);
    length |= static_cast<std::uint64_t>(byte & 0x7fU) << (7 * used);
    if ((byte & 0x80U) == 0) break;
  }
  ++used;
  if (length > kMessageBytesMax) {
    return fail_with(
        fmt::format("protobuf: a message is longer than {} MiB", kMessageBytesMax >> 20U));
  }
  if (length > bytes.size() - used) {
    return last ? fail_with("protobuf: unexpected end of the body") : TextEvent::kNeedMore;
  }
  if (!read_header(bytes.substr(used, length))) return TextEvent::kError;
  message_end = position + used + length;
  stage = Stage::kHelp;
  return TextEvent::kHelp;
}

bool ProtobufParser::State::read_header(std::string_view message) {
  family = help = unit = {};
  std::int32_t type_number = 0;
  protozero::pbf_reader reader(message.data(), message.size());
  const auto text_of = [&reader] {
    const protozero::data_view view = reader.get_view();
    return std::string_view(view.data(), view.size());
  };
  while (reader.next()) {
    const bool is_text = reader.wire_type() == protozero::pbf_wire_type::length_delimited;
    if (is_text && reader.tag() == kNameField) {
      family = text_of();
    } else if (is_text && reader.tag() == kHelpField) {
      help = text_of();
    } else if (is_text && reader.tag() == kUnitField) {
      unit = text_of();
    } else if (reader.tag() == kTypeField &&
               reader.wire_type() == protozero::pbf_wire_type::varint) {
      type_number = reader.get_enum();
    } else {
      reader.skip();
    }
  }
  rest = message;
  const std::optional<MetricType> known = type_of(type_number);
  if (family.empty() || !util::is_valid_utf8(family) || family.size() > model::kLabelBytesMax) {
    fail_with("invalid name: " + quoted_fragment(family));
  } else if (!util::is_valid_utf8(help)) {
    fail_with(fmt::format("help text {} is not a valid utf8 string", quoted_fragment(help)));
  } else if (!util::is_valid_utf8(unit)) {
    fail_with(fmt::format("unit {} is not a valid utf8 string", quoted_fragment(unit)));
  } else if (!known) {
    fail_with(fmt::format("unknown type {} of metric {}", type_number, quoted_fragment(family)));
  } else {
    type = *known;
    return true;
  }
  return false;
}

// Decodes the next metric of the family; false: there is none.
bool ProtobufParser::State::open_metric() {
  protozero::pbf_reader reader(rest.data(), rest.size());
  while (reader.next()) {
    if (reader.tag() != kMetricField ||
        reader.wire_type() != protozero::pbf_wire_type::length_delimited) {
      reader.skip();
      continue;
    }
    const protozero::data_view view = reader.get_view();
    const protozero::data_view after = reader.data();
    rest = {after.data(), after.size()};
    metric.decode({view.data(), view.size()});
    key.assign(1, '\0');  // No text begins like this.
    append_sized(key, family);
    for (const auto& [name, value] : metric.labels) {
      append_sized(key, name);
      append_sized(key, value);
    }
    key_prefix = key.size();
    list_items();
    return true;
  }
  return false;
}

void ProtobufParser::State::list_items() {
  items.clear();
  next_item = 0;
  const auto count = [](const auto& list) { return static_cast<std::uint32_t>(list.size()); };
  switch (type) {
    case MetricType::kSummary:
      items.push_back({Part::kCount});
      items.push_back({Part::kSum});
      for (std::uint32_t i = 0; i < count(metric.quantiles); ++i)
        items.push_back({Part::kQuantile, i});
      break;
    case MetricType::kHistogram:
    case MetricType::kGaugeHistogram:
      list_histogram_items();
      break;
    default:
      items.push_back({Part::kValue});
  }
}

void ProtobufParser::State::list_histogram_items() {
  const bool native = options.scrape_native_histograms && metric.is_native_histogram();
  if (native) items.push_back({Part::kNative});
  const bool converts = !native && options.convert_classic_histograms_to_nhcb;
  const bool classic_wanted = options.always_scrape_classic_histograms ||
                              (!native && !options.convert_classic_histograms_to_nhcb);
  if (classic_wanted && !(native && metric.buckets.empty())) {
    items.push_back({Part::kCount});
    items.push_back({Part::kSum});
    bool has_infinity = false;
    for (std::uint32_t i = 0; i < metric.buckets.size(); ++i) {
      items.push_back({Part::kBucket, i});
      has_infinity =
          has_infinity || metric.buckets[i].upper_bound == std::numeric_limits<double>::infinity();
    }
    if (!has_infinity) items.push_back({Part::kInfiniteBucket});
  }
  if (converts && convert()) items.push_back({Part::kConverted});
}

bool ProtobufParser::State::convert() {
  classic.clear();
  for (const ProtobufMetric::Bucket& bucket : metric.buckets)
    classic.add_bucket(bucket.upper_bound, bucket.cumulative_count);
  classic.set_count(metric.classic_count());
  classic.set_sum(without_payload(metric.sum));
  converted = classic.convert();
  return converted.has_value();
}

double ProtobufParser::State::bound_of(const Item& i) const noexcept {
  switch (i.part) {
    case Part::kQuantile:
      return metric.quantiles[i.index].quantile;
    case Part::kBucket:
      return metric.buckets[i.index].upper_bound;
    case Part::kInfiniteBucket:
      return std::numeric_limits<double>::infinity();
    default:
      return 0;
  }
}

double ProtobufParser::State::value_of(const Item& i) const noexcept {
  switch (i.part) {
    case Part::kValue:
      return metric.value;
    case Part::kCount:
    case Part::kInfiniteBucket:
      return metric.classic_count();
    case Part::kSum:
      return metric.sum;
    case Part::kQuantile:
      return metric.quantiles[i.index].value;
    case Part::kBucket:
      return metric.buckets[i.index].cumulative_count;
    case Part::kNative:
    case Part::kConverted:
      return 0;
  }
  return 0;
}

TextEvent ProtobufParser::State::take_item() {
  item = items[next_item++];
  key.resize(key_prefix);
  key.push_back(static_cast<char>(item.part));
  const auto bound = std::bit_cast<std::uint64_t>(bound_of(item));
  key.append(reinterpret_cast<const char*>(&bound), sizeof(bound));
  sample.series = key;
  sample.value = without_payload(value_of(item));
  sample.timestamp_ms = metric.timestamp_ms;
  sample.has_timestamp = metric.timestamp_ms != 0;
  return TextEvent::kSample;
}

TextEvent ProtobufParser::State::next() {
  for (;;) {
    switch (stage) {
      case Stage::kBetween:
        return open_message();
      case Stage::kHelp:
        stage = unit.empty() ? Stage::kType : Stage::kUnit;
        if (unit.empty()) continue;
        return TextEvent::kUnit;
      case Stage::kUnit:
        stage = Stage::kType;
        continue;
      case Stage::kType:
        stage = Stage::kMetrics;
        items.clear();
        next_item = 0;
        return TextEvent::kType;
      case Stage::kMetrics:
        if (next_item < items.size()) return take_item();
        if (open_metric()) continue;
        position = message_end;
        stage = Stage::kBetween;
        continue;
    }
  }
}

util::Result<ExposedHistogram> ProtobufParser::State::native_histogram() const {
  const auto fill = [this](auto& h) {
    h.counter_reset_hint = type == MetricType::kGaugeHistogram ? model::CounterResetHint::kGauge
                                                               : model::CounterResetHint::kUnknown;
    h.schema = metric.schema;
    h.zero_threshold = metric.zero_threshold;
    h.sum = without_payload(metric.sum);
    h.positive_spans = metric.positive_spans;
    h.negative_spans = metric.negative_spans;
  };
  ExposedHistogram out;
  if (metric.is_float_histogram()) {
    model::FloatHistogram h;
    fill(h);
    h.count = metric.count_float;
    h.zero_count = metric.zero_count_float;
    h.positive_buckets = metric.positive_counts;
    h.negative_buckets = metric.negative_counts;
    NX_TRY(normalize(h));
    out.floating = std::make_shared<const model::FloatHistogram>(std::move(h));
    return out;
  }
  model::IntHistogram h;
  fill(h);
  h.count = metric.count;
  h.zero_count = metric.zero_count;
  h.positive_deltas = metric.positive_deltas;
  h.negative_deltas = metric.negative_deltas;
  NX_TRY(normalize(h));
  out.integer = std::make_shared<const model::IntHistogram>(std::move(h));
  return out;
}

// Calls visit(message) for each exemplar of the sample.
void ProtobufParser::State::visit_exemplars(const auto& visit) const {
  if (item.part == Part::kValue) {
    if (metric.exemplar.data() != nullptr) visit(metric.exemplar);
    return;
  }
  if (item.part == Part::kBucket) {
    const std::string_view exemplar = metric.buckets[item.index].exemplar;
    if (exemplar.data() != nullptr) visit(exemplar);
    return;
  }
  if (item.part != Part::kNative && item.part != Part::kConverted) return;
  // A histogram's exemplar without a time could not be told from the one before.
  bool has_own = false;
  for (const std::string_view exemplar : metric.exemplars) {
    if (!exemplar_has_timestamp(exemplar)) continue;
    has_own = true;
    visit(exemplar);
  }
  if (has_own || !metric.exemplars.empty()) return;
  for (const ProtobufMetric::Bucket& bucket : metric.buckets) {
    if (bucket.exemplar.data() != nullptr && exemplar_has_timestamp(bucket.exemplar))
      visit(bucket.exemplar);
  }
}

ProtobufParser::ProtobufParser() : state_(std::make_unique<State>()) {}
ProtobufParser::~ProtobufParser() = default;

void ProtobufParser::reset(const HistogramOptions& options) {
  state_->options = options;
  feed({}, false);
}

void ProtobufParser::feed(std::string_view bytes, bool last) noexcept {
  state_->text = bytes;
  state_->last = last;
  state_->position = 0;
  state_->stage = State::Stage::kBetween;
}

std::size_t ProtobufParser::consumed() const noexcept {
  return state_->position;
}

TextEvent ProtobufParser::next() {
  try {
    return state_->next();
  } catch (const protozero::exception& broken) {
    return state_->fail_with(fmt::format("protobuf: {}", broken.what()));
  }
}

const TextSample& ProtobufParser::sample() const noexcept {
  return state_->sample;
}

bool ProtobufParser::is_histogram() const noexcept {
  return state_->item.part == Part::kNative || state_->item.part == Part::kConverted;
}

util::Result<ExposedHistogram> ProtobufParser::histogram() {
  if (state_->item.part == Part::kConverted) return *state_->converted;
  return state_->native_histogram();
}

util::Result<std::span<const LabelView>> ProtobufParser::labels() {
  State& s = *state_;
  s.labels.clear();
  const std::string_view suffix = suffix_of(s.item.part);
  std::string_view name = s.family;
  if (!suffix.empty()) {
    s.name_scratch.assign(s.family);
    s.name_scratch += suffix;
    name = s.name_scratch;
  }
  s.labels.push_back({model::kMetricName, name});
  for (const auto& [label, value] : s.metric.labels) s.labels.push_back({label, value});
  const bool is_quantile = s.item.part == Part::kQuantile;
  if (is_quantile || s.item.part == Part::kBucket || s.item.part == Part::kInfiniteBucket) {
    s.bound_scratch.clear();
    util::append_openmetrics(s.bound_scratch, s.bound_of(s.item));
    s.labels.push_back({is_quantile ? "quantile" : "le", s.bound_scratch});
  }
  std::ranges::sort(s.labels, {}, &LabelView::name);
  for (std::size_t i = 0; i < s.labels.size(); ++i) {
    const LabelView& label = s.labels[i];
    if (label.name.empty() || !util::is_valid_utf8(label.name) ||
        label.name.size() > model::kLabelBytesMax) {
      return fail(Code::kInvalidArgument, "invalid label name: " + quoted_fragment(label.name));
    }
    if (!util::is_valid_utf8(label.value) || label.value.size() > model::kLabelBytesMax) {
      return fail(Code::kInvalidArgument,
                  "invalid UTF-8 label value: " + quoted_fragment(label.value));
    }
    if (i > 0 && s.labels[i - 1].name == label.name) {
      return fail(Code::kInvalidArgument, fmt::format("label name {} is not unique: invalid sample",
                                                      quoted_fragment(label.name)));
    }
  }
  return std::span<const LabelView>(s.labels);
}

bool ProtobufParser::has_exemplar() const noexcept {
  const State& s = *state_;
  switch (s.item.part) {
    case Part::kValue:
      return s.metric.exemplar.data() != nullptr;
    case Part::kBucket:
      return s.metric.buckets[s.item.index].exemplar.data() != nullptr;
    case Part::kNative:
    case Part::kConverted:
      return !s.metric.exemplars.empty() ||
             std::ranges::any_of(s.metric.buckets, [](const ProtobufMetric::Bucket& bucket) {
               return bucket.exemplar.data() != nullptr;
             });
    default:
      return false;
  }
}

util::Result<void> ProtobufParser::read_exemplars(std::vector<ExposedExemplar>& out) const {
  util::Result<void> outcome;
  try {
    state_->visit_exemplars([&out, &outcome](std::string_view message) {
      auto exemplar = decode_exemplar(message);
      if (exemplar) {
        out.push_back(*std::move(exemplar));
      } else {
        outcome = std::unexpected(std::move(exemplar).error());
      }
    });
  } catch (const protozero::exception& broken) {
    return fail(Code::kInvalidArgument, fmt::format("protobuf: {}", broken.what()));
  }
  return outcome;
}

std::optional<std::int64_t> ProtobufParser::start_timestamp_ms() const noexcept {
  return state_->metric.start_timestamp_ms;
}

std::string_view ProtobufParser::family() const noexcept {
  return state_->family;
}
MetricType ProtobufParser::type() const noexcept {
  return state_->type;
}
std::string_view ProtobufParser::help() const noexcept {
  return state_->help;
}
std::string_view ProtobufParser::unit() const noexcept {
  return state_->unit;
}
const util::Error& ProtobufParser::error() const noexcept {
  return state_->error;
}

}  // namespace narthex::exposition
