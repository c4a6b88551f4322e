// Prometheus's web configuration file (--web.config.file): TLS, users, response headers,
// how many requests.
// Errors name the file, the line and the key.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "narthex/http/access_options.h"
#include "narthex/util/env.h"
#include "narthex/util/mutex.h"
#include "narthex/util/result.h"

namespace narthex::config {

// `name` stands in messages and its directory resolves relative paths. Certificates are not read
// here.
util::Result<http::AccessOptions> load_web_config_text(std::string_view text,
                                                       const std::string& name);

// The file as it is at any moment; parsed again only when its content has changed.
// Threads: synchronized.
class WebConfigFile {
 public:
  // `env` outlives it.
  WebConfigFile(util::Env& env, std::string path) : env_(env), path_(std::move(path)) {}
  util::Result<std::shared_ptr<const http::AccessOptions>> current();

 private:
  using Loaded = util::Result<std::shared_ptr<const http::AccessOptions>>;

  util::Env& env_;
  const std::string path_;
  util::Mutex mutex_;
  std::string text_ NX_GUARDED_BY(mutex_);
  std::unique_ptr<Loaded> loaded_ NX_GUARDED_BY(mutex_);  // Of `text_`; null before the first.
};

}  // namespace narthex::config
