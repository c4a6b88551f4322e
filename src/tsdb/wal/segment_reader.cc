#include "tsdb/wal/segment_reader.h"

#include <algorithm>

#include <snappy.h>
#include <zstd.h>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {

namespace {

// The type byte is outside of the checksum: every bit of it that can be checked is.
bool is_fragment_type(std::uint8_t type) noexcept {
  constexpr std::uint8_t kKnownBits = kFragmentTypeMask | kFragmentSnappy | kFragmentZstd;
  return (type & ~kKnownBits) == 0 &&
         (type & kFragmentTypeMask) <= static_cast<std::uint8_t>(FragmentType::kLast);
}

// A compressed record whose flag was lost begins with its length: no record type is that large.
constexpr std::uint8_t kRecordTypeMax = 31;

}  // namespace

std::optional<std::string_view> decompress_record(std::uint8_t compression, std::string_view data,
                                                  std::string& buffer) {
  if (compression == 0) return data;
  if (compression == kFragmentSnappy) {
    std::size_t size = 0;
    if (!snappy::GetUncompressedLength(data.data(), data.size(), &size)) return std::nullopt;
    // Snappy copies at most 64 bytes for two: a larger claim is a lie.
    if (size > kWalRecordBytesMax || size > data.size() * 64) return std::nullopt;
    buffer.resize(size);
    if (!snappy::RawUncompress(data.data(), data.size(), buffer.data())) return std::nullopt;
    return buffer;
  }
  if (compression == kFragmentZstd) {
    const unsigned long long size = ZSTD_getFrameContentSize(data.data(), data.size());
    if (size == ZSTD_CONTENTSIZE_ERROR) return std::nullopt;
    // Writers that stream leave the size out: try growing buffers.
    std::size_t capacity =
        size == ZSTD_CONTENTSIZE_UNKNOWN ? data.size() * 8 : static_cast<std::size_t>(size);
    for (; capacity <= kWalRecordBytesMax; capacity = capacity * 2 + 1024) {
      buffer.resize(capacity);
      const std::size_t got =
          ZSTD_decompress(buffer.data(), buffer.size(), data.data(), data.size());
      if (ZSTD_isError(got) == 0) {
        buffer.resize(got);
        return buffer;
      }
      if (size != ZSTD_CONTENTSIZE_UNKNOWN) break;
    }
  }
  return std::nullopt;
}

std::uint64_t SegmentReader::page_end() const noexcept {
  return std::min<std::uint64_t>((position_ / kWalPageBytes + 1) * kWalPageBytes, bytes_.size());
}

void SegmentReader::add_damage(std::uint64_t offset, std::uint64_t bytes, std::string reason,
                               bool torn_tail) {
  damage_.push_back({offset, bytes, std::move(reason), torn_tail});
  after_damage_ = true;
}

void SegmentReader::drop_partial(std::string reason, bool torn_tail) {
  if (!in_record_) return;
  in_record_ = false;
  add_damage(record_begin_, position_ - record_begin_, std::move(reason), torn_tail);
}

// Whether a fragment, a page end or the file's end is at `offset`: then a length that led there is
// believed.
bool SegmentReader::is_sound_at(std::uint64_t offset) const noexcept {
  if (offset == bytes_.size()) return true;
  const std::uint64_t in_page = offset % kWalPageBytes;
  if (in_page == 0) return true;
  const std::uint64_t end =
      std::min<std::uint64_t>(offset - in_page + kWalPageBytes, bytes_.size());
  if (end - offset < kWalFragmentHeaderBytes) return true;
  const char* header = bytes_.data() + offset;
  const auto type = static_cast<std::uint8_t>(header[0]);
  if (type == 0) {
    return std::ranges::all_of(bytes_.substr(offset, end - offset), [](char c) { return c == 0; });
  }
  const std::size_t length = util::load_be<std::uint16_t>(header + 1);
  if (!is_fragment_type(type) || offset + kWalFragmentHeaderBytes + length > end) return false;
  return util::crc32c(bytes_.substr(offset + kWalFragmentHeaderBytes, length)) ==
         util::load_be<std::uint32_t>(header + 3);
}

