// The HTTP/1.1 client: one request at a time on connections that are kept and used again.
// Every wait ends at the request's deadline; what an answer costs in memory is bounded by the
// reader's buffer.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "narthex/async/task.h"
#include "narthex/http/client_options.h"
#include "narthex/http/message.h"
#include "narthex/http/url.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::http {

struct ClientRequest {
  std::string method = "GET";
  Url url;
  Headers headers;  // Host, Content-Length, User-Agent (unless given) and credentials are added.
  std::string body;
  util::SteadyNs deadline = 0;  // For everything from the name lookup to the last byte of the body.
                                // On the client's clock.
};

// An answer whose head has come and whose body is still coming. Destroyed early, it closes its
// connection; read to its end, it gives the connection back. Threads: confined to the coroutine
// that sent the request.
class Exchange {
 public:
  ~Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  [[nodiscard]] int status() const noexcept;
  // "404 Not Found"
  [[nodiscard]] std::string status_line() const;
  [[nodiscard]] const Headers& headers() const noexcept;
  // Where the answer came from after redirects.
  [[nodiscard]] const Url& url() const noexcept;

  // The next bytes of the body, as they were sent (still compressed if they were): waits for at
  // least one, returns at most `out`; 0 = the body has ended. `out` must outlive the wait.
  async::Task<std::size_t> read(std::span<char> out);

 private:
  friend class Client;
  struct State;
  explicit Exchange(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct ClientResponse {
  int status = 0;
  std::string status_line;
  Headers headers;
  std::string body;  // Decompressed.
};

// Threads: synchronized. Outlives its exchanges.
class Client {
 public:
  // Reads certificates and keys: kInvalidArgument or kIo when they are no good. `clock` outlives
  // the client.
  static util::Result<std::shared_ptr<Client>> make(ClientOptions options, util::Clock* clock);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends the request and waits for the head of the answer, following redirects if the options say
  // so. An answer with an error status is an answer. kTimeout, kIo, kCanceled otherwise, with the
  // URL in the message: `Get "http://…": …`.
  async::Task<std::unique_ptr<Exchange>> send(ClientRequest request);
  // The same with the whole body, decompressed; kLimitExceeded when it is longer than
  // `body_bytes_max`.
  async::Task<ClientResponse> fetch(ClientRequest request, std::size_t body_bytes_max);
  // Connections that wait to be used again.
  [[nodiscard]] std::size_t idle_connections() const;

 private:
  class Impl;
  explicit Client(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace narthex::http
