#include "narthex/http/client.h"

#include <chrono>

#include <zlib.h>

#include <gtest/gtest.h>

#include "narthex/async/runtime.h"

#include "support/fake_target.h"
#include "support/run_task.h"

namespace narthex::http {
namespace {

using test::FakeTarget;
using namespace std::chrono_literals;

std::string gzip(std::string_view plain) {
  z_stream z{};
  ::deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  std::string out(::deflateBound(&z, plain.size()) + 32, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  z.avail_in = static_cast<uInt>(plain.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  ::deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  ::deflateEnd(&z);
  return out;
}

class ClientTest : public ::testing::Test {
 protected:
  ~ClientTest() override {
    group_.stop();
    runtime_.stop();
  }
  void use(ClientOptions options) {
    auto made = Client::make(std::move(options), &clock_);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    client_ = *made;
  }
  std::future<util::Result<ClientResponse>> start(const std::string& url,
                                                  std::size_t bytes_max = 1 << 20,
                                                  util::SteadyNs deadline = 0) {
    if (!client_) use({});
    ClientRequest request;
    request.url = Url::parse(url).value();
    request.deadline = deadline;
    return test::start_task<ClientResponse>(group_, client_->fetch(std::move(request), bytes_max));
  }
  util::Result<ClientResponse> get(const std::string& url, std::size_t bytes_max = 1 << 20) {
    auto future = start(url, bytes_max);
    if (future.wait_for(20s) != std::future_status::ready)
      return util::fail(util::Code::kInternal, "the test waited too long");
    return future.get();
  }

  util::FakeClock clock_;
  async::Runtime runtime_{2};
  async::TaskGroup group_{runtime_.executor(), "test"};
  std::shared_ptr<Client> client_;
};

TEST_F(ClientTest, KeepsItsConnectionBetweenRequests) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("hello"); });
  for (int i = 0; i < 5; ++i) {
    const auto response = get("http://" + target.address() + "/metrics?a=b");
    ASSERT_TRUE(response.has_value()) << response.error().message();
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello");
    EXPECT_EQ(response->headers.get("content-type"), "text/plain; version=0.0.4");
  }
  EXPECT_EQ(target.accepted(), 1);
  EXPECT_EQ(client_->idle_connections(), 1U);
}

TEST_F(ClientTest, AConnectionThatTheTargetClosedMeanwhileIsReplaced) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("hello"); });
  ASSERT_TRUE(get("http://" + target.address()).has_value());
  target.drop_connections();
  const auto response = get("http://" + target.address());
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(target.accepted(), 2);
}

TEST_F(ClientTest, AnIdleConnectionIsNotTrustedForever) {
  FakeTarget target([](const std::string&) { return FakeTarget::ok("hello"); });
  ASSERT_TRUE(get("http://" + target.address()).has_value());
  clock_.advance(6min);
  ASSERT_TRUE(get("http://" + target.address()).has_value());
  EXPECT_EQ(target.accepted(), 2);
}

