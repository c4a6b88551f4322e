// Goal: matchers on a block's index select what they select series by series.
// Method: the indexes of recorded blocks, every kind of matcher, against a loop over all series.
#include "tsdb/block/block_selection.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/random_seed.h"
#include "support/temp_dir.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;
using model::Matcher;
using model::MatchOp;

std::vector<std::string> recorded_indexes(const test::TempDir& scratch) {
  const char* given = std::getenv("CONFORMANCE_DIR");  // NOLINT(concurrency-mt-unsafe)
  const fs::path root = fs::path(given != nullptr ? given : "../shared/conformance") / "tsdb";
  std::vector<std::string> out;
  if (!fs::exists(root)) return out;
  for (const auto& entry : fs::directory_iterator(root)) {
    if (!entry.path().string().ends_with(".tar.zst")) continue;
    const std::string command =
        "tar --zstd -xf '" + entry.path().string() + "' -C '" + scratch.path() + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);  // NOLINT(concurrency-mt-unsafe)
  }
  for (const fs::path& folder : {fs::path(scratch.path()), root}) {
    for (const auto& entry : fs::recursive_directory_iterator(folder)) {
      if (entry.path().filename() == "index") out.push_back(entry.path().string());
    }
  }
  return out;
}

class Model {
 public:
  explicit Model(const IndexReader& index) {
    const IdList ids = index.all_postings().value();
    for (const SeriesId id : ids) series_.emplace_back(id, index.series_labels(id).value());
  }
  [[nodiscard]] bool empty() const { return series_.empty(); }
  [[nodiscard]] IdList select(const std::vector<Matcher>& matchers) const {
    IdList out;
    for (const auto& [id, labels] : series_) {
      const model::Labels& one = labels;
      if (std::ranges::all_of(matchers, [&](const Matcher& m) { return m.matches_labels(one); }))
        out.push_back(id);
    }
    return out;
  }
  [[nodiscard]] const model::Labels& any(util::Random& random) const {
    return series_[random.below(series_.size())].second;
  }

 private:
  std::vector<std::pair<SeriesId, model::Labels>> series_;
};

// A matcher about a label that some series has, or that none has.
Matcher random_matcher(const Model& model, util::Random& random) {
  std::string name = "absent";
  std::string value = "x";
  if (random.below(8) != 0) {
    const model::Labels& labels = model.any(random);
    auto it = labels.begin();
    for (std::uint64_t skip = random.below(labels.size()); skip > 0; --skip) ++it;
    name = std::string((*it).name);
    value = std::string((*it).value);
  }
  const std::string other(model.any(random).get(name));
  const auto quoted = [](const std::string& text) {
    std::string out;
    for (const char c : text) {
      if (std::isalnum(static_cast<unsigned char>(c)) == 0) out += '\\';
      out += c;
    }
    return out;
  };
  const std::vector<std::string> texts = {value, "", other, "none"};
  const std::vector<std::string> patterns = {
      quoted(value), quoted(value) + "|" + quoted(other), quoted(value) + "|", ".*", ".+", "",
      "[a-m].*",     quoted(value.substr(0, 2)) + ".*"};
  const auto op = static_cast<MatchOp>(random.below(4));
  const bool is_regex = op == MatchOp::kRegex || op == MatchOp::kNotRegex;
  const auto& choice = is_regex ? patterns : texts;
  std::string text = choice[random.below(choice.size())];
  auto matcher = Matcher::make(op, name, text);
  return matcher ? *matcher : Matcher::equal(name, value);
}

TEST(BlockSelection, AgreesWithALoopOverAllSeries) {
  const test::TempDir scratch;
  const auto indexes = recorded_indexes(scratch);
  if (indexes.empty()) GTEST_SKIP() << "no conformance data";
  util::Random random = test::seeded_random();
  for (const std::string& path : indexes) {
    const auto index = IndexReader::open(util::posix_env(), path);
    ASSERT_TRUE(index.has_value()) << index.error().message();
    const Model model(**index);
    if (model.empty()) continue;  // The one that wants a repair first.
    for (int round = 0; round < 200; ++round) {
      std::vector<Matcher> matchers;
      std::string text;
      for (std::uint64_t count = random.below(4); count > 0; --count) {
        matchers.push_back(random_matcher(model, random));
        text += matchers.back().to_string() + " ";
      }
      const auto got = select_block_series(**index, matchers, {});
      ASSERT_TRUE(got.has_value()) << got.error().message();
      EXPECT_EQ(*got, model.select(matchers)) << text;
    }
  }
}

TEST(BlockSelection, StopsAtTheDeadline) {
  const test::TempDir scratch;
  const auto indexes = recorded_indexes(scratch);
  if (indexes.empty()) GTEST_SKIP() << "no conformance data";
  const auto index = IndexReader::open(util::posix_env(), indexes.front());
  ASSERT_TRUE(index.has_value());
  std::stop_source stop;
  stop.request_stop();
  const auto got = select_block_series(**index, {}, {.stop = stop.get_token()});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code(), util::Code::kCanceled);
}

}  // namespace
}  // namespace narthex::tsdb
