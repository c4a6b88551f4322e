// The files of a block: meta.json, index, chunks, tombstones. Blocks that Prometheus wrote are read
// from $CONFORMANCE_DIR/tsdb.
#include <cstdlib>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/random_seed.h"
#include "support/temp_dir.h"
#include "tsdb/block/block_meta.h"
#include "tsdb/block/chunk_reader.h"
#include "tsdb/block/index_reader.h"
#include "tsdb/block/tombstones.h"
#include "tsdb/chunk/xor_chunk.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;

// The unpacked data directories, or nothing with a message when the conformance data is not there.
class RecordedBlocks : public testing::Test {
 protected:
  void SetUp() override {
    const char* given = std::getenv("CONFORMANCE_DIR");
    const fs::path root = fs::path(given != nullptr ? given : "../shared/conformance") / "tsdb";
    if (!fs::exists(root)) GTEST_SKIP() << "no conformance data at " << root;
    for (const auto& entry : fs::directory_iterator(root)) {
      if (!entry.path().string().ends_with(".tar.zst")) continue;
      const std::string command =
          "tar --zstd -xf '" + entry.path().string() + "' -C '" + dir_.path() + "'";
      ASSERT_EQ(std::system(command.c_str()), 0) << command;
    }
    collect(dir_.path());
    collect(root);
  }
  void collect(const fs::path& root) {
    for (const auto& entry : fs::recursive_directory_iterator(root)) {
      if (entry.path().filename() == "index" && fs::exists(entry.path().parent_path() / "chunks")) {
        blocks_.push_back(entry.path().parent_path().string());
      }
    }
  }
  test::TempDir dir_;
  std::vector<std::string> blocks_;
};

TEST_F(RecordedBlocks, MetaIsWrittenBackByteForByte) {
  ASSERT_FALSE(blocks_.empty());
  for (const std::string& block : blocks_) {
    const auto text = util::posix_env().read_file(block + "/meta.json", kMetaBytesMax);
    ASSERT_TRUE(text.has_value());
    const auto meta = parse_block_meta(*text);
    ASSERT_TRUE(meta.has_value()) << block;
    // Blocks of very old versions have their keys in another order.
    if (text->find("\"version\": 1\n}") == std::string::npos) continue;
    EXPECT_EQ(block_meta_json(*meta), *text) << block;
  }
}

// Index and chunks agree with each other and with the figures of meta.json; every float chunk
// decodes.
TEST_F(RecordedBlocks, EverySeriesAndChunkIsThere) {
  for (const std::string& block : blocks_) {
    SCOPED_TRACE(block);
    const auto meta =
        parse_block_meta(*util::posix_env().read_file(block + "/meta.json", kMetaBytesMax));
    const auto index = IndexReader::open(util::posix_env(), block + "/index");
    ASSERT_TRUE(index.has_value()) << index.error().message();
    const auto chunks = ChunkReader::open(util::posix_env(), block + "/chunks");
    ASSERT_TRUE(chunks.has_value()) << chunks.error().message();
    const auto ids = (*index)->all_postings();
    ASSERT_TRUE(ids.has_value());
    EXPECT_EQ(ids->size(), meta->stats.series);
    std::uint64_t chunk_count = 0;
    model::Labels previous;
    for (const std::uint32_t id : *ids) {
      const auto series = (*index)->series(id);
      ASSERT_TRUE(series.has_value()) << series.error().message();
      EXPECT_LT(previous, series->labels);
      previous = series->labels;
      EXPECT_EQ(*(*index)->series_labels(id), series->labels);
      EXPECT_EQ((*index)->series_chunks(id)->size(), series->chunks.size());
      chunk_count += series->chunks.size();
      for (const ChunkMeta& chunk : series->chunks) {
        const auto stored = (*chunks)->chunk(chunk.ref);
        ASSERT_TRUE(stored.has_value()) << stored.error().message();
        EXPECT_GE(stored->payload.size(), 2U);
      }
      // The series is in the postings list of each of its labels.
      for (const model::LabelView label : series->labels) {
        const auto* entry = (*index)->find_value(label.name, label.value);
        ASSERT_NE(entry, nullptr);
        const auto list = (*index)->postings(*entry);
        ASSERT_TRUE(list.has_value());
        EXPECT_TRUE(std::ranges::binary_search(*list, id));
      }
    }
    EXPECT_EQ(chunk_count, meta->stats.chunks);
  }
}