TEST_F(ClientTest, BodiesOfEveryFraming) {
  const auto check = [this](const std::string& bytes, bool close, std::string_view want) {
    FakeTarget target(
        [&](const std::string&) { return FakeTarget::Reply{.bytes = bytes, .close = close}; });
    const auto response = get("http://" + target.address());
    ASSERT_TRUE(response.has_value()) << bytes << ": " << response.error().message();
    EXPECT_EQ(response->body, want);
  };
  check("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", false, "abc");
  check("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false, "");
  check("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        false, "abcde");
  check("HTTP/1.1 200 OK\r\n\r\nuntil the end", true, "until the end");
  check("HTTP/1.0 200 OK\r\n\r\nold", true, "old");
  check("HTTP/1.1 204 No Content\r\n\r\n", false, "");
  check("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", false, "x");
}

TEST_F(ClientTest, AManyTimesChunkedBodyArrivesWhole) {
  std::string body = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  std::string want;
  for (int i = 0; i < 20000; ++i) {
    const std::string piece = "line " + std::to_string(i) + "\n";
    char size[16];
    std::snprintf(size, sizeof(size), "%zx\r\n", piece.size());
    body += size + piece + "\r\n";
    want += piece;
  }
  body += "0\r\n\r\n";
  FakeTarget target([&](const std::string&) { return FakeTarget::Reply{.bytes = body}; });
  const auto response = get("http://" + target.address());
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(response->body, want);
  EXPECT_EQ(client_->idle_connections(), 1U);
}

TEST_F(ClientTest, DecompressesGzip) {
  const std::string plain(100000, 'x');
  FakeTarget target([&](const std::string& head) {
    EXPECT_NE(head.find("Accept-Encoding: gzip\r\n"), std::string::npos) << head;
    return FakeTarget::ok(gzip(plain.substr(0, 5)) + gzip(plain.substr(5)), "text/plain",
                          "Content-Encoding: gzip\r\n");
  });
  const auto response = get("http://" + target.address());
  ASSERT_TRUE(response.has_value()) << response.error().message();
  EXPECT_EQ(response->body, plain);
}

TEST_F(ClientTest, TruncatedOrDamagedGzipIsAnError) {
  const std::string whole = gzip("hello, hello, hello, hello");
  for (const std::string& body :
       {whole.substr(0, whole.size() - 9), std::string("not gzip at all"), std::string()}) {
    FakeTarget target([&](const std::string&) {
      return FakeTarget::ok(body, "text/plain", "Content-Encoding: gzip\r\n");
    });
    const auto response = get("http://" + target.address());
    ASSERT_FALSE(response.has_value());
    EXPECT_EQ(response.error().code(), util::Code::kInvalidArgument) << response.error().message();
  }
}

TEST_F(ClientTest, ABombIsCutOffAtTheLimit) {
  const std::string bomb = gzip(std::string(50 << 20, 'x'));
  FakeTarget target([&](const std::string&) {
    return FakeTarget::ok(bomb, "text/plain", "Content-Encoding: gzip\r\n");
  });
  const auto response = get("http://" + target.address(), 1 << 20);
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().code(), util::Code::kLimitExceeded);
}

TEST_F(ClientTest, MalformedAnswersAreErrors) {
  for (const char* bytes :
       {"garbage\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", "", "HTTP/1.1 200 OK\r\n"}) {
    FakeTarget target(
        [&](const std::string&) { return FakeTarget::Reply{.bytes = bytes, .close = true}; });
    const auto response = get("http://" + target.address());
    EXPECT_FALSE(response.has_value()) << bytes;
  }
}

TEST_F(ClientTest, AnEndlessHeaderIsCutOff) {
  FakeTarget target([&](const std::string&) {
    return FakeTarget::Reply{.bytes = "HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x'),
                             .hang = true};
  });
  EXPECT_FALSE(get("http://" + target.address()).has_value());
}

TEST_F(ClientTest, TheDeadlineCoversASilentTargetAndAStuckBody) {
  for (const char* bytes : {"", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"}) {
    FakeTarget target(
        [&](const std::string&) { return FakeTarget::Reply{.bytes = bytes, .hang = true}; });
    auto future = start("http://" + target.address(), 1000, clock_.steady_ns() + 10'000'000'000);
    while (target.requests() == 0) std::this_thread::yield();
    clock_.advance(9s);
    EXPECT_EQ(future.wait_for(10ms), std::future_status::timeout);
    clock_.advance(2s);
    ASSERT_EQ(future.wait_for(20s), std::future_status::ready);
    const auto response = future.get();
    ASSERT_FALSE(response.has_value());
    EXPECT_EQ(response.error().code(), util::Code::kTimeout);
    EXPECT_NE(response.error().message().find("context deadline exceeded"), std::string::npos)
        << response.error().message();
  }
}

TEST_F(ClientTest, CancellationEndsARequest) {
  FakeTarget target(
      [](const std::string&) { return FakeTarget::Reply{.bytes = {}, .hang = true}; });
  auto future = start("http://" + target.address());
  while (target.requests() == 0) std::this_thread::yield();
  group_.stop();
  ASSERT_EQ(future.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(future.get().error().code(), util::Code::kCanceled);
}

TEST_F(ClientTest, ARefusedConnectionNamesUrlAndReason) {
  std::string address;
  {
    const FakeTarget target([](const std::string&) { return FakeTarget::ok(""); });
    address = target.address();
  }
  const auto response = get("http://" + address + "/metrics");
  ASSERT_FALSE(response.has_value());
  EXPECT_EQ(response.error().message(), "Get \"http://" + address + "/metrics\": dial tcp " +
                                            address + ": connect: connection refused");
}

TEST_F(ClientTest, FollowsRedirectsAndDropsCredentialsOnAForeignHost) {
  ClientOptions options;
  options.basic_auth =
      BasicAuth{.username = {.text = "me", .file = {}}, .password = {.text = "secret", .file = {}}};
  use(options);
  FakeTarget foreign([](const std::string& head) {
    EXPECT_EQ(head.find("Authorization"), std::string::npos) << head;
    return FakeTarget::ok("there");
  });
  FakeTarget target([&](const std::string& head) {
    EXPECT_NE(head.find("Authorization: Basic bWU6c2VjcmV0\r\n"), std::string::npos) << head;
    if (head.starts_with("GET /a "))
      return FakeTarget::Reply{
          .bytes = "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 2\r\n\r\nxx"};
    if (head.starts_with("GET /b ")) return FakeTarget::ok("here");
    return FakeTarget::Reply{.bytes = "HTTP/1.1 301 Moved\r\nLocation: http://" +
                                      foreign.address() + "/\r\nContent-Length: 0\r\n\r\n"};
  });
  EXPECT_EQ(get("http://" + target.address() + "/a").value().body, "here");
  EXPECT_EQ(target.accepted(), 1) << "a short redirect keeps the connection";
  EXPECT_EQ(get("http://" + target.address() + "/c").value().body, "there");
}

TEST_F(ClientTest, HeadersThatAreSecretsStayWithTheirHost) {
  FakeTarget foreign([](const std::string& head) {
    EXPECT_EQ(head.find("hidden"), std::string::npos) << head;
    EXPECT_NE(head.find("X-Plain: shown"), std::string::npos) << head;
    return FakeTarget::ok("there");
  });
  FakeTarget target([&](const std::string& head) {
    EXPECT_NE(head.find("X-Consul-Token: hidden"), std::string::npos) << head;
    return FakeTarget::Reply{.bytes = "HTTP/1.1 301 Moved\r\nLocation: http://" +
                                      foreign.address() + "/\r\nContent-Length: 0\r\n\r\n"};
  });
  use({});
  ClientRequest request;
  request.url = Url::parse("http://" + target.address()).value();
  for (const char* name : {"authorization", "X-Consul-Token", "X-Auth-Token"})
    request.headers.add(name, "hidden");
  request.headers.add("X-Plain", "shown");
  auto answer = test::start_task<ClientResponse>(group_, client_->fetch(std::move(request), 1024));
  ASSERT_EQ(answer.wait_for(20s), std::future_status::ready);
  EXPECT_EQ(answer.get().value().body, "there");
}

TEST_F(ClientTest, ARedirectLoopEnds) {
  FakeTarget target([](const std::string&) {
    return FakeTarget::Reply{.bytes =
                                 "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"};
  });
  const auto response = get("http://" + target.address());
  ASSERT_FALSE(response.has_value());
  EXPECT_NE(response.error().message().find("stopped after 10 redirects"), std::string::npos);
  ClientOptions options;
  options.follow_redirects = false;
  use(options);
  EXPECT_EQ(get("http://" + target.address()).value().status, 302);
}

TEST_F(ClientTest, HeaderInjectionIsRefused) {
  ClientOptions options;
  options.headers = {{.name = "X-A", .values = {"1\r\nX-B: 2"}, .secrets = {}, .files = {}}};
  use(options);
  FakeTarget target([](const std::string&) { return FakeTarget::ok(""); });
  EXPECT_FALSE(get("http://" + target.address()).has_value());
  EXPECT_EQ(target.requests(), 0);
}

TEST(Url, ReadsAndPrints) {
  const auto url = Url::parse("HTTPS://us%40er:pw@[::1]:8443/a/b?c=d#frag").value();
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.user, "us@er");
  EXPECT_EQ(url.password, "pw");
  EXPECT_EQ(url.host, "::1");
  EXPECT_EQ(url.port, 8443);
  EXPECT_EQ(url.target, "/a/b?c=d");
  EXPECT_EQ(url.to_string(), "https://[::1]:8443/a/b?c=d");
  EXPECT_EQ(Url::parse("http://h?x").value().target, "/?x");
  EXPECT_EQ(Url::parse("http://h").value().effective_port(), 80);
  for (const char* bad : {"", "h", "ftp://h", "http://", "http://h:x", "http://h:99999",
                          "http://a b", "http://[::1", "http://a:b:c"}) {
    EXPECT_FALSE(Url::parse(bad).has_value()) << bad;
  }
}

TEST(Url, ResolvesLocations) {
  const auto base = Url::parse("http://h:1/a/b?c").value();
  const auto resolved = [&base](std::string_view reference) {
    return base.resolve(reference).value().to_string();
  };
  EXPECT_EQ(resolved("/x"), "http://h:1/x");
  EXPECT_EQ(resolved("x?y"), "http://h:1/a/x?y");
  EXPECT_EQ(resolved("?y"), "http://h:1/a/b?y");
  EXPECT_EQ(resolved("//g/x"), "http://g/x");
  EXPECT_EQ(resolved("https://g"), "https://g/");
  EXPECT_FALSE(base.resolve("ftp://g").has_value());
}

}  // namespace
}  // namespace narthex::http
