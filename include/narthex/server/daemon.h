// The whole server: builds every part, wires them, reloads them, stops them.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "narthex/server/options.h"
#include "narthex/util/result.h"

namespace narthex::server {

// Threads: synchronized; run() blocks the calling thread, the others may be called from any (but
// not from a signal handler).
class Daemon {
 public:
  // Reads the configuration and binds the listen addresses. Touches no data. kInvalidArgument: the
  // configuration is wrong.
  static util::Result<std::unique_ptr<Daemon>> create(Options options);
  ~Daemon();
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  // Opens the data directory (answering 503 meanwhile), applies the configuration, serves until
  // request_stop(); then stops everything in order. An error means that the start failed or that
  // something could not be closed cleanly.
  util::Result<void> run();
  void request_stop();
  // Reads the configuration again in the background of run(); the old one stays when the new one is
  // wrong.
  void request_reload();

  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept;

 private:
  struct Parts;
  explicit Daemon(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace narthex::server
