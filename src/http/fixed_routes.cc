#include "http/fixed_routes.h"

#include <fmt/format.h>

#include "narthex/http/message.h"

namespace narthex::http {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

void answer_not_found(const Request&, ResponseWriter& response) {
  response.set_header("X-Content-Type-Options", "nosniff");
  response.send(404, kPlainText, "404 page not found\n");
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&#34;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out.push_back(c);
    }
  }
  return out;
}

}  // namespace

const Route& not_found_route() {
  static const Route route = [] {
    Route r;
    r.compress = Compress::kNever;
    r.handler = answer_not_found;
    return r;
  }();
  return route;
}

Route method_not_allowed(std::string allow) {
  Route route;
  route.compress = Compress::kNever;
  route.handler = [allow = std::move(allow)](const Request& request, ResponseWriter& response) {
    response.set_header("Allow", allow);
    if (request.method == "OPTIONS") {
      response.send(200, "", "");
      return;
    }
    response.set_header("X-Content-Type-Options", "nosniff");
    response.send(405, kPlainText, "Method Not Allowed\n");
  };
  return route;
}

Route moved_to(std::string location) {
  Route route;
  route.compress = Compress::kNever;
  route.handler = [location = std::move(location)](const Request& request,
                                                   ResponseWriter& response) {
    response.set_header("Location", location);
    if (request.method != "GET" && request.method != "HEAD") {
      response.send(301, "", "");
      return;
    }
    response.send(301, "text/html; charset=utf-8",
                  fmt::format("<a href=\"{}\">Moved Permanently</a>.\n\n", html_escaped(location)));
  };
  return route;
}

std::optional<std::string> clean_location(std::string_view raw_path, std::string_view query) {
  if (!raw_path.starts_with('/')) return std::nullopt;  // OPTIONS *
  std::string location = clean_path(raw_path);
  if (location == raw_path) return std::nullopt;
  if (!query.empty()) {
    location.push_back('?');
    location += query;
  }
  return location;
}

}  // namespace narthex::http
