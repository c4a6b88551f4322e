#include "discovery/dns_lookup.h"

#include <array>
#include <map>
#include <memory>

#include <ares.h>
#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <netdb.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

namespace narthex::discovery {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using util::Code;
using util::fail;

constexpr int kTries = 3;
constexpr int kEdnsBytes = 1'232;  // What passes every network in one piece.
constexpr std::size_t kRecordsMax = 4'096;

int type_number(DnsRecordType type) {
  switch (type) {
    case DnsRecordType::kA:
      return ns_t_a;
    case DnsRecordType::kAaaa:
      return ns_t_aaaa;
    case DnsRecordType::kMx:
      return ns_t_mx;
    case DnsRecordType::kNs:
      return ns_t_ns;
    case DnsRecordType::kSrv:
      return ns_t_srv;
  }
  return ns_t_srv;
}

// One query on a channel of its own: c-ares opens the sockets, we wait for them.
// Threads: confined to the executor.
struct Lookup : std::enable_shared_from_this<Lookup> {
  // A duplicate of c-ares' descriptor, so that either side may close its own at any time.
  struct Socket {
    explicit Socket(const asio::any_io_executor& executor, int fd) : descriptor(executor, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool wants_read = false;
    bool wants_write = false;
    bool is_reading = false;
    bool is_writing = false;
  };

  explicit Lookup(const asio::any_io_executor& e)
      : executor(e), timeout(e), done(e, asio::steady_timer::time_point::max()) {}

  int open(const DnsServers& servers) {
    longest_wait = servers.timeout;
    ares_options options{};
    options.flags = ARES_FLAG_EDNS;
    options.timeout = static_cast<int>(servers.timeout.count());
    options.tries = kTries;
    options.ednspsz = kEdnsBytes;
    options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
      static_cast<Lookup*>(self)->on_state(fd, readable != 0, writable != 0);
    };
    options.sock_state_cb_data = this;
    const int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
                     ARES_OPT_SOCK_STATE_CB;
    if (const int made = ::ares_init_options(&channel, &options, mask); made != ARES_SUCCESS) {
      channel = nullptr;
      return made;
    }
    return servers.addresses.empty()
               ? ARES_SUCCESS
               : ::ares_set_servers_ports_csv(channel, servers.addresses.c_str());
  }

  void search(const std::string& name, int type) {
    ::ares_search(
        channel, name.c_str(), ns_c_in, type,
        [](void* self, int outcome, int, unsigned char* bytes, int length) {
          auto* lookup = static_cast<Lookup*>(self);
          lookup->status = outcome;
          if (bytes != nullptr && length > 0) lookup->reply.assign(bytes, bytes + length);
          lookup->is_finished = true;
          lookup->done.cancel();
        },
        this);
    watch_time();
  }

  // Called by c-ares whenever it is interested in something else.
  void on_state(int fd, bool readable, bool writable) {
    if (!readable && !writable) return forget(fd);
    std::shared_ptr<Socket>& socket = sockets[fd];
    if (!socket) {
      const int copy = ::dup(fd);
      if (copy < 0) {  // c-ares runs into its timeout.
        sockets.erase(fd);
        return;
      }
      socket = std::make_shared<Socket>(executor, copy);
    }
    socket->wants_read = readable;
    socket->wants_write = writable;
    watch(fd, socket);
  }

  // A wait that is going on holds its socket: it has to be ended.
  void forget(int fd) {
    const auto found = sockets.find(fd);
    if (found == sockets.end()) return;
    error_code ignored;
    found->second->descriptor.close(ignored);
    sockets.erase(found);
  }

  void watch(int fd, const std::shared_ptr<Socket>& socket) {
    using Descriptor = asio::posix::stream_descriptor;
    if (socket->wants_read && !socket->is_reading) {
      socket->is_reading = true;
      socket->descriptor.async_wait(Descriptor::wait_read,
                                    [self = shared_from_this(), socket, fd](const error_code& ec) {
                                      socket->is_reading = false;
                                      if (!ec && socket->wants_read)
                                        self->process(fd, ARES_SOCKET_BAD, socket);
                                    });
    }
    if (socket->wants_write && !socket->is_writing) {
      socket->is_writing = true;
      socket->descriptor.async_wait(Descriptor::wait_write,
                                    [self = shared_from_this(), socket, fd](const error_code& ec) {
                                      socket->is_writing = false;
                                      if (!ec && socket->wants_write)
                                        self->process(ARES_SOCKET_BAD, fd, socket);
                                    });
    }
  }

  void process(ares_socket_t read_fd, ares_socket_t write_fd,
               const std::shared_ptr<Socket>& socket) {
    const int fd = read_fd == ARES_SOCKET_BAD ? write_fd : read_fd;
    const auto still_there = [this, fd, &socket] {
      const auto found = sockets.find(fd);
      return channel != nullptr && found != sockets.end() && found->second == socket;
    };
    if (!still_there()) return;
    ::ares_process_fd(channel, read_fd, write_fd);
    if (is_finished) return;
    if (still_there()) watch(fd, socket);
    watch_time();
  }

