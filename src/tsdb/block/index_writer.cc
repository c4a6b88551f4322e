#include "tsdb/block/index_writer.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "narthex/util/bytes.h"
#include "narthex/util/check.h"
#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

constexpr std::uint32_t kIndexMagic = 0xBAAAD700;
constexpr char kIndexVersion = 2;
constexpr std::uint64_t kSeriesAlignment = 16;
constexpr std::uint64_t kPostingsAlignment = 4;
constexpr std::uint64_t kSectionBytesMax = std::numeric_limits<std::uint32_t>::max();

void append_chunks(std::string& out, std::span<const ChunkMeta> chunks) {
  util::append_uvarint(out, chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    const ChunkMeta& chunk = chunks[i];
    const auto length =
        static_cast<std::uint64_t>(chunk.max_time) - static_cast<std::uint64_t>(chunk.min_time);
    if (i == 0) {
      util::append_varint(out, chunk.min_time);
      util::append_uvarint(out, length);
      util::append_uvarint(out, chunk.ref);
    } else {
      util::append_uvarint(out, static_cast<std::uint64_t>(chunk.min_time) -
                                    static_cast<std::uint64_t>(chunks[i - 1].max_time));
      util::append_uvarint(out, length);
      util::append_varint(out, static_cast<std::int64_t>(chunk.ref - chunks[i - 1].ref));
    }
  }
}

// A section: its length, its bytes, their checksum.
util::Result<void> write_section(BufferedFile& file, std::string_view body, std::string_view what) {
  if (body.size() > kSectionBytesMax) {
    return util::fail(
        util::Code::kLimitExceeded,
        fmt::format("index: {} takes {} bytes, more than the format can have", what, body.size()));
  }
  std::string number;
  util::append_be<std::uint32_t>(number, static_cast<std::uint32_t>(body.size()));
  NX_TRY(file.append(number));
  NX_TRY(file.append(body));
  number.clear();
  util::append_be<std::uint32_t>(number, util::crc32c(body));
  return file.append(number);
}

}  // namespace

util::Result<std::unique_ptr<IndexWriter>> IndexWriter::create(
    util::Env& env, const std::string& path, std::span<const std::string_view> symbols) {
  NX_ASSIGN(BufferedFile file, BufferedFile::create(env, path));
  std::unique_ptr<IndexWriter> writer(new IndexWriter(std::move(file)));
  std::string header;
  util::append_be<std::uint32_t>(header, kIndexMagic);
  header.push_back(kIndexVersion);
  NX_TRY(writer->file_.append(header));
  NX_TRY(writer->write_symbols(symbols));
  writer->series_offset_ = writer->file_.position();
  return writer;
}

util::Result<void> IndexWriter::write_symbols(std::span<const std::string_view> symbols) {
  symbols_offset_ = file_.position();
  // The key of the list of all series is the empty pair.
  if (symbols.empty() || !symbols.front().empty()) symbols_.emplace_back();
  symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
  symbol_refs_.reserve(symbols_.size());
  util::append_be<std::uint32_t>(record_, static_cast<std::uint32_t>(symbols_.size()));
  for (std::uint32_t i = 0; i < symbols_.size(); ++i) {
    NX_DCHECK(i == 0 || symbols_[i - 1] < symbols_[i], "symbol {} is out of order", i);
    symbol_refs_.emplace(symbols_[i], i);
    util::append_uvarint(record_, symbols_[i].size());
    record_ += symbols_[i];
  }
  NX_TRY(write_section(file_, record_, "the symbol table"));
  record_ = std::string();  // It may have been large.
  return {};
}

std::uint32_t IndexWriter::pair_of(std::uint32_t name, std::uint32_t value) {
  const std::uint64_t key = (std::uint64_t{name} << 32U) | value;
  const auto [it, is_new] = pair_ids_.try_emplace(key, static_cast<std::uint32_t>(pairs_.size()));
  if (is_new) pairs_.push_back({.name = name, .value = value});
  return it->second;
}

