// The data directory, in both directions, with a real Prometheus. Binaries: $PROMETHEUS_BIN and
// $PROMTOOL_BIN, or those on the PATH; the tests skip when there are none.
#include <algorithm>
#include <array>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <memory>
#include <thread>

#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "narthex/model/stale.h"
#include "narthex/tsdb/db.h"
#include "narthex/util/number.h"
#include "narthex/util/random.h"

#include "support/temp_dir.h"
#include "unit/tsdb/histogram_content.h"

namespace narthex::tsdb {
namespace {

namespace fs = std::filesystem;

// Series → timestamp → value as text, so that NaN equals NaN.
using Content = std::map<std::string, std::map<model::TimestampMs, std::string>>;

std::string find_program(const char* variable, const std::string& name) {
  if (const char* given = std::getenv(variable))
    return given;                          // NOLINT(concurrency-mt-unsafe): tests set no variables.
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe)
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const auto colon = rest.find(':');
    const std::string candidate = std::string(rest.substr(0, colon)) + "/" + name;
    if (::access(candidate.c_str(), X_OK) == 0) return candidate;
    if (colon == std::string_view::npos) break;
    rest.remove_prefix(colon + 1);
  }
  return {};
}

std::string value_text(double value) {
  std::string out;
  util::append_value(out, value);
  return out;
}

std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), ::pclose);
  std::string out;
  std::array<char, 65536> buffer;
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe.get())) > 0;)
    out.append(buffer.data(), got);
  return out;
}

// A histogram as promtool prints it: count, sum, and the buckets that are not empty. Bounds with
// fewer digits, because they are computed.
struct PrintedHistogram {
  double count = 0;
  double sum = 0;
  std::map<double, std::pair<double, double>> buckets;  // Lower bound → upper bound, observations.
  [[nodiscard]] std::string text() const {
    std::string out = fmt::format("count {} sum {}", value_text(count),
                                  std::isnan(sum) ? "NaN" : value_text(sum));
    for (const auto& [lower, bucket] : buckets)
      out += fmt::format(" {:.9g}…{:.9g}:{}", lower + 0.0, bucket.first, value_text(bucket.second));
    return out;
  }
};

// "{count:3, sum:1.5, [-0.001,0.001]:1, (1,2]:2}"
std::string histogram_text(std::string_view printed) {
  PrintedHistogram out;
  const auto number = [](std::string_view text) { return util::parse_double(text).value(); };
  printed = printed.substr(1, printed.size() - 2);
  while (!printed.empty()) {
    const std::string_view item = printed.substr(0, printed.find(", "));
    printed.remove_prefix(std::min(printed.size(), item.size() + 2));
    const auto colon = item.rfind(':');
    const double value = number(item.substr(colon + 1));
    if (item.starts_with("count:")) {
      out.count = value;
    } else if (item.starts_with("sum:")) {
      out.sum = value;
    } else {
      const auto comma = item.find(',');
      out.buckets[number(item.substr(1, comma - 1))] = {
          number(item.substr(comma + 1, colon - comma - 2)), value};
    }
  }
  return out.text();
}

std::string histogram_text(const model::FloatHistogram& h) {
  const PlainHistogram plain_one = plain(h);
  PrintedHistogram out;
  if (plain_one.stale) {
    out.sum = h.sum;
    return out.text();
  }
  out.count = h.count;
  out.sum = h.sum;
  const auto bound = [&h](std::int64_t index) {
    if (h.schema != model::kCustomBucketsSchema)
      return std::exp2(std::ldexp(static_cast<double>(index), -h.schema));
    const auto at = static_cast<std::size_t>(index);
    if (index < 0) return -std::numeric_limits<double>::infinity();
    return at < h.custom_values.size() ? h.custom_values[at]
                                       : std::numeric_limits<double>::infinity();
  };
  for (const auto& [index, n] : plain_one.positive)
    out.buckets[bound(index - 1)] = {bound(index), n};
  for (const auto& [index, n] : plain_one.negative)
    out.buckets[-bound(index)] = {-bound(index - 1), n};
  if (h.zero_count != 0) out.buckets[-h.zero_threshold] = {h.zero_threshold, h.zero_count};
  return out.text();
}

