#include "tsdb/block/index_reader.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

using util::Code;

constexpr std::uint32_t kIndexMagic = 0xBAAAD700;
constexpr std::size_t kHeaderBytes = 5;  // Magic, version.
constexpr std::size_t kCrcBytes = 4;
constexpr std::size_t kTocBytes = 6 * 8 + kCrcBytes;
constexpr std::uint64_t kSeriesAlignment = 16;

// Reads n × (name ref, value ref); appends the labels' bytes.
template <class Resolve>
util::Result<void> read_labels(util::ByteReader& reader, const Resolve& resolve, std::string& out) {
  const std::uint64_t count = reader.uvarint();
  if (count > reader.remaining())
    return util::fail(Code::kCorruption, "label count larger than its entry");
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t name_ref = reader.uvarint();
    const std::uint64_t value_ref = reader.uvarint();
    if (!reader.ok()) return util::fail(Code::kCorruption, "entry ends inside its labels");
    NX_ASSIGN(const std::string_view name, resolve(name_ref));
    NX_ASSIGN(const std::string_view value, resolve(value_ref));
    model::append_label(out, name, value);
  }
  return {};
}

void skip_labels(util::ByteReader& reader) {
  const std::uint64_t count = reader.uvarint();
  for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
    static_cast<void>(reader.uvarint());
    static_cast<void>(reader.uvarint());
  }
}

// Appends them.
util::Result<void> read_chunks(util::ByteReader& reader, std::vector<ChunkMeta>& out) {
  const std::uint64_t count = reader.uvarint();
  if (!reader.ok() || count > reader.remaining()) {
    return util::fail(Code::kCorruption, "chunk count larger than its entry");
  }
  // Sums wrap on hostile input instead of overflowing; the order check below then refuses them.
  std::uint64_t previous_max = 0;
  std::uint64_t previous_ref = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t min = 0;
    std::uint64_t ref = 0;
    std::uint64_t length = 0;
    if (i == 0) {
      min = static_cast<std::uint64_t>(reader.varint());
      length = reader.uvarint();
      ref = reader.uvarint();
    } else {
      min = previous_max + reader.uvarint();
      length = reader.uvarint();
      ref = previous_ref + static_cast<std::uint64_t>(reader.varint());
    }
    const std::uint64_t max = min + length;
    const ChunkMeta chunk{.ref = ref,
                          .min_time = static_cast<model::TimestampMs>(min),
                          .max_time = static_cast<model::TimestampMs>(max)};
    if (!reader.ok() || chunk.max_time < chunk.min_time ||
        (i > 0 && chunk.min_time < out.back().max_time)) {
      return util::fail(Code::kCorruption, "chunk times are not ascending");
    }
    out.push_back(chunk);
    previous_max = max;
    previous_ref = ref;
  }
  return {};
}

}  // namespace

IndexReader::IndexReader(std::unique_ptr<util::MappedFile> file, std::string path)
    : file_(std::move(file)), path_(std::move(path)), bytes_(file_->bytes()) {}

util::Result<std::unique_ptr<IndexReader>> IndexReader::open(util::Env& env,
                                                             const std::string& path) {
  NX_ASSIGN(auto file, env.map_file(path));
  std::unique_ptr<IndexReader> reader(new IndexReader(std::move(file), path));
  NX_TRY(reader->read_header());
  NX_TRY(reader->read_toc());
  NX_TRY(reader->read_symbols());
  NX_TRY(reader->read_postings_table());
  return reader;
}

std::unexpected<util::Error> IndexReader::damaged(std::uint64_t offset,
                                                  std::string_view what) const {
  return util::fail(Code::kCorruption, fmt::format("{}: byte {}: {}", path_, offset, what));
}

util::Result<void> IndexReader::read_header() {
  if (bytes_.size() < kHeaderBytes + kTocBytes) return damaged(0, "too short for an index");
  if (util::load_be<std::uint32_t>(bytes_.data()) != kIndexMagic) return damaged(0, "magic number");
  version_ = static_cast<std::uint8_t>(bytes_[4]);
  if (version_ < 1 || version_ > 3)
    return damaged(4, fmt::format("index version {} is not known", version_));
  return {};
}