util::Result<void> IndexWriter::add_series(const model::Labels& labels,
                                           std::span<const ChunkMeta> chunks) {
  NX_TRY(file_.pad(kSeriesAlignment));
  const std::uint64_t id = file_.position() / kSeriesAlignment;
  if (id > std::numeric_limits<std::uint32_t>::max()) {
    return util::fail(util::Code::kLimitExceeded, "index: more than 64 GiB of series");
  }
  record_.clear();
  const auto label_count = static_cast<std::uint32_t>(labels.size());
  util::append_uvarint(record_, label_count);
  for (const model::LabelView label : labels) {
    const auto name = symbol_refs_.find(label.name);
    const auto value = symbol_refs_.find(label.value);
    NX_CHECK(name != symbol_refs_.end() && value != symbol_refs_.end(), "{}=\"{}\" is no symbol",
             label.name, label.value);
    util::append_uvarint(record_, name->second);
    util::append_uvarint(record_, value->second);
    const std::uint32_t pair = pair_of(name->second, value->second);
    ++pairs_[pair].series_count;
    label_pairs_.push_back(pair);
  }
  append_chunks(record_, chunks);
  series_ids_.push_back(static_cast<std::uint32_t>(id));
  label_counts_.push_back(label_count);

  std::string length;
  util::append_uvarint(length, record_.size());
  NX_TRY(file_.append(length));
  const std::uint32_t crc = util::crc32c(record_);
  util::append_be<std::uint32_t>(record_, crc);
  return file_.append(record_);
}

util::Result<void> IndexWriter::finish() {
  NX_TRY(write_postings());
  NX_TRY(write_postings_table());
  NX_TRY(write_toc());
  return file_.finish();
}

util::Result<void> IndexWriter::write_postings_list(std::span<const std::uint32_t> ids) {
  NX_TRY(file_.pad(kPostingsAlignment));
  record_.clear();
  util::append_be<std::uint32_t>(record_, static_cast<std::uint32_t>(ids.size()));
  for (const std::uint32_t id : ids) util::append_be<std::uint32_t>(record_, id);
  return write_section(file_, record_, "a postings list");
}

util::Result<void> IndexWriter::write_postings() {
  postings_offset_ = file_.position();
  // Counting sort of (pair, series): series come in order, so each list comes out ascending.
  std::vector<std::uint64_t> ends(pairs_.size());
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    ends[i] = total;
    total += pairs_[i].series_count;
  }
  std::vector<std::uint32_t> ids(total);
  std::size_t at = 0;
  for (std::size_t series = 0; series < series_ids_.size(); ++series) {
    for (std::uint32_t label = 0; label < label_counts_[series]; ++label) {
      ids[ends[label_pairs_[at++]]++] = series_ids_[series];
    }
  }
  label_pairs_ = {};
  NX_TRY(file_.pad(kPostingsAlignment));
  all_postings_offset_ = file_.position();
  NX_TRY(write_postings_list(series_ids_));
  // The table is in order of symbols; so are the lists, for readers that walk both.
  std::vector<std::uint32_t> order(pairs_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, {},
                    [this](std::uint32_t i) { return std::pair(pairs_[i].name, pairs_[i].value); });
  std::vector<Pair> sorted;
  sorted.reserve(pairs_.size());
  for (const std::uint32_t i : order) {
    Pair& pair = pairs_[i];
    NX_TRY(file_.pad(kPostingsAlignment));
    pair.postings_offset = file_.position();
    NX_TRY(write_postings_list(
        std::span(ids).subspan(ends[i] - pair.series_count, pair.series_count)));
    sorted.push_back(pair);
  }
  pairs_ = std::move(sorted);
  return {};
}

util::Result<void> IndexWriter::write_postings_table() {
  postings_table_offset_ = file_.position();
  const auto append_text = [this](std::string_view text) {
    util::append_uvarint(record_, text.size());
    record_ += text;
  };
  const auto append_entry = [&](const Pair& pair) {
    util::append_uvarint(record_, 2);  // Strings in the key.
    append_text(symbols_[pair.name]);
    append_text(symbols_[pair.value]);
    util::append_uvarint(record_, pair.postings_offset);
  };
  record_.clear();
  util::append_be<std::uint32_t>(record_, static_cast<std::uint32_t>(pairs_.size() + 1));
  append_entry({.postings_offset = all_postings_offset_});
  for (const Pair& pair : pairs_) append_entry(pair);
  return write_section(file_, record_, "the postings offset table");
}

util::Result<void> IndexWriter::write_toc() {
  record_.clear();
  for (const std::uint64_t offset :
       {symbols_offset_, series_offset_,
        // Label indices, which nobody reads any more: where they would begin and end.
        postings_offset_, postings_table_offset_, postings_offset_, postings_table_offset_}) {
    util::append_be<std::uint64_t>(record_, offset);
  }
  util::append_be<std::uint32_t>(record_, util::crc32c(record_));
  return file_.append(record_);
}

}  // namespace narthex::tsdb
