// The suite "tsdb": data directories that Prometheus wrote, opened (as copies) and asked through
// the API; blocks of old formats. Which archive an answer file belongs to stands in the file.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <set>

#include <fmt/format.h>

#include "narthex/api/api.h"
#include "narthex/model/stale.h"
#include "narthex/promql/engine.h"
#include "narthex/tsdb/db.h"
#include "narthex/util/number.h"

#include "conformance/suite.h"
#include "support/recording_writer.h"
#include "support/temp_dir.h"

namespace narthex::conformance {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Problems = std::vector<std::string>;

class NoTargets final : public api::TargetsView {
 public:
  [[nodiscard]] std::vector<std::string> pools() const override { return {}; }
  [[nodiscard]] std::vector<api::TargetStatus> active(
      std::optional<std::string_view>) const override {
    return {};
  }
  [[nodiscard]] std::vector<api::DroppedTarget> dropped(
      std::optional<std::string_view>) const override {
    return {};
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> dropped_counts() const override {
    return {};
  }
  [[nodiscard]] std::vector<api::TargetMetadata> metadata(
      std::optional<std::string_view>) const override {
    return {};
  }
};

class NoHeadStatus final : public api::DatabaseView {
 public:
  [[nodiscard]] api::HeadStatus head_status(std::size_t) const override { return {}; }
  [[nodiscard]] std::vector<api::BlockStatus> blocks() const override { return {}; }
  util::Result<void> delete_series(std::span<const model::Matcher>, model::TimeRange,
                                   const storage::Deadline&) override {
    return {};
  }
  util::Result<void> clean_tombstones() override { return {}; }
  util::Result<std::string> snapshot(bool) override { return std::string(); }
};

// A database behind the API, without sockets.
class Server {
 public:
  explicit Server(tsdb::Db& db) {
    api_ = std::move(api::Api::create({}, {}, util::system_clock(), registry_).value());
    api_->register_routes(router_);
    api_->set_ready({.queryable = &db,
                     .appender = &db,
                     .engine = &engine_,
                     .targets = &targets_,
                     .database = &status_});
  }
  json::value get(const std::string& path, const std::string& query) {
    http::Request request;
    request.method = "GET";
    request.target = path + "?" + query;
    request.path = path;
    request.query = query;
    http::Router::Match match = router_.match("GET", path);
    if (match.outcome != http::Router::Outcome::kFound) return nullptr;
    request.path_params = std::move(match.params);
    test::RecordingWriter writer;
    match.route->handler(request, writer);
    json::error_code error;
    json::value answer = json::parse(writer.body, error);
    return error ? json::value(writer.body) : answer;
  }

