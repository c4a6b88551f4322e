// Which handler answers which method and path.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"

namespace narthex::http {

// Runs on a worker thread and may block. It answers through the writer before it returns; if it
// returns without having answered, the client gets 500.
using Handler = std::function<void(const Request&, ResponseWriter&)>;

enum class Compress : std::uint8_t { kNever, kIfAccepted };

struct Route {
  std::vector<std::string> methods;  // Upper case.
  // Literal segments, ":name" for one segment, "*name" at the end for the rest (which may be empty
  // or hold slashes).
  std::string pattern;
  Handler handler;
  std::size_t body_bytes_max = 1U << 20U;  // A longer body: 413.
  Compress compress = Compress::kIfAccepted;
};

// Literal segments win over ":name", which wins over "*name". Threads: built once, then immutable.
class Router {
 public:
  // Precondition: no other route has the same pattern and method.
  void add(Route route);
  // Paths that no route matches. Without one: 404 "404 page not found".
  void set_fallback(Handler handler) { fallback_.handler = std::move(handler); }

  [[nodiscard]] const std::vector<Route>& routes() const noexcept { return routes_; }

  enum class Outcome : std::uint8_t { kFound, kNotFound, kMethodNotAllowed };
  struct Match {
    Outcome outcome = Outcome::kNotFound;
    const Route* route =
        nullptr;  // The route, or the fallback, or null. Lives as long as the router.
    std::vector<std::pair<std::string, std::string>> params;
    std::string allow;  // For kMethodNotAllowed: "GET, OPTIONS, POST".
  };
  // `path` is still percent-encoded, so that an encoded slash stays inside its segment.
  [[nodiscard]] Match match(std::string_view method, std::string_view path) const;

 private:
  std::vector<Route> routes_;
  Route fallback_;
};

}  // namespace narthex::http
