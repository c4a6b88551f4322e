#include "discovery/kubernetes_sd.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include <boost/asio/this_coro.hpp>

#include "narthex/async/timer.h"
#include "narthex/http/message.h"
#include "narthex/util/log.h"

#include "discovery/child_tasks.h"
#include "discovery/kubernetes_targets.h"
#include "discovery/kubernetes_watch.h"

namespace narthex::discovery {
namespace {

using Kind = KubernetesKind;

struct KindInfo {
  std::string_view group;  // "/api/v1"
  std::string_view plural;
  std::string_view selector_role;  // Whose selectors apply; "" = none.
  bool is_namespaced;
};

const KindInfo& info_of(Kind kind) {
  static constexpr std::array<KindInfo, 9> kInfos = {{
      {"/api/v1", "nodes", "node", false},
      {"/api/v1", "pods", "pod", true},
      {"/api/v1", "services", "service", true},
      {"/api/v1", "endpoints", "endpoints", true},
      {"/apis/discovery.k8s.io/v1", "endpointslices", "endpointslice", true},
      {"/apis/networking.k8s.io/v1", "ingresses", "ingress", true},
      {"/api/v1", "namespaces", "", false},
      {"/apis/apps/v1", "replicasets", "", true},
      {"/apis/batch/v1", "jobs", "", true},
  }};
  return kInfos.at(static_cast<std::size_t>(kind));
}

Kind own_kind(KubernetesRole role) {
  switch (role) {
    case KubernetesRole::kNode:
      return Kind::kNode;
    case KubernetesRole::kPod:
      return Kind::kPod;
    case KubernetesRole::kService:
      return Kind::kService;
    case KubernetesRole::kEndpoints:
      return Kind::kEndpoints;
    case KubernetesRole::kEndpointSlice:
      return Kind::kEndpointSlice;
    case KubernetesRole::kIngress:
      return Kind::kIngress;
  }
  return Kind::kPod;
}

// The collections that the role needs, its own first.
std::vector<Kind> kinds_of(const KubernetesOptions& options) {
  const bool is_endpoints =
      options.role == KubernetesRole::kEndpoints || options.role == KubernetesRole::kEndpointSlice;
  const bool has_pods = is_endpoints || options.role == KubernetesRole::kPod;
  std::vector<Kind> out = {own_kind(options.role)};
  if (is_endpoints) {
    out.push_back(Kind::kService);
    out.push_back(Kind::kPod);
  }
  if (has_pods && options.attach_node) out.push_back(Kind::kNode);
  if (options.role != KubernetesRole::kNode && options.attach_namespace)
    out.push_back(Kind::kNamespace);
  if (has_pods && options.attach_deployment) out.push_back(Kind::kReplicaSet);
  if (has_pods && options.attach_cronjob) out.push_back(Kind::kJob);
  return out;
}

class KubernetesDiscoverer final : public Discoverer {
 public:
  KubernetesDiscoverer(KubernetesOptions options, const Context& context, KubernetesAccess access,
                       std::shared_ptr<ApiClient> client)
      : options_(std::move(options)),
        clock_(context.clock),
        metrics_(context.metrics),
        access_(std::move(access)),
        client_(std::move(client)) {}

  async::Task<void> run(GroupSink* sink) override;

 private:
  // One collection in one namespace, and what it holds.
  struct Source final : public KubernetesListener {
    Source(KubernetesDiscoverer* o, Kind k) : owner(o), kind(k) {}
    void on_list(std::vector<KubernetesObject> all) override;
    void on_change(KubernetesObject object) override;
    void on_delete(KubernetesObject object) override;
    void on_failure(const util::Error& error) override { owner->count_failure(error, kind); }

    KubernetesDiscoverer* const owner;
    const Kind kind;
    bool is_listed = false;
    std::map<std::string, KubernetesObject> objects;  // By key.
  };
  using Reference = std::pair<Kind, std::string>;

  void start(Kind kind, const std::string& name_space, ChildTasks& children);
  void count_failure(const util::Error& error, Kind kind);
  void count_event(Kind kind, const std::string& event);
  // These objects have changed: builds anew all groups that they have a part in.
  void update(Kind kind, const std::set<std::string>& keys);
  void send(const std::set<std::string>& keys);
  const json::value* find(Kind kind, const std::string& key) const;
  void forget_uses(const std::string& key);
  TargetGroup build(const std::string& key);

