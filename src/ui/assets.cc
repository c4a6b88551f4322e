#include "narthex/ui/assets.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "narthex/util/env.h"

#include "ui/embedded.h"

namespace narthex::ui {
namespace {

constexpr std::uint64_t kFileBytesMax = 16U << 20U;
constexpr std::size_t kManifestFields = 6;

// Cuts `text` at the separators; nullopt when there are not exactly that many fields.
std::optional<std::array<std::string_view, kManifestFields>> split_fields(std::string_view line) {
  std::array<std::string_view, kManifestFields> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const std::size_t tab = line.find('\t');
    const bool last = i + 1 == fields.size();
    if ((tab == std::string_view::npos) != last) return std::nullopt;
    fields.at(i) = line.substr(0, tab);
    if (!last) line.remove_prefix(tab + 1);
  }
  return fields;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Whether the parameters behind an encoding's name say q=0, with up to three zeros behind the
// point.
bool is_refused(std::string_view parameters) {
  parameters = trim(parameters);
  if (!parameters.starts_with("q=") && !parameters.starts_with("Q=")) return false;
  parameters.remove_prefix(2);
  return parameters.starts_with('0') &&
         parameters.find_first_not_of("0.") == std::string_view::npos;
}

bool sorts_before(const Asset& a, const Asset& b) {
  return a.path != b.path ? a.path < b.path : a.encoding < b.encoding;
}

}  // namespace

bool accepts(std::string_view accept_encoding, std::string_view encoding) noexcept {
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view part = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(part.find(';'), part.size());
    const std::string_view name = trim(part.substr(0, semicolon));
    const bool refused = semicolon < part.size() && is_refused(part.substr(semicolon + 1));
    if (name == encoding) return !refused;
    if (name == "*") any = !refused;
  }
  return any;
}

const AssetTable& AssetTable::embedded() {
  static const AssetTable table = [] {
    AssetTable out;
    const auto assets = embedded_assets();
    out.assets_.assign(assets.begin(), assets.end());
    return out;
  }();
  return table;
}

util::Result<AssetTable> AssetTable::load(util::Env& env, const std::string& folder) {
  AssetTable table;
  const std::string manifest_path = folder + "/manifest.txt";
  NX_ASSIGN(std::string manifest_text, env.read_file(manifest_path, kFileBytesMax));
  const auto manifest = std::make_shared<const std::string>(std::move(manifest_text));
  table.storage_.push_back(manifest);

  std::string_view rest = *manifest;
  for (std::size_t line_number = 1; !rest.empty(); ++line_number) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty() || line.starts_with('#')) continue;
    const auto fields = split_fields(line);
    if (!fields || !fields->front().starts_with('/') ||
        fields->at(4).find("..") != std::string_view::npos) {
      return util::fail(
          util::Code::kInvalidArgument,
          fmt::format("{}:{}: not a line of a UI manifest", manifest_path, line_number));
    }
    NX_ASSIGN(std::string content,
              env.read_file(fmt::format("{}/{}", folder, fields->at(4)), kFileBytesMax));
    table.storage_.push_back(std::make_shared<const std::string>(std::move(content)));
    const std::string_view encoding =
        fields->at(1) == "identity" ? std::string_view() : fields->at(1);
    table.assets_.push_back({.path = fields->at(0),
                             .encoding = encoding,
                             .etag = fields->at(2),
                             .content_type = fields->at(5),
                             .bytes = *table.storage_.back()});
  }
  std::ranges::sort(table.assets_, sorts_before);
  return table;
}

const Asset* AssetTable::find(std::string_view path, std::string_view accept_encoding) const {
  const auto range = std::ranges::equal_range(assets_, path, {}, &Asset::path);
  const Asset* best = nullptr;
  for (const Asset& asset : range) {
    const bool usable = asset.encoding.empty() || accepts(accept_encoding, asset.encoding);
    if (usable && (best == nullptr || asset.bytes.size() < best->bytes.size())) best = &asset;
  }
  return best;
}

}  // namespace narthex::ui
