#include "tsdb/head/head_chunk_files.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/util/random.h"

#include "unit/tsdb/faulty_env.h"

namespace narthex::tsdb {
namespace {

constexpr const char* kFirst = "/data/chunks_head/000001";

struct Visited {
  std::uint64_t series = 0;
  model::TimestampMs min = 0;
  bool after_damage = false;
  bool operator==(const Visited&) const = default;
};

class HeadChunkFilesTest : public ::testing::Test {
 protected:
  // Chunk n is of series n, at time n.
  static std::string payload(std::uint64_t n) {
    return fmt::format("{:04}", n) + std::string(60, 'x');
  }
  util::Result<std::vector<FileChunkRef>> append(HeadChunkFiles& files, std::uint64_t first,
                                                 std::uint64_t count) {
    std::vector<std::string> payloads;
    payloads.reserve(count);
    std::vector<FileChunk> chunks;
    for (std::uint64_t n = first; n < first + count; ++n) {
      payloads.push_back(payload(n));
      const auto t = static_cast<model::TimestampMs>(n);
      chunks.push_back({.series = n,
                        .min = t,
                        .max = t,
                        .encoding = 1,
                        .late = false,
                        .payload = payloads.back()});
    }
    std::vector<FileChunkRef> refs;
    NX_TRY(files.append(chunks, refs));
    return refs;
  }
  void expect_readable(const HeadChunkFiles& files, std::uint64_t first,
                       std::span<const FileChunkRef> refs) {
    for (std::size_t i = 0; i < refs.size(); ++i) {
      const auto chunk = files.read(refs[i]);
      ASSERT_TRUE(chunk.has_value()) << chunk.error().message();
      EXPECT_EQ(chunk->payload, payload(first + i));
      EXPECT_EQ(chunk->encoding, 1);
    }
  }
  std::vector<Visited> load(HeadChunkFiles& files) {
    std::vector<Visited> out;
    const auto damage =
        files.load([&](const FileChunk& chunk, FileChunkRef ref, bool after_damage) {
          out.push_back({chunk.series, chunk.min, after_damage});
          refs_.push_back(ref);
        });
    EXPECT_TRUE(damage.has_value());
    if (damage) damage_ = *damage;
    return out;
  }
  FaultyEnv env_;
  HeadChunksDamage damage_;
  std::vector<FileChunkRef> refs_;
};

TEST_F(HeadChunkFilesTest, ReadsWhatWasWrittenNowAndAfterARestart) {
  HeadChunkFiles files(env_, "/data", {.file_bytes_max = 2000});
  std::vector<FileChunkRef> all;
  for (std::uint64_t n = 1; n <= 91; n += 10) {
    const auto refs = append(files, n, 10).value();
    all.insert(all.end(), refs.begin(), refs.end());
    expect_readable(files, 1, all);
  }
  EXPECT_GT(files.current_file(), 3U);
  const std::uint32_t last = files.current_file();

  HeadChunkFiles again(env_, "/data");
  const auto visited = load(again);
  ASSERT_EQ(visited.size(), 100U);
  for (std::uint64_t n = 1; n <= 100; ++n)
    EXPECT_EQ(visited[n - 1], (Visited{n, static_cast<model::TimestampMs>(n), false}));
  EXPECT_EQ(refs_, all);
  EXPECT_EQ(damage_.regions, 0U);
  expect_readable(again, 1, all);
  EXPECT_EQ(again.current_file(), last + 1);

  // What goes away stays readable for whoever reads it.
  const auto held = again.read(all[0]).value();
  ASSERT_TRUE(again.remove_before(3).has_value());
  EXPECT_EQ(held.payload, payload(1));
  EXPECT_EQ(again.read(all[0]).error().code(), util::Code::kCorruption);
  EXPECT_FALSE(env_.exists(kFirst));
  expect_readable(again, 91, std::span(all).subspan(90));
}

TEST_F(HeadChunkFilesTest, AFaultAtAnyOperationCostsNothingThatWasAccepted) {
  for (const bool lasting : {false, true}) {
    for (const std::size_t written : {std::size_t{0}, std::size_t{5}, std::size_t{150}}) {
      for (std::size_t k = 0; k < 30; ++k) {
        SCOPED_TRACE(fmt::format("lasting {} written {} operation {}", lasting, written, k));
        FaultyEnv env;
        HeadChunkFiles files(env, "/data", {.file_bytes_max = 1000});
        env.set_plan(
            [&](FileOperation operation, std::size_t number) -> std::optional<FaultyEnv::Fault> {
              if (lasting ? number < k || number > k + 6 : number != k) return std::nullopt;
              return FaultyEnv::Fault{util::Code::kNoSpace,
                                      operation == FileOperation::kWrite ? written : 0};
            });
        std::map<std::uint64_t, FileChunkRef> accepted;
        std::uint64_t n = 1;
        int failed = 0;
        while (n <= 40) {
          const auto refs = append(files, n, 4);
          if (!refs) {
            ASSERT_LT(++failed, 20);
            continue;
          }
          for (std::size_t i = 0; i < 4; ++i) accepted[n + i] = (*refs)[i];
          n += 4;
        }
        env.set_plan({});
        for (const auto& [series, ref] : accepted) expect_readable(files, series, {&ref, 1});
        env.lose_power();
        HeadChunkFiles again(env, "/data");
        std::map<std::uint64_t, std::size_t> seen;
        std::uint64_t newest = 0;
        ASSERT_TRUE(again
                        .load([&](const FileChunk& chunk, FileChunkRef, bool) {
                          ++seen[chunk.series];
                          EXPECT_EQ(chunk.payload, payload(chunk.series));
                          if (!lasting) {
                            EXPECT_GT(chunk.series, newest);
                          }
                          newest = chunk.series;
                        })
                        .has_value());
        EXPECT_EQ(seen.size(), 40U);
        // No gap, whatever happened.
        const auto paths = env.paths("/data/chunks_head/");
        for (std::size_t i = 0; i < paths.size(); ++i)
          EXPECT_EQ(paths[i], fmt::format("/data/chunks_head/{:06}", i + 1));
      }
    }
  }
}

TEST_F(HeadChunkFilesTest, DamageIsSetAsideAndMetOnlyOnce) {
  {
    HeadChunkFiles files(env_, "/data", {.file_bytes_max = 1200});
    for (std::uint64_t n = 1; n <= 31; n += 10) ASSERT_TRUE(append(files, n, 10).has_value());
  }
  std::string bytes = env_.content(kFirst);
  bytes[300] = static_cast<char>(bytes[300] ^ 4);
  env_.set_content(kFirst, bytes);

  HeadChunkFiles files(env_, "/data");
  const auto visited = load(files);
  ASSERT_EQ(visited.size(), 39U);
  EXPECT_EQ(damage_.regions, 1U);
  ASSERT_EQ(damage_.set_aside.size(), 4U);
  EXPECT_EQ(env_.content(damage_.set_aside[0]), bytes);
  EXPECT_TRUE(visited.back().after_damage) << "in a later file, too";
  // The files end before the damage, and go on there.
  EXPECT_EQ(files.current_file(), 2U);
  std::size_t kept = 0;
  for (; !visited[kept].after_damage; ++kept)
    expect_readable(files, visited[kept].series, {&refs_[kept], 1});
  ASSERT_TRUE(append(files, 50, 1).has_value());

  HeadChunkFiles again(env_, "/data");
  EXPECT_EQ(load(again).size(), kept + 1);
  EXPECT_EQ(damage_.regions, 0U);
}

TEST_F(HeadChunkFilesTest, BehindAMissingFileTheFilesEnd) {
  {
    HeadChunkFiles files(env_, "/data", {.file_bytes_max = 1200});
    for (std::uint64_t n = 1; n <= 31; n += 10) ASSERT_TRUE(append(files, n, 10).has_value());
  }
  ASSERT_TRUE(env_.remove_file("/data/chunks_head/000002").has_value());
  HeadChunkFiles files(env_, "/data");
  const auto visited = load(files);
  EXPECT_EQ(visited.size(), 30U);
  EXPECT_FALSE(visited.front().after_damage);
  EXPECT_TRUE(visited.back().after_damage);
  EXPECT_EQ(damage_.regions, 1U);
  EXPECT_EQ(damage_.set_aside.size(), 2U);
  EXPECT_EQ(env_.paths("/data/chunks_head/").size(), 1U);
  HeadChunkFiles again(env_, "/data");
  EXPECT_EQ(load(again).size(), 10U);
  EXPECT_EQ(damage_.regions, 0U);
}

TEST_F(HeadChunkFilesTest, AFileThatWasOnlyBegunIsRemoved) {
  {
    HeadChunkFiles files(env_, "/data");
    ASSERT_TRUE(append(files, 1, 10).has_value());
  }
  for (const std::string& content :
       {std::string(), std::string("\x01\x30"), std::string(4096, '\0')}) {
    env_.set_content("/data/chunks_head/000002", content);
    HeadChunkFiles files(env_, "/data");
    EXPECT_EQ(load(files).size(), 10U);
    EXPECT_EQ(damage_.regions, 0U);
    EXPECT_EQ(files.current_file(), 2U);
    EXPECT_FALSE(env_.exists("/data/chunks_head/000002"));
  }
}

TEST_F(HeadChunkFilesTest, AnythingCutOrFlippedLeavesOnlySoundChunks) {
  {
    HeadChunkFiles files(env_, "/data");
    ASSERT_TRUE(append(files, 1, 12).has_value());
  }
  const std::string bytes = env_.content(kFirst);
  util::Random random(7);
  for (int round = 0; round < 400; ++round) {
    FaultyEnv env;
    std::string changed = bytes;
    if (random.below(2) == 0) {
      changed.resize(random.below(changed.size()));
    } else {
      const std::size_t at = random.below(changed.size());
      changed[at] = static_cast<char>(changed[at] ^ (1 << random.below(8)));
    }
    env.set_content(kFirst, changed);
    HeadChunkFiles files(env, "/data");
    std::uint64_t newest = 0;
    ASSERT_TRUE(files
                    .load([&](const FileChunk& chunk, FileChunkRef ref, bool after_damage) {
                      EXPECT_GT(chunk.series, newest);
                      newest = chunk.series;
                      EXPECT_EQ(chunk.payload, payload(chunk.series));
                      if (!after_damage) expect_readable(files, chunk.series, {&ref, 1});
                    })
                    .has_value());
    const auto refs = append(files, 100, 3);
    ASSERT_TRUE(refs.has_value());
    expect_readable(files, 100, *refs);
  }
}

}  // namespace
}  // namespace narthex::tsdb
