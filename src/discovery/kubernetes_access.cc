#include "discovery/kubernetes_access.h"

#include <cstdlib>

#include <fmt/format.h>

#include "narthex/yaml/tree.h"

#include "discovery/encoding.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::size_t kFileBytesMax = std::size_t{1} << 20U;

std::string text_under(const yaml::Node& node, std::string_view key) {
  const yaml::Node* value = node.find(key);
  return value == nullptr ? std::string() : value->text;
}

// The member of the list `list_key` that is called `name`: its part `part`.
util::Result<yaml::Node> named(const yaml::Node& root, std::string_view list_key,
                               std::string_view part, const std::string& name) {
  if (const yaml::Node* list = root.find(list_key)) {
    for (const yaml::Node& item : list->items) {
      const yaml::Node* content = item.find(part);
      if (text_under(item, "name") == name && content != nullptr) return *content;
    }
  }
  return fail(Code::kInvalidArgument, fmt::format("kubeconfig: no {} \"{}\"", part, name));
}

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' '))
    text.pop_back();
  return text;
}

// `key` names a file, seen from the kubeconfig's directory; `key`-data holds its content in base64.
util::Result<http::Secret> file_or_data(const yaml::Node& node, const std::string& key,
                                        const std::string& directory) {
  if (const std::string data = text_under(node, key + "-data"); !data.empty()) {
    const auto decoded = decode_base64(data);
    if (!decoded) return fail(Code::kInvalidArgument, "kubeconfig: " + key + "-data is no base64");
    return http::Secret{.text = *decoded, .file = {}};
  }
  std::string file = text_under(node, key);
  if (!file.empty() && !file.starts_with('/')) file = directory + "/" + file;
  return http::Secret{.text = {}, .file = std::move(file)};
}

util::Result<void> read_cluster(const yaml::Node& cluster, const std::string& directory,
                                KubernetesAccess& out) {
  out.server = text_under(cluster, "server");
  if (out.server.empty())
    return fail(Code::kInvalidArgument, "kubeconfig: the cluster has no server");
  NX_ASSIGN(out.http.tls.ca, file_or_data(cluster, "certificate-authority", directory));
  out.http.tls.server_name = text_under(cluster, "tls-server-name");
  out.http.tls.insecure_skip_verify = text_under(cluster, "insecure-skip-tls-verify") == "true";
  if (!text_under(cluster, "proxy-url").empty()) {
    return fail(Code::kUnsupported, "kubeconfig: proxy-url is not supported by this version");
  }
  return {};
}

util::Result<void> read_user(const yaml::Node& user, const std::string& directory,
                             KubernetesAccess& out) {
  for (const std::string_view key : {"exec", "auth-provider"}) {
    if (user.find(key) != nullptr) {
      return fail(Code::kUnsupported,
                  fmt::format("kubeconfig: users with {} are not supported by this version", key));
    }
  }
  NX_ASSIGN(out.http.tls.cert, file_or_data(user, "client-certificate", directory));
  NX_ASSIGN(out.http.tls.key, file_or_data(user, "client-key", directory));
  const http::Secret token{.text = text_under(user, "token"),
                           .file = text_under(user, "tokenFile")};
  const std::string name = text_under(user, "username");
  if (!token.file.empty()) {
    out.http.authorization =
        http::Authorization{.type = "Bearer", .credentials = {.text = {}, .file = token.file}};
  } else if (!token.text.empty()) {
    out.http.authorization = http::Authorization{.type = "Bearer", .credentials = token};
  } else if (!name.empty()) {
    out.http.basic_auth =
        http::BasicAuth{.username = {.text = name, .file = {}},
                        .password = {.text = text_under(user, "password"), .file = {}}};
  }
  return {};
}

util::Result<void> read_kubeconfig(const std::string& path, util::Env& env, KubernetesAccess& out) {
  NX_ASSIGN(const std::string text, env.read_file(path, kFileBytesMax));
  const auto document = yaml::parse(text);
  if (!document) return fail(Code::kInvalidArgument, "kubeconfig: " + document.error().message);
  const yaml::Node& root = document->root;
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash);
  NX_ASSIGN(const yaml::Node context,
            named(root, "contexts", "context", text_under(root, "current-context")));
  NX_ASSIGN(const yaml::Node cluster,
            named(root, "clusters", "cluster", text_under(context, "cluster")));
  NX_TRY(read_cluster(cluster, directory, out));
  const std::string user_name = text_under(context, "user");
  if (user_name.empty()) return {};
  NX_ASSIGN(const yaml::Node user, named(root, "users", "user", user_name));
  return read_user(user, directory, out);
}

util::Result<void> read_cluster_surroundings(const ClusterSurroundings& around,
                                             KubernetesAccess& out) {
  const auto host = around.environment("KUBERNETES_SERVICE_HOST");
  const auto port = around.environment("KUBERNETES_SERVICE_PORT");
  if (!host || !port || host->empty() || port->empty()) {
    return fail(Code::kInvalidArgument,
                "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and "
                "KUBERNETES_SERVICE_PORT must be defined");
  }
  const bool is_v6 = host->find(':') != std::string::npos;
  out.server = fmt::format("https://{}{}{}:{}", is_v6 ? "[" : "", *host, is_v6 ? "]" : "", *port);
  // The token is renewed from time to time: it is read for every request.
  out.http.authorization = http::Authorization{
      .type = "Bearer", .credentials = {.text = {}, .file = around.service_account_dir + "/token"}};
  out.http.tls.ca.file = around.service_account_dir + "/ca.crt";
  return {};
}

}  // namespace

ClusterSurroundings process_surroundings() {
  ClusterSurroundings out;
  out.environment = [](const std::string& name) -> std::optional<std::string> {
    // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  };
  return out;
}

util::Result<KubernetesAccess> kubernetes_access(const KubernetesOptions& options, util::Env& env,
                                                 const ClusterSurroundings& around) {
  KubernetesAccess out;
  out.namespaces = options.namespaces;
  if (!options.kubeconfig_file.empty()) {
    NX_TRY(read_kubeconfig(options.kubeconfig_file, env, out));
  } else if (!options.api_server.empty()) {
    out.server = options.api_server;
    out.http = options.http;
  } else {
    NX_TRY(read_cluster_surroundings(around, out));
  }
  while (out.server.ends_with('/')) out.server.pop_back();
  if (options.own_namespace) {
    NX_ASSIGN(std::string own,
              env.read_file(around.service_account_dir + "/namespace", kFileBytesMax));
    out.namespaces.push_back(trimmed(std::move(own)));
  }
  if (out.namespaces.empty()) out.namespaces.emplace_back();
  return out;
}

}  // namespace narthex::discovery
