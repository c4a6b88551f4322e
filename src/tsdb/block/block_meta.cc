#include "tsdb/block/block_meta.h"

#include <algorithm>

#include <boost/json.hpp>
#include <fmt/format.h>

#include "narthex/util/crc32c.h"

namespace narthex::tsdb {
namespace {

namespace json = boost::json;
using util::Code;

constexpr int kMetaVersion = 1;
constexpr std::string_view kOwnKey = "narthex";
constexpr std::string_view kSealKey = "crc32c";

std::unexpected<util::Error> damaged(std::string_view what) {
  return util::fail(Code::kCorruption, fmt::format("meta.json: {}", what));
}

// Absent or of another type: the fallback. Whole numbers only.
std::int64_t integer(const json::object& object, std::string_view key, std::int64_t fallback = 0) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return fallback;
  if (const auto* i = value->if_int64()) return *i;
  return fallback;
}

std::uint64_t count(const json::object& object, std::string_view key) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(0, integer(object, key)));
}

bool flag(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

std::string text(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::vector<std::string> text_list(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return out;
  for (const json::value& item : value->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

void read_stats(const json::object& object, BlockStats& stats) {
  stats.samples = count(object, "numSamples");
  stats.float_samples = count(object, "numFloatSamples");
  stats.histogram_samples = count(object, "numHistogramSamples");
  stats.series = count(object, "numSeries");
  stats.chunks = count(object, "numChunks");
  stats.tombstones = count(object, "numTombstones");
}

void read_compaction(const json::object& object, BlockMeta& meta) {
  meta.level = static_cast<int>(std::clamp<std::int64_t>(integer(object, "level", 1), 0, 1000));
  meta.sources = text_list(object, "sources");
  meta.hints = text_list(object, "hints");
  meta.deletable = flag(object, "deletable");
  meta.failed = flag(object, "failed");
  const json::value* parents = object.if_contains("parents");
  if (parents == nullptr || !parents->is_array()) return;
  for (const json::value& item : parents->get_array()) {
    if (!item.is_object()) continue;
    const json::object& parent = item.get_object();
    meta.parents.push_back({.ulid = text(parent, "ulid"),
                            .min_time = integer(parent, "minTime"),
                            .max_time = integer(parent, "maxTime")});
  }
}

// Writes one JSON object a level at a time; separators and tabs in one place.
class MetaWriter {
 public:
  void open(std::string_view key, char bracket) {
    item(key);
    out_.push_back(bracket);
    ++depth_;
    fresh_ = true;
  }
  void close(char bracket) {
    --depth_;
    if (!fresh_) new_line();
    out_.push_back(bracket);
    fresh_ = false;
  }
  void number(std::string_view key, std::int64_t value) {
    item(key);
    out_ += fmt::format("{}", value);
  }
  void number_unless_zero(std::string_view key, std::uint64_t value) {
    if (value != 0) number(key, static_cast<std::int64_t>(value));
  }
  void string(std::string_view key, std::string_view value) {
    item(key);
    out_ += json::serialize(json::string(value));
  }
  void boolean(std::string_view key, bool value) {
    item(key);
    out_ += value ? "true" : "false";
  }
  void strings(std::string_view key, const std::vector<std::string>& values) {
    open(key, '[');
    for (const std::string& value : values) string({}, value);
    close(']');
  }
  [[nodiscard]] std::string finish() && { return std::move(out_); }

 private:
  void new_line() {
    out_.push_back('\n');
    out_.append(static_cast<std::size_t>(depth_), '\t');
  }
  void item(std::string_view key) {
    if (depth_ > 0) {
      if (!fresh_) out_.push_back(',');
      new_line();
    }
    fresh_ = false;
    if (!key.empty()) {
      out_ += json::serialize(json::string(key));
      out_ += ": ";
    }
  }
  std::string out_;
  int depth_ = 0;
  bool fresh_ = true;
};

// Without a checksum when `seal` is empty.
std::string meta_text(const BlockMeta& meta, std::string_view seal) {
  MetaWriter writer;
  writer.open({}, '{');
  writer.string("ulid", meta.ulid);
  writer.number("minTime", meta.min_time);
  writer.number("maxTime", meta.max_time);
  writer.open("stats", '{');
  writer.number_unless_zero("numSamples", meta.stats.samples);
  writer.number_unless_zero("numFloatSamples", meta.stats.float_samples);
  writer.number_unless_zero("numHistogramSamples", meta.stats.histogram_samples);
  writer.number_unless_zero("numSeries", meta.stats.series);
  writer.number_unless_zero("numChunks", meta.stats.chunks);
  writer.number_unless_zero("numTombstones", meta.stats.tombstones);
  writer.close('}');
  writer.open("compaction", '{');
  writer.number("level", meta.level);
  if (!meta.sources.empty()) writer.strings("sources", meta.sources);
  if (meta.deletable) writer.boolean("deletable", true);
  if (!meta.parents.empty()) {
    writer.open("parents", '[');
    for (const BlockParent& parent : meta.parents) {
      writer.open({}, '{');
      writer.string("ulid", parent.ulid);
      writer.number("minTime", parent.min_time);
      writer.number("maxTime", parent.max_time);
      writer.close('}');
    }
    writer.close(']');
  }
  if (meta.failed) writer.boolean("failed", true);
  if (!meta.hints.empty()) writer.strings("hints", meta.hints);
  writer.close('}');
  writer.number("version", meta.version);
  if (!seal.empty()) {
    writer.open(kOwnKey, '{');
    writer.string(kSealKey, seal);
    writer.close('}');
  }
  writer.close('}');
  return std::move(writer).finish();
}

std::string seal_of(const BlockMeta& meta) {
  return fmt::format("{:08x}", util::crc32c(meta_text(meta, {})));
}

BlockMeta read_meta(const json::object& object) {
  BlockMeta meta;
  meta.ulid = text(object, "ulid");
  meta.min_time = integer(object, "minTime");
  meta.max_time = integer(object, "maxTime");
  meta.version = static_cast<int>(std::clamp<std::int64_t>(integer(object, "version"), -1, 1000));
  if (const json::value* stats = object.if_contains("stats");
      stats != nullptr && stats->is_object()) {
    read_stats(stats->get_object(), meta.stats);
  }
  if (const json::value* c = object.if_contains("compaction"); c != nullptr && c->is_object()) {
    read_compaction(c->get_object(), meta);
  }
  return meta;
}

// What has no checksum is believed.
bool is_seal_right(const json::object& object, const BlockMeta& meta) {
  const json::value* own = object.if_contains(kOwnKey);
  if (own == nullptr || !own->is_object()) return true;
  const json::value* seal = own->get_object().if_contains(kSealKey);
  if (seal == nullptr) return true;
  return seal->is_string() && std::string_view(seal->get_string()) == seal_of(meta);
}

}  // namespace

bool BlockMeta::has_hint(std::string_view hint) const {
  return std::ranges::find(hints, hint) != hints.end();
}

util::Result<BlockMeta> parse_block_meta(std::string_view text_in, int version_max) {
  json::error_code ec;
  const json::value root = json::parse(json::string_view(text_in.data(), text_in.size()), ec);
  if (ec) return damaged(ec.message());
  if (!root.is_object()) return damaged("not an object");
  BlockMeta meta = read_meta(root.get_object());
  if (!is_seal_right(root.get_object(), meta)) return damaged("checksum");
  if (meta.version < kMetaVersion || meta.version > version_max) {
    return damaged(
        fmt::format("version {} is not supported (want {})", meta.version, kMetaVersion));
  }
  if (meta.ulid.empty()) return damaged("no ulid");
  if (meta.min_time > meta.max_time) {
    return damaged(fmt::format("minTime {} is after maxTime {}", meta.min_time, meta.max_time));
  }
  return meta;
}

bool is_block_meta_damaged(std::string_view text_in) {
  json::error_code ec;
  const json::value root = json::parse(json::string_view(text_in.data(), text_in.size()), ec);
  if (ec || !root.is_object()) return true;
  return !is_seal_right(root.get_object(), read_meta(root.get_object()));
}

std::string block_meta_json(const BlockMeta& meta) {
  return meta_text(meta, {});
}

std::string sealed_block_meta_json(const BlockMeta& meta) {
  return meta_text(meta, seal_of(meta));
}

}  // namespace narthex::tsdb
