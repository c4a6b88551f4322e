// The HTTP/1.1 server: connections on I/O threads, handlers on worker threads.
// Slow, silent and non-reading clients are cut off; every buffer is bounded.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/access_options.h"
#include "narthex/http/router.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"
#include "narthex/util/worker_pool.h"

namespace narthex::async {
class Runtime;
}

namespace narthex::http {

struct ServerOptions {
  std::vector<std::string>
      listen_addresses;  // "host:port", "[v6]:port" or ":port"; port 0 picks a free one.
  // Sockets that listen already, of systemd for example; taken over beside the addresses.
  std::vector<int> inherited_sockets;
  // Null: everybody may come in, by plain HTTP.
  AccessLoader access;
  const util::Clock* clock = &util::system_clock();  // Of the rate limit; outlives the server.
  std::size_t connections_max = 512;  // Over all addresses; more wait in the kernel's accept queue.
  std::chrono::milliseconds idle_timeout{300'000};  // Between requests.
  std::chrono::milliseconds header_timeout{
      10'000};  // From the first byte of a request to the end of its header.
  std::chrono::milliseconds progress_timeout{
      60'000};  // An answer of which the client takes nothing for so long is cut, …
  // … or for so long while other requests wait for a handler and this answer holds one.
  std::chrono::milliseconds crowded_progress_timeout{1'000};
  std::size_t body_bytes_per_second_min = 1024;   // Slower bodies are cut, …
  std::chrono::milliseconds body_window{10'000};  // … judged each time so much has passed.
  std::uint32_t header_bytes_max = 64U << 10U;
  std::chrono::milliseconds drain_timeout{
      10'000};  // stop(): how long requests in flight may take to finish.
};

// Told once a request, after the last byte was handed to the kernel. `pattern` is the route's,
// empty when none matched.
struct RequestSummary {
  std::string_view method;
  std::string_view pattern;
  int status = 0;
  double seconds = 0;
  std::uint64_t body_bytes = 0;  // Of the answer, as sent.
};
using RequestObserver = std::function<void(const RequestSummary&)>;

struct ServerCounts {
  std::uint64_t accepted = 0;
  std::uint64_t closed = 0;
};

// Threads: synchronized.
class Server {
 public:
  // Binds and listens at once (kAlreadyExists, naming the address, when it is taken) but answers
  // only after start(). The error of `access`, or of the certificates that it names, is one too.
  // `runtime` and `handlers` outlive the server. Handlers are run by `handlers`; when its queue is
  // full the answer is 503.
  static util::Result<std::unique_ptr<Server>> listen(ServerOptions options,
                                                      async::Runtime& runtime,
                                                      util::WorkerPool& handlers);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Precondition: called once.
  void start(Router router, RequestObserver observer);
  // Stops accepting, lets requests in flight finish within the drain timeout, closes everything.
  // Idempotent.
  void stop();

  // The ports that are bound, one for each listen address, then one for each inherited socket.
  [[nodiscard]] const std::vector<std::uint16_t>& ports() const noexcept;
  [[nodiscard]] ServerCounts counts() const noexcept;

 private:
  class Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace narthex::http
