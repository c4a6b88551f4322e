#include "api/remote_write_v2.h"

#include <algorithm>
#include <bit>

#include <fmt/format.h>

#include "narthex/model/metadata.h"
#include "narthex/util/bytes.h"

#include "api/wire_fields.h"

namespace narthex::api {
namespace {

using util::ByteReader;

constexpr std::uint64_t kSymbolTag = tag(4, WireType::kBytes);
constexpr std::uint64_t kSeriesTag = tag(5, WireType::kBytes);
// Of a TimeSeries.
constexpr std::uint64_t kLabelRefsTag = tag(1, WireType::kBytes);
constexpr std::uint64_t kLabelRefTag = tag(1, WireType::kVarint);  // Not packed.
constexpr std::uint64_t kSampleTag = tag(2, WireType::kBytes);
constexpr std::uint64_t kHistogramTag = tag(3, WireType::kBytes);
constexpr std::uint64_t kExemplarTag = tag(4, WireType::kBytes);
constexpr std::uint64_t kMetadataTag = tag(5, WireType::kBytes);

// Of one series, resolved; and of all series of a request.
constexpr std::size_t kLabelsBytesMax = 1U << 20U;
constexpr std::size_t kResolvedBytesMax = 64U << 20U;
constexpr std::size_t kMetadataBytesMax = 16U << 20U;

using Symbols = std::vector<std::string_view>;

void append_bytes_field(std::string& out, std::uint32_t field, std::string_view bytes) {
  util::append_uvarint(out, field << 3U | 2U);
  util::append_uvarint(out, bytes.size());
  out += bytes;
}

constexpr std::uint64_t kSampleStartTag = tag(3, WireType::kVarint);
constexpr std::uint64_t kHistogramStartTag = tag(17, WireType::kVarint);

// 0 when it is not said. The message is known to be one.
model::TimestampMs start_of(std::string_view message, std::uint64_t start_tag) {
  model::TimestampMs start = 0;
  const auto read = for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
    if (field_tag != start_tag) return false;
    start = static_cast<std::int64_t>(in.uvarint());
    return true;
  });
  return read ? start : 0;  // Whoever reads the rest of it says what is wrong.
}

// What the metadata of a series becomes labels of; empty: not said.
struct TypeAndUnit {
  std::string_view type;
  std::string_view unit;
};

void append_label(std::string& out, std::string_view name, std::string_view value) {
  std::string label;
  append_bytes_field(label, 1, name);
  append_bytes_field(label, 2, value);
  append_bytes_field(out, 1, label);
}

// The label references of a message, gathered from wherever they stand.
class LabelRefs {
 public:
  void clear() { refs_.clear(); }
  // False when the field is something else.
  bool take(std::uint64_t field_tag, ByteReader& in) {
    if (field_tag == kLabelRefTag) {
      refs_.push_back(in.uvarint());
      return true;
    }
    if (field_tag != kLabelRefsTag) return false;
    ByteReader packed(in.uvarint_bytes());
    while (packed.remaining() > 0) refs_.push_back(packed.uvarint());
    if (!packed.ok()) in.skip(UINT64_MAX);  // Fails the message.
    return true;
  }
  // Appends label fields of 1.0; returns what is wrong with the references, "" if nothing. Type and
  // unit come instead of labels of their names.
  [[nodiscard]] std::string resolve(const Symbols& symbols, std::string& out,
                                    const TypeAndUnit& typed = {}) const {
    if (refs_.size() % 2 != 0) return fmt::format("invalid labelRefs length {}", refs_.size());
    for (std::size_t i = 0; i < refs_.size(); i += 2) {
      for (const std::uint64_t ref : {refs_[i], refs_[i + 1]}) {
        if (ref >= symbols.size())
          return fmt::format("labelRefs {} = {} outside of symbols table (size {})", i, ref,
                             symbols.size());
      }
      // A small body can name a large symbol many times.
      if (out.size() + symbols[refs_[i]].size() + symbols[refs_[i + 1]].size() > kLabelsBytesMax)
        return "labels are too long";
      const std::string_view name = symbols[refs_[i]];
      if ((name == model::kTypeLabel && !typed.type.empty()) ||
          (name == model::kUnitLabel && !typed.unit.empty()))
        continue;
      append_label(out, name, symbols[refs_[i + 1]]);
    }
    if (!typed.type.empty()) append_label(out, model::kTypeLabel, typed.type);
    if (!typed.unit.empty()) append_label(out, model::kUnitLabel, typed.unit);
    return {};
  }

 private:
  std::vector<std::uint64_t> refs_;
};

class Reader {
 public:
  Reader(WireRequest& out, std::vector<BadSeries>& bad, ReadOptionsV2 options)
      : out_(out), bad_(bad), options_(options) {}

  util::Result<void> read(std::string_view body) {
    // Symbols may stand behind the series.
    NX_TRY(for_each_field(body, [this](std::uint64_t field_tag, ByteReader& in) {
      if (field_tag != kSymbolTag) return false;
      symbols_.push_back(in.uvarint_bytes());
      return true;
    }));
    if (symbols_.empty() || !symbols_.front().empty())
      return util::fail(util::Code::kInvalidArgument, "symbols must start with an empty string");
    util::Result<void> inner;
    NX_TRY(for_each_field(body, [&](std::uint64_t field_tag, ByteReader& in) {
      if (field_tag != kSeriesTag) return false;
      const std::string_view message = in.uvarint_bytes();
      if (in.ok() && inner) inner = read_series(message);
      return true;
    }));
    return inner;
  }