// What `promtool tsdb dump` says: one sample a line, "{labels} value timestamp".
Content dump(const std::string& promtool, const std::string& directory) {
  Content content;
  const std::string text =
      output_of(fmt::format("'{}' tsdb dump '{}' 2>/dev/null", promtool, directory));
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    const auto time_at = line.rfind(' ');
    if (const auto histogram_at = line.rfind(" {count:"); histogram_at != std::string_view::npos) {
      content[std::string(line.substr(0, histogram_at))]
             [std::stoll(std::string(line.substr(time_at + 1)))] =
                 histogram_text(line.substr(histogram_at + 1, time_at - histogram_at - 1));
      continue;
    }
    const auto value_at = line.rfind(' ', time_at - 1);
    if (time_at == std::string_view::npos || value_at == std::string_view::npos) continue;
    const auto value = util::parse_double(line.substr(value_at + 1, time_at - value_at - 1));
    content[std::string(line.substr(0, value_at))]
           [std::stoll(std::string(line.substr(time_at + 1)))] = value_text(value.value());
  }
  return content;
}

Content read_all(Db& db) {
  Content content;
  const auto querier = db.querier({}).value();
  const std::vector<model::Matcher> matchers = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".+").value()};
  const auto set = querier->select(matchers, storage::SeriesOrder::kAny, {}).value();
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    EXPECT_TRUE(set->read(i, {}, samples).has_value());
    auto& one = content[set->labels(i).to_string()];
    for (std::size_t k = 0; k < samples.float_values.size(); ++k)
      one[samples.float_timestamps[k]] = value_text(samples.float_values[k]);
    for (std::size_t k = 0; k < samples.histograms.size(); ++k)
      one[samples.histogram_timestamps[k]] = histogram_text(samples.histograms[k]);
  }
  return content;
}

TEST(PrometheusInterop, PrometheusReadsOurLog) {
  const std::string promtool = find_program("PROMTOOL_BIN", "promtool");
  if (promtool.empty()) GTEST_SKIP() << "no promtool";
  const test::TempDir directory;
  Content want;
  {
    DbOptions options;
    options.path = directory.path();
    options.wal_segment_bytes = std::uint64_t{256} << 10U;
    auto db = Db::open(options).value();
    util::Random random(1);
    std::vector<model::Labels> labels;
    for (int i = 0; i < 300; ++i) {
      labels.push_back(model::Labels{
          {"__name__", "m"}, {"i", std::to_string(i)}, {"odd", i % 2 == 0 ? "" : "\"ü\\\n"}});
    }
    std::vector<storage::EnsuredSeries> ensured(labels.size());
    ASSERT_TRUE(db->ensure_series(labels, ensured).has_value());
    for (int round = 0; round < 300; ++round) {
      storage::WriteBatch batch;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        if (random.below(10) == 0) continue;
        double value = random.below(2) == 0 ? random.unit() * 1000 : round;
        if (random.below(50) == 0) value = model::stale_nan();
        const model::TimestampMs t =
            1'748'736'000'000 + round * 15'000 + static_cast<model::TimestampMs>(random.below(20));
        batch.add(ensured[i].ref, t, value);
        want[labels[i].to_string()][t] = value_text(value);
      }
      storage::AppendReport report;
      ASSERT_TRUE(db->append(batch, storage::Atomicity::kAllOrNothing, report).has_value());
    }
    ASSERT_EQ(read_all(*db), want);
  }
  EXPECT_GT(std::distance(fs::directory_iterator(directory / "wal"), fs::directory_iterator()), 1);
  EXPECT_EQ(dump(promtool, directory.path()), want);
}

