#include "narthex/http/server.h"

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include <gtest/gtest.h>

#include "narthex/async/runtime.h"
#include "narthex/util/mutex.h"

#include "support/gate.h"
#include "support/raw_client.h"
#include "unit/http/inflate.h"

namespace narthex::http {
namespace {

using std::chrono::milliseconds;
using test::Gate;
using test::RawClient;

constexpr std::chrono::seconds kPatience{20};

// Waits for the stop token; true if it fired in time.
bool wait_for_stop(const std::stop_token& stop) {
  Gate fired;
  const std::stop_callback callback(stop, [&fired] { fired.open(); });
  return fired.pass();
}

class ServerTest : public testing::Test {
 protected:
  void TearDown() override {
    if (server_) server_->stop();
    server_.reset();
    handlers_.stop();
  }

  void start(Router router) {
    options_.listen_addresses = {"127.0.0.1:0"};
    auto server = Server::listen(options_, runtime_, handlers_);
    ASSERT_TRUE(server) << server.error().message();
    server_ = std::move(*server);
    server_->start(std::move(router), [this](const RequestSummary& summary) {
      const util::MutexLock lock(mutex_);
      observed_.push_back(std::string(summary.method) + " " + std::string(summary.pattern) + " " +
                          std::to_string(summary.status));
      observed_changed_.notify_all();
    });
  }
  [[nodiscard]] std::uint16_t port() const { return server_->ports().front(); }

  static Route route(std::string method, std::string pattern, Handler handler) {
    return {{std::move(method)}, std::move(pattern), std::move(handler)};
  }
  // GET /hello → "hello".
  static Router hello() {
    Router router;
    router.add(route("GET", "/hello", [](const Request&, ResponseWriter& out) {
      out.send(200, "text/plain", "hello");
    }));
    return router;
  }

  ServerOptions options_;
  async::Runtime runtime_{1};
  util::WorkerPool handlers_{"handlers", 4, 512};
  std::unique_ptr<Server> server_;
  util::Mutex mutex_;
  util::CondVar observed_changed_;
  std::vector<std::string> observed_ NX_GUARDED_BY(mutex_);
};

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  start(hello());
  RawClient client(port());
  for (int i = 0; i < 100; ++i) {
    const auto response = client.get("/hello");
    ASSERT_TRUE(response) << i;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, "hello");
    EXPECT_EQ(response->headers.at("content-type"), "text/plain");
    EXPECT_EQ(response->headers.at("content-length"), "5");
    EXPECT_TRUE(response->headers.contains("date"));
  }
  EXPECT_EQ(server_->counts().accepted, 1U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  Router router;
  router.add(route("GET", "/echo", [](const Request& request, ResponseWriter& out) {
    out.send(200, "text/plain", Form::parse(request.query).get("n").data());
  }));
  start(std::move(router));
  RawClient client(port());
  std::string all;
  for (int i = 0; i < 50; ++i)
    all += "GET /echo?n=" + std::to_string(i) + " HTTP/1.1\r\nHost: t\r\n\r\n";
  ASSERT_TRUE(client.send(all));
  for (int i = 0; i < 50; ++i) {
    const auto response = client.receive();
    ASSERT_TRUE(response) << i;
    EXPECT_EQ(response->body, std::to_string(i));
  }
}

TEST_F(ServerTest, HandsTheRequestOver) {
  Router router;
  router.add(route("POST", "/a/:name", [](const Request& request, ResponseWriter& out) {
    out.set_header("X-Evil", "a\r\nInjected: b");
    out.send(200, "text/plain",
             request.method + "|" + request.path + "|" + request.query + "|" +
                 std::string(request.path_param("name")) + "|" +
                 std::string(request.headers.get("x-h")) + "|" + request.body + "|" +
                 request.remote_address.substr(0, 10));
  }));
  start(std::move(router));
  RawClient client(port());
  const auto response = client.request("POST", "/a/b%2Fc?q=1", "X-H: v\r\n", "body");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "POST|/a/b/c|q=1|b/c|v|body|127.0.0.1:");
  EXPECT_EQ(response->headers.at("x-evil"), "a  Injected: b");
}