util::Result<void> IndexReader::read_toc() {
  const std::uint64_t at = bytes_.size() - kTocBytes;
  const std::string_view toc = bytes_.substr(at);
  const std::string_view body = toc.substr(0, kTocBytes - kCrcBytes);
  if (util::crc32c(body) != util::load_be<std::uint32_t>(toc.data() + body.size())) {
    return damaged(at, "table of contents: checksum");
  }
  const auto field = [&](std::size_t index) {
    return util::load_be<std::uint64_t>(body.data() + index * 8);
  };
  // Fields 2 and 3, the label indices of old versions, are of no use to anybody.
  toc_ = {
      .symbols = field(0), .series = field(1), .postings = field(4), .postings_table = field(5)};
  for (const std::uint64_t offset :
       {toc_.symbols, toc_.series, toc_.postings, toc_.postings_table}) {
    if (offset > at) return damaged(at, "table of contents points behind itself");
  }
  return {};
}

util::Result<std::string_view> IndexReader::section(std::uint64_t offset,
                                                    std::string_view what) const {
  if (offset > bytes_.size() || bytes_.size() - offset < 4 + kCrcBytes)
    return damaged(offset, what);
  const std::uint64_t length = util::load_be<std::uint32_t>(bytes_.data() + offset);
  if (bytes_.size() - offset - 4 - kCrcBytes < length)
    return damaged(offset, fmt::format("{}: length", what));
  const std::string_view body = bytes_.substr(offset + 4, length);
  if (util::crc32c(body) != util::load_be<std::uint32_t>(body.data() + length)) {
    return damaged(offset, fmt::format("{}: checksum", what));
  }
  return body;
}

util::Result<void> IndexReader::read_symbols() {
  if (toc_.symbols == 0) return {};
  NX_ASSIGN(const std::string_view body, section(toc_.symbols, "symbols"));
  util::ByteReader reader(body);
  const auto count = reader.be<std::uint32_t>();
  if (count > body.size()) return damaged(toc_.symbols, "symbols: count");
  symbols_.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (version_ == 1) symbol_offsets_.push_back(toc_.symbols + 4 + reader.position());
    symbols_.push_back(reader.uvarint_bytes());
  }
  if (!reader.ok()) return damaged(toc_.symbols, "symbols: end inside an entry");
  return {};
}

util::Result<std::string_view> IndexReader::symbol(std::uint64_t ref) const {
  if (version_ == 1) {
    const auto it = std::ranges::lower_bound(symbol_offsets_, ref);
    if (it == symbol_offsets_.end() || *it != ref) return damaged(ref, "no symbol starts here");
    return symbols_[static_cast<std::size_t>(it - symbol_offsets_.begin())];
  }
  if (ref >= symbols_.size())
    return damaged(toc_.symbols, fmt::format("symbol {} of {}", ref, symbols_.size()));
  return symbols_[ref];
}

util::Result<void> IndexReader::read_postings_table() {
  if (toc_.postings_table == 0) return {};
  NX_ASSIGN(const std::string_view body, section(toc_.postings_table, "postings offset table"));
  util::ByteReader reader(body);
  const auto count = reader.be<std::uint32_t>();
  if (count > body.size()) return damaged(toc_.postings_table, "postings offset table: count");
  struct Entry {
    std::string_view name;
    ValueEntry value;
  };
  std::vector<Entry> entries;
  entries.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t keys = reader.uvarint();
    const std::string_view name = reader.uvarint_bytes();
    const std::string_view value = reader.uvarint_bytes();
    const std::uint64_t offset = reader.uvarint();
    if (!reader.ok() || keys != 2) {
      return damaged(toc_.postings_table, "postings offset table: entry");
    }
    if (name.empty()) {
      all_postings_offset_ = offset;
    } else {
      entries.push_back({.name = name, .value = {.value = value, .postings_offset = offset}});
    }
  }
  const auto key = [](const Entry& entry) { return std::pair(entry.name, entry.value.value); };
  if (version_ == 1) {
    std::ranges::sort(entries, {}, key);  // Its writers promised no order.
  } else if (!std::ranges::is_sorted(entries, std::ranges::less_equal{}, key)) {
    return damaged(toc_.postings_table, "postings offset table: not sorted");
  }
  values_.reserve(entries.size());
  for (const Entry& entry : entries) {
    if (names_.empty() || names_.back().name != entry.name) {
      names_.push_back({.name = entry.name, .first = values_.size(), .count = 0});
    }
    ++names_.back().count;
    values_.push_back(entry.value);
  }
  return {};
}