// Goal: chunks of late samples in files of head chunks, and the markers of them, mean to Prometheus
// what they mean to us. Method: a marker makes it forget what the log has before; so what it knows
// of that comes from the files, and what is not there must stand behind the marker.
TEST(PrometheusInterop, PrometheusReadsOurLateChunks) {
  const std::string promtool = find_program("PROMTOOL_BIN", "promtool");
  if (promtool.empty()) GTEST_SKIP() << "no promtool";
  const test::TempDir directory;
  constexpr model::TimestampMs kBegin = 1'748'736'000'000;
  Content want;
  {
    DbOptions options;
    options.path = directory.path();
    options.out_of_order_window = std::chrono::hours(1);
    auto db = Db::open(options).value();
    util::Random random(3);
    std::vector<model::Labels> labels;
    for (int i = 0; i < 20; ++i)
      labels.push_back(model::Labels{{"__name__", "m"}, {"i", std::to_string(i)}});
    std::vector<storage::EnsuredSeries> ensured(labels.size());
    ASSERT_TRUE(db->ensure_series(labels, ensured).has_value());
    const auto append = [&](std::size_t i, model::TimestampMs t) {
      if (want[labels[i].to_string()].contains(t)) return;
      const double value = random.unit();
      storage::WriteBatch batch;
      batch.add(ensured[i].ref, t, value);
      storage::AppendReport report;
      ASSERT_TRUE(db->append(batch, storage::Atomicity::kAllOrNothing, report).has_value());
      want[labels[i].to_string()][t] = value_text(value);
    };
    for (std::size_t i = 0; i < labels.size(); ++i) append(i, kBegin + 3'600'000);
    for (int round = 0; round < 3; ++round) {
      for (int k = 0; k < 75; ++k) {
        for (std::size_t i = 0; i < labels.size(); ++i)
          append(i, kBegin + 1 + static_cast<model::TimestampMs>(random.below(3'000'000)));
      }
      if (round < 2) {
        ASSERT_TRUE(db->maintain().has_value());
      }
    }
    ASSERT_EQ(read_all(*db), want);
    ASSERT_TRUE(db->blocks().empty());
  }
  EXPECT_EQ(dump(promtool, directory.path()), want);
  DbOptions options;
  options.path = directory.path();
  const auto db = Db::open(options).value();
  EXPECT_GE(db->replay_report().late_chunks, 20U * 4);
  EXPECT_EQ(read_all(*db), want);
}

