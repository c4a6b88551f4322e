// The API without sockets: router, handlers, engine and a storage in memory.
// Threads: confined.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include "narthex/api/api.h"

#include "support/memory_storage.h"
#include "support/recording_writer.h"

namespace narthex::api {

class FakeTargets final : public TargetsView {
 public:
  std::vector<TargetStatus> targets;
  std::vector<DroppedTarget> gone;
  std::vector<TargetMetadata> families;

  [[nodiscard]] std::vector<std::string> pools() const override { return {"demo", "web"}; }
  [[nodiscard]] std::vector<TargetStatus> active(
      std::optional<std::string_view> pool) const override {
    std::vector<TargetStatus> out;
    for (const TargetStatus& target : targets) {
      if (!pool || target.pool == *pool) out.push_back(target);
    }
    return out;
  }
  [[nodiscard]] std::vector<DroppedTarget> dropped(std::optional<std::string_view>) const override {
    return gone;
  }
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> dropped_counts() const override {
    return {{"demo", 0}, {"web", 1}};
  }
  [[nodiscard]] std::vector<TargetMetadata> metadata(
      std::optional<std::string_view> family) const override {
    std::vector<TargetMetadata> out;
    for (const TargetMetadata& entry : families) {
      if (!family || entry.family == *family) out.push_back(entry);
    }
    return out;
  }
};

class FakeDatabase final : public DatabaseView {
 public:
  HeadStatus status;
  mutable std::size_t asked_for = 0;
  [[nodiscard]] HeadStatus head_status(std::size_t names_max) const override {
    asked_for = names_max;
    return status;
  }
  std::vector<BlockStatus> on_disk;
  [[nodiscard]] std::vector<BlockStatus> blocks() const override { return on_disk; }
  util::Result<void> delete_series(std::span<const model::Matcher> matchers, model::TimeRange range,
                                   const storage::Deadline&) override {
    std::string call = "delete";
    for (const model::Matcher& matcher : matchers) call += " " + matcher.to_string();
    admin_calls.push_back(call + " " + std::to_string(range.min) + " " + std::to_string(range.max));
    return admin_result;
  }
  util::Result<void> clean_tombstones() override {
    admin_calls.emplace_back("clean");
    return admin_result;
  }
  util::Result<std::string> snapshot(bool skip_head) override {
    admin_calls.emplace_back(skip_head ? "snapshot without head" : "snapshot");
    if (!admin_result) return std::unexpected(admin_result.error());
    return std::string("20260102T150405Z-0123456789abcdef");
  }
  std::vector<std::string> admin_calls;
  util::Result<void> admin_result;
};

class NoAppender final : public storage::Appender {
 public:
  util::Result<void> ensure_series(std::span<const model::Labels>,
                                   std::span<storage::EnsuredSeries>) override {
    return {};
  }
  util::Result<void> append(const storage::WriteBatch&, storage::Atomicity,
                            storage::AppendReport&) override {
    return {};
  }
};

class FakeExemplars final : public storage::ExemplarQueryable {
 public:
  [[nodiscard]] std::vector<storage::SeriesExemplars> exemplars(
      model::TimeRange range, std::span<const model::Matchers> any_of) const override {
    asked_range = range;
    asked_selectors = any_of.size();
    return answer;
  }
  std::vector<storage::SeriesExemplars> answer;
  mutable model::TimeRange asked_range;
  mutable std::size_t asked_selectors = 0;
};

class ApiHttpTest : public testing::Test {
 protected:
  ApiHttpTest() { pasted_rule_.emplace().target_label = "pasted"; }
  void build(bool ready = true) {
    Callbacks callbacks;
    callbacks.runtime_info = [this] { return runtime_; };
    callbacks.config_yaml = [] { return std::string("global: {}\n"); };
    callbacks.pool_config = [this](std::string_view pool) {
      return pool == "demo" ? std::optional(pool_) : std::nullopt;
    };
    callbacks.relabel_rules =
        [this](std::string_view text) -> util::Result<std::vector<relabel::RelabelRule>> {
      pasted_text_ = text;
      if (!pasted_rule_) return util::fail(util::Code::kInvalidArgument, "line 7: broken");
      return std::vector{*pasted_rule_};
    };
    callbacks.external_labels = [this] { return external_labels_; };
    callbacks.replay_status = [] { return ReplayStatus{3, 8, 5}; };
    callbacks.reload = [this] { return reload_; };
    callbacks.quit = [this] { ++quits_; };
    auto api = Api::create(options_, std::move(callbacks), clock_, registry_);
    ASSERT_TRUE(api) << api.error().message();
    api_ = std::move(*api);
    router_ = http::Router();
    api_->register_routes(router_);
    if (ready) set_ready();
  }
  void set_ready() {
    Backends backends;
    backends.queryable = &storage_;
    backends.appender = &appender_;
    backends.engine = &engine_;
    backends.targets = &targets_;
    backends.database = &database_;
    backends.exemplars = &exemplars_;
    api_->set_ready(backends);
  }

  test::RecordingWriter ask(std::string_view method, const std::string& target,
                            const std::string& body = {}, const http::Headers& headers = {}) {
    http::Request request;
    request.method = std::string(method);
    request.target = target;
    const std::size_t question = std::min(target.find('?'), target.size());
    const std::string raw_path = target.substr(0, question);
    request.path = http::percent_decode(raw_path).value_or(raw_path);
    if (question < target.size()) request.query = target.substr(question + 1);
    request.headers = headers;
    request.body = body;
    if (!body.empty() && !headers.has("Content-Type")) {
      request.headers.add("Content-Type", "application/x-www-form-urlencoded");
    }
    http::Router::Match match = router_.match(method, raw_path);
    test::RecordingWriter writer;
    if (match.outcome != http::Router::Outcome::kFound) {
      writer.status = match.outcome == http::Router::Outcome::kNotFound ? 404 : 405;
      writer.headers.set("Allow", match.allow);
      return writer;
    }
    request.path_params = std::move(match.params);
    match.route->handler(request, writer);
    return writer;
  }
  std::string get(const std::string& target) { return ask("GET", target).body; }
  static std::string error(std::string_view type, std::string_view message) {
    return boost::json::serialize(boost::json::object{
        {"status", "error"}, {"errorType", std::string(type)}, {"error", std::string(message)}});
  }

  // up{job="a"} 1 and up{job="b"} 0 at 1000 s, every 10 s up to 1100 s.
  void load() {
    for (model::TimestampMs t = 1'000'000; t <= 1'100'000; t += 10'000) {
      storage_.append({{"__name__", "up"}, {"job", "a"}}, t, 1);
      storage_.append({{"__name__", "up"}, {"job", "b"}}, t, 0);
      storage_.append({{"__name__", "x"}, {"dot.ted", "v"}}, t, 0.25);
    }
  }

  Options options_;
  util::FakeClock clock_;
  telemetry::Registry registry_;
  util::WorkerPool workers_{"test", 1, 64};
  test::MemoryStorage storage_;
  NoAppender appender_;
  promql::Engine engine_{promql::EngineOptions(), workers_, clock_, registry_};
  FakeTargets targets_;
  FakeDatabase database_;
  FakeExemplars exemplars_;
  RuntimeInfo runtime_;
  model::Labels external_labels_;
  PoolConfig pool_;
  std::string pasted_text_;
  std::optional<relabel::RelabelRule> pasted_rule_;
  util::Result<void> reload_;
  int quits_ = 0;
  std::unique_ptr<Api> api_;
  http::Router router_;
};

}  // namespace narthex::api
