// The suite "api": answers recorded over a data directory, asked again of this server on a copy of
// it, over its port. Verdicts are given by area of the API. Error texts do not count (releases word
// them differently), their type does.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <set>

#include <fmt/format.h>

#include "narthex/server/daemon.h"
#include "narthex/util/worker_pool.h"

#include "conformance/json_compare.h"
#include "conformance/suite.h"
#include "support/raw_client.h"
#include "support/temp_dir.h"

namespace narthex::conformance {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Problems = std::vector<std::string>;

// The archive that the recorder of the API's answers had: the one that holds blocks.
std::optional<fs::path> find_archive(const fs::path& folder) {
  std::optional<fs::path> largest;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(".tar.zst")) continue;
    if (!largest || entry.file_size() > fs::file_size(*largest)) largest = entry.path();
  }
  return largest;
}

// The whole server on a copy of the data, under the settings of the recording.
class Server {
 public:
  static std::unique_ptr<Server> start(const fs::path& folder, std::string& problem) {
    const auto archive = find_archive(folder);
    if (!archive) {
      problem = "no archive of a data directory";
      return nullptr;
    }
    auto server = std::make_unique<Server>();
    const std::string command =
        fmt::format("tar --zstd -xf '{}' -C '{}'", archive->string(), server->scratch_.path());
    if (std::system(command.c_str()) != 0) {  // NOLINT(concurrency-mt-unsafe): one thread so far.
      problem = "cannot unpack " + archive->string();
      return nullptr;
    }
    if (!server->run(folder, problem)) return nullptr;
    return server;
  }
  ~Server() {
    if (daemon_) daemon_->request_stop();
    runner_.stop();
  }
  [[nodiscard]] std::uint16_t port() const { return daemon_->ports().front(); }

 private:
  // Whole sections of the configuration that this build does not know yet are left out: what needs
  // them fails alone.
  bool run(const fs::path& folder, std::string& problem) {
    const fs::path config = fs::path(scratch_.path()) / "config";
    fs::copy(folder / "api", config, fs::copy_options::recursive);
    const fs::path file = config / "prometheus.yml";
    std::string text = read_file(file).value_or("");
    for (;;) {
      std::ofstream(file) << text;
      auto daemon = server::Daemon::create(options_for(file));
      if (daemon) {
        daemon_ = std::move(*daemon);
        break;
      }
      problem = daemon.error().message();
      if (!remove_unknown_section(text, problem)) return false;
    }
    auto job = [this] {
      const auto ended = daemon_->run();
      if (!ended) fmt::print(stderr, "server: {}\n", ended.error().message());
    };
    if (!runner_.try_submit(std::move(job))) return false;
    return wait_until_ready(problem);
  }

  // "… KEY is not supported by this version …": takes the top-level key out of the text.
  static bool remove_unknown_section(std::string& text, std::string_view problem) {
    const std::size_t end = problem.find(" is not supported by this version");
    if (end == std::string_view::npos) return false;
    const std::size_t blank = problem.rfind(' ', end - 1);
    const std::string key(problem.substr(blank + 1, end - blank - 1));
    const std::string all = "\n" + text;
    const std::size_t begin = all.find("\n" + key + ":");
    if (begin == std::string::npos) return false;
    std::size_t next = all.find('\n', begin + 1);
    while (next != std::string::npos && next + 1 < all.size() &&
           (all[next + 1] == ' ' || all[next + 1] == '-'))
      next = all.find('\n', next + 1);
    text = all.substr(1, begin) + (next == std::string::npos ? "" : all.substr(next + 1));
    return true;
  }

  server::Options options_for(const fs::path& config) {
    server::Options options;
    options.config_file = config.string();
    options.config_file_given = true;
    options.storage.path = scratch_ / "data";
    options.storage.retention_time = std::chrono::hours(24) * 365 * 100;
    options.web.listen_addresses = {"127.0.0.1:0"};
    options.web.enable_lifecycle = true;
    options.query.samples_max = 2'000'000;
    return options;
  }

  bool wait_until_ready(std::string& problem) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (std::chrono::steady_clock::now() < give_up) {
      test::RawClient client(port());
      const auto answer = client.get("/-/ready");
      if (answer && answer->status == 200) return true;
    }
    problem = "the server does not become ready";
    return false;
  }

  test::TempDir scratch_;
  util::WorkerPool runner_{"server", 1, 1};
  std::unique_ptr<server::Daemon> daemon_;
};

std::vector<std::string> volatile_parts(const json::object& record) {
  std::vector<std::string> parts;
  const json::value* list = record.if_contains("volatile");
  if (list == nullptr || !list->is_array()) return parts;
  for (const json::value& part : list->get_array())
    parts.emplace_back(part.is_string() ? std::string_view(part.get_string()) : "");
  return parts;
}

// Whether the query says in which order its series come.
bool keeps_order(std::string_view target) {
  return target.find("sort") != std::string_view::npos ||
         target.find("topk") != std::string_view::npos ||
         target.find("bottomk") != std::string_view::npos;
}

