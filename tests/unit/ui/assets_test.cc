#include "narthex/ui/assets.h"

#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/temp_dir.h"

namespace narthex::ui {
namespace {

using testing::HasSubstr;

class AssetFolder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& content) const {
    const std::filesystem::path path = std::filesystem::path(dir_.path()) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << content;
  }
  [[nodiscard]] util::Result<AssetTable> load() const {
    return AssetTable::load(util::posix_env(), dir_.path());
  }

  test::TempDir dir_;
};

TEST(Accepts, ReadsTokensAndRefusals) {
  EXPECT_TRUE(accepts("gzip, deflate, br, zstd", "br"));
  EXPECT_TRUE(accepts("br;q=0.8 , gzip;q=1.0", "br"));
  EXPECT_TRUE(accepts("gzip,*", "br"));
  EXPECT_FALSE(accepts("", "br"));
  EXPECT_FALSE(accepts("brx, xbr", "br"));
  EXPECT_FALSE(accepts("gzip, br;q=0", "br"));
  EXPECT_FALSE(accepts("br; q=0.000", "br"));
  EXPECT_FALSE(accepts("*, br;q=0", "br"));
  EXPECT_FALSE(accepts("*;q=0", "br"));
  EXPECT_FALSE(accepts(",,;;,", "br"));
}

TEST_F(AssetFolder, GivesTheSmallestVariantTheClientTakes) {
  write("a.js", "0123456789");
  write("a.js.br", "012");
  write("a.js.gz", "01234");
  write("b.woff2", "font");
  write("manifest.txt",
        "# url\tencoding\n/b.woff2\tidentity\tbb\t4\tb.woff2\tfont/woff2\n"
        "/a.js\tgzip\taa\t5\ta.js.gz\ttext/javascript; "
        "charset=utf-8\n/a.js\tbr\taa\t3\ta.js.br\ttext/javascript\n"
        "/a.js\tidentity\taa\t10\ta.js\ttext/javascript\n");
  const auto table = load();
  ASSERT_TRUE(table) << table.error().message();
  const auto bytes_of = [&](std::string_view path, std::string_view accept) -> std::string_view {
    const Asset* asset = table->find(path, accept);
    return asset == nullptr ? "none" : asset->bytes;
  };
  EXPECT_EQ(bytes_of("/a.js", "gzip, br"), "012");
  EXPECT_EQ(bytes_of("/a.js", "gzip"), "01234");
  EXPECT_EQ(bytes_of("/a.js", ""), "0123456789");
  EXPECT_EQ(bytes_of("/b.woff2", "gzip, br"), "font");
  EXPECT_EQ(bytes_of("/c", "br"), "none");
  EXPECT_EQ(bytes_of("", ""), "none");
  EXPECT_EQ(table->find("/a.js", "gzip")->content_type, "text/javascript; charset=utf-8");
  EXPECT_EQ(table->find("/a.js", "gzip")->etag, "aa");
}

TEST_F(AssetFolder, RefusesAManifestThatIsNone) {
  write("x", "x");
  for (const std::string line :
       {"/x\tidentity\taa\t1\tx", "/x\tidentity\taa\t1\tx\ttext/plain\tmore",
        "x\tidentity\taa\t1\tx\ttext/plain", "/x\tidentity\taa\t1\t../x\ttext/plain"}) {
    SCOPED_TRACE(line);
    write("manifest.txt", "# comment\n" + line + "\n");
    const auto table = load();
    ASSERT_FALSE(table);
    EXPECT_THAT(table.error().message(), HasSubstr("manifest.txt:2"));
  }
  write("manifest.txt", "/gone\tidentity\taa\t1\tgone\ttext/plain\n");
  EXPECT_FALSE(load());
}

TEST_F(AssetFolder, IsAnErrorWithoutAManifest) {
  EXPECT_FALSE(load());
}

// The table that was linked in: whatever it holds must be searchable, and the page must be there
// with all it names.
TEST(EmbeddedAssets, AreSortedAndComplete) {
  const AssetTable& table = AssetTable::embedded();
  if (table.empty()) GTEST_SKIP() << "built with NARTHEX_UI=OFF";
  EXPECT_TRUE(std::ranges::is_sorted(table.assets(), {}, &Asset::path));
  for (const Asset& asset : table.assets()) {
    SCOPED_TRACE(asset.path);
    EXPECT_EQ(asset.etag.size(), 16U);
    EXPECT_FALSE(asset.content_type.empty());
    EXPECT_FALSE(asset.bytes.empty());
    EXPECT_NE(table.find(asset.path, ""), nullptr);
  }
  const Asset* page = table.find("/index.html", "");
  ASSERT_NE(page, nullptr);
  std::string_view rest = page->bytes;
  int references = 0;
  for (std::size_t at = rest.find("\"./"); at != std::string_view::npos; at = rest.find("\"./")) {
    rest.remove_prefix(at + 2);
    const std::string_view path = rest.substr(0, rest.find('"'));
    EXPECT_NE(table.find(path, "br"), nullptr) << path;
    ++references;
  }
  EXPECT_GE(references, 5);
}

}  // namespace
}  // namespace narthex::ui
