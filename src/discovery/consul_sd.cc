#include "discovery/consul_sd.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <boost/asio/this_coro.hpp>
#include <fmt/format.h>

#include "narthex/async/timer.h"
#include "narthex/http/message.h"
#include "narthex/util/log.h"

#include "discovery/api_client.h"
#include "discovery/child_tasks.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;
using Params = std::vector<std::pair<std::string, std::string>>;

constexpr std::chrono::seconds kWait{120};      // How long the server may hold a query back.
constexpr std::chrono::seconds kAnswerIn{135};  // It adds up to a sixteenth.
constexpr std::chrono::seconds kRetry{15};
constexpr std::size_t kServicesMax = 20'000;

// The worst of the checks, with maintenance above all.
std::string_view health_of(const json::array& checks) {
  bool is_critical = false;
  bool is_warning = false;
  for (const json::value& check : checks) {
    const std::string_view id = text_at(check, "CheckID");
    const std::string_view status = text_at(check, "Status");
    if (id == "_node_maintenance" || id.starts_with("_service_maintenance:")) return "maintenance";
    is_critical |= status == "critical";
    is_warning |= status == "warning";
  }
  return is_critical ? "critical" : is_warning ? "warning" : "passing";
}

class ConsulDiscoverer final : public Discoverer {
 public:
  ConsulDiscoverer(ConsulOptions options, const Context& context, std::string base,
                   std::shared_ptr<ApiClient> client)
      : options_(std::move(options)),
        clock_(context.clock),
        seconds_(context.metrics->refresh_seconds(ConsulOptions::kName)),
        failures_(context.metrics->refresh_failures(ConsulOptions::kName)),
        base_(std::move(base)),
        client_(std::move(client)) {}

  async::Task<void> run(GroupSink* sink) override;

 private:
  // What a blocking query needs to know for the next one; "" asks for what there is now.
  struct Query {
    std::string path;
    Params params;
    std::uint64_t index = 0;
  };

  async::Task<json::value> ask(std::string path, Params params, util::SteadyNs deadline,
                               std::uint64_t* index) const;
  async::Task<std::optional<json::value>> ask_for_change(Query* query) const;
  async::Task<void> find_datacenter();
  async::Task<void> follow(GroupSink* sink, ChildTasks* children);
  async::Task<void> follow_catalog(GroupSink* sink, ChildTasks* children);
  async::Task<void> follow_service(GroupSink* sink, std::string service);
  async::Task<void> pause(util::Error error, std::string_view what) const;
  void update_services(const json::value& catalog, GroupSink* sink, ChildTasks* children);
  [[nodiscard]] bool is_watched(std::string_view service, const json::array& tags) const;
  [[nodiscard]] Params common_params() const;
  [[nodiscard]] TargetGroup group_of(const std::string& service, const json::value& entries) const;
  [[nodiscard]] model::Labels target_of(const json::value& entry) const;

  const ConsulOptions options_;
  util::Clock* const clock_;
  telemetry::Summary& seconds_;
  telemetry::Counter& failures_;
  const std::string base_;
  const std::shared_ptr<ApiClient> client_;
  std::string datacenter_;
};

Params ConsulDiscoverer::common_params() const {
  Params params;
  if (!datacenter_.empty()) params.emplace_back("dc", datacenter_);
  if (!options_.name_space.empty()) params.emplace_back("ns", options_.name_space);
  if (!options_.partition.empty()) params.emplace_back("partition", options_.partition);
  return params;
}

async::Task<json::value> ConsulDiscoverer::ask(std::string path, Params params,
                                               util::SteadyNs deadline,
                                               std::uint64_t* index) const {
  const std::string query = query_string(params);
  NX_CO_ASSIGN(auto request,
               get_request(base_ + path + (query.empty() ? "" : "?" + query), deadline));
  if (!options_.token.empty()) request.headers.add("X-Consul-Token", options_.token);
  NX_CO_ASSIGN(const auto response, co_await client_->fetch_ok(std::move(request)));
  if (index != nullptr) {
    const std::string_view text = response.headers.get("X-Consul-Index");
    std::uint64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    *index = number;  // 0, and so a query that does not wait, when it is none.
  }
  co_return parse_json(response.body);
}

