#include "tsdb/block/block_writer.h"

#include <filesystem>

#include "support/random_seed.h"
#include "support/temp_dir.h"
#include "unit/tsdb/block/block_content.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;

constexpr model::TimeRange kHour{0, 3'599'999};

std::size_t entries_in(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

// Goal: what is written is read back, whatever the series, the chunks and the segments are.
TEST(BlockWriter, ReadsBackWhatWasWritten) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  for (int round = 0; round < 30; ++round) {
    const BlockContent content = random_content(random, 200, kHour);
    const std::string ulid = new_ulid(round);
    ContentSource source(content, random, 130);
    BlockWriteOptions options;
    options.chunk_segment_bytes = 1000 + random.below(20'000);
    const auto written = write_block(util::posix_env(), dir.path(), meta_of(ulid, 0, kHour.max + 1),
                                     source, options);
    ASSERT_TRUE(written.has_value()) << written.error().message();
    ASSERT_TRUE(written->has_value());
    EXPECT_EQ((*written)->chunks_encoded, 0U);
    const auto block = Block::open(util::posix_env(), dir / ulid);
    ASSERT_TRUE(block.has_value()) << block.error().message();
    EXPECT_EQ(read_content(*block), content);
    const BlockStats& stats = (*block)->meta().stats;
    EXPECT_EQ(stats.series, content.size());
    EXPECT_EQ(stats.samples, sample_count(content));
    EXPECT_EQ(stats.float_samples, stats.samples);
    EXPECT_EQ(stats.chunks, (*written)->chunks_copied);
    for (const auto& segment : fs::directory_iterator(dir / (ulid + "/chunks"))) {
      EXPECT_LE(fs::file_size(segment), options.chunk_segment_bytes + 2048);
    }
  }
  EXPECT_EQ(entries_in(dir.path()), 30U);
}

// Every series is in the postings of each of its labels and in no other, and in the list of all.
TEST(BlockWriter, PostingsAreExact) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  const BlockContent content = random_content(random, 100, kHour);
  const std::string ulid = new_ulid(1);
  const auto block =
      make_block(util::posix_env(), dir.path(), content, meta_of(ulid, 0, kHour.max + 1), random);
  const IndexReader& index = block->index();
  std::map<std::pair<std::string, std::string>, IdList> want;
  const IdList all = index.all_postings().value();
  EXPECT_EQ(all.size(), content.size());
  for (const SeriesId id : all) {
    const model::Labels labels = index.series_labels(id).value();
    for (const model::LabelView label : labels)
      want[{std::string(label.name), std::string(label.value)}].push_back(id);
  }
  std::size_t pairs = 0;
  for (const std::string_view name : index.label_names()) {
    for (const auto& entry : index.values(name)) {
      ++pairs;
      const auto key = std::pair(std::string(name), std::string(entry.value));
      EXPECT_EQ(index.postings(entry).value(), want[key]);
    }
  }
  EXPECT_EQ(pairs, want.size());
}