 private:
  util::Result<void> read_series(std::string_view message) {
    const auto index = static_cast<std::uint32_t>(out_.series.size());
    const std::size_t samples_begin = out_.values.size();
    const std::size_t extras_begin = out_.extras.size();
    WireSeries series;
    refs_.clear();
    util::Result<void> inner;
    bool has_histogram = false;
    TypeAndUnit typed;
    NX_TRY(for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
      if (refs_.take(field_tag, in)) return true;
      if (field_tag != kSampleTag && field_tag != kHistogramTag && field_tag != kExemplarTag &&
          field_tag != kMetadataTag)
        return false;
      const std::string_view content = in.uvarint_bytes();
      if (!in.ok() || !inner) return true;
      if (field_tag == kSampleTag) {
        inner = add_wire_sample(content, out_);
        ++series.sample_count;
        if (options_.starts) out_.starts.push_back(start_of(content, kSampleStartTag));
      } else if (field_tag == kHistogramTag) {
        has_histogram = true;
        out_.extras.push_back({WireExtra::Kind::kHistogram, index, content,
                               options_.starts ? start_of(content, kHistogramStartTag) : 0});
      } else if (field_tag == kExemplarTag) {
        inner = add_exemplar(index, content);
      } else {
        inner = add_metadata(index, content, typed);
      }
      return true;
    }));
    NX_TRY(std::move(inner));
    std::string& labels = out_.arena.emplace_back();
    std::string problem = refs_.resolve(symbols_, labels, typed);
    if (problem.empty() && series.sample_count == 0 && !has_histogram)
      problem = "TimeSeries must contain at least one sample or histogram";
    resolved_bytes_ += labels.size();
    if (resolved_bytes_ > kResolvedBytesMax)
      return util::fail(util::Code::kInvalidArgument, "labels of the request are too long");
    if (!problem.empty()) {
      bad_.push_back({index, std::move(problem)});
      out_.timestamps.resize(samples_begin);
      out_.values.resize(samples_begin);
      if (options_.starts) out_.starts.resize(samples_begin);
      out_.extras.resize(extras_begin);
      series.sample_count = 0;
      labels.clear();
    }
    series.labels = labels;
    series.hash = util::hash128(labels);
    out_.series.push_back(series);
    return {};
  }

  // Exemplars whose labels cannot be resolved are left out: they never fail a request.
  util::Result<void> add_exemplar(std::uint32_t index, std::string_view message) {
    LabelRefs refs;
    std::string exemplar;
    NX_TRY(for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
      if (refs.take(field_tag, in)) return true;
      if (field_tag == tag(2, WireType::kFixed64)) {
        util::append_uvarint(exemplar, field_tag);
        exemplar += in.bytes(8);
      } else if (field_tag == tag(3, WireType::kVarint)) {
        util::append_uvarint(exemplar, field_tag);
        util::append_uvarint(exemplar, in.uvarint());
      } else {
        return false;
      }
      return true;
    }));
    if (!refs.resolve(symbols_, exemplar).empty()) return {};
    resolved_bytes_ += exemplar.size();
    if (resolved_bytes_ > kResolvedBytesMax)
      return util::fail(util::Code::kInvalidArgument, "labels of the request are too long");
    out_.extras.push_back(
        {WireExtra::Kind::kExemplar, index, out_.arena.emplace_back(std::move(exemplar))});
    return {};
  }

  // Texts that are not in the table, or more of them than anybody sends, are left out.
  util::Result<void> add_metadata(std::uint32_t index, std::string_view message,
                                  TypeAndUnit& typed) {
    std::uint64_t type = 0;
    std::uint64_t help = 0;
    std::uint64_t unit = 0;
    NX_TRY(for_each_field(message, [&](std::uint64_t field_tag, ByteReader& in) {
      if (field_tag == tag(1, WireType::kVarint)) {
        type = in.uvarint();
      } else if (field_tag == tag(3, WireType::kVarint)) {
        help = in.uvarint();
      } else if (field_tag == tag(4, WireType::kVarint)) {
        unit = in.uvarint();
      } else {
        return false;
      }
      return true;
    }));
    if (help >= symbols_.size() || unit >= symbols_.size()) return {};
    if (type == 0 && help == 0 && unit == 0) return {};  // It says nothing.
    if (options_.type_and_unit) {
      constexpr auto kLast = static_cast<std::uint64_t>(model::MetricType::kStateset);
      typed.type = type == 0 || type > kLast
                       ? std::string_view()
                       : model::metric_type_text(static_cast<model::MetricType>(type));
      typed.unit = symbols_[unit];
    }
    metadata_bytes_ += symbols_[help].size() + symbols_[unit].size();
    if (metadata_bytes_ > kMetadataBytesMax) return {};
    std::string& metadata = out_.arena.emplace_back();
    util::append_uvarint(metadata, tag(1, WireType::kVarint));
    util::append_uvarint(metadata, type);
    append_bytes_field(metadata, 4, symbols_[help]);
    append_bytes_field(metadata, 5, symbols_[unit]);
    out_.extras.push_back({WireExtra::Kind::kMetadata, index, metadata});
    return {};
  }

  WireRequest& out_;
  std::vector<BadSeries>& bad_;
  const ReadOptionsV2 options_;
  std::size_t metadata_bytes_ = 0;
  Symbols symbols_;
  LabelRefs refs_;
  std::size_t resolved_bytes_ = 0;
};

}  // namespace

util::Result<void> read_request_v2(std::string_view body, WireRequest& out,
                                   std::vector<BadSeries>& bad, ReadOptionsV2 options) {
  return Reader(out, bad, options).read(body);
}

}  // namespace narthex::api
