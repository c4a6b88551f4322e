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

std::string ConfigSource::describe() const {
  return use_builtin() ? std::string(config::kBuiltinName) : path_;
}

}  // namespace narthex::server
