#include "discovery/kubernetes_watch.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "narthex/async/timer.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;
using Params = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kPageObjects = 500;
constexpr std::size_t kObjectsMax = 500'000;
constexpr std::size_t kEventBytesMax = std::size_t{8} << 20U;
constexpr std::chrono::seconds kListIn{120};
constexpr std::chrono::seconds kWatchFor{
    300};  // Then the server ends it and we go on with another.
constexpr std::chrono::seconds kPauseMin{1};
constexpr std::chrono::seconds kPauseMax{30};

// What nobody asks about takes half of an object.
KubernetesObject slimmed(json::value object) {
  if (json::object* root = object.if_object()) {
    if (json::value* metadata = root->if_contains("metadata"); metadata && metadata->is_object())
      metadata->get_object().erase("managedFields");
  }
  return std::make_shared<const json::value>(std::move(object));
}

class Follower {
 public:
  Follower(KubernetesCollection collection, std::string server, ApiClient* client,
           util::Clock* clock, KubernetesListener* listener)
      : collection_(std::move(collection)),
        server_(std::move(server)),
        client_(client),
        clock_(clock),
        listener_(listener) {}

  async::Task<void> run();

 private:
  util::Result<http::ClientRequest> request(Params params, std::chrono::seconds time) const;
  async::Task<void> list();
  async::Task<void> watch();
  async::Task<void> read_events(http::Exchange* exchange);
  util::Result<void> take_lines(std::string& received);
  util::Result<void> take_event(std::string_view line);

  const KubernetesCollection collection_;
  const std::string server_;
  ApiClient* const client_;
  util::Clock* const clock_;
  KubernetesListener* const listener_;
  std::string version_;    // Empty: list first.
  bool is_alive_ = false;  // Something has come since the last failure.
};

util::Result<http::ClientRequest> Follower::request(Params params,
                                                    std::chrono::seconds time) const {
  if (!collection_.label_selector.empty())
    params.emplace_back("labelSelector", collection_.label_selector);
  if (!collection_.field_selector.empty())
    params.emplace_back("fieldSelector", collection_.field_selector);
  return get_request(server_ + collection_.path + "?" + query_string(params),
                     clock_->steady_ns() + std::chrono::nanoseconds(time).count());
}

async::Task<void> Follower::list() {
  std::vector<KubernetesObject> all;
  std::string token;
  do {
    Params params = {{"limit", std::to_string(kPageObjects)}};
    if (!token.empty()) params.emplace_back("continue", token);
    NX_CO_ASSIGN(auto request, this->request(std::move(params), kListIn));
    NX_CO_ASSIGN(json::value page, co_await client_->fetch_json(std::move(request)));
    version_ = text_at(page, "metadata", "resourceVersion");
    token = text_at(page, "metadata", "continue");
    json::object* root = page.if_object();
    json::value* items = root == nullptr ? nullptr : root->if_contains("items");
    if (items != nullptr && items->is_array()) {
      for (json::value& item : items->get_array()) all.push_back(slimmed(std::move(item)));
    }
    if (all.size() > kObjectsMax)
      co_return fail(Code::kLimitExceeded, fmt::format("more than {} objects", kObjectsMax));
  } while (!token.empty());
  if (version_.empty())
    co_return fail(Code::kInvalidArgument, collection_.path + ": a list without a resourceVersion");
  is_alive_ = true;
  listener_->on_list(std::move(all));
  co_return util::Result<void>();
}

