#include "server/config_source.h"

namespace narthex::server {

util::Result<config::Config> ConfigSource::load() const {
  if (use_builtin()) {
    return config::load_text(env_, config::builtin_text(own_address_),
                             std::string(config::kBuiltinName));
  }
  NX_ASSIGN(config::Config config, config::load(env_, path_));
  NX_TRY(config::check_supported(config));
  return config;
}

std::optional<std::uint64_t> ConfigSource::fingerprint(const config::Config& loaded) const {
  if (use_builtin()) return std::nullopt;
  const auto made = config::fingerprint(env_, path_, loaded);
  return made ? std::optional(*made) : std::nullopt;
}

std::string ConfigSource::describe() const {
  return use_builtin() ? std::string(config::kBuiltinName) : path_;
}

}  // namespace narthex::server
