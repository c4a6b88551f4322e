// What a request and its answer look like to a handler: plain data, no transport.
// Threads: values.
#pragma once

#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace narthex::http {

// Header fields in order of arrival; names compare without regard to case.
class Headers {
 public:
  void add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  // Replaces every field of that name.
  void set(std::string_view name, std::string value);
  // The first value, empty when the field is absent.
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept;
  [[nodiscard]] bool has(std::string_view name) const noexcept;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& all() const noexcept {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::string>> fields_;
};
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

// Name-value pairs of a query string or an application/x-www-form-urlencoded body, in order.
class Form {
 public:
  // Decodes %XX and '+'. A malformed escape is kept as it stands. At most `pairs_max` pairs are
  // read.
  static Form parse(std::string_view encoded, std::size_t pairs_max = 100'000);
  // The first value; nullopt when the name is absent.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  // The first value or "".
  [[nodiscard]] std::string_view get(std::string_view name) const noexcept {
    return find(name).value_or(std::string_view());
  }
  [[nodiscard]] std::vector<std::string_view> all(std::string_view name) const;
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& pairs() const noexcept {
    return pairs_;
  }
  // Behind what is there already, so that what is there takes precedence.
  void append(const Form& other) {
    pairs_.insert(pairs_.end(), other.pairs_.begin(), other.pairs_.end());
  }

 private:
  std::vector<std::pair<std::string, std::string>> pairs_;
};

// %XX-decodes a path segment; nullopt for a malformed escape.
[[nodiscard]] std::optional<std::string> percent_decode(std::string_view text);
// Percent-encodes everything but unreserved characters.
[[nodiscard]] std::string percent_encode(std::string_view text);

// The path without empty, "." and ".." segments, percent-encoded as it was; a slash at the end
// stays. What is clean already comes back as it is. Precondition: starts with '/'.
[[nodiscard]] std::string clean_path(std::string_view path);

struct Request {
  std::string method;  // "GET"
  std::string target;  // As on the wire: "/api/v1/query?query=up"
  std::string path;    // Decoded, without the query: "/api/v1/query"
  std::string query;   // Undecoded, without '?': "query=up"
  Headers headers;
  std::string body;
  std::string remote_address;  // "127.0.0.1:53412"
  // What the route's ":name" and "*rest" segments stood for, decoded, in order.
  std::vector<std::pair<std::string, std::string>> path_params;
  // Fires when the client has gone away or the server stops.
  std::stop_token stop;

  [[nodiscard]] std::string_view path_param(std::string_view name) const noexcept;
};

}  // namespace narthex::http
