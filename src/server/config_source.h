// Where the configuration comes from: the file that the flag names, or the built-in text when no
// flag was given and the default file does not exist. Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "narthex/config/config.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::server {

class ConfigSource {
 public:
  // `own_address` is what the built-in configuration scrapes this server at.
  ConfigSource(util::Env& env, std::string path, bool path_given, std::string own_address)
      : env_(env),
        path_(std::move(path)),
        own_address_(std::move(own_address)),
        path_given_(path_given) {}

  // Reads it afresh each time.
  [[nodiscard]] util::Result<config::Config> load() const;
  // Changes with the files that `loaded` was read from; nullopt when there are none, or none that
  // can be read.
  [[nodiscard]] std::optional<std::uint64_t> fingerprint(const config::Config& loaded) const;
  // For the log: the path, or that it is the built-in one.
  [[nodiscard]] std::string describe() const;

 private:
  [[nodiscard]] bool use_builtin() const { return !path_given_ && !env_.exists(path_); }

  util::Env& env_;
  std::string path_;
  std::string own_address_;
  bool path_given_;
};

}  // namespace narthex::server
