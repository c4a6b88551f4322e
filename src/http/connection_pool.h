// Connections that wait to be used again, by where they lead.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <boost/asio/any_io_executor.hpp>

#include "narthex/http/url.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

#include "http/transport.h"

namespace narthex::http {

// Threads: synchronized.
class ConnectionPool {
 public:
  explicit ConnectionPool(util::Clock* clock) : clock_(clock) {}

  // Where `url` leads, for coroutines on the threads of `executor`: a connection stays on the
  // thread that opened it.
  [[nodiscard]] static std::string key_of(const Url& url, const asio::any_io_executor& executor);
  // Null when there is none; the one that was used last comes first.
  [[nodiscard]] std::unique_ptr<Transport> take(const std::string& key);
  // Keeps it for five minutes at most; closes it when the pool is full.
  void give(const std::string& key, std::unique_ptr<Transport> transport);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Idle {
    std::unique_ptr<Transport> transport;
    util::SteadyNs since = 0;
  };
  util::Clock* const clock_;
  mutable util::Mutex mutex_;
  std::map<std::string, std::vector<Idle>, std::less<>> idle_
      NX_GUARDED_BY(mutex_);  // Oldest first.
  std::size_t count_ NX_GUARDED_BY(mutex_) = 0;
};

}  // namespace narthex::http