  void watch_time() {
    const auto seconds = std::chrono::floor<std::chrono::seconds>(longest_wait);
    timeval longest{.tv_sec = seconds.count(),
                    .tv_usec = std::chrono::microseconds(longest_wait - seconds).count()};
    timeval next{};
    if (is_finished || ::ares_timeout(channel, &longest, &next) == nullptr) return;
    timeout.expires_after(std::chrono::seconds(next.tv_sec) +
                          std::chrono::microseconds(next.tv_usec));
    timeout.async_wait([self = shared_from_this()](const error_code& ec) {
      if (ec || self->channel == nullptr || self->is_finished) return;
      ::ares_process_fd(self->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
      self->watch_time();
    });
  }

  void close() {
    if (channel != nullptr) ::ares_destroy(std::exchange(channel, nullptr));
    while (!sockets.empty()) forget(sockets.begin()->first);
    timeout.cancel();
  }

  const asio::any_io_executor executor;
  ares_channel channel = nullptr;
  std::map<int, std::shared_ptr<Socket>> sockets;  // By c-ares' own descriptor.
  std::chrono::milliseconds longest_wait{0};
  asio::steady_timer timeout;
  asio::steady_timer done;  // Cancelled when there is a reply.
  bool is_finished = false;
  int status = ARES_ECANCELLED;
  std::vector<unsigned char> reply;
};

std::unexpected<util::Error> failed(const std::string& name, int status) {
  const Code code = status == ARES_ETIMEOUT ? Code::kTimeout : Code::kIo;
  return fail(code, fmt::format("could not resolve {}: {}", name, ::ares_strerror(status)));
}

// Calls `add(reply record)` for each record of c-ares' list.
template <class Reply, class Parse, class Add>
int each_record(const std::vector<unsigned char>& reply, Parse parse, Add add) {
  Reply* first = nullptr;
  const int status = parse(reply.data(), static_cast<int>(reply.size()), &first);
  for (const Reply* record = first; record != nullptr; record = record->next) add(*record);
  if (first != nullptr) ::ares_free_data(first);
  return status;
}

template <class Ttl, class Parse, class Text>
int each_address(const std::vector<unsigned char>& reply, Parse parse, Text text,
                 std::vector<DnsRecord>& out) {
  std::vector<Ttl> addresses(kRecordsMax);
  int count = static_cast<int>(addresses.size());
  const int status =
      parse(reply.data(), static_cast<int>(reply.size()), nullptr, addresses.data(), &count);
  if (status != ARES_SUCCESS) return status;
  for (int i = 0; i < count; ++i)
    out.push_back({.host = text(addresses[static_cast<std::size_t>(i)]), .port = 0});
  return status;
}

int parse_names(const std::vector<unsigned char>& reply, std::vector<DnsRecord>& out) {
  hostent* host = nullptr;
  const int status = ::ares_parse_ns_reply(reply.data(), static_cast<int>(reply.size()), &host);
  if (status != ARES_SUCCESS) return status;
  for (char** alias = host->h_aliases; *alias != nullptr; ++alias)
    out.push_back({.host = *alias, .port = 0});
  ::ares_free_hostent(host);
  return status;
}

int parse(const std::vector<unsigned char>& reply, DnsRecordType type,
          std::vector<DnsRecord>& out) {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  switch (type) {
    case DnsRecordType::kA:
      return each_address<ares_addrttl>(
          reply, ::ares_parse_a_reply,
          [&buffer](const ares_addrttl& a) {
            return std::string(::inet_ntop(AF_INET, &a.ipaddr, buffer.data(), buffer.size()));
          },
          out);
    case DnsRecordType::kAaaa:
      return each_address<ares_addr6ttl>(
          reply, ::ares_parse_aaaa_reply,
          [&buffer](const ares_addr6ttl& a) {
            return std::string(::inet_ntop(AF_INET6, &a.ip6addr, buffer.data(), buffer.size()));
          },
          out);
    case DnsRecordType::kMx:
      return each_record<ares_mx_reply>(
          reply, ::ares_parse_mx_reply,
          [&out](const ares_mx_reply& mx) { out.push_back({.host = mx.host, .port = 0}); });
    case DnsRecordType::kNs:
      return parse_names(reply, out);
    case DnsRecordType::kSrv:
      return each_record<ares_srv_reply>(reply, ::ares_parse_srv_reply,
                                         [&out](const ares_srv_reply& srv) {
                                           out.push_back({.host = srv.host, .port = srv.port});
                                         });
  }
  return ARES_ENOTIMP;
}

}  // namespace

async::Task<std::vector<DnsRecord>> look_up_dns(std::string name, DnsRecordType type,
                                                DnsServers servers) {
  static const int ready = ::ares_library_init(ARES_LIB_INIT_ALL);
  if (ready != ARES_SUCCESS) co_return failed(name, ready);
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  auto lookup = std::make_shared<Lookup>(executor);
  if (const int status = lookup->open(servers); status != ARES_SUCCESS) {
    lookup->close();
    co_return failed(name, status);
  }
  lookup->search(name, type_number(type));
  const auto before = co_await asio::this_coro::cancellation_state;
  if (!lookup->is_finished && before.cancelled() == asio::cancellation_type::none) {
    const auto waited = co_await lookup->done.async_wait(asio::as_tuple(asio::use_awaitable));
    static_cast<void>(waited);  // Always "cancelled"; what happened stands in the lookup.
  }
  const bool is_finished = lookup->is_finished;
  lookup->close();
  if (!is_finished) co_return fail(Code::kCanceled, "lookup canceled");
  std::vector<DnsRecord> records;
  const bool has_none = lookup->status == ARES_ENOTFOUND || lookup->status == ARES_ENODATA;
  if (has_none) co_return records;
  if (lookup->status != ARES_SUCCESS) co_return failed(name, lookup->status);
  const int parsed = parse(lookup->reply, type, records);
  // An alias whose target has no such record is an answer without data.
  if (parsed != ARES_SUCCESS && parsed != ARES_ENODATA) co_return failed(name, parsed);
  co_return records;
}

}  // namespace narthex::discovery
