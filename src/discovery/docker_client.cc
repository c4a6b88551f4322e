#include "discovery/docker_client.h"

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/model/names.h"

namespace narthex::discovery {

util::Result<std::unique_ptr<DockerClient>> DockerClient::make(const std::string& host,
                                                               const http::ClientOptions& http,
                                                               const Context& context) {
  constexpr std::string_view kUnix = "unix://";
  constexpr std::string_view kTcp = "tcp://";
  http::Url base;
  if (host.starts_with(kUnix)) {
    base.host = "localhost";
    base.unix_socket = host.substr(kUnix.size());
    if (base.unix_socket.empty()) {
      return util::fail(util::Code::kInvalidArgument,
                        "unable to parse docker host " + model::quoted(host));
    }
  } else if (host.starts_with(kTcp)) {
    // A client certificate or authority means TLS, as for docker itself.
    const bool is_tls = http.tls != http::TlsOptions{};
    NX_ASSIGN(base, http::Url::parse((is_tls ? "https://" : "http://") + host.substr(kTcp.size())));
  } else {
    NX_ASSIGN(base, http::Url::parse(host));
  }
  if (base.target == "/") base.target.clear();
  NX_ASSIGN(auto client, ApiClient::make(http, context));
  return std::unique_ptr<DockerClient>(new DockerClient(std::move(base), std::move(client)));
}

async::Task<json::value> DockerClient::get(std::string path, std::vector<ListFilter> filters,
                                           util::SteadyNs deadline) const {
  http::ClientRequest request;
  request.url = base_;
  request.url.target += path;
  request.deadline = deadline;
  request.headers.add("Accept", "application/json");
  if (!filters.empty()) {
    json::object all;
    for (const ListFilter& filter : filters) {
      json::value& values = all[filter.name];
      if (!values.is_object()) values.emplace_object();
      for (const std::string& value : filter.values) values.get_object()[value] = true;
    }
    request.url.target += "?filters=" + http::percent_encode(json::serialize(all));
  }
  co_return co_await client_->fetch_json(std::move(request));
}

async::Task<LabelsById> DockerClient::network_labels(std::string prefix,
                                                     util::SteadyNs deadline) const {
  std::vector<ListFilter> none;
  NX_CO_ASSIGN(const json::value networks, co_await get("/networks", std::move(none), deadline));
  LabelsById out;
  for (const json::value& network : list_of(networks)) {
    MetaLabels labels(prefix);
    labels.set("network_id", text_at(network, "Id"));
    labels.set("network_name", text_at(network, "Name"));
    labels.set("network_scope", text_at(network, "Scope"));
    labels.set("network_internal", bool_of(at(network, "Internal")));
    labels.set("network_ingress", bool_of(at(network, "Ingress")));
    labels.set_each("network_label_", object_at(network, "Labels"));
    out[std::string(text_at(network, "Id"))] = labels.build();
  }
  co_return out;
}

void add_labels(MetaLabels& target, const model::Labels& labels) {
  for (const auto [name, value] : labels) target.set_plain(name, value);
}

void add_labels_of(MetaLabels& target, const LabelsById& all, std::string_view id) {
  if (const auto found = all.find(id); found != all.end()) add_labels(target, found->second);
}

}  // namespace narthex::discovery
