// Goal: whatever file of a data directory has a flipped bit or is cut short, the server starts, no
// sample has a wrong value, what other files hold is all there, and what is missing was reported.
// Method: a small directory with several blocks and a log, damaged at random, one file at a time.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>

#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/tsdb/db.h"
#include "narthex/util/random.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;
using model::Labels;

constexpr std::int64_t kRangeMs = 60'000;
constexpr std::int64_t kStepMs = 1'000;
constexpr int kSeries = 5;
constexpr int kSteps = 400;
constexpr int kTrialsPerFile = 12;
constexpr std::int64_t kWindowMs = 20'000;

// Of every series, by its text: values by time.
using Content = std::map<std::string, std::map<model::TimestampMs, double>>;

double value_at(int series, model::TimestampMs t) {
  return static_cast<double>((t * 31 + series * 1009) % 7919) / 8;
}

class Damage : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(::testing::TempDir()) / fmt::format("narthex-damage-{}", ::getpid());
    fs::remove_all(root_);
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }

  DbOptions options_at(const fs::path& path) const {
    DbOptions options;
    options.snapshot_at_close = snapshot_at_close_;
    options.path = path.string();
    options.block_range_min = std::chrono::milliseconds(kRangeMs);
    options.block_range_max = std::chrono::milliseconds(kRangeMs);
    options.retention = std::chrono::milliseconds(0);
    options.samples_per_chunk = 20;
    return options;
  }
  void build(const fs::path& path) {
    auto db = Db::open(options_at(path)).value();
    std::vector<Labels> labels;
    for (int i = 0; i < kSeries; ++i)
      labels.push_back(Labels{{"__name__", "m"}, {"i", std::to_string(i)}, {"job", "test"}});
    std::vector<storage::EnsuredSeries> ensured(labels.size());
    ASSERT_TRUE(db->ensure_series(labels, ensured).has_value());
    for (int n = 0; n < kSteps; ++n) {
      const model::TimestampMs t = n * kStepMs;
      storage::WriteBatch batch;
      for (int i = 0; i < kSeries; ++i) {
        batch.add(ensured[static_cast<std::size_t>(i)].ref, t, value_at(i, t));
        truth_[labels[static_cast<std::size_t>(i)].to_string()][t] = value_at(i, t);
      }
      storage::AppendReport report;
      ASSERT_TRUE(db->append(batch, storage::Atomicity::kKeepGood, report).has_value());
      if (n % 50 == 49) {
        ASSERT_TRUE(db->maintain().has_value());
      }
    }
    ASSERT_GE(db->blocks().size(), 3U);
    ASSERT_TRUE(db->close().has_value());
  }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::recursive_directory_iterator(root_ / "sound")) {
      if (entry.is_regular_file() && entry.file_size() > 0)
        out.push_back(fs::relative(entry.path(), root_ / "sound"));
    }
    std::ranges::sort(out);
    return out;
  }
  enum class Kind : std::uint8_t { kCut, kFlipped };
  static Kind damage(const fs::path& file, util::Random& random) {
    const auto size = static_cast<std::uint64_t>(fs::file_size(file));
    if (random.below(3) == 0) {
      fs::resize_file(file, random.below(size));
      return Kind::kCut;
    }
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    const auto at = static_cast<std::streamoff>(random.below(size));
    stream.seekg(at);
    char byte = 0;
    stream.get(byte);
    stream.seekp(at);
    stream.put(static_cast<char>(byte ^ static_cast<char>(1U << random.below(8))));
    return Kind::kFlipped;
  }
  struct Got {
    Content content;
    bool reported = false;
  };
  // Window by window: a query that meets the damage fails, the others do not.
  static Got read_all(Db& db) {
    Got got;
    got.reported = !db.blocks_set_aside().empty() || db.replay_report().damaged_regions > 0 ||
                   db.replay_report().chunk_files_damaged_regions > 0;
    for (model::TimestampMs begin = 0; begin < kSteps * kStepMs; begin += kWindowMs)
      read_window(db, {begin, begin + kWindowMs - 1}, got);
    return got;
  }
  static void read_window(Db& db, model::TimeRange range, Got& got) {
    const auto querier = db.querier(range).value();
    const std::vector<model::Matcher> matchers = {model::Matcher::equal("job", "test")};
    const auto set = querier->select(matchers, storage::SeriesOrder::kByLabels, {});
    if (!set) {
      EXPECT_EQ(set.error().code(), util::Code::kCorruption) << set.error().message();
      got.reported = true;
      return;
    }
    for (std::size_t i = 0; i < (*set)->size(); ++i) {
      storage::SampleColumns samples;
      const auto read = (*set)->read(i, range, samples);
      if (!read) {
        EXPECT_EQ(read.error().code(), util::Code::kCorruption) << read.error().message();
        got.reported = true;
      }
      auto& one = got.content[(*set)->labels(i).to_string()];
      for (std::size_t k = 0; k < samples.float_values.size(); ++k)
        one[samples.float_timestamps[k]] = samples.float_values[k];
    }
  }
  // The number of samples that are missing.
  std::size_t compare(const Got& got) const {
    std::size_t right = 0;
    for (const auto& [series, samples] : got.content) {
      const auto want = truth_.find(series);
      if (want == truth_.end()) {
        ADD_FAILURE() << series << " never was";
        continue;
      }
      for (const auto& [t, v] : samples) {
        const auto it = want->second.find(t);
        EXPECT_TRUE(it != want->second.end() && it->second == v)
            << series << " at " << t << ": " << v;
      }
      right += samples.size();
    }
    return std::size_t{kSeries} * kSteps - right;
  }

  // The first of every series.
  std::string text_of_missing(const Got& got) const {
    std::string out;
    for (const auto& [series, samples] : truth_) {
      const auto found = got.content.find(series);
      for (const auto& [t, v] : samples) {
        if (found != got.content.end() && found->second.contains(t)) continue;
        out += fmt::format("{} at {} ", series, t);
        break;
      }
    }
    return out;
  }
  // Of the directory "sound".
  void damage_every_file();

  fs::path root_;
  Content truth_;
  bool snapshot_at_close_ = true;
};

