// query_batch: several queries of one request at a time, answered as they get ready.
#include <algorithm>
#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>

#include "narthex/util/mutex.h"
#include "narthex/util/worker_pool.h"

#include "api/batch.h"
#include "api/columns.h"
#include "api/endpoints.h"
#include "api/evaluation.h"
#include "api/json.h"

namespace narthex::api {
namespace {

constexpr std::string_view kLinesType = "application/x-ndjson; charset=utf-8";
// Of one batch at a time, those included that wait to be written: as many as a browser would ask
// for side by side.
constexpr std::size_t kAtOnce = 6;
// Helpers that have not begun by then are busy elsewhere: the request's own thread sets to.
constexpr std::chrono::milliseconds kHelpersPatience{20};

// Discards what is written and counts it.
class CountingWriter final : public http::ResponseWriter {
 public:
  void set_header(std::string_view, std::string_view) override {}
  void add_header(std::string_view, std::string_view) override {}
  void send(int, std::string_view, std::string body) override { bytes_ += body.size(); }
  void start(int, std::string_view) override {}
  util::Result<void> write(std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  void abort() override {}
  util::Result<void> flush() override { return {}; }
  [[nodiscard]] bool started() const noexcept override { return true; }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

// What has become of one query.
struct Outcome {
  std::size_t index = 0;
  ApiResult<Evaluation> evaluation;
  std::string exemplars;  // JSON; empty if none were asked for.
};

// One request. Helpers evaluate on threads of the pool, one query each; the request's own thread
// writes, so that a client that reads slowly holds no other. What is evaluated and not yet written
// is bounded, and counts against the memory of all queries. Threads: synchronized; answer_all() is
// the request's thread's.
class BatchRun {
 public:
  BatchRun(const Call& call, std::vector<BatchQuery> queries)
      : call_(call), queries_(std::move(queries)), is_lines_(wants_lines(queries_)) {}

  // Returns when every answer is written or the client has gone, and nothing of this runs any more.
  static void answer_all(const std::shared_ptr<BatchRun>& run);

 private:
  static bool wants_lines(const std::vector<BatchQuery>& queries) {
    return std::ranges::all_of(
        queries, [](const BatchQuery& query) { return query.accept == BatchAccept::kJson; });
  }
  // Run by a thread of the pool. Without a query that is left it touches nothing of the request.
  void help();
  [[nodiscard]] std::optional<std::size_t> claim() NX_REQUIRES(mutex_);
  [[nodiscard]] Outcome evaluate(std::size_t index) const;
  // Asks for as many helpers as are missing.
  static void summon(const std::shared_ptr<BatchRun>& run);
  // One that is ready. Precondition: not all are answered.
  [[nodiscard]] Outcome next_outcome();
  void cancel_and_wait();

  // False when the client has gone.
  [[nodiscard]] bool write(Outcome outcome) const;
  [[nodiscard]] bool write_message(const BatchQuery& query, const Outcome& outcome) const;
  static void write_json(http::ResponseWriter& out, const BatchQuery& query,
                         const Outcome& outcome);

  const Call& call_;
  const std::vector<BatchQuery> queries_;
  const bool is_lines_;
  std::stop_source stop_;
  util::Mutex mutex_;
  util::CondVar changed_;
  std::size_t next_ NX_GUARDED_BY(mutex_) = 0;          // The first query that nobody has claimed.
  std::size_t running_ NX_GUARDED_BY(mutex_) = 0;       // Queries claimed and not yet ready.
  std::size_t idle_helpers_ NX_GUARDED_BY(mutex_) = 0;  // Called and not yet begun.
  std::deque<Outcome> ready_ NX_GUARDED_BY(mutex_);
};

std::optional<std::size_t> BatchRun::claim() {
  if (next_ == queries_.size()) return std::nullopt;
  ++running_;
  return next_++;
}

void BatchRun::help() {
  std::optional<std::size_t> index;
  {
    const util::MutexLock lock(mutex_);
    --idle_helpers_;
    index = claim();
  }
  if (!index) return;
  Outcome outcome = evaluate(*index);
  const util::MutexLock lock(mutex_);
  --running_;
  ready_.push_back(std::move(outcome));
  changed_.notify_all();
}

Outcome BatchRun::evaluate(std::size_t index) const {
  const BatchQuery& query = queries_[index];
  Outcome outcome{index, {}, {}};
  if (!query.source.empty()) {
    outcome.evaluation = std::unexpected(
        ApiError{ErrorType::kNotFound, "no data source is called \"" + query.source + "\""});
    return outcome;
  }
  const Call call{call_.api, call_.request, query.params, call_.out};
  const std::stop_token stop = stop_.get_token();
  outcome.evaluation = query.is_range ? evaluate_range(call, stop) : evaluate_instant(call, stop);
  if (!outcome.evaluation || !query.with_exemplars) return outcome;
  auto exemplars = exemplars_json(call);
  if (exemplars) {
    outcome.exemplars = std::move(*exemplars);
  } else {
    outcome.evaluation = std::unexpected(exemplars.error());
  }
  return outcome;
}

void BatchRun::summon(const std::shared_ptr<BatchRun>& run) {
  std::size_t missing = 0;
  {
    const util::MutexLock lock(run->mutex_);
    const std::size_t held = run->running_ + run->ready_.size() + run->idle_helpers_;
    const std::size_t left = run->queries_.size() - run->next_;
    const std::size_t room = held < kAtOnce ? kAtOnce - held : 0;
    missing = left > run->idle_helpers_ ? std::min(room, left - run->idle_helpers_) : 0;
    run->idle_helpers_ += missing;
  }
  for (; missing > 0; --missing) {
    if (run->call_.api.batch_helpers.try_submit([run] { run->help(); })) continue;
    const util::MutexLock lock(run->mutex_);
    run->idle_helpers_ -= missing;
    return;
  }
}

Outcome BatchRun::next_outcome() {
  std::size_t index = 0;
  {
    const util::MutexLock lock(mutex_);
    const auto is_ready = [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return !ready_.empty(); };
    const auto take = [this]() NX_NO_THREAD_SAFETY_ANALYSIS {
      Outcome outcome = std::move(ready_.front());
      ready_.pop_front();
      return outcome;
    };
    if (changed_.wait_for(mutex_, kHelpersPatience, is_ready)) return take();
    if (running_ > 0) {
      changed_.wait(mutex_, is_ready);
      return take();
    }
    index = *claim();  // Nothing runs and nothing is ready, so something is left.
  }
  Outcome outcome = evaluate(index);
  const util::MutexLock lock(mutex_);
  --running_;
  return outcome;
}

void BatchRun::cancel_and_wait() {
  stop_.request_stop();
  const util::MutexLock lock(mutex_);
  next_ = queries_.size();
  changed_.wait(mutex_, [this]() NX_NO_THREAD_SAFETY_ANALYSIS { return running_ == 0; });
  ready_.clear();
}

void BatchRun::answer_all(const std::shared_ptr<BatchRun>& run) {
  const std::stop_callback on_gone(run->call_.request.stop, [run] { run->stop_.request_stop(); });
  run->call_.out.start(200, run->is_lines_ ? kLinesType : kColumnsType);
  for (std::size_t answered = 0; answered < run->queries_.size(); ++answered) {
    summon(run);
    if (run->call_.request.stop.stop_requested() || !run->write(run->next_outcome())) break;
  }
  run->cancel_and_wait();
}

void BatchRun::write_json(http::ResponseWriter& out, const BatchQuery& query,
                          const Outcome& outcome) {
  JsonStream json(out);
  std::string& buffer = json.buffer();
  if (!outcome.evaluation) {
    buffer += error_header(query.id, outcome.evaluation.error());
  } else {
    buffer += R"({"id":)";
    append_json_string(buffer, query.id);
    buffer.push_back(',');
    if (!write_success(json, *outcome.evaluation)) return;
    if (!outcome.exemplars.empty()) {
      buffer += R"(,"exemplars":)";
      buffer += outcome.exemplars;
    }
    buffer.push_back('}');
  }
  buffer.push_back('\n');
  json.finish();
}

bool BatchRun::write_message(const BatchQuery& query, const Outcome& outcome) const {
  http::ResponseWriter& out = call_.out;
  if (!outcome.evaluation)
    return write_columns(out, error_header(query.id, outcome.evaluation.error()), nullptr)
        .has_value();
  if (query.accept == BatchAccept::kColumns && fits_columns(*outcome.evaluation, query.is_range)) {
    auto header = columns_header(query.id, *outcome.evaluation, outcome.exemplars);
    if (!header)
      return write_columns(out, error_header(query.id, header.error()), nullptr).has_value();
    return write_columns(out, std::move(*header), &outcome.evaluation->result).has_value();
  }
  // Its length stands before it. To write it twice takes less than to keep it.
  CountingWriter counter;
  write_json(counter, query, outcome);
  if (!write_json_prefix(out, counter.bytes())) return false;
  write_json(out, query, outcome);
  return out.write(padding_of(counter.bytes())).has_value();
}

bool BatchRun::write(Outcome outcome) const {
  const BatchQuery& query = queries_[outcome.index];
  if (is_lines_) {
    write_json(call_.out, query, outcome);
  } else if (!write_message(query, outcome)) {
    return false;
  }
  return call_.out.flush().has_value();
}

}  // namespace

ApiResult<void> query_batch(const Call& call) {
  NX_API_ASSIGN(std::vector<BatchQuery> queries, parse_batch(call.request.body));
  BatchRun::answer_all(std::make_shared<BatchRun>(call, std::move(queries)));
  return {};
}

}  // namespace narthex::api