 private:
  telemetry::Registry registry_;
  util::WorkerPool workers_{"query", 1, 16};
  promql::Engine engine_{{}, workers_, util::system_clock(), registry_};
  NoTargets targets_;
  NoHeadStatus status_;
  std::unique_ptr<api::Api> api_;
  http::Router router_;
};

std::string encoded(std::string_view text) {
  std::string out;
  for (const char c : text) out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  return out;
}

// Numbers may differ in the last digit that is printed.
constexpr double kLastDigit = 4e-16;
// The recorder, 3.5, added sums of histograms up as they came; later versions compensate for what
// is rounded off, as is done here. Over 760 histograms that is the fifth last bit.
constexpr double kRoundedSum = 4e-15;

bool same_number(std::string_view want, std::string_view got, double tolerance = kLastDigit) {
  const auto a = util::parse_double(want);
  const auto b = util::parse_double(got);
  if (!a || !b) return false;
  return *a == *b || std::abs(*a - *b) <= tolerance * std::max(std::abs(*a), std::abs(*b));
}

bool same(const json::value& want, const json::value& got);

bool same_list(const json::array& want, const json::array& got) {
  return std::ranges::equal(want, got, same);
}

bool same(const json::value& want, const json::value& got) {
  if (want == got) return true;
  if (want.is_string() && got.is_string()) return same_number(want.get_string(), got.get_string());
  if (want.is_number() && got.is_number())
    return want.to_number<double>() == got.to_number<double>();
  if (want.is_array() && got.is_array()) return same_list(want.get_array(), got.get_array());
  if (!want.is_object() || !got.is_object() || want.get_object().size() != got.get_object().size())
    return false;
  const bool is_histogram = want.get_object().contains("buckets");
  return std::ranges::all_of(want.get_object(), [&](const auto& member) {
    const json::value* other = got.get_object().if_contains(member.key());
    if (other == nullptr) return false;
    if (is_histogram && member.key() == "sum" && other->is_string() && member.value().is_string())
      return same_number(member.value().get_string(), other->get_string(), kRoundedSum);
    return same(member.value(), *other);
  });
}

// The list of series in an answer; null if it has none.
json::array* result_list(json::value& answer) {
  json::error_code error;
  json::value* result = answer.find_pointer("/data/result", error);
  return result == nullptr ? nullptr : result->if_array();
}

// The order of a result's series means nothing here.
void sort_result(json::value& answer) {
  json::array* result = result_list(answer);
  if (result == nullptr) return;
  const auto key = [](const json::value& series) {
    const json::value* metric =
        series.is_object() ? series.get_object().if_contains("metric") : nullptr;
    std::vector<std::string> pairs;
    if (metric != nullptr && metric->is_object()) {
      for (const auto& label : metric->get_object())
        pairs.push_back(std::string(label.key()) + "=" + json::serialize(label.value()));
    }
    std::ranges::sort(pairs);
    return fmt::format("{}", fmt::join(pairs, ","));
  };
  std::ranges::sort(*result, {}, key);
}

std::string shortened(const json::value& value) {
  constexpr std::size_t kShown = 400;
  return json::serialize(value).substr(0, kShown);
}

Problems compare_answers(json::value want, json::value got) {
  if (got.is_object()) {
    // Hints about a query are not what was recorded.
    got.get_object().erase("infos");
    got.get_object().erase("warnings");
  }
  if (want.is_object()) {
    want.get_object().erase("infos");
    want.get_object().erase("warnings");
  }
  sort_result(want);
  sort_result(got);
  if (same(want, got)) return {};
  const json::array* a = result_list(want);
  const json::array* b = result_list(got);
  if (a != nullptr && b != nullptr) {
    for (std::size_t i = 0; i < std::min(a->size(), b->size()); ++i) {
      if (same((*a)[i], (*b)[i])) continue;
      return {fmt::format("{} and {} series; number {}: want {}, got {}", a->size(), b->size(), i,
                          shortened((*a)[i]), shortened((*b)[i]))};
    }
    return {fmt::format("want {} series, got {}", a->size(), b->size())};
  }
  return {fmt::format("want {}, got {}", shortened(want), shortened(got))};
}

bool unpack(const fs::path& archive, const std::string& into) {
  const std::string command = fmt::format("tar --zstd -xf '{}' -C '{}'", archive.string(), into);
  return std::system(command.c_str()) == 0;  // NOLINT(concurrency-mt-unsafe): one thread.
}

void check_queries(Run& run, const std::string& file, Server& server, const json::array& queries) {
  for (std::size_t i = 0; i < queries.size(); ++i) {
    const json::object& query = queries[i].as_object();
    const std::string id = fmt::format("query {}", i);
    if (!run.wants(file, id)) continue;
    std::string params;
    for (const auto& param : query.at("params").as_object()) {
      params += fmt::format("{}{}={}", params.empty() ? "" : "&", std::string_view(param.key()),
                            encoded(param.value().as_string()));
    }
    const bool range = text_of(query, "kind") == "range";
    const json::value got = server.get(range ? "/api/v1/query_range" : "/api/v1/query", params);
    Problems problems = compare_answers(query.at("answer"), got);
    if (!problems.empty())
      problems.front() = json::serialize(query.at("params")) + ": " + problems.front();
    run.report.judge(file, id, problems);
  }
}

// What the recorder asked of the label endpoints.
void check_labels(Run& run, const std::string& file, Server& server, const json::object& expected) {
  const json::object& labels = expected.at("labels").as_object();
  const std::map<std::string_view, std::pair<std::string, std::string>> requests = {
      {"label_names", {"/api/v1/labels", ""}},
      {"job_values", {"/api/v1/label/job/values", ""}},
      {"names_demo",
       {"/api/v1/label/__name__/values", "match[]=" + encoded(R"({__name__=~"demo.+"})")}},
      {"series_rw", {"/api/v1/series", "match[]=" + encoded(R"({job="rw"})")}},
  };
  for (const auto& answer : labels) {
    const std::string_view key = answer.key();
    const std::string id = fmt::format("labels {}", key);
    if (!run.wants(file, id)) continue;
    if (key == "series_count_all") {
      // All series that were there at the time of the queries; a few came afterwards.
      const json::value got = server.get(
          "/api/v1/series", fmt::format("start=0&end={}&match[]={}",
                                        expected.at("last_query_time").to_number<std::int64_t>(),
                                        encoded(R"({__name__=~".+"})")));
      const std::size_t count = got.at("data").as_array().size();
      run.report.judge(
          file, id,
          answer.value() == count ? Problems{} : Problems{fmt::format("{} series", count)});
      continue;
    }
    const auto request = requests.find(key);
    if (request == requests.end()) {
      run.report.skip(file);
      continue;
    }
    // The recorder asked without times.
    const std::string times = request->second.second.empty() ? "" : "&";
    const json::value got = server.get(request->second.first,
                                       request->second.second + times + "start=0&end=9999999999");
    run.report.judge(file, id, compare_answers(answer.value(), got));
  }
}

// How many samples the database has of each metric.
std::map<std::string, std::uint64_t> count_samples(tsdb::Db& db, Problems& problems) {
  std::map<std::string, std::uint64_t> counts;
  const auto querier = db.querier({}).value();
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".*").value()};
  const auto set = querier->select(all, storage::SeriesOrder::kByLabels, {});
  if (!set) {
    problems.push_back(set.error().message());
    return counts;
  }
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < (*set)->size(); ++i) {
    samples.clear();
    if (const auto read = (*set)->read(i, {}, samples); !read) {
      problems.push_back(read.error().message());
      continue;
    }
    // The recorder asked count_over_time(), which leaves stale markers out.
    std::uint64_t& count = counts[std::string((*set)->label_value(i, model::kMetricName))];
    for (const double value : samples.float_values) count += model::is_stale(value) ? 0 : 1;
    for (const auto& histogram : samples.histograms)
      count += model::is_stale(histogram.sum) ? 0 : 1;
  }
  return counts;
}