// nullopt: nothing has changed while the server waited.
async::Task<std::optional<json::value>> ConsulDiscoverer::ask_for_change(Query* query) const {
  const util::SteadyNs start = clock_->steady_ns();
  Params params = query->params;
  if (query->index != 0) params.emplace_back("index", std::to_string(query->index));
  params.emplace_back("wait", fmt::format("{}ms", std::chrono::milliseconds(kWait).count()));
  if (options_.allow_stale) params.emplace_back("stale", "");
  std::uint64_t index = 0;
  const util::SteadyNs deadline = start + std::chrono::nanoseconds(kAnswerIn).count();
  NX_CO_ASSIGN(auto value, co_await ask(query->path, std::move(params), deadline, &index));
  seconds_.observe(static_cast<double>(clock_->steady_ns() - start) / 1e9);
  if (index != 0 && index == query->index) co_return std::optional<json::value>();
  // An index that goes backwards is that of a server which has begun anew.
  query->index = index < query->index ? 0 : index;
  co_return std::optional<json::value>(std::move(value));
}

// Counts, logs and waits; an error only when we are to end.
async::Task<void> ConsulDiscoverer::pause(util::Error error, std::string_view what) const {
  if (error.code() == Code::kCanceled) co_return std::unexpected(std::move(error));
  failures_.increment();
  util::log_error("Error asking Consul", {{"for", what}, {"err", error}});
  co_return co_await async::sleep_for(clock_, kRetry);
}

async::Task<void> ConsulDiscoverer::find_datacenter() {
  datacenter_ = options_.datacenter;
  while (datacenter_.empty()) {
    const util::SteadyNs deadline =
        clock_->steady_ns() + std::chrono::nanoseconds(kAnswerIn).count();
    const Params none;
    auto self = co_await ask("/v1/agent/self", none, deadline, nullptr);
    if (self) datacenter_ = text_at(*self, "Config", "Datacenter");
    if (!datacenter_.empty()) break;
    util::Error error =
        self ? util::Error(Code::kInvalidArgument, "invalid value for Config.Datacenter")
             : std::move(self).error();
    NX_CO_TRY(co_await pause(std::move(error), "the datacenter"));
  }
  co_return util::Result<void>();
}

bool ConsulDiscoverer::is_watched(std::string_view service, const json::array& tags) const {
  const bool is_named = options_.services.empty() ||
                        std::ranges::find(options_.services, service) != options_.services.end();
  return is_named && std::ranges::all_of(options_.tags, [&tags](const std::string& wanted) {
           return std::ranges::any_of(
               tags, [&wanted](const json::value& tag) { return text_of(tag) == wanted; });
         });
}

void ConsulDiscoverer::update_services(const json::value& catalog, GroupSink* sink,
                                       ChildTasks* children) {
  std::size_t count = 0;
  std::vector<std::string> wanted;
  for (const auto& member : object_of(catalog)) {
    const std::string_view name(member.key().data(), member.key().size());
    if (!is_watched(name, list_of(member.value())) || ++count > kServicesMax) continue;
    wanted.emplace_back(name);
    if (!children->has(name))
      children->start(std::string(name), follow_service(sink, std::string(name)));
  }
  if (count > kServicesMax) {
    util::log_error("Consul has more services than can be followed",
                    {{"services", count}, {"followed", kServicesMax}});
  }
  std::ranges::sort(wanted);
  std::vector<TargetGroup> gone;
  for (const std::string& service : children->keys()) {
    if (std::ranges::binary_search(wanted, service)) continue;
    children->end(service);
    gone.push_back({.source = service, .labels = {}, .targets = {}});
  }
  static_cast<void>(sink->merge(std::move(gone)));  // Cannot exceed a limit: it only removes.
}

async::Task<void> ConsulDiscoverer::follow_catalog(GroupSink* sink, ChildTasks* children) {
  Query query{.path = "/v1/catalog/services", .params = common_params()};
  for (const auto& [name, value] : options_.node_meta)
    query.params.emplace_back("node-meta", name + ":" + value);
  if (!options_.filter.empty()) query.params.emplace_back("filter", options_.filter);
  const std::int64_t interval =
      std::chrono::nanoseconds(std::max(options_.refresh_interval, kIntervalMin)).count();
  for (;;) {
    const util::SteadyNs start = clock_->steady_ns();
    auto catalog = co_await ask_for_change(&query);
    if (!catalog) {
      query.index = 0;
      NX_CO_TRY(co_await pause(std::move(catalog).error(), "its services"));
      continue;
    }
    if (*catalog) update_services(**catalog, sink, children);
    NX_CO_TRY(co_await async::sleep_until(clock_, start + interval));
  }
}

