// Tells when something changes in directories (inotify).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "narthex/async/doorbell.h"
#include "narthex/util/result.h"

namespace narthex::discovery {

namespace asio = boost::asio;

// Threads: confined to `executor`, which runs one thing at a time.
class DirectoryWatch {
 public:
  // Rings `bell`, which outlives the watch, after a file was written and closed, made, moved or
  // removed.
  DirectoryWatch(const asio::any_io_executor& executor, async::Doorbell* bell);
  ~DirectoryWatch();
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;

  // Watches exactly these. False: some could not be; they are tried again at the next call.
  bool set(const std::vector<std::string>& directories);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace narthex::discovery
