#include <type_traits>

#include "discovery/consul_sd.h"
#include "discovery/context.h"
#include "discovery/dns_sd.h"
#include "discovery/docker_sd.h"
#include "discovery/file_sd.h"
#include "discovery/http_sd.h"
#include "discovery/kubernetes_sd.h"

namespace narthex::discovery {
namespace {

using Made = util::Result<std::unique_ptr<Discoverer>>;

Made make(const FileOptions& options, const Context& context) {
  return make_file_discoverer(options, context);
}
Made make(const ConsulOptions& options, const Context& context) {
  return make_consul_discoverer(options, context);
}
Made make(const DockerOptions& options, const Context& context) {
  return make_docker_discoverer(options, context);
}
Made make(const DockerSwarmOptions& options, const Context& context) {
  return make_dockerswarm_discoverer(options, context);
}
Made make(const DnsOptions& options, const Context& context) {
  return make_dns_discoverer(options, context);
}
Made make(const HttpOptions& options, const Context& context) {
  return make_http_discoverer(options, context);
}
Made make(const KubernetesOptions& options, const Context& context) {
  return make_kubernetes_discoverer(options, context);
}

}  // namespace

Made make_discoverer(const ProviderOptions& options, const Context& context) {
  return std::visit([&context](const auto& settings) { return make(settings, context); }, options);
}

std::string mechanism_of(const ProviderOptions& options) {
  return std::visit(
      [](const auto& settings) {
        return std::string(std::remove_cvref_t<decltype(settings)>::kName);
      },
      options);
}

}  // namespace narthex::discovery