async::Task<void> ConsulDiscoverer::follow_service(GroupSink* sink, std::string service) {
  Query query{.path = "/v1/health/service/" + http::percent_encode(service),
              .params = common_params()};
  for (const std::string& tag : options_.tags) query.params.emplace_back("tag", tag);
  for (const auto& [name, value] : options_.node_meta)
    query.params.emplace_back("node-meta", name + ":" + value);
  if (!options_.health_filter.empty()) query.params.emplace_back("filter", options_.health_filter);
  const std::int64_t interval =
      std::chrono::nanoseconds(std::max(options_.refresh_interval, kIntervalMin)).count();
  for (;;) {
    const util::SteadyNs start = clock_->steady_ns();
    auto entries = co_await ask_for_change(&query);
    util::Result<void> done;
    if (!entries) {
      done = std::unexpected(std::move(entries).error());
    } else if (*entries) {
      std::vector<TargetGroup> groups;
      groups.push_back(group_of(service, **entries));
      done = sink->merge(std::move(groups));
    }
    if (!done) {
      query.index = 0;
      NX_CO_TRY(co_await pause(std::move(done).error(), service));
      continue;
    }
    NX_CO_TRY(co_await async::sleep_until(clock_, start + interval));
  }
}

model::Labels ConsulDiscoverer::target_of(const json::value& entry) const {
  const json::value& node = at(entry, "Node");
  const json::value& service = at(entry, "Service");
  MetaLabels labels("__meta_consul_");
  const std::string_view own_address = text_at(service, "Address");
  const std::string_view address = own_address.empty() ? text_at(node, "Address") : own_address;
  const std::int64_t port = int_of(at(service, "Port"));
  std::string tags = options_.tag_separator;
  for (const json::value& tag : list_at(service, "Tags")) {
    tags += text_of(tag);
    tags += options_.tag_separator;
  }
  if (list_at(service, "Tags").empty()) tags += options_.tag_separator;
  labels.set_address(address, port);
  labels.set("address", text_at(node, "Address"));
  labels.set("node", text_at(node, "Node"));
  labels.set("dc", text_at(node, "Datacenter"));
  labels.set("tags", tags);
  labels.set("namespace", text_at(service, "Namespace"));
  labels.set("partition", text_at(service, "Partition"));
  labels.set("service_address", own_address);
  labels.set("service_port", std::to_string(port));
  labels.set("service_id", text_at(service, "ID"));
  labels.set("health", health_of(list_at(entry, "Checks")));
  labels.set_each("metadata_", object_at(node, "Meta"));
  labels.set_each("service_metadata_", object_at(service, "Meta"));
  labels.set_each("tagged_address_", object_at(node, "TaggedAddresses"));
  return labels.build();
}

TargetGroup ConsulDiscoverer::group_of(const std::string& service,
                                       const json::value& entries) const {
  MetaLabels common("__meta_consul_");
  common.set("service", service);
  TargetGroup group{.source = service, .labels = common.build(), .targets = {}};
  for (const json::value& entry : list_of(entries)) group.targets.push_back(target_of(entry));
  return group;
}

async::Task<void> ConsulDiscoverer::follow(GroupSink* sink, ChildTasks* children) {
  NX_CO_TRY(co_await find_datacenter());
  const bool needs_catalog =
      options_.services.empty() || !options_.tags.empty() || !options_.filter.empty();
  if (needs_catalog) co_return co_await follow_catalog(sink, children);
  for (const std::string& service : options_.services) {
    if (!children->has(service)) children->start(service, follow_service(sink, service));
  }
  co_return co_await async::sleep_for(clock_, std::chrono::hours(24 * 365 * 100));
}

async::Task<void> ConsulDiscoverer::run(GroupSink* sink) {
  const auto executor = co_await async::asio::this_coro::executor;
  ChildTasks children(executor, "consul");
  auto ended = co_await follow(sink, &children);
  static_cast<void>(co_await children.end_all());  // Never fails.
  co_return ended;
}

}  // namespace

util::Result<std::unique_ptr<Discoverer>> make_consul_discoverer(const ConsulOptions& options,
                                                                 const Context& context) {
  const std::string base =
      fmt::format("{}://{}{}", options.scheme, options.server, options.path_prefix);
  NX_TRY(http::Url::parse(base));
  http::ClientOptions http = options.http;
  if (!options.username.empty() || !options.password.empty()) {
    http.basic_auth = http::BasicAuth{.username = {.text = options.username, .file = {}},
                                      .password = {.text = options.password, .file = {}}};
  }
  NX_ASSIGN(auto client, ApiClient::make(http, context));
  return std::unique_ptr<Discoverer>(
      std::make_unique<ConsulDiscoverer>(options, context, base, std::move(client)));
}

}  // namespace narthex::discovery
