#include "tsdb/block/tombstones.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

using util::Code;

constexpr std::uint32_t kTombstonesMagic = 0x0130BA30;
constexpr std::uint8_t kTombstonesVersion = 1;
constexpr std::size_t kHeaderBytes = 5;
constexpr std::size_t kCrcBytes = 4;

}  // namespace

void Tombstones::add(std::uint64_t series, model::TimeRange range) {
  if (range.min > range.max) return;
  std::vector<model::TimeRange>& ranges = ranges_[series];
  // The ranges that touch the new one form a run, because they are sorted and apart.
  const auto first = std::ranges::lower_bound(ranges, model::sub_saturated(range.min, 1), {},
                                              &model::TimeRange::max);
  auto last = first;
  for (; last != ranges.end() && last->min <= model::add_saturated(range.max, 1); ++last) {
    range.min = std::min(range.min, last->min);
    range.max = std::max(range.max, last->max);
  }
  ranges.insert(ranges.erase(first, last), range);
}

std::span<const model::TimeRange> Tombstones::of(std::uint64_t series) const {
  const auto it = ranges_.find(series);
  if (it == ranges_.end()) return {};
  return it->second;
}

std::uint64_t Tombstones::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& [series, ranges] : ranges_) total += ranges.size();
  return total;
}

util::Result<Tombstones> Tombstones::parse(std::string_view file) {
  const auto damaged = [](std::size_t offset, std::string_view what) {
    return util::fail(Code::kCorruption, fmt::format("tombstones: byte {}: {}", offset, what));
  };
  if (file.size() < kHeaderBytes + kCrcBytes) return damaged(0, "too short");
  if (util::load_be<std::uint32_t>(file.data()) != kTombstonesMagic)
    return damaged(0, "magic number");
  if (static_cast<std::uint8_t>(file[4]) != kTombstonesVersion) return damaged(4, "version");
  const std::string_view body = file.substr(kHeaderBytes, file.size() - kHeaderBytes - kCrcBytes);
  if (util::crc32c(body) != util::load_be<std::uint32_t>(body.data() + body.size())) {
    return damaged(kHeaderBytes, "checksum");
  }
  Tombstones out;
  util::ByteReader reader(body);
  while (reader.remaining() > 0) {
    const std::size_t at = kHeaderBytes + reader.position();
    const std::uint64_t series = reader.uvarint();
    const model::TimestampMs min = reader.varint();
    const model::TimestampMs max = reader.varint();
    if (!reader.ok()) return damaged(at, "end inside an entry");
    out.add(series, {.min = min, .max = max});
  }
  return out;
}

std::string Tombstones::encode() const {
  std::string out;
  util::append_be<std::uint32_t>(out, kTombstonesMagic);
  out.push_back(static_cast<char>(kTombstonesVersion));
  for (const auto& [series, ranges] : ranges_) {
    for (const model::TimeRange& range : ranges) {
      util::append_uvarint(out, series);
      util::append_varint(out, range.min);
      util::append_varint(out, range.max);
    }
  }
  util::append_be<std::uint32_t>(out, util::crc32c(std::string_view(out).substr(kHeaderBytes)));
  return out;
}

bool is_deleted(std::span<const model::TimeRange> ranges, model::TimestampMs t) noexcept {
  const auto it = std::ranges::lower_bound(ranges, t, {}, &model::TimeRange::max);
  return it != ranges.end() && it->min <= t;
}

bool is_deleted(std::span<const model::TimeRange> ranges, model::TimeRange range) noexcept {
  // They are apart: one that covers the end covers all, or none does.
  const auto it = std::ranges::lower_bound(ranges, range.max, {}, &model::TimeRange::max);
  return it != ranges.end() && it->min <= range.min;
}

}  // namespace narthex::tsdb