TEST_F(ServerTest, UnknownPathsAndMethodsAreTold) {
  start(hello());
  RawClient client(port());
  const auto missing = client.get("/x");
  ASSERT_TRUE(missing);
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->body, "404 page not found\n");
  EXPECT_EQ(missing->headers.at("x-content-type-options"), "nosniff");
  const auto wrong = client.request("DELETE", "/hello", {}, {});
  ASSERT_TRUE(wrong);
  EXPECT_EQ(wrong->status, 405);
  EXPECT_EQ(wrong->body, "Method Not Allowed\n");
  EXPECT_EQ(wrong->headers.at("allow"), "GET, OPTIONS");
  const auto options = client.request("OPTIONS", "/hello", {}, {});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->status, 200);
  EXPECT_EQ(options->headers.at("allow"), "GET, OPTIONS");
}

TEST_F(ServerTest, PathsThatAreNotCleanMove) {
  start(hello());
  RawClient client(port());
  const auto moved = client.get("//x/../hello?a=1&b=\"");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->status, 301);
  EXPECT_EQ(moved->headers.at("location"), "/hello?a=1&b=\"");
  EXPECT_EQ(moved->headers.at("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(moved->body, "<a href=\"/hello?a=1&amp;b=&#34;\">Moved Permanently</a>.\n\n");
  const auto posted = client.request("POST", "/a//b", {}, "body");
  ASSERT_TRUE(posted);
  EXPECT_EQ(posted->status, 301);
  EXPECT_EQ(posted->headers.at("location"), "/a/b");
  EXPECT_EQ(posted->body, "");
}

TEST_F(ServerTest, HeadHasLengthButNoBody) {
  Router router = hello();
  router.add(route("HEAD", "/hello", [](const Request&, ResponseWriter& out) {
    out.send(200, "text/plain", "hello");
  }));
  start(std::move(router));
  RawClient client(port());
  const auto head = client.request("HEAD", "/hello", {}, {});
  ASSERT_TRUE(head);
  EXPECT_EQ(head->headers.at("content-length"), "5");
  const auto get = client.get("/hello");
  ASSERT_TRUE(get);
  EXPECT_EQ(get->body, "hello");
}

