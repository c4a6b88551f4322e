#include "tsdb/compact/uploaded_blocks.h"

#include <boost/json.hpp>
#include <fmt/format.h>

namespace narthex::tsdb {
namespace {

namespace json = boost::json;

std::unexpected<util::Error> damaged(std::string_view what) {
  return util::fail(util::Code::kCorruption, fmt::format("list of uploaded blocks: {}", what));
}

}  // namespace

util::Result<BlockNames> parse_uploaded_blocks(std::string_view text) {
  json::error_code ec;
  const json::value root = json::parse(json::string_view(text.data(), text.size()), ec);
  if (ec) return damaged(ec.message());
  if (!root.is_object()) return damaged("not an object");
  const json::value* version = root.get_object().if_contains("version");
  if (version == nullptr || !version->is_int64() || version->get_int64() != 1)
    return damaged("\"version\" is not 1");
  BlockNames names;
  const json::value* uploaded = root.get_object().if_contains("uploaded");
  if (uploaded == nullptr || uploaded->is_null()) return names;
  if (!uploaded->is_array()) return damaged("\"uploaded\" is not a list");
  for (const json::value& name : uploaded->get_array()) {
    if (!name.is_string()) return damaged("\"uploaded\" names what is not a text");
    names.emplace(name.get_string());
  }
  return names;
}

util::Result<BlockNames> read_uploaded_blocks(util::Env& env, const std::string& path) {
  NX_ASSIGN(const std::string text, env.read_file(path, kUploadedBlocksBytesMax));
  auto names = parse_uploaded_blocks(text);
  if (!names) return std::unexpected(std::move(names).error().with_context(path));
  return names;
}

}  // namespace narthex::tsdb
