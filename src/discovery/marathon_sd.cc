#include "discovery/cloud_sd.h"
#include "discovery/refresher_of.h"

namespace narthex::discovery {
namespace {

constexpr std::string_view kPrefix = "__meta_marathon_";
constexpr std::size_t kTokenBytesMax = std::size_t{64} << 10U;

// The ports that every task of an app has. 0: the task says which.
struct AppPorts {
  std::vector<std::int64_t> numbers;
  std::vector<const json::object*> labels;  // Of each number, or none at all.
  std::string_view label_prefix;
};

bool is_container_network(const json::value& app) {
  const json::array& networks = list_at(app, "networks");
  return !networks.empty() && text_at(networks.front(), "mode") == "container";
}

AppPorts ports_of(const json::value& app) {
  AppPorts out;
  const bool is_container = is_container_network(app);
  for (const json::array* mappings : {&list_at(app, "container", "portMappings"),
                                      &list_at(app, "container", "docker", "portMappings")}) {
    if (mappings->empty()) continue;
    out.label_prefix = "port_mapping_label_";
    for (const json::value& mapping : *mappings) {
      out.numbers.push_back(int_of(at(mapping, is_container ? "containerPort" : "hostPort")));
      out.labels.push_back(&object_at(mapping, "labels"));
    }
    return out;
  }
  // Without requirePorts, what is written here is the port of the service and not of the task.
  const bool is_fixed = bool_of(at(app, "requirePorts"));
  for (const json::value& definition : list_at(app, "portDefinitions")) {
    out.label_prefix = "port_definition_label_";
    out.numbers.push_back(is_fixed ? int_of(at(definition, "port")) : 0);
    out.labels.push_back(&object_at(definition, "labels"));
  }
  return out;
}

std::string_view host_of(const json::value& task, bool is_container) {
  const json::array& addresses = list_at(task, "ipAddresses");
  return is_container && !addresses.empty() ? text_at(addresses.front(), "ipAddress")
                                            : text_at(task, "host");
}

void add_task(const json::value& task, const AppPorts& ports, bool is_container,
              TargetGroup& group) {
  const json::array& own = list_at(task, "ports");
  const std::size_t count = ports.numbers.empty() ? own.size() : ports.numbers.size();
  for (std::size_t i = 0; i < count; ++i) {
    std::int64_t port = i < ports.numbers.size() ? ports.numbers[i] : 0;
    if (port == 0 && i < own.size()) port = int_of(own[i]);
    MetaLabels labels(kPrefix);
    labels.set("task", text_at(task, "id"));
    labels.set("port_index", std::to_string(i));
    if (i < ports.labels.size()) labels.set_each(ports.label_prefix, *ports.labels[i]);
    labels.set_address(host_of(task, is_container), port);
    group.targets.push_back(labels.build());
  }
}

TargetGroup group_of(const json::value& app) {
  const std::string name(text_at(app, "id"));
  TargetGroup group{.source = name, .labels = {}, .targets = {}};
  MetaLabels common(kPrefix);
  common.set("app", name);
  common.set("image", text_at(app, "container", "docker", "image"));
  common.set_each("app_label_", object_at(app, "labels"));
  group.labels = common.build();
  const AppPorts ports = ports_of(app);
  const bool is_container = is_container_network(app);
  for (const json::value& task : list_at(app, "tasks")) add_task(task, ports, is_container, group);
  return group;
}

class MarathonRefresher final : public Refresher {
 public:
  MarathonRefresher(MarathonOptions options, util::Env* env, std::shared_ptr<ApiClient> client)
      : options_(std::move(options)), env_(env), client_(std::move(client)) {}

  // The servers are replicas: the one that answered last, else the next.
  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) override {
    std::vector<TargetGroup> groups;
    util::Result<void> asked;
    for (std::size_t tries = 0; tries < options_.servers.size(); ++tries) {
      groups.clear();
      asked = co_await ask(&groups, deadline);
      if (asked) co_return groups;
      if (asked.error().code() == util::Code::kCanceled) break;
      server_ = (server_ + 1) % options_.servers.size();
    }
    co_return std::unexpected(std::move(asked).error());
  }

 private:
  async::Task<void> ask(std::vector<TargetGroup>* groups, util::SteadyNs deadline) {
    PagedList apps;
    apps.url = without_slash(options_.servers[server_]) + "/v2/apps/?embed=apps.tasks";
    apps.items = "apps";
    NX_CO_ASSIGN(const std::string token, read_token());
    if (!token.empty()) apps.headers.add("Authorization", "token=" + token);
    apps.each = [groups](const json::value& app) {
      TargetGroup group = group_of(app);
      if (!group.targets.empty()) groups->push_back(std::move(group));
    };
    co_return co_await read_pages(client_.get(), std::move(apps), deadline);
  }

  [[nodiscard]] util::Result<std::string> read_token() const {
    std::string token = options_.auth_token.text;
    if (!options_.auth_token.file.empty()) {
      NX_ASSIGN(token, env_->read_file(options_.auth_token.file, kTokenBytesMax));
    }
    const std::size_t end = token.find_last_not_of(" \t\r\n");
    const std::size_t start = token.find_first_not_of(" \t\r\n");
    return end == std::string::npos ? std::string() : token.substr(start, end + 1 - start);
  }

  const MarathonOptions options_;
  util::Env* const env_;
  const std::shared_ptr<ApiClient> client_;
  std::size_t server_ = 0;
};

}  // namespace

MadeDiscoverer make_marathon_discoverer(const MarathonOptions& options, const Context& context) {
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  auto refresher = std::make_unique<MarathonRefresher>(options, context.env, std::move(client));
  return make_refresh_discoverer(MarathonOptions::kName, options.refresh_interval, context,
                                 std::move(refresher));
}

}  // namespace narthex::discovery