void SegmentReader::skip_damaged(std::uint64_t end_if_length_is_right, std::string reason) {
  const std::uint64_t page = page_end();
  const std::uint64_t resume = end_if_length_is_right <= page && is_sound_at(end_if_length_is_right)
                                   ? end_if_length_is_right
                                   : page;
  const bool torn_tail = resume == bytes_.size() && end_if_length_is_right > bytes_.size();
  drop_partial("record goes on in a damaged page", torn_tail);
  add_damage(position_, resume - position_, std::move(reason), torn_tail);
  position_ = resume;
}

SegmentReader::Step SegmentReader::read_fragment(Fragment& fragment) {
  if (position_ >= bytes_.size()) return Step::kEnd;
  const std::uint64_t page = page_end();
  const std::uint64_t left = page - position_;
  const std::string_view rest = bytes_.substr(position_, left);
  const auto type = static_cast<std::uint8_t>(rest[0]);
  if (left < kWalFragmentHeaderBytes || type == 0) {
    // Too small for a fragment, or said to be empty: zeros either way.
    if (std::ranges::any_of(rest, [](char c) { return c != 0; })) {
      skip_damaged(page + 1, left < kWalFragmentHeaderBytes ? "end of page is not empty"
                                                            : "padding is not zero");
    } else {
      position_ = page;
    }
    return Step::kAgain;
  }
  const std::size_t length = util::load_be<std::uint16_t>(rest.data() + 1);
  const std::uint64_t end = position_ + kWalFragmentHeaderBytes + length;
  if (!is_fragment_type(type)) {
    skip_damaged(end, fmt::format("fragment type {}", type));
    return Step::kAgain;
  }
  if (end > page) {
    skip_damaged(end, fmt::format("fragment of {} bytes does not fit its page", length));
    return Step::kAgain;
  }
  const std::string_view data = rest.substr(kWalFragmentHeaderBytes, length);
  if (util::crc32c(data) != util::load_be<std::uint32_t>(rest.data() + 3)) {
    skip_damaged(end, "checksum");
    return Step::kAgain;
  }
  fragment.type = static_cast<FragmentType>(type & kFragmentTypeMask);
  fragment.compression = type & (kFragmentSnappy | kFragmentZstd);
  fragment.data = data;
  return Step::kFragment;
}

std::optional<std::string_view> SegmentReader::finish(const Fragment& last, std::string_view data) {
  in_record_ = false;
  const auto record = decompress_record(last.compression, data, decompressed_);
  if (!record || record->empty() || static_cast<std::uint8_t>(record->front()) > kRecordTypeMax) {
    add_damage(record_begin_, position_ - record_begin_, "record does not decompress to a record",
               false);
    return std::nullopt;
  }
  after_damage_ = false;
  sound_end_ = position_;
  return record;
}

std::optional<std::string_view> SegmentReader::next() {
  Fragment fragment;
  for (;;) {
    const std::uint64_t begin = position_;
    const Step step = read_fragment(fragment);
    if (step == Step::kEnd) {
      drop_partial("segment ends inside a record", true);
      return std::nullopt;
    }
    if (step == Step::kAgain) continue;
    position_ += kWalFragmentHeaderBytes + fragment.data.size();
    const bool starts =
        fragment.type == FragmentType::kFull || fragment.type == FragmentType::kFirst;
    if (starts) {
      if (in_record_) {
        // Nobody begins a record inside another one, so one of the two type bytes is wrong, and it
        // may well be this one: a fragment from the middle of a record must not pass for a record.
        drop_partial("record begins inside another one", false);
        continue;
      }
      record_begin_ = begin;
    } else if (!in_record_) {
      if (!after_damage_) add_damage(begin, position_ - begin, "record has no beginning", false);
      continue;
    }
    if (fragment.type == FragmentType::kFull) {
      if (auto record = finish(fragment, fragment.data)) return record;
      continue;
    }
    if (starts) partial_.clear();
    in_record_ = true;
    partial_.append(fragment.data);
    if (fragment.type == FragmentType::kLast) {
      if (auto record = finish(fragment, partial_)) return record;
    }
  }
}

}  // namespace narthex::tsdb
