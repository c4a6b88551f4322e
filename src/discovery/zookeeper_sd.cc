// Members that announce themselves below a path of ZooKeeper: Twitter's serversets and Airbnb's
// Nerve. A tree is read once and then followed by the server's events.
#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "narthex/async/timer.h"
#include "narthex/util/log.h"

#include "discovery/api_client.h"
#include "discovery/cloud_sd.h"
#include "discovery/json.h"
#include "discovery/zookeeper_client.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::chrono::seconds kRetryMin{1};
constexpr std::chrono::seconds kRetryMax{60};
constexpr std::size_t kNodesMax = 50'000;
constexpr std::ptrdiff_t kDepthMax = 32;

// The target of a member, from what its node holds. kInvalidArgument: it holds something else.
using MakeTarget = util::Result<model::Labels> (*)(const std::string& path,
                                                   const json::value& member);

util::Result<model::Labels> serverset_target(const std::string& path, const json::value& member) {
  const json::value& endpoint = at(member, "serviceEndpoint");
  if (!endpoint.is_object()) return fail(Code::kInvalidArgument, "no serviceEndpoint");
  MetaLabels labels("__meta_serverset_");
  labels.set("path", path);
  labels.set("endpoint_host", text_at(endpoint, "host"));
  labels.set("endpoint_port", fmt::to_string(int_of(at(endpoint, "port"))));
  for (const auto& more : object_at(member, "additionalEndpoints")) {
    const std::string name = sanitised(std::string_view(more.key().data(), more.key().size()));
    labels.set("endpoint_host_" + name, text_at(more.value(), "host"));
    labels.set("endpoint_port_" + name, fmt::to_string(int_of(at(more.value(), "port"))));
  }
  labels.set("status", text_at(member, "status"));
  labels.set("shard", fmt::to_string(int_of(at(member, "shard"))));
  labels.set_address(text_at(endpoint, "host"), int_of(at(endpoint, "port")));
  return labels.build();
}

util::Result<model::Labels> nerve_target(const std::string& path, const json::value& member) {
  if (!at(member, "host").is_string()) return fail(Code::kInvalidArgument, "no host");
  MetaLabels labels("__meta_nerve_");
  labels.set("path", path);
  labels.set("endpoint_host", text_at(member, "host"));
  labels.set("endpoint_port", fmt::to_string(int_of(at(member, "port"))));
  labels.set("endpoint_name", text_at(member, "name"));
  labels.set_address(text_at(member, "host"), int_of(at(member, "port")));
  return labels.build();
}

// Everything below the paths, as the server has told it. Threads: confined.
class ZookeeperTree {
 public:
  ZookeeperTree(std::string mechanism, MakeTarget make_target, std::vector<std::string> roots)
      : mechanism_(std::move(mechanism)), make_target_(make_target), roots_(std::move(roots)) {
    for (const std::string& root : roots_) ask_all(root);
  }

  // Reads what is new or has changed. `client` outlives the call.
  async::Task<void> read(ZookeeperClient* client) {
    while (!pending_.empty()) {
      const auto [path, what] = *pending_.begin();
      pending_.erase(pending_.begin());
      if (what.data) NX_CO_TRY(co_await read_data(client, path));
      if (what.children && nodes_.contains(path)) NX_CO_TRY(co_await read_children(client, path));
    }
    co_return util::Result<void>();
  }

  void note(const ZookeeperEvent& event) {
    if (event.change == ZookeeperChange::kDeleted) remove(event.path);
    // A path of the configuration may come back.
    const bool is_root = std::ranges::find(roots_, event.path) != roots_.end();
    if (!is_root && !nodes_.contains(event.path)) return;
    if (event.change == ZookeeperChange::kCreated || event.change == ZookeeperChange::kDeleted) {
      ask_all(event.path);
    } else {
      Wanted& wanted = pending_[event.path];
      wanted.data |= event.change == ZookeeperChange::kData;
      wanted.children |= event.change == ZookeeperChange::kChildren;
    }
  }

  // One group for each member that is new, has changed or has gone since the last call.
  std::vector<TargetGroup> take_changes() {
    std::vector<TargetGroup> out;
    for (const std::string& path : changed_) {
      TargetGroup group{.source = path, .labels = {}, .targets = {}};
      const auto node = nodes_.find(path);
      if (node != nodes_.end() && node->second.target)
        group.targets.push_back(*node->second.target);
      out.push_back(std::move(group));
    }
    changed_.clear();
    return out;
  }

 private:
  struct Node {
    std::optional<model::Labels> target;
    std::vector<std::string> children;  // Sorted paths.
  };
  struct Wanted {
    bool data = false;
    bool children = false;
  };

  void ask_all(const std::string& path) { pending_[path] = {.data = true, .children = true}; }

  void remove(const std::string& path) {
    // Everything below it stands between "path/" and "path0", which is what comes after a slash.
    const std::string stem = path == "/" ? std::string() : path;
    const auto begin = nodes_.lower_bound(stem + "/");
    const auto end = nodes_.lower_bound(stem + "0");
    for (auto node = begin; node != end; ++node) {
      if (node->second.target) changed_.insert(node->first);
    }
    nodes_.erase(begin, end);
    const auto own = nodes_.find(path);
    if (own == nodes_.end()) return;
    if (own->second.target) changed_.insert(path);
    nodes_.erase(own);
  }

