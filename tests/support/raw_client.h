// A blocking TCP client that speaks HTTP byte by byte: for tests of what servers do with odd
// clients. Threads: confined.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace narthex::test {

struct RawResponse {
  int status = 0;
  std::map<std::string, std::string> headers;  // Names in lower case; the last of several.
  std::string body;                            // Without chunk framing.
};

class RawClient {
 public:
  // Connects to 127.0.0.1. Every wait gives up after 20 s.
  explicit RawClient(std::uint16_t port, int receive_buffer_bytes = 0);
  ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False when the server has closed the connection.
  bool send(std::string_view bytes);
  // The next response, or nullopt if the connection ended before it was whole.
  std::optional<RawResponse> receive();
  // For HEAD: a response without a body, whatever its header says.
  std::optional<RawResponse> receive_head();
  // True when the server closes the connection without sending anything more.
  bool closed_by_server();
  void half_close();
  void close();

  // One request with "Host" and the given header lines ("A: b\r\n"), and its response.
  std::optional<RawResponse> get(std::string_view target, std::string_view header_lines = {});
  std::optional<RawResponse> request(std::string_view method, std::string_view target,
                                     std::string_view header_lines, std::string_view body);

 private:
  bool fill();
  std::optional<RawResponse> receive_header();
  bool take_line(std::string& line);
  bool take_bytes(std::size_t count, std::string& out);

  int fd_ = -1;
  std::string input_;
};

}  // namespace narthex::test
