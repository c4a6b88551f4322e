#include "tsdb/wal/snapshot_record.h"

#include <bit>

#include <fmt/format.h>

#include "narthex/util/bytes.h"

namespace narthex::tsdb {

using util::ByteReader;

namespace {

constexpr std::uint8_t kTombstonesVersion = 1;
// Of what older versions of Prometheus kept: the three values before the last.
constexpr std::size_t kOldValues = 3;

std::unexpected<util::Error> damaged(std::string_view what, const ByteReader& reader) {
  return util::fail(
      util::Code::kCorruption,
      fmt::format("{} record of a snapshot does not parse, byte {}", what, reader.position()));
}

void put_series(std::string& out, std::uint64_t ref, const model::Labels& labels, bool has_chunk) {
  out.push_back(static_cast<char>(SnapshotRecordType::kSeries));
  util::append_be(out, ref);
  util::append_uvarint(out, labels.size());
  for (const model::LabelView label : labels) {
    util::append_uvarint(out, label.name.size());
    out.append(label.name);
    util::append_uvarint(out, label.value.size());
    out.append(label.value);
  }
  util::append_be<std::uint64_t>(out, 0);  // Once the range of chunks.
  util::append_uvarint(out, has_chunk ? 1 : 0);
}

void put_last_value(std::string& out, const SnapshotLastValue& last) {
  if (last.integer != nullptr) {
    append_histogram_body(out, *last.integer);
  } else if (last.floating != nullptr) {
    append_histogram_body(out, *last.floating);
  } else {
    out.append(kOldValues * 2 * sizeof(std::uint64_t) + sizeof(std::uint64_t), '\0');
    util::append_be(out, std::bit_cast<std::uint64_t>(last.value));
  }
}

}  // namespace

void encode_snapshot_series(std::string& out, std::uint64_t ref, const model::Labels& labels) {
  put_series(out, ref, labels, false);
}

void encode_snapshot_series(std::string& out, const SnapshotSeries& series,
                            const SnapshotLastValue& last) {
  put_series(out, series.ref, series.labels, true);
  util::append_be(out, static_cast<std::uint64_t>(series.min));
  util::append_be(out, static_cast<std::uint64_t>(series.max));
  out.push_back(static_cast<char>(series.encoding));
  util::append_uvarint(out, series.chunk.size());
  out.append(series.chunk);
  put_last_value(out, last);
}

void encode_snapshot_tombstones(std::string& out, const std::vector<RefTombstone>& stones) {
  std::string body(1, static_cast<char>(kTombstonesVersion));
  for (const RefTombstone& stone : stones) {
    util::append_uvarint(body, stone.ref);
    util::append_varint(body, stone.range.min);
    util::append_varint(body, stone.range.max);
  }
  out.push_back(static_cast<char>(SnapshotRecordType::kTombstones));
  util::append_uvarint(out, body.size());
  out += body;
}

void encode_snapshot_exemplars(std::string& out, std::span<const RefExemplar> entries) {
  encode_exemplars_record(out, entries);
  if (!out.empty()) out[0] = static_cast<char>(SnapshotRecordType::kExemplars);
}

util::Result<SnapshotSeries> decode_snapshot_series(std::string_view record) {
  ByteReader in(record.substr(1));
  SnapshotSeries series;
  series.ref = in.be<std::uint64_t>();
  const std::uint64_t count = in.uvarint();
  std::vector<model::LabelView> labels;
  for (std::uint64_t i = 0; i < count && in.ok(); ++i) {
    const std::string_view name = in.uvarint_bytes();
    const std::string_view value = in.uvarint_bytes();
    if (name.size() > model::kLabelBytesMax || value.size() > model::kLabelBytesMax)
      return damaged("series", in);
    labels.push_back({name, value});
  }
  in.skip(sizeof(std::uint64_t));
  series.has_chunk = in.uvarint() != 0;
  if (!in.ok()) return damaged("series", in);
  series.labels = model::Labels::from_unsorted(labels);
  if (!series.has_chunk) return series;
  series.min = static_cast<model::TimestampMs>(in.be<std::uint64_t>());
  series.max = static_cast<model::TimestampMs>(in.be<std::uint64_t>());
  series.encoding = in.u8();
  series.chunk = in.uvarint_bytes();
  // What follows, the last value, is in the chunk.
  if (!in.ok()) return damaged("series", in);
  return series;
}

util::Result<void> decode_snapshot_tombstones(std::string_view record,
                                              std::vector<RefTombstone>& out) {
  ByteReader outer(record.substr(1));
  const std::string_view body = outer.uvarint_bytes();
  if (!outer.ok()) return damaged("tombstones", outer);
  ByteReader in(body);
  if (in.u8() != kTombstonesVersion) return damaged("tombstones", in);
  while (in.remaining() > 0) {
    RefTombstone stone;
    stone.ref = in.uvarint();
    stone.range.min = in.varint();
    stone.range.max = in.varint();
    if (!in.ok()) return damaged("tombstones", in);
    out.push_back(stone);
  }
  if (!in.ok()) return damaged("tombstones", in);
  return {};
}

util::Result<void> decode_snapshot_exemplars(std::string_view record,
                                             std::vector<RefExemplar>& out) {
  return decode_exemplars(record, out);
}

}  // namespace narthex::tsdb