// One event. kNotFound: the version that we watch from is gone.
util::Result<void> Follower::take_event(std::string_view line) {
  NX_ASSIGN(json::value event, parse_json(line));
  const std::string type(text_at(event, "type"));
  json::object* root = event.if_object();
  json::value* object = root == nullptr ? nullptr : root->if_contains("object");
  if (object == nullptr) return fail(Code::kInvalidArgument, "a watch event without an object");
  if (type == "ERROR") {
    const bool is_gone = int_of(at(*object, "code")) == 410;
    return fail(is_gone ? Code::kNotFound : Code::kIo,
                fmt::format("watch: {}", excerpt(text_at(*object, "message"))));
  }
  if (std::string_view version = text_at(*object, "metadata", "resourceVersion"); !version.empty())
    version_ = version;
  is_alive_ = true;
  if (type == "ADDED" || type == "MODIFIED") {
    listener_->on_change(slimmed(std::move(*object)));
  } else if (type == "DELETED") {
    listener_->on_delete(slimmed(std::move(*object)));
  } else if (type != "BOOKMARK") {
    return fail(Code::kInvalidArgument, fmt::format("unknown watch event {}", excerpt(type)));
  }
  return {};
}

util::Result<void> Follower::take_lines(std::string& received) {
  std::size_t start = 0;
  for (;;) {
    const std::size_t end = received.find('\n', start);
    if (end == std::string::npos) break;
    if (end > start) NX_TRY(take_event(std::string_view(received).substr(start, end - start)));
    start = end + 1;
  }
  received.erase(0, start);
  if (received.size() > kEventBytesMax)
    return fail(Code::kLimitExceeded, "a watch event is longer than 8 MiB");
  return {};
}

async::Task<void> Follower::read_events(http::Exchange* exchange) {
  std::string received;
  std::vector<char> piece(std::size_t{64} << 10U);
  for (;;) {
    NX_CO_ASSIGN(const std::size_t bytes, co_await exchange->read(piece));
    if (bytes == 0) co_return util::Result<void>();  // Its time is over.
    received.append(piece.data(), bytes);
    NX_CO_TRY(take_lines(received));
  }
}

async::Task<void> Follower::watch() {
  Params params = {{"watch", "true"},
                   {"resourceVersion", version_},
                   {"allowWatchBookmarks", "true"},
                   {"timeoutSeconds", std::to_string(kWatchFor.count())}};
  NX_CO_ASSIGN(auto request, this->request(std::move(params), kWatchFor + kListIn));
  request.headers.add("User-Agent", client_->user_agent());
  request.headers.add("Accept-Encoding", "identity");
  NX_CO_ASSIGN(auto exchange, co_await client_->client().send(std::move(request)));
  if (exchange->status() == 410) co_return fail(Code::kNotFound, "watch: 410 Gone");
  if (exchange->status() != 200) {
    co_return fail(Code::kIo, fmt::format("{}: server returned HTTP status {}", collection_.path,
                                          exchange->status_line()));
  }
  co_return co_await read_events(exchange.get());
}

async::Task<void> Follower::run() {
  auto pause = kPauseMin;
  for (;;) {
    is_alive_ = false;
    const util::SteadyNs start = clock_->steady_ns();
    util::Result<void> done;
    if (version_.empty()) {
      done = co_await list();
    } else {
      done = co_await watch();
    }
    // A server that ends watches at once must not be asked in a tight loop.
    bool needs_rest = done && !is_alive_ && clock_->steady_ns() - start < 1'000'000'000;
    if (is_alive_) pause = kPauseMin;
    if (!done) {
      const Code code = done.error().code();
      if (code == Code::kCanceled) co_return done;
      // An orderly end that asks for a new list is no failure.
      if (code == Code::kNotFound && !version_.empty()) {
        version_.clear();
        needs_rest = !is_alive_;
      } else {
        if (code != Code::kIo && code != Code::kTimeout) version_.clear();
        listener_->on_failure(done.error());
        needs_rest = true;
      }
    }
    if (!needs_rest) continue;
    NX_CO_TRY(co_await async::sleep_for(clock_, pause));
    pause = std::min(pause * 2, kPauseMax);
  }
}

}  // namespace

async::Task<void> follow_collection(KubernetesCollection collection, std::string server,
                                    ApiClient* client, util::Clock* clock,
                                    KubernetesListener* listener) {
  Follower follower(std::move(collection), std::move(server), client, clock, listener);
  co_return co_await follower.run();
}

}  // namespace narthex::discovery