std::vector<std::string_view> IndexReader::label_names() const {
  std::vector<std::string_view> out;
  out.reserve(names_.size());
  for (const Name& name : names_) out.push_back(name.name);
  return out;
}

std::span<const IndexReader::ValueEntry> IndexReader::values(std::string_view name) const {
  const auto it = std::ranges::lower_bound(names_, name, {}, &Name::name);
  if (it == names_.end() || it->name != name) return {};
  return std::span(values_).subspan(it->first, it->count);
}

const IndexReader::ValueEntry* IndexReader::find_value(std::string_view name,
                                                       std::string_view value) const {
  const auto entries = values(name);
  const auto it = std::ranges::lower_bound(entries, value, {}, &ValueEntry::value);
  return it == entries.end() || it->value != value ? nullptr : &*it;
}

util::Result<std::vector<std::uint32_t>> IndexReader::postings(const ValueEntry& entry) const {
  NX_ASSIGN(const std::string_view body, section(entry.postings_offset, "postings"));
  util::ByteReader reader(body);
  const auto count = reader.be<std::uint32_t>();
  if (!reader.ok() || reader.remaining() != std::uint64_t{count} * 4) {
    return damaged(entry.postings_offset, "postings: count");
  }
  std::vector<std::uint32_t> ids(count);
  for (std::uint32_t& id : ids) id = reader.be<std::uint32_t>();
  if (!std::ranges::is_sorted(ids))
    return damaged(entry.postings_offset, "postings: not ascending");
  return ids;
}

util::Result<std::vector<std::uint32_t>> IndexReader::all_postings() const {
  if (all_postings_offset_ == 0) return std::vector<std::uint32_t>{};
  return postings({.value = {}, .postings_offset = all_postings_offset_});
}

util::Result<std::string_view> IndexReader::series_body(std::uint32_t id) const {
  // Version 1 names a series by its byte offset, later ones by a sixteenth of it.
  const std::uint64_t offset = version_ == 1 ? id : id * kSeriesAlignment;
  if (offset < kHeaderBytes || offset >= bytes_.size()) return damaged(offset, "series: reference");
  util::ByteReader reader(bytes_.substr(offset));
  const std::uint64_t length = reader.uvarint();
  const std::size_t start = reader.position();
  const std::string_view body = reader.bytes(length);
  const auto crc = reader.be<std::uint32_t>();
  if (!reader.ok()) return damaged(offset, "series: length");
  if (util::crc32c(body) != crc) return damaged(offset + start, "series: checksum");
  return body;
}

util::Result<void> IndexReader::append_series(std::uint32_t id, std::string& label_bytes,
                                              std::vector<ChunkMeta>& chunks) const {
  NX_ASSIGN(const std::string_view body, series_body(id));
  util::ByteReader reader(body);
  NX_TRY(read_labels(reader, [this](std::uint64_t ref) { return symbol(ref); }, label_bytes));
  return with_place(id, read_chunks(reader, chunks));
}

util::Result<IndexSeries> IndexReader::series(std::uint32_t id) const {
  std::string label_bytes;
  IndexSeries out;
  NX_TRY(append_series(id, label_bytes, out.chunks));
  out.labels = model::Labels::from_bytes(std::move(label_bytes));
  return out;
}

util::Result<model::Labels> IndexReader::series_labels(std::uint32_t id) const {
  NX_ASSIGN(const std::string_view body, series_body(id));
  util::ByteReader reader(body);
  std::string bytes;
  NX_TRY(read_labels(reader, [this](std::uint64_t ref) { return symbol(ref); }, bytes));
  return model::Labels::from_bytes(std::move(bytes));
}

util::Result<std::vector<ChunkMeta>> IndexReader::series_chunks(std::uint32_t id) const {
  NX_ASSIGN(const std::string_view body, series_body(id));
  util::ByteReader reader(body);
  skip_labels(reader);
  std::vector<ChunkMeta> chunks;
  NX_TRY(with_place(id, read_chunks(reader, chunks)));
  return chunks;
}

util::Result<void> IndexReader::with_place(std::uint32_t id, util::Result<void> outcome) const {
  if (outcome) return outcome;
  return std::unexpected(
      std::move(outcome).error().with_context(fmt::format("{}: series {}", path_, id)));
}

}  // namespace narthex::tsdb