TEST(BlockWriter, LeavesOutWhatLiesOutsideOfItsRange) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  for (int round = 0; round < 20; ++round) {
    const BlockContent content = random_content(random, 20, kHour);
    const auto from = static_cast<model::TimestampMs>(random.below(3'000'000));
    const auto to = from + 1 + static_cast<model::TimestampMs>(random.below(600'000));
    const std::string ulid = new_ulid(round);
    ContentSource source(content, random, 130);
    const auto written =
        write_block(util::posix_env(), dir.path(), meta_of(ulid, from, to), source, {});
    ASSERT_TRUE(written.has_value());
    const BlockContent want = clipped(content, {from, to - 1});
    ASSERT_EQ(written->has_value(), !want.empty());
    if (!written->has_value()) continue;
    EXPECT_EQ(read_content(Block::open(util::posix_env(), dir / ulid).value()), want);
  }
}

// Goal: overlapping blocks become one; chunks that overlap nothing are not touched; what was
// deleted is gone. Method: random blocks with random deletions against maps.
TEST(BlockWriter, MergesBlocksAndDropsWhatWasDeleted) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  for (int round = 0; round < 20; ++round) {
    BlockContent want;
    std::vector<std::unique_ptr<SeriesSource>> sources;
    for (int part = 0; part < 3; ++part) {
      const auto from = static_cast<model::TimestampMs>(random.below(2'000'000));
      const BlockContent content = random_content(random, 20, {from, from + 1'000'000});
      const std::string ulid = new_ulid(round * 10 + part);
      auto block = make_block(util::posix_env(), dir.path(), content,
                              meta_of(ulid, from, from + 1'000'001), random);
      Tombstones stones;
      std::map<model::Labels, model::TimeRange> deleted;
      const IdList ids = block->index().all_postings().value();
      for (const SeriesId id : ids) {
        if (random.below(3) != 0) continue;
        const model::TimestampMs at =
            from + static_cast<model::TimestampMs>(random.below(1'000'000));
        const model::TimeRange range{at,
                                     at + static_cast<model::TimestampMs>(random.below(400'000))};
        stones.add(id, range);
        deleted[block->index().series_labels(id).value()] = range;
      }
      block = block->with_tombstones(util::posix_env(), std::move(stones)).value();
      BlockContent left;
      for (const auto& [labels, samples] : content) {
        for (const auto& [t, value] : samples) {
          const auto it = deleted.find(labels);
          if (it != deleted.end() && it->second.contains(t)) continue;
          left[labels][t] = value;
          want[labels].emplace(t, value);
        }
      }
      EXPECT_EQ(read_content(Block::open(util::posix_env(), dir / ulid).value()), left);
      sources.push_back(block_source(block));
    }
    // Which of two samples at one time is kept is a matter of the chunks' order.
    const auto merged = merge_sources(std::move(sources));
    const std::string ulid = new_ulid(round * 10 + 5);
    const auto written =
        write_block(util::posix_env(), dir.path(), meta_of(ulid, 0, 4'000'000), *merged, {});
    ASSERT_TRUE(written.has_value()) << written.error().message();
    const BlockContent got = read_content(Block::open(util::posix_env(), dir / ulid).value());
    ASSERT_EQ(got.size(), want.size());
    for (const auto& [labels, samples] : want) {
      std::vector<model::TimestampMs> want_times;
      std::vector<model::TimestampMs> got_times;
      for (const auto& [t, value] : samples) want_times.push_back(t);
      for (const auto& [t, value] : got.at(labels)) got_times.push_back(t);
      EXPECT_EQ(got_times, want_times) << labels.to_string();
    }
  }
}

// Goal: blocks that follow one another are joined without decoding a chunk.
TEST(BlockWriter, CopiesChunksThatDoNotOverlapByteForByte) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  const BlockContent content = random_content(random, 50, kHour);
  std::vector<std::unique_ptr<SeriesSource>> sources;
  std::uint64_t chunk_count = 0;
  for (int part = 0; part < 2; ++part) {
    const model::TimestampMs from = part * 1'800'000;
    const auto block =
        make_block(util::posix_env(), dir.path(), clipped(content, {from, from + 1'799'999}),
                   meta_of(new_ulid(part), from, from + 1'800'000), random);
    chunk_count += block->meta().stats.chunks;
    sources.push_back(block_source(block));
  }
  const std::string ulid = new_ulid(9);
  const auto written = write_block(util::posix_env(), dir.path(), meta_of(ulid, 0, kHour.max + 1),
                                   *merge_sources(std::move(sources)), {});
  ASSERT_TRUE(written.has_value() && written->has_value());
  EXPECT_EQ((*written)->chunks_copied, chunk_count);
  EXPECT_EQ((*written)->chunks_encoded, 0U);
  EXPECT_EQ(read_content(Block::open(util::posix_env(), dir / ulid).value()), content);
}

TEST(BlockWriter, WithoutSamplesThereIsNoBlock) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  ContentSource source(random_content(random, 5, kHour), random, 130);
  const auto written = write_block(util::posix_env(), dir.path(),
                                   meta_of(new_ulid(1), 10'000'000, 20'000'000), source, {});
  ASSERT_TRUE(written.has_value());
  EXPECT_FALSE(written->has_value());
  EXPECT_EQ(entries_in(dir.path()), 0U);
}

TEST(BlockWriter, StopsWhenAsked) {
  util::Random random = test::seeded_random();
  const test::TempDir dir;
  ContentSource source(random_content(random, 50, kHour), random, 130);
  int asked = 0;
  BlockWriteOptions options;
  options.stop = [&] { return ++asked > 3; };
  const auto written = write_block(util::posix_env(), dir.path(),
                                   meta_of(new_ulid(1), 0, kHour.max + 1), source, options);
  ASSERT_FALSE(written.has_value());
  EXPECT_EQ(written.error().code(), util::Code::kCanceled);
  EXPECT_EQ(entries_in(dir.path()), 0U);
}

}  // namespace
}  // namespace narthex::tsdb