TEST_F(ServerTest, SpeaksHttp10) {
  Router router = hello();
  router.add(route("GET", "/stream", [](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    for (int i = 0; i < 10; ++i) static_cast<void>(out.write(std::string(20'000, 'x')));
  }));
  start(std::move(router));
  RawClient closing(port());
  ASSERT_TRUE(closing.send("GET /hello HTTP/1.0\r\n\r\n"));
  const auto closed = closing.receive();
  ASSERT_TRUE(closed);
  EXPECT_EQ(closed->headers.at("connection"), "close");
  EXPECT_TRUE(closing.closed_by_server());
  RawClient keeping(port());
  ASSERT_TRUE(keeping.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  EXPECT_EQ(keeping.receive()->headers.at("connection"), "keep-alive");
  ASSERT_TRUE(keeping.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
  const auto streamed = keeping.receive();
  ASSERT_TRUE(streamed);
  EXPECT_FALSE(streamed->headers.contains("transfer-encoding"));
  EXPECT_EQ(streamed->body.size(), 200'000U);
}

TEST_F(ServerTest, CompressesWholeAndStreamedAnswers) {
  const std::string text(300'000, 'n');
  Router router;
  router.add(route("GET", "/whole", [&](const Request&, ResponseWriter& out) {
    out.send(200, "text/plain", text);
  }));
  router.add(route("GET", "/stream", [&](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    for (std::size_t at = 0; at < text.size(); at += 999) {
      static_cast<void>(out.write(std::string_view(text).substr(at, 999)));
    }
  }));
  router.add(route("GET", "/short", [](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    static_cast<void>(out.write("short"));
  }));
  Route plain = route("GET", "/plain", [&](const Request&, ResponseWriter& out) {
    out.send(200, "text/plain", text);
  });
  plain.compress = Compress::kNever;
  router.add(std::move(plain));
  start(std::move(router));
  RawClient client(port());
  for (const char* encoding : {"gzip", "deflate"}) {
    const std::string accept = "Accept-Encoding: " + std::string(encoding) + "\r\n";
    for (const char* target : {"/whole", "/stream"}) {
      const auto response = client.get(target, accept);
      ASSERT_TRUE(response) << target;
      EXPECT_EQ(response->headers.at("content-encoding"), encoding);
      EXPECT_EQ(response->headers.at("vary"), "Accept-Encoding");
      EXPECT_LT(response->body.size(), 3000U);
      EXPECT_EQ(test::inflate_all(response->body), text) << target;
    }
  }
  const auto streamed = client.get("/stream");
  ASSERT_TRUE(streamed);
  EXPECT_EQ(streamed->headers.at("transfer-encoding"), "chunked");
  EXPECT_EQ(streamed->body, text);
  const auto small = client.get("/short");
  ASSERT_TRUE(small);
  EXPECT_EQ(small->headers.at("content-length"), "5");
  const auto never = client.get("/plain", "Accept-Encoding: gzip\r\n");
  ASSERT_TRUE(never);
  EXPECT_EQ(never->body, text);
}

TEST_F(ServerTest, BodiesBeyondTheRoutesLimitAreRefused) {
  Router router;
  Route small =
      route("POST", "/small", [](const Request&, ResponseWriter& out) { out.send(200, "", "ok"); });
  small.body_bytes_max = 1000;
  router.add(std::move(small));
  start(std::move(router));
  RawClient announced(port());
  const auto refused = announced.request("POST", "/small", {}, std::string(2000, 'x'));
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 413);
  EXPECT_TRUE(announced.closed_by_server());
  RawClient chunked(port());
  ASSERT_TRUE(
      chunked.send("POST /small HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                   std::string(2000, 'x')));
  EXPECT_EQ(chunked.receive()->status, 413);
  RawClient fits(port());
  EXPECT_EQ(fits.request("POST", "/small", {}, std::string(1000, 'x'))->status, 200);
}

TEST_F(ServerTest, LargeBodiesArriveWhole) {
  Router router;
  Route large = route("POST", "/large", [](const Request& request, ResponseWriter& out) {
    out.send(200, "text/plain",
             std::to_string(request.body.size()) + request.body.substr(request.body.size() - 3));
  });
  large.body_bytes_max = 64U << 20U;
  router.add(std::move(large));
  start(std::move(router));
  RawClient client(port());
  const auto response = client.request("POST", "/large", {}, std::string(20'000'000, 'x') + "end");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "20000003end");
}

TEST_F(ServerTest, TellsAWaitingClientToGoOn) {
  Router router;
  router.add(route("POST", "/p", [](const Request& request, ResponseWriter& out) {
    out.send(200, "", request.body);
  }));
  start(std::move(router));
  RawClient client(port());
  ASSERT_TRUE(client.send(
      "POST /p HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  EXPECT_EQ(client.receive()->status, 100);
  ASSERT_TRUE(client.send("abc"));
  EXPECT_EQ(client.receive()->body, "abc");
}

TEST_F(ServerTest, OversizedHeadersAreRefused) {
  start(hello());
  RawClient client(port());
  ASSERT_TRUE(
      client.send("GET /hello?" + std::string(70'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(client.receive()->status, 431);
  RawClient garbage(port());
  ASSERT_TRUE(garbage.send("\x16\x03\x01\x02 not http\r\n\r\n"));
  EXPECT_EQ(garbage.receive()->status, 400);
}

TEST_F(ServerTest, SlowHeadersAreCutOff) {
  options_.header_timeout = milliseconds(50);
  start(hello());
  RawClient client(port());
  ASSERT_TRUE(client.send("GET /hello HTTP/1.1\r\nHost"));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(ServerTest, SlowBodiesAreCutOff) {
  options_.body_window = milliseconds(50);
  options_.body_bytes_per_second_min = 1'000'000;
  Router router;
  router.add(
      route("POST", "/p", [](const Request&, ResponseWriter& out) { out.send(200, "", ""); }));
  start(std::move(router));
  RawClient client(port());
  ASSERT_TRUE(client.send("POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc"));
  EXPECT_TRUE(client.closed_by_server());
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  options_.idle_timeout = milliseconds(50);
  start(hello());
  RawClient silent(port());
  EXPECT_TRUE(silent.closed_by_server());
  RawClient used(port());
  EXPECT_EQ(used.get("/hello")->status, 200);
  EXPECT_TRUE(used.closed_by_server());
}

TEST_F(ServerTest, HandlerLearnsThatTheClientHasGone) {
  std::promise<bool> stopped;
  Gate begun;
  Router router;
  router.add(route("GET", "/wait", [&](const Request& request, ResponseWriter& out) {
    begun.open();
    stopped.set_value(wait_for_stop(request.stop));
    out.send(499, "", "");
  }));
  start(std::move(router));
  RawClient client(port());
  ASSERT_TRUE(client.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(begun.pass());
  client.close();
  EXPECT_TRUE(stopped.get_future().get());
}

TEST_F(ServerTest, ClientThatDoesNotReadIsCutOff) {
  options_.progress_timeout = milliseconds(100);
  std::promise<util::Code> ended;
  Router router;
  router.add(route("GET", "/flood", [&](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    const std::string block(100'000, 'x');
    for (int i = 0; i < 10'000; ++i) {
      if (const auto written = out.write(block); !written) {
        ended.set_value(written.error().code());
        return;
      }
    }
    ended.set_value(util::Code::kInternal);
  }));
  start(std::move(router));
  RawClient client(port(), 4096);
  ASSERT_TRUE(client.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"));
  EXPECT_EQ(ended.get_future().get(), util::Code::kCanceled);
}

// As many clients as there are handlers ask for much and read nothing; then somebody else comes.
TEST_F(ServerTest, ClientsThatDoNotReadMakeRoomForOthers) {
  options_.crowded_progress_timeout = milliseconds(20);
  std::atomic<std::size_t> begun = 0;
  Gate all_begun;
  Router router = hello();
  router.add(route("GET", "/flood", [&](const Request&, ResponseWriter& out) {
    if (++begun == handlers_.thread_count()) all_begun.open();
    out.start(200, "text/plain");
    const std::string block(100'000, 'x');
    while (out.write(block)) continue;
  }));
  start(std::move(router));
  std::vector<std::unique_ptr<RawClient>> silent;
  for (std::size_t i = 0; i < handlers_.thread_count(); ++i) {
    silent.push_back(std::make_unique<RawClient>(port(), 4096));
    ASSERT_TRUE(silent.back()->send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n"));
  }
  ASSERT_TRUE(all_begun.pass());
  RawClient client(port());
  const auto response = client.get("/hello");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "hello");
}

TEST_F(ServerTest, BackPressureLosesNothing) {
  Router router;
  constexpr int kBlocks = 200;
  router.add(route("GET", "/flood", [&](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    for (int i = 0; i < kBlocks; ++i) {
      if (!out.write(std::string(100'000, static_cast<char>('a' + i % 26)))) return;
    }
  }));
  start(std::move(router));
  RawClient client(port(), 4096);
  const auto response = client.get("/flood");
  ASSERT_TRUE(response);
  ASSERT_EQ(response->body.size(), std::size_t{kBlocks} * 100'000);
  for (std::size_t i = 0; i < kBlocks; ++i) {
    ASSERT_EQ(response->body[i * 100'000], static_cast<char>('a' + i % 26));
    ASSERT_EQ(response->body[i * 100'000 + 99'999], static_cast<char>('a' + i % 26));
  }
}

TEST_F(ServerTest, FlushedEventsArriveAtOnce) {
  Gate go;
  Router router;
  router.add(route("GET", "/events", [&](const Request&, ResponseWriter& out) {
    out.start(200, "text/event-stream");
    static_cast<void>(out.write("data: 1\n\n"));
    static_cast<void>(out.flush());
    ASSERT_TRUE(go.pass());
    static_cast<void>(out.write("data: 2\n\n"));
  }));
  start(std::move(router));
  RawClient client(port());
  ASSERT_TRUE(client.send("GET /events HTTP/1.1\r\nHost: x\r\n\r\n"));
  // The header comes only with the first event, and the answer cannot be complete yet.
  EXPECT_EQ(client.receive_head()->status, 200);
  go.open();
  EXPECT_FALSE(client.closed_by_server());
  server_->stop();
  handlers_.stop();  // The handler may still be on its way out through the gate.
}

TEST_F(ServerTest, BrokenHandlersCostOneAnswer) {
  Router router = hello();
  router.add(route("GET", "/silent", [](const Request&, ResponseWriter&) {}));
  router.add(route("GET", "/throws",
                   [](const Request&, ResponseWriter&) { throw std::runtime_error("oops"); }));
  router.add(route("GET", "/breaks", [](const Request&, ResponseWriter& out) {
    out.start(200, "text/plain");
    static_cast<void>(out.write(std::string(200'000, 'x')));
    out.abort();
  }));
  start(std::move(router));
  RawClient client(port());
  EXPECT_EQ(client.get("/silent")->status, 500);
  EXPECT_EQ(client.get("/throws")->status, 500);
  EXPECT_EQ(client.get("/hello")->status, 200);
  // Chunked without the last chunk: the client can tell.
  EXPECT_FALSE(client.get("/breaks"));
}

TEST_F(ServerTest, FullQueueAnswers503) {
  Gate release;
  Gate begun;
  util::WorkerPool one("one", 1, 1);
  Router router;
  router.add(route("GET", "/wait", [&](const Request&, ResponseWriter& out) {
    begun.open();
    ASSERT_TRUE(release.pass());
    out.send(200, "", "");
  }));
  options_.listen_addresses = {"127.0.0.1:0"};
  auto server = Server::listen(options_, runtime_, one);
  ASSERT_TRUE(server);
  (*server)->start(std::move(router), {});
  const std::uint16_t server_port = (*server)->ports().front();
  RawClient running(server_port);
  ASSERT_TRUE(running.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(begun.pass());
  // One waits in the queue, whichever comes first; the other is turned away.
  RawClient a(server_port);
  RawClient b(server_port);
  ASSERT_TRUE(a.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  while (one.queued() == 0) std::this_thread::yield();
  EXPECT_EQ(b.get("/wait")->status, 503);
  release.open(2);
  EXPECT_EQ(running.receive()->status, 200);
  EXPECT_EQ(a.receive()->status, 200);
  (*server)->stop();
}

TEST_F(ServerTest, IdleConnectionsMakeRoomAtTheLimit) {
  options_.connections_max = 2;
  start(hello());
  RawClient first(port());
  EXPECT_EQ(first.get("/hello")->status, 200);
  RawClient second(port());
  EXPECT_EQ(second.get("/hello")->status, 200);
  RawClient third(port());
  EXPECT_EQ(third.get("/hello")->status, 200);
  // The one that was idle for longest had to go; the other stays.
  EXPECT_TRUE(first.closed_by_server());
  EXPECT_EQ(second.get("/hello")->status, 200);
}

TEST_F(ServerTest, BusyConnectionsAreWaitedForAtTheLimit) {
  options_.connections_max = 1;
  Gate release;
  Gate begun;
  Router router = hello();
  router.add(route("GET", "/wait", [&](const Request&, ResponseWriter& out) {
    begun.open();
    ASSERT_TRUE(release.pass());
    out.send(200, "", "done");
  }));
  start(std::move(router));
  RawClient busy(port());
  ASSERT_TRUE(busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(begun.pass());
  RawClient late(port());
  ASSERT_TRUE(late.send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
  release.open();
  EXPECT_EQ(busy.receive()->body, "done");
  EXPECT_EQ(late.receive()->body, "hello");
}

TEST_F(ServerTest, StopLetsRequestsInFlightFinish) {
  Gate release;
  Gate begun;
  Router router = hello();
  router.add(route("GET", "/wait", [&](const Request&, ResponseWriter& out) {
    begun.open();
    ASSERT_TRUE(release.pass());
    out.send(200, "", "done");
  }));
  start(std::move(router));
  RawClient idle(port());
  EXPECT_EQ(idle.get("/hello")->status, 200);
  RawClient busy(port());
  ASSERT_TRUE(busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(begun.pass());
  auto stopped = std::async(std::launch::async, [this] { server_->stop(); });
  EXPECT_TRUE(idle.closed_by_server());
  release.open();
  EXPECT_EQ(busy.receive()->body, "done");
  EXPECT_TRUE(busy.closed_by_server());
  stopped.get();
  EXPECT_EQ(server_->counts().closed, 2U);
}

TEST_F(ServerTest, StopCutsOffWhatDoesNotFinish) {
  options_.drain_timeout = milliseconds(20);
  Gate begun;
  std::atomic<bool> stopped = false;
  Router router;
  router.add(route("GET", "/wait", [&](const Request& request, ResponseWriter&) {
    begun.open();
    stopped = wait_for_stop(request.stop);
  }));
  start(std::move(router));
  RawClient busy(port());
  ASSERT_TRUE(busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n"));
  ASSERT_TRUE(begun.pass());
  server_->stop();
  EXPECT_TRUE(stopped);
  EXPECT_TRUE(busy.closed_by_server());
}

TEST_F(ServerTest, TakenPortIsNamed) {
  start(hello());
  ServerOptions options;
  options.listen_addresses = {"127.0.0.1:" + std::to_string(port())};
  const auto second = Server::listen(options, runtime_, handlers_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), util::Code::kAlreadyExists);
  EXPECT_EQ(second.error().message(),
            "listen tcp " + options.listen_addresses[0] + ": bind: Address already in use");
}

TEST_F(ServerTest, BadListenAddressesAreExplained) {
  const auto message = [this](const char* address) {
    ServerOptions options;
    options.listen_addresses = {address};
    const auto server = Server::listen(options, runtime_, handlers_);
    return server ? std::string("no error") : server.error().message();
  };
  EXPECT_EQ(message("localhost"), "listen address \"localhost\": missing port");
  EXPECT_EQ(message("a:http"), "listen address \"a:http\": not a port number");
  EXPECT_EQ(message("a:70000"), "listen address \"a:70000\": not a port number");
  EXPECT_EQ(message("::1:80"), "listen address \"::1:80\": IPv6 addresses stand in brackets");
  EXPECT_EQ(message(":0"), "no error");
}

TEST_F(ServerTest, SeveralAddressesServeTheSame) {
  options_.listen_addresses = {"127.0.0.1:0", ":0"};
  auto server = Server::listen(options_, runtime_, handlers_);
  ASSERT_TRUE(server);
  (*server)->start(hello(), {});
  for (const std::uint16_t each : (*server)->ports()) {
    RawClient client(each);
    EXPECT_EQ(client.get("/hello")->body, "hello");
  }
  (*server)->stop();
}

TEST_F(ServerTest, ObserverHearsOfEveryRequest) {
  start(hello());
  RawClient client(port());
  EXPECT_EQ(client.get("/hello")->status, 200);
  EXPECT_EQ(client.get("/other")->status, 404);
  const util::MutexLock lock(mutex_);
  ASSERT_TRUE(
      observed_changed_.wait_for(mutex_, kPatience, [this] { return observed_.size() == 2; }));
  EXPECT_EQ(observed_, (std::vector<std::string>{"GET /hello 200", "GET  404"}));
}

// Unknown paths count too, and a refusal has none of the configured headers.
TEST_F(ServerTest, RequestsBeyondTheRateAreRefused) {
  util::FakeClock clock;
  auto access = std::make_shared<AccessOptions>();
  access->rate_limit = {std::chrono::seconds(1), 2};
  access->headers = {{"X-Frame-Options", "deny"}};
  options_.clock = &clock;
  options_.access = [access] { return util::Result<std::shared_ptr<const AccessOptions>>(access); };
  start(hello());
  RawClient client(port());
  const auto status = [&client](const std::string& path) {
    const auto answer = client.get(path);
    return answer ? answer->status : 0;
  };
  EXPECT_EQ(status("/hello"), 200);
  EXPECT_EQ(status("/nowhere"), 404);
  const auto refused = client.get("/hello");
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->status, 429);
  EXPECT_EQ(refused->body, "Too Many Requests\n");
  EXPECT_EQ(refused->headers.at("content-type"), "text/plain; charset=utf-8");
  EXPECT_FALSE(refused->headers.contains("x-frame-options"));
  RawClient another(port());  // All clients share it.
  EXPECT_EQ(another.get("/hello")->status, 429);
  clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(status("/hello"), 200);
  EXPECT_EQ(status("/hello"), 429);
}

TEST_F(ServerTest, ManyClientsAtOnce) {
  start(hello());
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 200; ++i) clients.push_back(std::make_unique<RawClient>(port()));
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients)
      ASSERT_TRUE(client->send("GET /hello HTTP/1.1\r\nHost: x\r\n\r\n"));
    for (auto& client : clients) ASSERT_EQ(client->receive()->body, "hello");
  }
}

}  // namespace
}  // namespace narthex::http