  const KubernetesOptions options_;
  util::Clock* const clock_;
  Metrics* const metrics_;
  const KubernetesAccess access_;
  const std::shared_ptr<ApiClient> client_;
  GroupSink* sink_ = nullptr;
  std::vector<std::unique_ptr<Source>> sources_;
  bool is_complete_ = false;  // Every source has been listed once.
  // Which objects of the role's kind asked for an object when their groups were built, and the
  // reverse.
  std::map<Reference, std::set<std::string>> users_of_;
  std::map<std::string, std::set<Reference>> uses_of_;
};

void KubernetesDiscoverer::Source::on_list(std::vector<KubernetesObject> all) {
  std::map<std::string, KubernetesObject> next;
  for (KubernetesObject& object : all) {
    std::string key = object_key(*object);
    next.insert_or_assign(std::move(key), std::move(object));
  }
  std::set<std::string> keys;
  for (const auto& [key, object] : objects) keys.insert(key);
  for (const auto& [key, object] : next) keys.insert(key);
  objects = std::move(next);
  is_listed = true;
  owner->update(kind, keys);
}

void KubernetesDiscoverer::Source::on_change(KubernetesObject object) {
  std::string key = object_key(*object);
  const bool is_new = objects.insert_or_assign(key, std::move(object)).second;
  owner->count_event(kind, is_new ? "add" : "update");
  owner->update(kind, {std::move(key)});
}

void KubernetesDiscoverer::Source::on_delete(KubernetesObject object) {
  std::string key = object_key(*object);
  objects.erase(key);
  owner->count_event(kind, "delete");
  owner->update(kind, {std::move(key)});
}

void KubernetesDiscoverer::count_failure(const util::Error& error, Kind kind) {
  metrics_->kubernetes_failures.increment();
  util::log_error("Error following Kubernetes objects",
                  {{"kind", info_of(kind).plural}, {"server", access_.server}, {"err", error}});
}

void KubernetesDiscoverer::count_event(Kind kind, const std::string& event) {
  const std::string_view role = info_of(kind).selector_role;
  const std::string name(role.empty() ? info_of(kind).plural : role);
  metrics_->kubernetes_events(name, event).increment();
}

const json::value* KubernetesDiscoverer::find(Kind kind, const std::string& key) const {
  for (const auto& source : sources_) {
    if (source->kind != kind) continue;
    const auto found = source->objects.find(key);
    if (found != source->objects.end()) return found->second.get();
  }
  return nullptr;
}

void KubernetesDiscoverer::forget_uses(const std::string& key) {
  const auto uses = uses_of_.find(key);
  if (uses == uses_of_.end()) return;
  for (const Reference& reference : uses->second) {
    const auto users = users_of_.find(reference);
    if (users == users_of_.end()) continue;
    users->second.erase(key);
    if (users->second.empty()) users_of_.erase(users);
  }
  uses_of_.erase(uses);
}

TargetGroup KubernetesDiscoverer::build(const std::string& key) {
  forget_uses(key);
  const json::value* object = find(own_kind(options_.role), key);
  if (object == nullptr)
    return {.source = kubernetes_source(options_.role, key), .labels = {}, .targets = {}};
  const auto look_up = [this, &key](Kind kind, const std::string& wanted) {
    users_of_[{kind, wanted}].insert(key);
    uses_of_[key].emplace(kind, wanted);
    return find(kind, wanted);
  };
  return kubernetes_group(options_, *object, look_up);
}

void KubernetesDiscoverer::send(const std::set<std::string>& keys) {
  std::vector<TargetGroup> groups;
  for (const std::string& key : keys) groups.push_back(build(key));
  const auto taken = sink_->merge(std::move(groups));
  if (!taken) count_failure(taken.error(), own_kind(options_.role));
}

void KubernetesDiscoverer::update(Kind kind, const std::set<std::string>& keys) {
  if (!is_complete_) {
    // Half a picture would drop labels, and with them whole targets.
    is_complete_ =
        std::ranges::all_of(sources_, [](const auto& source) { return source->is_listed; });
    if (!is_complete_) return;
    std::set<std::string> all;
    for (const auto& source : sources_) {
      if (source->kind != own_kind(options_.role)) continue;
      for (const auto& [key, object] : source->objects) all.insert(key);
    }
    std::vector<TargetGroup> groups;
    for (const std::string& key : all) groups.push_back(build(key));
    if (const auto taken = sink_->replace(std::move(groups)); !taken)
      count_failure(taken.error(), own_kind(options_.role));
    return;
  }
  if (kind == own_kind(options_.role)) return send(keys);
  std::set<std::string> users;
  for (const std::string& key : keys) {
    const auto found = users_of_.find({kind, key});
    if (found == users_of_.end()) continue;
    users.insert(found->second.begin(), found->second.end());
  }
  if (!users.empty()) send(users);
}

void KubernetesDiscoverer::start(Kind kind, const std::string& name_space, ChildTasks& children) {
  const KindInfo& info = info_of(kind);
  KubernetesCollection collection;
  collection.path = std::string(info.group);
  if (info.is_namespaced && !name_space.empty())
    collection.path += "/namespaces/" + http::percent_encode(name_space);
  collection.path += "/" + std::string(info.plural);
  for (const KubernetesSelector& selector : options_.selectors) {
    if (selector.role != info.selector_role) continue;
    collection.label_selector = selector.label;
    collection.field_selector = selector.field;
  }
  Source* source = sources_.emplace_back(std::make_unique<Source>(this, kind)).get();
  std::string child = collection.path;
  children.start(std::move(child), follow_collection(std::move(collection), access_.server,
                                                     client_.get(), clock_, source));
}

async::Task<void> KubernetesDiscoverer::run(GroupSink* sink) {
  sink_ = sink;
  const auto executor = co_await async::asio::this_coro::executor;
  ChildTasks children(executor, "kubernetes");
  std::set<std::string> namespaces(access_.namespaces.begin(), access_.namespaces.end());
  for (const Kind kind : kinds_of(options_)) {
    if (!info_of(kind).is_namespaced) {
      start(kind, std::string(), children);
      continue;
    }
    for (const std::string& name_space : namespaces) start(kind, name_space, children);
  }
  auto ended = co_await async::sleep_for(clock_, std::chrono::hours(24 * 365 * 100));
  static_cast<void>(co_await children.end_all());  // Never fails.
  co_return ended;
}

}  // namespace

util::Result<std::unique_ptr<Discoverer>> make_kubernetes_discoverer(
    const KubernetesOptions& options, const Context& context, const ClusterSurroundings& around) {
  NX_ASSIGN(KubernetesAccess access, kubernetes_access(options, *context.env, around));
  NX_TRY(http::Url::parse(access.server));
  NX_ASSIGN(auto client, ApiClient::make(access.http, context));
  return std::unique_ptr<Discoverer>(std::make_unique<KubernetesDiscoverer>(
      options, context, std::move(access), std::move(client)));
}

}  // namespace narthex::discovery