TEST_F(RecordedBlocks, TombstonesAreWrittenBackByteForByte) {
  for (const std::string& block : blocks_) {
    const auto file = util::posix_env().read_file(block + "/tombstones", 1U << 30U);
    if (!file) continue;
    const auto stones = Tombstones::parse(*file);
    ASSERT_TRUE(stones.has_value()) << stones.error().message();
    const auto meta =
        parse_block_meta(*util::posix_env().read_file(block + "/meta.json", kMetaBytesMax));
    EXPECT_EQ(stones->count(), meta->stats.tombstones);
    EXPECT_EQ(Tombstones::parse(stones->encode())->all(), stones->all());
  }
}

// A flipped bit anywhere in an index is either noticed (kCorruption) or lies where nothing reads:
// never a crash, never other labels.
TEST_F(RecordedBlocks, FlippedBitsInAnIndexNeverGiveOtherLabels) {
  const auto smallest = std::ranges::min_element(
      blocks_, {}, [](const std::string& block) { return fs::file_size(block + "/index"); });
  ASSERT_NE(smallest, blocks_.end());
  const std::string good = *util::posix_env().read_file(*smallest + "/index", 1U << 30U);
  const auto reference = IndexReader::open(util::posix_env(), *smallest + "/index");
  util::Random random = test::seeded_random();
  for (int round = 0; round < 400; ++round) {
    std::string bad = good;
    const std::size_t at = random.below(bad.size());
    bad[at] = static_cast<char>(bad[at] ^ (1U << random.below(8)));
    const std::string path = dir_ / "flipped";
    ASSERT_TRUE(util::write_file_atomically(util::posix_env(), path, bad).has_value());
    const auto index = IndexReader::open(util::posix_env(), path);
    if (!index) continue;
    const auto ids = (*index)->all_postings();
    if (!ids) continue;
    for (const std::uint32_t id : *ids) {
      const auto labels = (*index)->series_labels(id);
      if (!labels) continue;
      EXPECT_EQ(*labels, *(*reference)->series_labels(id)) << at;
    }
  }
}

TEST(BlockMeta, BadOnesSayWhy) {
  const auto check = [](std::string_view text, const char* want) {
    const auto meta = parse_block_meta(text);
    ASSERT_FALSE(meta.has_value()) << text;
    EXPECT_EQ(meta.error().code(), util::Code::kCorruption);
    EXPECT_THAT(meta.error().message(), testing::HasSubstr(want));
  };
  check("", "meta.json");
  check("[]", "not an object");
  check(R"({"ulid":"x","version":7})", "version 7");
  check(R"({"version":1})", "no ulid");
  check(R"({"ulid":"x","version":1,"minTime":2,"maxTime":1})", "after maxTime");
}

TEST(Tombstones, OverlappingAndAdjacentRangesBecomeOne) {
  Tombstones stones;
  stones.add(1, {.min = 10, .max = 20});
  stones.add(1, {.min = 40, .max = 50});
  stones.add(1, {.min = 21, .max = 30});
  stones.add(1, {.min = 60, .max = 55});  // Empty.
  EXPECT_THAT(stones.of(1), testing::ElementsAre(model::TimeRange{.min = 10, .max = 30},
                                                 model::TimeRange{.min = 40, .max = 50}));
  stones.add(1, {.min = 0, .max = 100});
  EXPECT_THAT(stones.of(1), testing::ElementsAre(model::TimeRange{.min = 0, .max = 100}));
  EXPECT_TRUE(stones.of(2).empty());
}

// Against a set of points that are deleted.
TEST(Tombstones, AgreeWithASetOfPoints) {
  util::Random random = test::seeded_random();
  for (int round = 0; round < 100; ++round) {
    Tombstones stones;
    std::vector<bool> deleted(200, false);
    for (int i = 0; i < 12; ++i) {
      const auto min = static_cast<std::int64_t>(random.below(200));
      const std::int64_t max =
          std::min<std::int64_t>(199, min + static_cast<std::int64_t>(random.below(20)));
      stones.add(5, {.min = min, .max = max});
      for (std::int64_t t = min; t <= max; ++t) deleted[static_cast<std::size_t>(t)] = true;
    }
    const auto parsed = Tombstones::parse(stones.encode());
    ASSERT_TRUE(parsed.has_value());
    for (std::size_t t = 0; t < deleted.size(); ++t) {
      EXPECT_EQ(is_deleted(parsed->of(5), static_cast<std::int64_t>(t)), deleted[t]) << t;
    }
  }
}

TEST(Tombstones, DamageIsNoticed) {
  Tombstones stones;
  stones.add(3, {.min = 1, .max = 2});
  const std::string good = stones.encode();
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 0x10);
    EXPECT_FALSE(Tombstones::parse(bad).has_value()) << i;
    EXPECT_FALSE(Tombstones::parse(std::string_view(good).substr(0, i)).has_value()) << i;
  }
}

}  // namespace
}  // namespace narthex::tsdb