void check_counts(Run& run, const std::string& file, tsdb::Db& db, const json::object& expected) {
  const json::value* per_metric = expected.if_contains("samples_per_metric");
  if (per_metric == nullptr || !run.wants(file, "samples")) return;
  Problems problems;
  auto counts = count_samples(db, problems);
  for (const auto& metric : per_metric->as_object()) {
    const auto want = metric.value().to_number<std::uint64_t>();
    const std::uint64_t got = counts[std::string(metric.key())];
    if (got != want)
      problems.push_back(
          fmt::format("{}: want {} samples, got {}", std::string_view(metric.key()), want, got));
  }
  if (counts.size() != per_metric->as_object().size()) {
    problems.push_back(
        fmt::format("want {} metrics, got {}", per_metric->as_object().size(), counts.size()));
  }
  run.report.judge(file, "samples", problems);
}

void check_recording(Run& run, const fs::path& answers) {
  const std::string file = answers.filename().string();
  if (!run.wants_file(file)) return;
  const auto text = read_file(answers);
  json::error_code error;
  const json::value root = json::parse(text.value_or(""), error);
  if (error || !root.is_object()) return run.report.fail(file, "file", "not a JSON object");
  const json::object& expected = root.get_object();
  const test::TempDir scratch;
  if (!unpack(answers.parent_path() / std::string(text_of(expected, "archive")), scratch.path())) {
    return run.report.fail(file, "archive", "cannot be unpacked");
  }
  tsdb::DbOptions options;
  options.path = scratch / "data";
  auto db = tsdb::Db::open(std::move(options));
  if (!db) return run.report.fail(file, "open", db.error().message());
  Server server(**db);
  check_queries(run, file, server, expected.at("queries").as_array());
  if (expected.contains("labels")) check_labels(run, file, server, expected);
  check_counts(run, file, **db, expected);
}

