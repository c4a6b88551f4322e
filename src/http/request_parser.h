// Bytes of a connection to requests. Beast's parser does the work and stays inside the .cc file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string_view>

#include "narthex/http/message.h"

namespace narthex::http {

// One request. Threads: confined.
class RequestParser {
 public:
  explicit RequestParser(std::uint32_t header_bytes_max);
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  // Takes what it can use of `bytes`, at most up to the end of the header while that is not done,
  // and returns how many bytes those were. The error is the status to answer with before the
  // connection is closed: 400, 413, 431, 501, 505.
  std::expected<std::size_t, int> put(std::string_view bytes);

  [[nodiscard]] bool header_done() const noexcept;
  [[nodiscard]] bool done() const noexcept;

  // Once the header is done:
  [[nodiscard]] const Request& request() const noexcept;
  [[nodiscard]] std::string_view raw_path() const noexcept;  // Still percent-encoded.
  [[nodiscard]] bool is_http11() const noexcept;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool expects_continue() const noexcept;
  // False when the announced length is beyond it. A body of unknown length is cut off by put() with
  // 413.
  [[nodiscard]] bool limit_body(std::size_t bytes_max);
  // Once everything is there. Leaves the parser empty.
  [[nodiscard]] Request take_request();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace narthex::http