void Damage::damage_every_file() {
  build(root_ / "sound");
  util::Random random(::testing::UnitTest::GetInstance()->random_seed() + 17);
  for (const fs::path& file : files()) {
    for (int trial = 0; trial < kTrialsPerFile; ++trial) {
      SCOPED_TRACE(fmt::format("{} trial {}", file.string(), trial));
      const fs::path path = root_ / "damaged";
      fs::remove_all(path);
      fs::copy(root_ / "sound", path, fs::copy_options::recursive);
      const Kind kind = damage(path / file, random);
      auto db = Db::open(options_at(path));
      ASSERT_TRUE(db.has_value()) << db.error().message();
      const Got got = read_all(**db);
      const std::size_t missing = compare(got);
      // The end of a log that is cut between two records looks as if it had ended there.
      const bool is_silent = kind == Kind::kCut && *file.begin() == "wal";
      if (missing != 0 && !is_silent) {
        EXPECT_TRUE(got.reported) << missing
                                  << " samples went without a word: " << text_of_missing(got);
      }
      // No file but the log holds more than one range.
      const bool is_block = file.begin()->string().size() == 26;
      // What a block has is known without its meta.json.
      if (file.filename() == "meta.json") {
        EXPECT_EQ(missing, 0U);
      }
      if (is_block && !is_silent) {
        EXPECT_LE(missing, std::size_t{kSeries} * kRangeMs / kStepMs);
      }
      ASSERT_TRUE((*db)->close().has_value());
      // It starts the second time as well.
      ASSERT_TRUE(Db::open(options_at(path)).has_value());
    }
  }
}

TEST_F(Damage, OfAnyFileCostsOnlyWhatIsDamagedAndIsReported) {
  damage_every_file();
}

TEST_F(Damage, OfAnyFileWithoutASnapshotOfTheHeadToo) {
  snapshot_at_close_ = false;
  damage_every_file();
}

}  // namespace
}  // namespace narthex::tsdb