// One line a sample, "{labels} value timestamp", sorted.
std::vector<std::string> dump(tsdb::Db& db) {
  std::vector<std::string> lines;
  const auto querier = db.querier({}).value();
  const std::vector<model::Matcher> all = {
      model::Matcher::make(model::MatchOp::kRegex, "__name__", ".*").value()};
  const auto set = querier->select(all, storage::SeriesOrder::kByLabels, {}).value();
  storage::SampleColumns samples;
  for (std::size_t i = 0; i < set->size(); ++i) {
    samples.clear();
    if (!set->read(i, {}, samples)) continue;
    for (std::size_t k = 0; k < samples.float_values.size(); ++k) {
      std::string value;
      util::append_value(value, samples.float_values[k]);
      lines.push_back(
          fmt::format("{} {} {}", set->labels(i).to_string(), value, samples.float_timestamps[k]));
    }
  }
  std::ranges::sort(lines);
  return lines;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (end != 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  std::ranges::sort(lines);
  return lines;
}

util::Result<std::unique_ptr<tsdb::Db>> open_copy(const fs::path& block, const std::string& name,
                                                  const test::TempDir& scratch) {
  const fs::path copy = fs::path(scratch.path()) / name;
  fs::copy(block, copy, fs::copy_options::recursive);
  for (const auto& entry : fs::recursive_directory_iterator(copy))
    fs::permissions(entry.path(), fs::perms::owner_write, fs::perm_options::add);
  tsdb::DbOptions options;
  options.path = scratch.path();
  return tsdb::Db::open(std::move(options));
}

// A block of an old format beside a dump of its samples.
void check_dump(Run& run, const fs::path& block, const std::string& ulid,
                const fs::path& dump_file) {
  const std::string file = block.filename().string();
  if (!run.wants(file, "dump")) return;
  const test::TempDir scratch;
  const auto db = open_copy(block, ulid, scratch);
  if (!db) return run.report.fail(file, "open", db.error().message());
  const auto want = lines_of(read_file(dump_file).value_or(""));
  const auto got = dump(**db);
  run.report.judge(file, "dump",
                   want == got
                       ? Problems{}
                       : Problems{fmt::format("want {} samples, got {}", want.size(), got.size())});
}

// A block of the release that wrote version 2 into meta.json: opening repairs it in place.
void check_repair(Run& run, const fs::path& block, const std::string& ulid) {
  const std::string file = block.parent_path().filename().string();
  if (!run.wants(file, "repair")) return;
  const test::TempDir scratch;
  const auto db = open_copy(block, ulid, scratch);
  if (!db) return run.report.fail(file, "open", db.error().message());
  Problems problems;
  const json::value meta =
      json::parse(read_file(fs::path(scratch / ulid) / "meta.json").value_or("{}"));
  if (!meta.is_object() || meta.get_object().if_contains("version") == nullptr ||
      meta.at("version") != 1) {
    problems.emplace_back("meta.json is not of version 1");
  }
  const std::vector<model::Matcher> matchers = {model::Matcher::equal("b", "1")};
  const auto values = (*db)->querier({}).value()->label_values("a", {.matchers = matchers}, {});
  if (!values || *values != std::vector<std::string>{"1", "2"})
    problems.emplace_back("b=\"1\" does not lead to a=\"1\" and a=\"2\"");
  run.report.judge(file, "repair", problems);
}

void check_block(Run& run, const fs::path& block) {
  json::error_code error;
  const json::value meta = json::parse(read_file(block / "meta.json").value_or(""), error);
  if (error || !meta.is_object()) return;
  const std::string ulid(text_of(meta.get_object(), "ulid"));
  const fs::path dump_file = block.parent_path() / (block.filename().string() + ".dump.txt");
  if (fs::exists(dump_file)) {
    check_dump(run, block, ulid, dump_file);
  } else if (meta.at("version") == 2) {
    check_repair(run, block, ulid);
  } else {
    run.report.skip(block.filename().string());
  }
}

void run_tsdb(Run& run) {
  const fs::path inner = run.folder / "tsdb";
  const fs::path folder = fs::is_directory(inner) ? inner : run.folder;
  std::set<fs::path> answers;
  std::set<fs::path> blocks;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const fs::path& path = entry.path();
    if (path.filename() == "meta.json") {
      blocks.insert(path.parent_path());
    } else if (path.extension() == ".json") {
      answers.insert(path);
    }
  }
  for (const fs::path& file : answers) check_recording(run, file);
  for (const fs::path& block : blocks) check_block(run, block);
}

const Suite kSuite("tsdb", &run_tsdb);

}  // namespace
}  // namespace narthex::conformance