// Runs until it is told to die. Its log goes to a file in the directory.
class PrometheusProcess {
 public:
  PrometheusProcess(const std::string& binary, const std::string& config, const std::string& data)
      : pid_(::fork()) {
    if (pid_ != 0) return;
    const std::string log = data + ".log";
    if (std::freopen(log.c_str(), "w", stderr) == nullptr) ::_exit(126);
    const std::string config_flag = "--config.file=" + config;
    const std::string data_flag = "--storage.tsdb.path=" + data;
    ::execl(binary.c_str(), binary.c_str(), config_flag.c_str(), data_flag.c_str(),
            "--web.listen-address=127.0.0.1:0", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ~PrometheusProcess() { kill(); }
  PrometheusProcess(const PrometheusProcess&) = delete;
  PrometheusProcess& operator=(const PrometheusProcess&) = delete;
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

TEST(PrometheusInterop, WeReadPrometheusLog) {
  const std::string prometheus = find_program("PROMETHEUS_BIN", "prometheus");
  const std::string promtool = find_program("PROMTOOL_BIN", "promtool");
  if (prometheus.empty() || promtool.empty()) GTEST_SKIP() << "no prometheus or promtool";
  const test::TempDir directory;
  const std::string data = directory / "data";
  // A target that does not exist is scraped all the same: up and scrape_* are written, stale
  // markers among them; recording rules make some more.
  std::ofstream(directory / "rules.yml")
      << "groups: [{name: g, interval: 1s, rules: [{record: 'a:b', expr: 'vector(time())'}]}]\n";
  std::ofstream(directory / "prometheus.yml")
      << "global: {scrape_interval: 1s}\n"
      << "rule_files: [rules.yml]\n"
      << "scrape_configs: [{job_name: none, static_configs: [{targets: ['127.0.0.1:9']}]}]\n";
  PrometheusProcess process(prometheus, directory / "prometheus.yml", data);
  const std::string segment = data + "/wal/00000000";
  // Until it has written a few rounds.
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!fs::exists(segment) || fs::file_size(segment) < 1000) {
    ASSERT_LT(std::chrono::steady_clock::now(), give_up) << "prometheus wrote nothing";
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  process.kill();
  const Content want = dump(promtool, data);
  ASSERT_FALSE(want.empty());
  DbOptions options;
  options.path = data;
  auto db = Db::open(options).value();
  EXPECT_EQ(db->replay_report().damaged_regions, 0U);
  EXPECT_EQ(read_all(*db), want);
}

// promtool lists and analyses the blocks, with our numbers of samples and series.
void expect_known(const std::string& promtool, const std::string& directory,
                  const std::vector<BlockInfo>& blocks) {
  const std::string list = output_of(fmt::format("'{}' tsdb list '{}'", promtool, directory));
  for (const BlockInfo& block : blocks) {
    const auto at = list.find(block.ulid);
    ASSERT_NE(at, std::string::npos) << list;
    const std::string line = list.substr(at, list.find('\n', at) - at);
    EXPECT_NE(line.find(std::to_string(block.samples)), std::string::npos) << line;
    const std::string analysis =
        output_of(fmt::format("'{}' tsdb analyze '{}' {} 2>&1", promtool, directory, block.ulid));
    EXPECT_NE(analysis.find(fmt::format("Series: {}", block.series)), std::string::npos)
        << analysis;
  }
}

// Goal: blocks that we cut, compacted and deleted from are Prometheus's own.
// Method: twelve hours of samples; promtool lists, analyses and dumps what we answer.
TEST(PrometheusInterop, PrometheusReadsOurBlocks) {
  const std::string promtool = find_program("PROMTOOL_BIN", "promtool");
  if (promtool.empty()) GTEST_SKIP() << "no promtool";
  const test::TempDir directory;
  constexpr model::TimestampMs kStep = 15'000;
  constexpr int kSteps = 12 * 240;
  DbOptions options;
  options.path = directory.path();
  options.wal_sync_interval = std::chrono::milliseconds(0);
  options.chunk_segment_bytes = 32 << 10;
  auto db = Db::open(options).value();
  std::vector<model::Labels> labels;
  for (int i = 0; i < 20; ++i) {
    labels.push_back(model::Labels{
        {"__name__", "m"}, {"i", std::to_string(i)}, {"odd", i % 2 == 0 ? "" : "\"ü\\\n"}});
  }
  std::vector<storage::EnsuredSeries> ensured(labels.size());
  ASSERT_TRUE(db->ensure_series(labels, ensured).has_value());
  util::Random random(7);
  for (int step = 0; step < kSteps; ++step) {
    storage::WriteBatch batch;
    for (const auto& one : ensured) {
      if (random.below(10) == 0) continue;
      batch.add(
          one.ref, 1'700'000'000'000 + step * kStep,
          random.below(50) == 0 ? model::stale_nan() : static_cast<double>(random.below(1000)) / 8);
    }
    storage::AppendReport report;
    ASSERT_TRUE(db->append(batch, storage::Atomicity::kKeepGood, report).has_value());
    if (step % 240 == 0) {
      ASSERT_TRUE(db->maintain().has_value());
    }
  }
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("i", "3")};
  ASSERT_TRUE(db->delete_series(matchers, {1'700'010'000'000, 1'700'012'000'000}, {}).has_value());
  const auto blocks = db->blocks();
  ASSERT_GE(blocks.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(blocks, [](const BlockInfo& block) { return block.level >= 2; }));
  const Content want = read_all(*db);
  ASSERT_TRUE(db->close().has_value());
  db.reset();

  EXPECT_EQ(dump(promtool, directory.path()), want);
  expect_known(promtool, directory.path(), blocks);
}

// Releases before it (Debian's 2.42 among them) print the floats of a series and nothing else.
constexpr std::pair kFirstToDumpHistograms{2, 48};

bool dumps_histograms(const std::string& promtool) {
  const std::string text = output_of(fmt::format("'{}' --version 2>&1", promtool));
  std::pair<int, int> version;
  constexpr std::string_view kBefore = "version ";
  const auto at = text.find(kBefore);
  if (at == std::string::npos || std::sscanf(text.c_str() + at + kBefore.size(), "%d.%d",
                                             &version.first, &version.second) != 2) {
    ADD_FAILURE() << "which version is it: " << text;
    return false;
  }
  return version >= kFirstToDumpHistograms;
}

// Goal: histograms that we wrote, into the log and into blocks, are Prometheus's own.
// Method: adversarial series; promtool dumps the log alone, then log and blocks; one that is too
// old for it lists and analyses the blocks.
TEST(PrometheusInterop, PrometheusReadsOurHistograms) {
  const std::string promtool = find_program("PROMTOOL_BIN", "promtool");
  if (promtool.empty()) GTEST_SKIP() << "no promtool";
  const test::TempDir directory;
  DbOptions options;
  options.path = directory.path();
  const bool shown = dumps_histograms(promtool);
  constexpr int kSeries = 12;
  std::vector<HistogramStory> stories;
  // promtool's dump stops where a series goes from one form to another, and swallows the first two
  // samples of integers and the first of floats.
  for (int i = 0; i < kSeries; ++i) {
    stories.emplace_back(static_cast<std::uint64_t>(100 + i), i % 2 == 0
                                                                  ? HistogramStory::Form::kIntegers
                                                                  : HistogramStory::Form::kFloats);
  }
  std::vector<model::Labels> labels;
  for (int i = 0; i < kSeries; ++i)
    labels.push_back(model::Labels{{"__name__", "h"}, {"i", std::to_string(i)}});
  std::vector<storage::EnsuredSeries> ensured(labels.size());
  // Half an hour, then the rest of nine hours.
  int step = 0;
  for (const int end : {120, 2160}) {
    auto db = Db::open(options).value();
    ASSERT_TRUE(db->ensure_series(labels, ensured).has_value());
    for (; step < end; ++step) {
      storage::WriteBatch batch;
      const model::TimestampMs t = 1'700'000'000'000 + step * 15'000;
      for (std::size_t i = 0; i < labels.size(); ++i) {
        batch.histograms.push_back(stories[i].next(ensured[i].ref, t));
      }
      storage::AppendReport report;
      ASSERT_TRUE(db->append(batch, storage::Atomicity::kAllOrNothing, report).has_value());
      ASSERT_TRUE(report.histograms.empty());
      if (step > 120 && step % 240 == 0) {
        ASSERT_TRUE(db->maintain().has_value());
      }
    }
    const auto blocks = db->blocks();
    EXPECT_EQ(blocks.size() > 1, end > 120);
    const Content want = read_all(*db);
    ASSERT_TRUE(db->close().has_value());
    db.reset();
    expect_known(promtool, directory.path(), blocks);
    if (!shown) continue;
    const Content got = dump(promtool, directory.path());
    ASSERT_EQ(got.size(), want.size());
    for (const auto& [name, samples] : want) {
      ASSERT_GE(got.at(name).size() + 2, samples.size()) << name;
      for (const auto& [t, text] : got.at(name)) ASSERT_EQ(text, samples.at(t)) << name << " " << t;
    }
  }
}

}  // namespace
}  // namespace narthex::tsdb
