#include "server/config_state.h"

namespace narthex::server {

ConfigState::ConfigState(config::Config initial, util::Clock& clock, telemetry::Registry& registry)
    : clock_(clock),
      successful_(registry.gauge("prometheus_config_last_reload_successful",
                                 "Whether the last attempt to load the configuration worked.")),
      success_seconds_(registry.gauge(
          "prometheus_config_last_reload_success_timestamp_seconds",
          "When the configuration was last loaded, in seconds since the Unix epoch.")) {
  loaded(std::move(initial));
}

std::shared_ptr<const config::Config> ConfigState::current() const {
  const util::MutexLock lock(mutex_);
  return current_;
}

void ConfigState::loaded(config::Config config) {
  auto shared = std::make_shared<const config::Config>(std::move(config));
  const util::MutexLock lock(mutex_);
  current_ = std::move(shared);
  mark_success();
}

void ConfigState::failed() {
  const util::MutexLock lock(mutex_);
  last_.succeeded = false;
  successful_.set(0);
}

ConfigState::LastReload ConfigState::last_reload() const {
  const util::MutexLock lock(mutex_);
  return last_;
}

void ConfigState::mark_success() {
  last_.succeeded = true;
  last_.at_ns = clock_.wall_ns();
  successful_.set(1);
  success_seconds_.set(static_cast<double>(last_.at_ns) / 1e9);
}

}  // namespace narthex::server
