// A server on loopback that answers with exactly the bytes a test gives it, well-formed or not, and
// can be slow, silent or rude. It uses plain blocking sockets and threads, so that nothing of ours
// is under test on both sides. Threads: synchronized.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "narthex/util/check.h"

namespace narthex::test {

class FakeTarget {
 public:
  struct Reply {
    std::string bytes;
    bool close = false;  // Close the connection after the bytes.
    bool hang = false;   // Send the bytes, then nothing more, until the client goes away or the
                         // target stops.
    std::function<bool()> hang_until = {};  // Ends a hang: asked over and over; then closes.
    std::size_t repeat = 1;                 // Send `bytes` so many times.
  };
  // Gets the head of each request, and behind a blank line its body if it has one; returns what to
  // answer. Called from the connections' threads.
  using Handler = std::function<Reply(const std::string& request_head)>;

  explicit FakeTarget(Handler handler) : handler_(std::move(handler)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    NX_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
             "bind");
    NX_CHECK(::listen(listener_, 128) == 0, "listen");
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_loop(); });
  }
  ~FakeTarget() { stop(); }
  FakeTarget(const FakeTarget&) = delete;
  FakeTarget& operator=(const FakeTarget&) = delete;

  // Closes everything; further connections are refused.
  void stop() {
    if (stopping_.exchange(true)) return;
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    drop_connections();
    std::vector<std::jthread> threads;
    {
      const std::lock_guard lock(mutex_);
      threads.swap(connections_);
    }
  }
  // Closes the connections that are open, as a restarting server would.
  void drop_connections() {
    const std::lock_guard lock(mutex_);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int requests() const noexcept { return requests_; }
  [[nodiscard]] int accepted() const noexcept { return accepted_; }

  // A whole answer.
  [[nodiscard]] static Reply ok(std::string_view body,
                                std::string_view content_type = "text/plain; version=0.0.4",
                                std::string_view more_headers = {}) {
    return {.bytes = "HTTP/1.1 200 OK\r\nContent-Type: " + std::string(content_type) + "\r\n" +
                     std::string(more_headers) + "Content-Length: " + std::to_string(body.size()) +
                     "\r\n\r\n" + std::string(body)};
  }

 private:
  void accept_loop() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      ++accepted_;
      const std::lock_guard lock(mutex_);
      open_.push_back(fd);
      connections_.emplace_back([this, fd] { serve(fd); });
    }
  }

  // False: the client has gone.
  static bool receive(int fd, std::string& received) {
    char buffer[4096];
    const ssize_t bytes = ::recv(fd, buffer, sizeof(buffer), 0);
    if (bytes <= 0) return false;
    received.append(buffer, static_cast<std::size_t>(bytes));
    return true;
  }

  static std::size_t content_length(const std::string& head) {
    constexpr std::string_view kField = "\r\nContent-Length: ";
    const std::size_t field = head.find(kField);
    return field == std::string::npos ? 0 : std::stoul(head.substr(field + kField.size()));
  }

  void serve(int fd) {
    std::string received;
    for (;;) {
      const std::size_t head_end = received.find("\r\n\r\n");
      if (head_end == std::string::npos) {
        if (!receive(fd, received)) break;
        continue;
      }
      const std::size_t body_bytes = content_length(received.substr(0, head_end + 2));
      if (received.size() < head_end + 4 + body_bytes) {
        if (!receive(fd, received)) break;
        continue;
      }
      ++requests_;
      const std::size_t shown = body_bytes == 0 ? head_end + 2 : head_end + 4 + body_bytes;
      const Reply reply = handler_(received.substr(0, shown));
      received.erase(0, head_end + 4 + body_bytes);
      bool sent = true;
      for (std::size_t i = 0; i < reply.repeat && sent && !stopping_; ++i)
        sent = send_all(fd, reply.bytes);
      if (!sent || reply.close) break;
      if (reply.hang) {
        hang(fd, reply);
        break;
      }
    }
    const std::lock_guard lock(mutex_);
    std::erase(open_, fd);
    ::close(fd);
  }

  static void hang(int fd, const Reply& reply) {
    pollfd readable{.fd = fd, .events = POLLIN, .revents = 0};
    char byte = 0;
    for (;;) {
      if (reply.hang_until && reply.hang_until()) {
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
      if (::poll(&readable, 1, reply.hang_until ? 2 : -1) != 0 && ::recv(fd, &byte, 1, 0) <= 0)
        return;
    }
  }

  static bool send_all(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  Handler handler_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::atomic<int> accepted_ = 0;
  std::mutex mutex_;
  std::vector<int> open_;
  std::vector<std::jthread> connections_;
  std::jthread acceptor_;
};

}  // namespace narthex::test
