// The configuration in force and how the last reload went. Threads: synchronized.
#pragma once

#include <memory>

#include "narthex/config/config.h"
#include "narthex/telemetry/registry.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

namespace narthex::server {

class ConfigState {
 public:
  ConfigState(config::Config initial, util::Clock& clock, telemetry::Registry& registry);

  [[nodiscard]] std::shared_ptr<const config::Config> current() const;
  // The new one is in force.
  void loaded(config::Config config);
  // The old one stays.
  void failed();

  struct LastReload {
    bool succeeded = true;
    util::WallNs at_ns = 0;  // When the configuration in force was loaded.
  };
  [[nodiscard]] LastReload last_reload() const;

 private:
  void mark_success() NX_REQUIRES(mutex_);

  util::Clock& clock_;
  telemetry::Gauge& successful_;
  telemetry::Gauge& success_seconds_;
  mutable util::Mutex mutex_;
  std::shared_ptr<const config::Config> current_ NX_GUARDED_BY(mutex_);
  LastReload last_ NX_GUARDED_BY(mutex_);
};

}  // namespace narthex::server
