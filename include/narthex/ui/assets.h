// The files of the web UI: embedded in the binary, or read from a build of it while one works on
// the UI.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/util/result.h"

namespace narthex::util {
class Env;
}

namespace narthex::ui {

// One file in one encoding.
struct Asset {
  std::string_view path;      // "/assets/index-1a2b3c4d.js"
  std::string_view encoding;  // "br", "gzip", or empty for the file as it is.
  std::string_view etag;      // First 16 hex digits of the SHA-256 of the unencoded file.
  std::string_view content_type;
  std::string_view bytes;
};

// Sorted by path; among equal paths the unencoded file first. Threads: immutable.
class AssetTable {
 public:
  // What was linked in. Empty when the binary was built without the UI.
  static const AssetTable& embedded();
  // From a folder that `npm run build` made, by its manifest.txt. kInvalidArgument: the manifest is
  // not one; it names the line.
  static util::Result<AssetTable> load(util::Env& env, const std::string& folder);

  [[nodiscard]] bool empty() const noexcept { return assets_.empty(); }
  [[nodiscard]] const std::vector<Asset>& assets() const noexcept { return assets_; }

  // The smallest variant of the file at `path` that the client takes, or null. The asset lives as
  // long as the table.
  [[nodiscard]] const Asset* find(std::string_view path, std::string_view accept_encoding) const;

 private:
  std::vector<Asset> assets_;
  // What the views point into, for a table that was loaded.
  std::vector<std::shared_ptr<const std::string>> storage_;
};

// Whether an Accept-Encoding value names the encoding (or "*") and does not refuse it with q=0.
[[nodiscard]] bool accepts(std::string_view accept_encoding, std::string_view encoding) noexcept;

}  // namespace narthex::ui