  async::Task<void> read_data(ZookeeperClient* client, std::string path) {
    NX_CO_ASSIGN(const auto data, co_await client->data(path));
    if (!data) {
      remove(path);
      if (std::ranges::find(roots_, path) == roots_.end()) co_return util::Result<void>();
      // It is not there yet, or not any more: the server says when it is.
      NX_CO_ASSIGN(const bool is_there, co_await client->exists(path));
      if (is_there) {
        co_return fail(Code::kIo, fmt::format("{}: it may not be read", path));
      }
      co_return util::Result<void>();
    }
    if (nodes_.size() == kNodesMax && !nodes_.contains(path))
      co_return fail(Code::kLimitExceeded, fmt::format("more than {} nodes", kNodesMax));
    set_data(path, *data);
    co_return util::Result<void>();
  }

  void set_data(const std::string& path, const std::string& data) {
    Node& node = nodes_[path];
    if (data.empty()) {  // A directory, as it were.
      if (node.target) changed_.insert(path);
      node.target.reset();
      return;
    }
    auto target = target_in(path, data);
    if (!target) {  // What it said before still counts.
      util::log_error("Error parsing a member",
                      {{"discovery", mechanism_}, {"path", path}, {"err", target.error()}});
      return;
    }
    node.target = *std::move(target);
    changed_.insert(path);
  }

  [[nodiscard]] util::Result<model::Labels> target_in(const std::string& path,
                                                      const std::string& data) const {
    NX_ASSIGN(const json::value member, parse_json(data));
    return make_target_(path, member);
  }

  async::Task<void> read_children(ZookeeperClient* client, std::string path) {
    NX_CO_ASSIGN(auto names, co_await client->children(path));
    if (!names) {
      remove(path);
      co_return util::Result<void>();
    }
    if (std::ranges::count(path, '/') > kDepthMax)
      co_return fail(Code::kLimitExceeded, fmt::format("{}: too deep", path));
    std::vector<std::string> now;
    for (const std::string& name : *names) {
      if (name.empty() || name.contains('/'))
        co_return fail(Code::kInvalidArgument, fmt::format("{}: a child without a name", path));
      now.push_back(path.ends_with('/') ? path + name : path + "/" + name);
    }
    std::ranges::sort(now);
    std::vector<std::string> before = std::exchange(nodes_[path].children, now);
    for (const std::string& child : before) {
      if (!std::ranges::binary_search(now, child)) remove(child);
    }
    for (const std::string& child : now) {
      if (!nodes_.contains(child)) ask_all(child);
    }
    co_return util::Result<void>();
  }

  const std::string mechanism_;
  const MakeTarget make_target_;
  const std::vector<std::string> roots_;
  std::map<std::string, Node, std::less<>> nodes_;
  std::map<std::string, Wanted, std::less<>> pending_;
  std::set<std::string, std::less<>> changed_;
};

struct ZookeeperSettings {
  std::string mechanism;
  std::vector<std::string> servers;
  std::vector<std::string> paths;
  Interval timeout;
  MakeTarget make_target;
};

class ZookeeperDiscoverer final : public Discoverer {
 public:
  ZookeeperDiscoverer(ZookeeperSettings settings, const Context& context)
      : settings_(std::move(settings)),
        clock_(context.clock),
        failures_(context.metrics->refresh_failures(settings_.mechanism)) {}

  async::Task<void> run(GroupSink* sink) override {
    std::chrono::seconds retry = kRetryMin;
    for (std::size_t attempt = 0;; ++attempt) {
      bool was_read = false;
      const std::string& server = settings_.servers[attempt % settings_.servers.size()];
      auto ended = co_await follow(sink, server, &was_read);
      if (ended.error().code() == Code::kCanceled) co_return ended;
      failures_.increment();
      util::log_error(
          "Error following ZooKeeper",
          {{"discovery", settings_.mechanism}, {"server", server}, {"err", ended.error()}});
      if (was_read) retry = kRetryMin;
      NX_CO_TRY(co_await async::sleep_for(clock_, retry));
      retry = std::min(retry * 2, kRetryMax);
    }
  }

 private:
  // Ends with an error and not otherwise. What was found before stays until the tree was read.
  async::Task<void> follow(GroupSink* sink, std::string server, bool* was_read) {
    NX_CO_ASSIGN(const auto client,
                 co_await ZookeeperClient::connect(std::move(server), settings_.timeout, clock_));
    ZookeeperTree tree(settings_.mechanism, settings_.make_target, settings_.paths);
    NX_CO_TRY(co_await tree.read(client.get()));
    NX_CO_TRY(sink->replace(tree.take_changes()));
    *was_read = true;
    for (;;) {
      NX_CO_ASSIGN(const auto events, co_await client->events());
      for (const ZookeeperEvent& event : events) tree.note(event);
      NX_CO_TRY(co_await tree.read(client.get()));
      NX_CO_TRY(sink->merge(tree.take_changes()));
    }
  }

  const ZookeeperSettings settings_;
  util::Clock* const clock_;
  telemetry::Counter& failures_;
};

MadeDiscoverer make(ZookeeperSettings settings, const Context& context) {
  if (settings.servers.empty()) return fail(Code::kInvalidArgument, "zookeeper: no server");
  for (std::string& path : settings.paths) {
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  }
  return std::make_unique<ZookeeperDiscoverer>(std::move(settings), context);
}

}  // namespace

MadeDiscoverer make_serverset_discoverer(const ServersetOptions& options, const Context& context) {
  return make({.mechanism = ServersetOptions::kName,
               .servers = options.servers,
               .paths = options.paths,
               .timeout = options.timeout,
               .make_target = serverset_target},
              context);
}

MadeDiscoverer make_nerve_discoverer(const NerveOptions& options, const Context& context) {
  return make({.mechanism = NerveOptions::kName,
               .servers = options.servers,
               .paths = options.paths,
               .timeout = options.timeout,
               .make_target = nerve_target},
              context);
}

}  // namespace narthex::discovery
