#include "support/raw_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace narthex::test {

RawClient::RawClient(std::uint16_t port, int receive_buffer_bytes)
    : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval limit{20, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (receive_buffer_bytes > 0) {
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) close();
}

RawClient::~RawClient() {
  close();
}

void RawClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

void RawClient::half_close() {
  ::shutdown(fd_, SHUT_WR);
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

bool RawClient::fill() {
  std::array<char, 16384> buffer;
  const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
  if (n <= 0) return false;
  input_.append(buffer.data(), static_cast<std::size_t>(n));
  return true;
}

bool RawClient::take_line(std::string& line) {
  std::size_t end = 0;
  while ((end = input_.find("\r\n")) == std::string::npos) {
    if (!fill()) return false;
  }
  line = input_.substr(0, end);
  input_.erase(0, end + 2);
  return true;
}

bool RawClient::take_bytes(std::size_t count, std::string& out) {
  while (input_.size() < count) {
    if (!fill()) return false;
  }
  out.append(input_, 0, count);
  input_.erase(0, count);
  return true;
}

std::optional<RawResponse> RawClient::receive_header() {
  RawResponse response;
  std::string line;
  if (!take_line(line) || !line.starts_with("HTTP/1.1 ")) return std::nullopt;
  response.status = std::atoi(line.c_str() + 9);
  while (take_line(line)) {
    if (line.empty()) return response;
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) return std::nullopt;
    std::string name = line.substr(0, colon);
    std::ranges::transform(name, name.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    });
    response.headers[name] = line.substr(colon + 2);
  }
  return std::nullopt;
}

std::optional<RawResponse> RawClient::receive_head() {
  return receive_header();
}

std::optional<RawResponse> RawClient::receive() {
  auto response = receive_header();
  if (!response || response->status == 204 || response->status == 304 ||
      response->status / 100 == 1)
    return response;
  if (const auto length = response->headers.find("content-length");
      length != response->headers.end()) {
    if (!take_bytes(std::strtoull(length->second.c_str(), nullptr, 10), response->body))
      return std::nullopt;
    return response;
  }
  if (!response->headers.contains("transfer-encoding")) {
    while (fill()) {
    }
    response->body = std::move(input_);
    input_.clear();
    return response;
  }
  for (;;) {
    std::string line;
    if (!take_line(line)) return std::nullopt;
    const std::size_t size = std::strtoull(line.c_str(), nullptr, 16);
    if (!take_bytes(size, response->body) || !take_line(line)) return std::nullopt;
    if (size == 0) return response;
  }
}

bool RawClient::closed_by_server() {
  if (!input_.empty()) return false;
  char byte = 0;
  const ssize_t n = ::recv(fd_, &byte, 1, 0);
  return n == 0 || (n < 0 && errno == ECONNRESET);
}

std::optional<RawResponse> RawClient::get(std::string_view target, std::string_view header_lines) {
  return request("GET", target, header_lines, {});
}

std::optional<RawResponse> RawClient::request(std::string_view method, std::string_view target,
                                              std::string_view header_lines,
                                              std::string_view body) {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: test\r\n").append(header_lines);
  if (!body.empty())
    text.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  text.append("\r\n").append(body);
  if (!send(text)) return std::nullopt;
  return method == "HEAD" ? receive_head() : receive();
}

}  // namespace narthex::test
