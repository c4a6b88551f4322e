// A ZooKeeper for tests: a tree of nodes, sessions with one-time watches, pings. Plain blocking
// sockets, and its own reading of the protocol's records.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "narthex/util/check.h"

namespace narthex::test {

// Threads: synchronized.
class ZookeeperServer {
 public:
  ZookeeperServer() {
    listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    NX_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0,
             "bind");
    NX_CHECK(::listen(listener_, 16) == 0, "listen");
    socklen_t size = sizeof(address);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::jthread([this] { accept_loop(); });
  }
  ~ZookeeperServer() {
    ::shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    ::close(listener_);
    drop_connections();
    threads_.clear();
    for (const auto& [fd, watches] : sessions_) ::close(fd);
  }
  ZookeeperServer(const ZookeeperServer&) = delete;
  ZookeeperServer& operator=(const ZookeeperServer&) = delete;

  [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  // Creates the node, with those above it, or changes its data.
  void set(const std::string& path, const std::string& data) {
    const std::lock_guard lock(mutex_);
    create_above(path);
    const bool is_new = !nodes_.contains(path);
    nodes_[path] = data;
    tell(path, is_new ? kCreated : kDataChanged);
    if (is_new) tell(above(path), kChildrenChanged);
  }
  void remove(const std::string& path) {
    const std::lock_guard lock(mutex_);
    nodes_.erase(path);
    tell(path, kDeleted);
    tell(above(path), kChildrenChanged);
  }
  // As a server that ends would.
  void drop_connections() {
    const std::lock_guard lock(mutex_);
    for (const auto& [fd, watches] : sessions_) ::shutdown(fd, SHUT_RDWR);
  }
  // From now on nothing is answered, pings included.
  void fall_silent(bool is_silent) {
    const std::lock_guard lock(mutex_);
    is_silent_ = is_silent;
  }
  // Every answer from now on is this, behind the number that was asked for. Empty: the truth again.
  void answer_with(const std::string& bytes) {
    const std::lock_guard lock(mutex_);
    nonsense_ = bytes;
  }
  [[nodiscard]] int pings() const {
    const std::lock_guard lock(mutex_);
    return pings_;
  }
  [[nodiscard]] int sessions() const {
    const std::lock_guard lock(mutex_);
    return accepted_;
  }
  // How often the children or the data of that node were asked for.
  [[nodiscard]] int reads(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto found = reads_.find(path);
    return found == reads_.end() ? 0 : found->second;
  }

 private:
  enum Event : int { kCreated = 1, kDeleted = 2, kDataChanged = 3, kChildrenChanged = 4 };
  struct Watches {
    std::set<std::string> data;  // Of nodes that are there or not.
    std::set<std::string> children;
  };

  static std::string number(std::uint64_t value, unsigned bytes) {
    std::string out;
    for (unsigned i = bytes; i-- > 0;)
      out.push_back(static_cast<char>((value >> (8U * i)) & 0xFFU));
    return out;
  }
  static std::string text(std::string_view value) {
    return number(value.size(), 4) + std::string(value);
  }
  static std::int32_t int_at(std::string_view bytes, std::size_t at) {
    std::uint32_t out = 0;
    for (const char c : bytes.substr(at, 4)) out = (out << 8U) | static_cast<unsigned char>(c);
    return static_cast<std::int32_t>(out);
  }
  static std::string above(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }
  void create_above(const std::string& path) {
    for (std::size_t slash = path.find('/', 1); slash != std::string::npos;
         slash = path.find('/', slash + 1)) {
      const std::string parent = path.substr(0, slash);
      if (nodes_.contains(parent)) continue;
      nodes_[parent] = "";
      tell(parent, kCreated);
      tell(above(parent), kChildrenChanged);
    }
  }
  [[nodiscard]] std::vector<std::string> children_of(const std::string& path) const {
    std::vector<std::string> out;
    for (const auto& [node, data] : nodes_) {
      if (node != "/" && above(node) == path) out.push_back(node.substr(node.rfind('/') + 1));
    }
    return out;
  }

  static void send(int fd, const std::string& body) {
    const std::string frame = text(body);
    static_cast<void>(::send(fd, frame.data(), frame.size(), MSG_NOSIGNAL));
  }
  void tell(const std::string& path, Event event) {
    for (auto& [fd, watches] : sessions_) {
      const bool of_data = event != kChildrenChanged && watches.data.erase(path) > 0;
      const bool of_children =
          (event == kChildrenChanged || event == kDeleted) && watches.children.erase(path) > 0;
      if (!of_data && !of_children) continue;
      send(fd, number(~0ULL, 4) + number(~0ULL, 8) + number(0, 4) +
                   number(static_cast<std::uint64_t>(event), 4) + number(3, 4) + text(path));
    }
  }

  void accept_loop() {
    for (;;) {
      const int fd = ::accept(listener_, nullptr, nullptr);
      if (fd < 0) return;
      const std::lock_guard lock(mutex_);
      ++accepted_;
      threads_.emplace_back([this, fd] { serve(fd); });
    }
  }

  // Empty: the client has gone.
  static std::string receive(int fd) {
    std::string frame(4, '\0');
    if (::recv(fd, frame.data(), 4, MSG_WAITALL) != 4) return {};
    frame.resize(static_cast<std::size_t>(int_at(frame, 0)));
    const ssize_t bytes = ::recv(fd, frame.data(), frame.size(), MSG_WAITALL);
    return bytes == static_cast<ssize_t>(frame.size()) ? frame : std::string();
  }

  void serve(int fd) {
    const std::string hello = receive(fd);
    if (hello.size() >= 44) {
      const std::lock_guard lock(mutex_);
      sessions_[fd];
      // Protocol, timeout, session, password; as newer servers, with read-only.
      if (!is_silent_) {
        send(fd, number(0, 4) + hello.substr(12, 4) + number(77, 8) + text(std::string(16, 'p')) +
                     std::string(1, '\0'));
      }
    }
    for (;;) {
      const std::string request = receive(fd);
      const std::lock_guard lock(mutex_);
      if (request.size() < 8) {
        sessions_[fd] = {};
        ::shutdown(fd, SHUT_RDWR);
        return;
      }
      if (!is_silent_) answer(fd, request);
    }
  }

  void answer(int fd, const std::string& request) {
    constexpr std::int32_t kNoNode = -101;
    const std::int32_t operation = int_at(request, 4);
    const auto reply = [&](std::int32_t error, const std::string& body) {
      const std::string what =
          nonsense_.empty() ? number(9, 8) + number(static_cast<std::uint32_t>(error), 4) + body
                            : nonsense_;
      send(fd, request.substr(0, 4) + what);
    };
    if (operation == 11) {
      ++pings_;
      return reply(0, "");
    }
    const std::string path = request.substr(12, static_cast<std::size_t>(int_at(request, 8)));
    const bool is_watch = request.back() == '\1';
    const bool is_there = nodes_.contains(path);
    Watches& watches = sessions_[fd];
    ++reads_[path];
    const std::string stat(68, '\0');
    if (operation == 3) {
      if (is_watch) watches.data.insert(path);
      return reply(is_there ? 0 : kNoNode, is_there ? stat : "");
    }
    if (!is_there) return reply(kNoNode, "");
    if (operation == 4) {
      if (is_watch) watches.data.insert(path);
      return reply(0, text(nodes_[path]) + stat);
    }
    NX_CHECK(operation == 8, "an operation that nobody needs: {}", operation);
    if (is_watch) watches.children.insert(path);
    const std::vector<std::string> names = children_of(path);
    std::string body = number(names.size(), 4);
    for (const std::string& name : names) body += text(name);
    reply(0, body);
  }

  mutable std::mutex mutex_;
  std::map<std::string, std::string> nodes_ = {{"/", ""}};
  std::map<int, Watches> sessions_;  // By socket; kept open until the end.
  std::map<std::string, int> reads_;
  std::vector<std::jthread> threads_;
  std::string nonsense_;
  bool is_silent_ = false;
  int pings_ = 0;
  int accepted_ = 0;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::jthread acceptor_;
};

}  // namespace narthex::test