Problems compare_json(const json::object& record, json::value want, json::value got) {
  if (want.is_object() && text_of(want.get_object(), "status") == "error") {
    if (!got.is_object() ||
        text_of(got.get_object(), "errorType") != text_of(want.get_object(), "errorType") ||
        text_of(got.get_object(), "error").empty()) {
      return {fmt::format("want {}, got {}", json::serialize(want), json::serialize(got))};
    }
    return {};
  }
  if (!volatile_parts(record).empty()) {
    auto difference = first_shape_difference(want, got);
    return difference ? Problems{*std::move(difference)} : Problems{};
  }
  if (want.is_object() && got.is_object()) {
    for (const char* key : {"warnings", "infos"}) {
      // That there are some counts, their wording does not.
      if (!want.get_object().contains(key) || !got.get_object().contains(key)) continue;
      want.get_object().erase(key);
      got.get_object().erase(key);
    }
  }
  if (!keeps_order(text_of(record, "target"))) {
    sort_series(want);
    sort_series(got);
  }
  auto difference = first_difference(want, got);
  return difference ? Problems{*std::move(difference)} : Problems{};
}

std::string_view media_type(std::string_view content_type) {
  return content_type.substr(0, content_type.find(';'));
}

// What the recorded server did not have: endpoints of later releases, and the UI, which its build
// left out.
bool is_later(std::string_view target) {
  constexpr std::array<std::string_view, 3> kLater = {"/api/v1/features",
                                                      "/api/v1/targets/relabel_steps", "/query"};
  return std::ranges::find(kLater, target.substr(0, target.find('?'))) != kLater.end();
}

Problems compare(const json::object& record, const test::RawResponse& got) {
  const auto parts = volatile_parts(record);
  if (std::ranges::any_of(parts, [](const std::string& part) { return part.starts_with("whole"); }))
    return {};
  const auto status = record.at("status").to_number<int>();
  if (status == 404 && got.status == 200 && is_later(text_of(record, "target"))) return {};
  if (got.status != status)
    return {fmt::format("status {}, want {}: {}", got.status, status, got.body.substr(0, 200))};
  for (const auto& header : record.at("headers").as_object()) {
    if (header.key() != "Content-Type" && header.key() != "Location") continue;
    const auto found = got.headers.find(header.key() == "Location" ? "location" : "content-type");
    const std::string_view value =
        found == got.headers.end() ? "" : std::string_view(found->second);
    if (media_type(value) != media_type(header.value().as_string()))
      return {fmt::format("{} {}, want {}", std::string_view(header.key()), value,
                          json::serialize(header.value()))};
  }
  const json::value* body = record.if_contains("body");
  if (body == nullptr || !body->is_string())
    return got.body.empty() ? Problems{"empty body"} : Problems{};
  // Pages are each server's own.
  if (text_of(record, "area") == "web" || std::ranges::find(parts, "body") != parts.end())
    return {};
  json::error_code error;
  json::value want = json::parse(std::string_view(body->get_string()), error);
  if (error) {
    if (got.status >= 400 || std::string_view(body->get_string()) == got.body) return {};
    return {fmt::format("want {}, got {}", json::serialize(*body).substr(0, 300),
                        got.body.substr(0, 300))};
  }
  json::value answer = json::parse(got.body, error);
  if (error) return {"not JSON: " + got.body.substr(0, 200)};
  return compare_json(record, std::move(want), std::move(answer));
}

std::optional<test::RawResponse> ask(std::uint16_t port, const json::object& record) {
  std::string headers;
  if (const json::value* given = record.if_contains("request_headers");
      given != nullptr && given->is_object()) {
    for (const auto& header : given->get_object()) {
      // Whole bodies are compared; compression has tests of its own.
      if (header.key() == "Accept-Encoding") continue;
      headers += fmt::format("{}: {}\r\n", std::string_view(header.key()),
                             std::string_view(header.value().as_string()));
    }
  }
  if (const std::string_view type = text_of(record, "request_content_type"); !type.empty())
    headers += fmt::format("Content-Type: {}\r\n", type);
  test::RawClient client(port);
  const std::string_view method = text_of(record, "method");
  if (method == "HEAD") {
    if (!client.send(fmt::format("HEAD {} HTTP/1.1\r\nHost: t\r\n{}\r\n", text_of(record, "target"),
                                 headers)))
      return std::nullopt;
    return client.receive_head();
  }
  return client.request(method, text_of(record, "target"), headers,
                        text_of(record, "request_body"));
}

void check_file(Run& run, std::uint16_t port, const fs::path& file) {
  const auto records = read_json_lines(file, run.report);
  if (!records) return;
  for (const json::object& record : *records) {
    const std::string area(text_of(record, "area"));
    const std::string id(text_of(record, "id"));
    if (area.empty() || !run.wants(area, id)) continue;
    const auto answer = ask(port, record);
    Problems problems = answer ? compare(record, *answer) : Problems{"no answer"};
    if (!problems.empty())
      problems.front() = fmt::format("{} {}: {}", text_of(record, "method"),
                                     text_of(record, "target"), problems.front());
    run.report.judge(area, id, problems);
  }
}

void run_api(Run& run) {
  std::set<fs::path> files;
  for (const auto& entry : fs::directory_iterator(run.folder)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("api") && name.ends_with(".jsonl")) files.insert(entry.path());
  }
  if (files.empty() || !fs::exists(run.folder / "api" / "prometheus.yml")) return;
  std::string problem;
  const auto server = Server::start(run.folder, problem);
  if (!server) return run.report.fail("server", "start", problem);
  for (const fs::path& file : files) check_file(run, server->port(), file);
}

const Suite kSuite("api", &run_api);

}  // namespace
}  // namespace narthex::conformance
