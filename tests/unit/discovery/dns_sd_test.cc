#include "discovery/dns_sd.h"

#include <array>
#include <atomic>
#include <functional>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/check.h"

#include "unit/discovery/sink.h"

namespace narthex::discovery {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 0xFFU)};
}

// "a.b" as it stands in a message.
std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::size_t dot = std::min(name.find('.'), name.size());
    out.push_back(static_cast<char>(dot));
    out += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  return out + '\0';
}

// A name server on loopback, on UDP and TCP at one port, that answers with what a test gives it.
class NameServer {
 public:
  struct Answer {
    unsigned code = 0;                   // 3: no such name; 2: server failure.
    std::vector<std::string> records{};  // Data of each, without the name in front.
    unsigned type = 0;
    bool truncated_on_udp = false;
    bool silent = false;
    std::string raw{};  // Behind the header, in place of all else.
  };
  using Handler = std::function<Answer(const std::string& name, unsigned type)>;

  explicit NameServer(Handler handler) : handler_(std::move(handler)) {
    // One port that is free for both protocols.
    for (int attempt = 0; attempt < 100; ++attempt) {
      udp_ = bound(SOCK_DGRAM, 0);
      port_ = port_of(udp_);
      tcp_ = bound(SOCK_STREAM, port_);
      if (tcp_ >= 0) break;
      ::close(udp_);
    }
    NX_CHECK(tcp_ >= 0 && ::listen(tcp_, 8) == 0, "no port for both protocols");
    udp_thread_ = std::jthread([this] { serve_udp(); });
    tcp_thread_ = std::jthread([this] { serve_tcp(); });
  }
  ~NameServer() {
    stopping_ = true;
    // A datagram wakes the one, a shutdown the other.
    sockaddr_in self = address(port_);
    ::sendto(udp_, "", 0, 0, reinterpret_cast<sockaddr*>(&self), sizeof(self));
    ::shutdown(tcp_, SHUT_RDWR);
    udp_thread_.join();
    tcp_thread_.join();
    ::close(udp_);
    ::close(tcp_);
  }
  [[nodiscard]] std::string servers() const { return "127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] int tcp_queries() const { return tcp_queries_; }

 private:
  static sockaddr_in address(std::uint16_t port) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    out.sin_port = htons(port);
    return out;
  }
  static int bound(int type, std::uint16_t port) {
    const int fd = ::socket(AF_INET, type, 0);
    sockaddr_in self = address(port);
    if (::bind(fd, reinterpret_cast<sockaddr*>(&self), sizeof(self)) == 0) return fd;
    ::close(fd);
    return -1;
  }
  static std::uint16_t port_of(int fd) {
    sockaddr_in self{};
    socklen_t size = sizeof(self);
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&self), &size);
    return ntohs(self.sin_port);
  }

  // The reply to a query; empty: none.
  std::string reply(const std::string& query, bool is_udp) {
    std::size_t at = 12;
    std::string name;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      if (!name.empty()) name += '.';
      name += query.substr(at + 1, length);
      at += length + 1;
    }
    const auto type = static_cast<unsigned>(static_cast<unsigned char>(query[at + 2]));
    const std::string question = query.substr(12, at + 5 - 12);
    const Answer answer = handler_(name, type);
    if (answer.silent) return {};
    const bool cut = is_udp && answer.truncated_on_udp;
    std::string out = query.substr(0, 2);
    out += u16(0x8180U | answer.code | (cut ? 0x0200U : 0U));
    out += u16(1) + u16(cut ? 0 : static_cast<unsigned>(answer.records.size())) + u16(0) + u16(0);
    if (!answer.raw.empty()) return out.substr(0, 6) + u16(200) + u16(0) + u16(0) + answer.raw;
    out += question;
    if (cut) return out;
    for (const std::string& data : answer.records) {
      out += u16(0xC00C) + u16(answer.type == 0 ? type : answer.type) + u16(1) + u16(0) + u16(60);
      out += u16(static_cast<unsigned>(data.size())) + data;
    }
    return out;
  }
  void serve_udp() {
    std::array<char, 4096> buffer{};
    for (;;) {
      sockaddr_in from{};
      socklen_t size = sizeof(from);
      const ssize_t bytes = ::recvfrom(udp_, buffer.data(), buffer.size(), 0,
                                       reinterpret_cast<sockaddr*>(&from), &size);
      if (stopping_ || bytes < 17) return;
      const std::string out = reply({buffer.data(), static_cast<std::size_t>(bytes)}, true);
      if (!out.empty())
        ::sendto(udp_, out.data(), out.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
    }
  }
  void serve_tcp() {
    for (;;) {
      const int fd = ::accept(tcp_, nullptr, nullptr);
      if (fd < 0) return;
      std::string query;
      std::array<char, 4096> buffer{};
      ssize_t bytes = 0;
      while ((query.size() < 2 ||
              query.size() < 2 + static_cast<std::size_t>(static_cast<unsigned char>(query[1]))) &&
             (bytes = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0)
        query.append(buffer.data(), static_cast<std::size_t>(bytes));
      if (query.size() > 19) {
        ++tcp_queries_;
        std::string out = reply(query.substr(2), false);
        out = u16(static_cast<unsigned>(out.size())) + out;
        ::send(fd, out.data(), out.size(), MSG_NOSIGNAL);
      }
      ::close(fd);
    }
  }

  Handler handler_;
  int udp_ = -1;
  int tcp_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> tcp_queries_ = 0;
  std::jthread udp_thread_;
  std::jthread tcp_thread_;
};

class DnsDiscovererTest : public DiscovererTest {
 protected:
  void start_dns(const NameServer& server, DnsRecordType type, std::vector<std::string> names) {
    DnsOptions options;
    options.names = std::move(names);
    options.type = type;
    options.port = 9100;
    discoverer_ = make_dns_discoverer(options, context_,
                                      {.addresses = server.servers(), .timeout = timeout_});
    tasks_.spawn_on(runtime_.executor(), discoverer_->run(&sink_));
  }
  std::chrono::milliseconds timeout_{5'000};

  // One refresh; the targets as they come.
  std::vector<model::Labels> targets_of(NameServer::Answer answer, DnsRecordType type) {
    NameServer server([&answer](const std::string&, unsigned) { return answer; });
    start_dns(server, type, {"svc.test."});
    EXPECT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
    return sink_.label_sets();
  }
};

TEST_F(DnsDiscovererTest, SrvRecordsGiveHostAndPort) {
  const auto srv = [](unsigned port, const std::string& host) {
    return u16(1) + u16(2) + u16(port) + wire_name(host);
  };
  static_cast<void>(
      targets_of({.records = {srv(9100, "a.test"), srv(9200, "b.test")}}, DnsRecordType::kSrv));
  EXPECT_THAT(sink_.addresses(), ::testing::UnorderedElementsAre("a.test:9100", "b.test:9200"));
  const model::Labels a = sink_.at("a.test:9100");
  EXPECT_EQ(a.get("__meta_dns_name"), "svc.test.");
  EXPECT_EQ(a.get("__meta_dns_srv_record_target"), "a.test.");
  EXPECT_EQ(a.get("__meta_dns_srv_record_port"), "9100");
}

TEST_F(DnsDiscovererTest, AddressesOfVersion4) {
  static_cast<void>(targets_of({.records = {std::string("\x0a\0\0\x01", 4), "\x0a\x01\x02\x03"}},
                               DnsRecordType::kA));
  EXPECT_THAT(sink_.addresses(), ::testing::UnorderedElementsAre("10.0.0.1:9100", "10.1.2.3:9100"));
}

TEST_F(DnsDiscovererTest, AddressesOfVersion6StandInBrackets) {
  std::string loopback(16, '\0');
  loopback.back() = 1;
  static_cast<void>(targets_of({.records = {loopback}}, DnsRecordType::kAaaa));
  EXPECT_THAT(sink_.addresses(), ElementsAre("[::1]:9100"));
}

TEST_F(DnsDiscovererTest, MailAndNameServers) {
  static_cast<void>(
      targets_of({.records = {u16(10) + wire_name("mail.test")}}, DnsRecordType::kMx));
  EXPECT_EQ(sink_.at("mail.test:9100").get("__meta_dns_mx_record_target"), "mail.test.");
}

TEST_F(DnsDiscovererTest, NameServers) {
  static_cast<void>(targets_of({.records = {wire_name("ns.test")}}, DnsRecordType::kNs));
  EXPECT_EQ(sink_.at("ns.test:9100").get("__meta_dns_ns_record_target"), "ns.test.");
}

TEST_F(DnsDiscovererTest, NamesThatDoNotExistHaveNoTargets) {
  EXPECT_THAT(targets_of({.code = 3}, DnsRecordType::kA), IsEmpty());
  EXPECT_EQ(metric("prometheus_sd_dns_lookup_failures_total"), 0);
}

TEST_F(DnsDiscovererTest, LongAnswersComeOverTcp) {
  std::vector<std::string> records;
  for (unsigned i = 0; i < 300; ++i) records.push_back(u16(0x0a00) + u16(i));
  NameServer server([&](const std::string&, unsigned) {
    return NameServer::Answer{.records = records, .truncated_on_udp = true};
  });
  start_dns(server, DnsRecordType::kA, {"svc.test."});
  ASSERT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
  EXPECT_EQ(sink_.addresses().size(), 300U);
  EXPECT_EQ(server.tcp_queries(), 1);
}

TEST_F(DnsDiscovererTest, AFailureKeepsTheOldAnswerOfItsNameAlone) {
  std::atomic<bool> is_broken = false;
  std::atomic<char> last = 1;
  NameServer server([&](const std::string& name, unsigned) {
    if (is_broken && name == "a.test") return NameServer::Answer{.code = 2};
    return NameServer::Answer{.records = {std::string("\x0a\0\0", 3) + last.load()}};
  });
  start_dns(server, DnsRecordType::kA, {"a.test.", "b.test."});
  ASSERT_TRUE(test::eventually([this] { return sink_.updates() > 0; }));
  is_broken = true;
  last = 2;
  ASSERT_TRUE(advance_until([this] { return sink_.updates() > 1; }, 60s));
  EXPECT_EQ(sink_.at("10.0.0.1:9100").get("__meta_dns_name"), "a.test.");
  EXPECT_EQ(sink_.at("10.0.0.2:9100").get("__meta_dns_name"), "b.test.");
  EXPECT_EQ(metric("prometheus_sd_dns_lookup_failures_total"), 1);
  EXPECT_EQ(metric("prometheus_sd_dns_lookups_total"), 4);
}

class BrokenDnsMessages : public DnsDiscovererTest,
                          public ::testing::WithParamInterface<std::string> {};

// Names that point at themselves or beyond the end, counts that promise more than there is.
TEST_P(BrokenDnsMessages, AreFailuresAndNothingElse) {
  NameServer server(
      [](const std::string&, unsigned) { return NameServer::Answer{.raw = GetParam()}; });
  timeout_ = 20ms;  // Some of them are taken for no answer at all.
  start_dns(server, DnsRecordType::kSrv, {"svc.test."});
  ASSERT_TRUE(
      test::eventually([&] { return metric("prometheus_sd_dns_lookup_failures_total") == 1; }));
  EXPECT_THAT(sink_.addresses(), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(All, BrokenDnsMessages,
                         ::testing::Values(u16(0xC00C), std::string(40, '\xC0'),
                                           "\x3F" + std::string(20, 'a'), std::string("\0", 1)));

TEST_F(DnsDiscovererTest, ALookupIsCutShortWhenItIsToEnd) {
  std::atomic<int> asked = 0;
  NameServer server([&](const std::string&, unsigned) {
    ++asked;
    return NameServer::Answer{.silent = true};
  });
  start_dns(server, DnsRecordType::kSrv, {"svc.test."});
  ASSERT_TRUE(test::eventually([&] { return asked > 0; }));
  const auto start = std::chrono::steady_clock::now();
  tasks_.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 1s);
}

}  // namespace
}  // namespace narthex::discovery
