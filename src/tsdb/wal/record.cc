#include "tsdb/wal/record.h"

#include <fmt/format.h>

#include "narthex/util/bytes.h"

namespace narthex::tsdb {

using util::ByteReader;

void SeriesRecordEncoder::series(std::uint64_t ref, std::size_t label_count) {
  util::append_be(out_, ref);
  util::append_uvarint(out_, label_count);
}

void SeriesRecordEncoder::label(std::string_view name, std::string_view value) {
  util::append_uvarint(out_, name.size());
  out_.append(name);
  util::append_uvarint(out_, value.size());
  out_.append(value);
}

namespace {

std::unexpected<util::Error> damaged(std::string_view what, const ByteReader& reader) {
  return util::fail(util::Code::kCorruption,
                    fmt::format("{} record does not parse, byte {}", what, reader.position()));
}

// nullopt when the bytes do not parse, or when a label is longer than a label can be.
std::optional<model::Labels> take_labels(ByteReader& reader,
                                         std::vector<model::LabelView>& scratch) {
  scratch.clear();
  const std::uint64_t count = reader.uvarint();
  bool sorted = true;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::string_view name = reader.uvarint_bytes();
    const std::string_view value = reader.uvarint_bytes();
    if (!reader.ok() || name.size() > model::kLabelBytesMax || value.size() > model::kLabelBytesMax)
      return std::nullopt;
    sorted = sorted && (scratch.empty() || scratch.back().name < name);
    scratch.push_back({name, value});
  }
  if (!reader.ok()) return std::nullopt;
  if (!sorted) return model::Labels::from_unsorted(scratch);
  model::LabelsEncoder encoder;
  for (const model::LabelView& label : scratch) encoder.add(label.name, label.value);
  return std::move(encoder).finish();
}

}  // namespace

void encode_chunk_markers_record(std::string& out, std::span<const RefChunkMarker> markers) {
  out.push_back(static_cast<char>(RecordType::kMmapMarkers));
  for (const RefChunkMarker& marker : markers) {
    util::append_be(out, marker.ref);
    util::append_be(out, marker.chunk);
  }
}

void encode_metadata_record(std::string& out, std::span<const RefMetadata> entries) {
  const auto add = [&out](std::string_view text) {
    util::append_uvarint(out, text.size());
    out.append(text);
  };
  constexpr std::uint64_t kFields = 2;
  out.push_back(static_cast<char>(RecordType::kMetadata));
  for (const RefMetadata& entry : entries) {
    util::append_uvarint(out, entry.ref);
    out.push_back(static_cast<char>(entry.metadata.type));
    util::append_uvarint(out, kFields);
    add("UNIT");
    add(entry.metadata.unit);
    add("HELP");
    add(entry.metadata.help);
  }
}

util::Result<void> decode_series(std::string_view record, std::vector<RefSeries>& out) {
  ByteReader reader(record.substr(1));
  std::vector<model::LabelView> scratch;
  while (reader.remaining() > 0) {
    const auto ref = reader.be<std::uint64_t>();
    auto labels = take_labels(reader, scratch);
    if (!labels) return damaged("series", reader);
    out.push_back({ref, *std::move(labels)});
  }
  return {};
}

util::Result<void> decode_samples(std::string_view record, RefSamples& out) {
  ByteReader reader(record.substr(1));
  if (reader.remaining() == 0) return {};
  const auto base_ref = reader.be<std::uint64_t>();
  const auto base_time = reader.be<std::uint64_t>();
  while (reader.remaining() > 0) {
    const std::uint64_t ref = base_ref + static_cast<std::uint64_t>(reader.varint());
    const std::uint64_t time = base_time + static_cast<std::uint64_t>(reader.varint());
    const double value = reader.be_double();
    if (!reader.ok()) return damaged("samples", reader);
    out.refs.push_back(ref);
    out.timestamps.push_back(static_cast<model::TimestampMs>(time));
    out.values.push_back(value);
  }
  if (!reader.ok()) return damaged("samples", reader);
  return {};
}

void encode_tombstones_record(std::string& out, std::span<const RefTombstone> stones) {
  out.push_back(static_cast<char>(RecordType::kTombstones));
  for (const RefTombstone& stone : stones) {
    util::append_be<std::uint64_t>(out, stone.ref);
    util::append_varint(out, stone.range.min);
    util::append_varint(out, stone.range.max);
  }
}

util::Result<void> decode_tombstones(std::string_view record, std::vector<RefTombstone>& out) {
  ByteReader reader(record.substr(1));
  while (reader.remaining() > 0) {
    RefTombstone stone;
    stone.ref = reader.be<std::uint64_t>();
    stone.range.min = reader.varint();
    stone.range.max = reader.varint();
    if (!reader.ok()) return damaged("tombstones", reader);
    out.push_back(stone);
  }
  return {};
}

util::Result<void> decode_chunk_markers(std::string_view record, std::vector<RefChunkMarker>& out) {
  ByteReader reader(record.substr(1));
  while (reader.remaining() > 0) {
    RefChunkMarker marker;
    marker.ref = reader.be<std::uint64_t>();
    marker.chunk = reader.be<std::uint64_t>();
    if (!reader.ok()) return damaged("chunk marker", reader);
    out.push_back(marker);
  }
  return {};
}

util::Result<void> decode_metadata(std::string_view record, std::vector<RefMetadata>& out) {
  ByteReader reader(record.substr(1));
  while (reader.remaining() > 0) {
    RefMetadata entry;
    entry.ref = reader.uvarint();
    const std::uint8_t type = reader.u8();
    entry.metadata.type = type <= static_cast<std::uint8_t>(model::MetricType::kStateset)
                              ? static_cast<model::MetricType>(type)
                              : model::MetricType::kUnknown;
    const std::uint64_t fields = reader.uvarint();
    for (std::uint64_t i = 0; i < fields && reader.ok(); ++i) {
      const std::string_view name = reader.uvarint_bytes();
      const std::string_view value = reader.uvarint_bytes();
      if (name == "UNIT") entry.metadata.unit = std::string(value);
      if (name == "HELP") entry.metadata.help = std::string(value);
    }
    if (!reader.ok()) return damaged("metadata", reader);
    out.push_back(std::move(entry));
  }
  return {};
}

}  // namespace narthex::tsdb
