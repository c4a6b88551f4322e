#include "http/request_parser.h"

#include <gtest/gtest.h>

#include "narthex/util/random.h"

namespace narthex::http {
namespace {

constexpr std::uint32_t kHeaderMax = 8192;

// Feeds `bytes` in pieces of `step`; the status of the error, or 0.
int feed(RequestParser& parser, std::string_view bytes, std::size_t step) {
  std::string input;
  while ((!bytes.empty() || !input.empty()) && !parser.done()) {
    input += bytes.substr(0, step);
    const bool last = bytes.size() <= step;
    bytes.remove_prefix(std::min(step, bytes.size()));
    for (;;) {
      const auto used = parser.put(input);
      if (!used) return used.error();
      input.erase(0, *used);
      if (*used == 0 || parser.done()) break;
    }
    if (last) break;
  }
  return 0;
}

TEST(RequestParser, GivesTheSameRequestHoweverTheBytesArrive) {
  const std::string_view text =
      "POST /api/v1/query?time=1%202 HTTP/1.1\r\nHost: a\r\nX-Y: z\r\nContent-Length: "
      "11\r\n\r\nquery=up%2B";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    RequestParser parser(kHeaderMax);
    ASSERT_EQ(feed(parser, text, step), 0) << step;
    ASSERT_TRUE(parser.done()) << step;
    const Request request = parser.take_request();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/api/v1/query");
    EXPECT_EQ(request.query, "time=1%202");
    EXPECT_EQ(request.headers.get("x-y"), "z");
    EXPECT_EQ(request.body, "query=up%2B");
  }
}

TEST(RequestParser, ReadsChunkedBodies) {
  const std::string_view text =
      "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0a;x=1\r\n0123456789\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    RequestParser parser(kHeaderMax);
    ASSERT_EQ(feed(parser, text, step), 0) << step;
    ASSERT_TRUE(parser.done()) << step;
    EXPECT_EQ(parser.request().body, "abc0123456789");
  }
}

TEST(RequestParser, SplitsTargets) {
  const auto check = [](const std::string& target, const char* path, const char* query) {
    RequestParser parser(kHeaderMax);
    ASSERT_EQ(feed(parser, "GET " + target + " HTTP/1.1\r\nHost: x\r\n\r\n", 4096), 0) << target;
    EXPECT_EQ(parser.request().path, path) << target;
    EXPECT_EQ(parser.request().query, query) << target;
  };
  check("/", "/", "");
  check("/a%20b?c=d?e", "/a b", "c=d?e");
  check("http://host:1/x?y", "/x", "y");
  check("http://host", "/", "");
  check("*", "*", "");
}

TEST(RequestParser, RefusesWhatIsNotHttp) {
  const auto status = [](const std::string& text) {
    RequestParser parser(kHeaderMax);
    return feed(parser, text, text.size());
  };
  EXPECT_EQ(status("hello\r\n\r\n"), 400);
  EXPECT_EQ(status("GET nowhere HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status("GET / HTTP/3.0\r\n\r\n"), 505);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n"), 400);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
            400);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"), 400);
  EXPECT_EQ(
      status(
          "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"),
      400);
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
}

// Beast 1.81 used to abort here.
TEST(RequestParser, AnEmptyChunkedBodyMayComeByteByByte) {
  RequestParser parser(kHeaderMax);
  const std::string_view text =
      "POST /w HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  ASSERT_EQ(feed(parser, text, 1), 0);
  EXPECT_TRUE(parser.done());
}

// Goal: no request that two servers could cut at different places (RFC 9112 §11.2), however it is
// split on the way.
TEST(RequestParser, RefusesWhatCouldBeReadInTwoWays) {
  const auto check = [](std::string_view line, std::string_view fields, int want) {
    const std::string text =
        std::string(line) + "\r\n" + std::string(fields) + "\r\n\r\n5\r\nabcde\r\n0\r\n\r\n";
    for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{4096}}) {
      RequestParser parser(16384);
      EXPECT_EQ(feed(parser, text, step), want) << text << " by " << step;
    }
  };
  constexpr std::string_view kPost = "POST / HTTP/1.1";
  check(kPost, "Host: x\r\nTransfer-Encoding: chunked", 0);
  check(kPost, "Host: x\r\nTransfer-Encoding: CHUNKED", 0);
  check(kPost, "Host: x\r\nContent-Length: 18", 0);
  check(kPost, "Host: x\r\nContent-Length: 18\r\nContent-Length: 18", 400);
  check(kPost, "Host: x\r\nContent-Length: 18, 18", 400);
  check(kPost, "Host: x\r\nContent-Length: ", 400);
  check(kPost, "Host: x\r\nContent-Length: +18", 400);
  check(kPost, "Host: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 18", 400);
  check(kPost, "Host: x\r\nContent-Length: 18\r\nTransfer-Encoding: chunked", 400);
  check(kPost, "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", 400);
  check(kPost, "Host: x\r\nTransfer-Encoding: gzip", 501);
  check(kPost, "Host: x\r\nTransfer-Encoding: gzip, chunked", 501);
  check(kPost, "Content-Length: 18", 400);
  check(kPost, "Host: x\r\nHost: x\r\nContent-Length: 18", 400);
  check(kPost, "Host: x\r\nContent-Length: 18\r\nA: b\r\n c: d", 400);
  check(kPost, "Host: x\r\nContent-Length: 18\r\nA: b\r\n\tc: d", 400);
  check("POST / HTTP/1.0", "Content-Length: 18", 0);
  check("POST / HTTP/1.0", "Transfer-Encoding: chunked", 400);
}

TEST(RequestParser, BoundsHeaders) {
  RequestParser long_line(kHeaderMax);
  EXPECT_EQ(
      feed(long_line, "GET /" + std::string(10'000, 'x') + " HTTP/1.1\r\nHost: x\r\n\r\n", 1000),
      431);
  // Many short fields, none of which is near a limit of its own.
  std::string fields = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 2000; ++i) fields += "a: b\r\n";
  RequestParser many(kHeaderMax);
  EXPECT_EQ(feed(many, fields, 100), 431);
}

TEST(RequestParser, BoundsBodies) {
  RequestParser announced(kHeaderMax);
  ASSERT_EQ(
      feed(announced, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 999999999999\r\n\r\n", 4096),
      0);
  EXPECT_FALSE(announced.limit_body(100));

  RequestParser chunked(kHeaderMax);
  ASSERT_EQ(feed(chunked, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", 4096),
            0);
  EXPECT_TRUE(chunked.limit_body(10));
  EXPECT_EQ(feed(chunked, "6\r\nabcdef\r\n6\r\nghijkl\r\n0\r\n\r\n", 4096), 413);
}

TEST(RequestParser, AnnouncedLengthTakesNoMemory) {
  RequestParser parser(kHeaderMax);
  ASSERT_EQ(
      feed(parser, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\nabc", 4096), 0);
  EXPECT_LE(parser.request().body.capacity(), 65'536U);
}

// Goal: no input makes it crash or loop. Method: a good request with random bytes changed, in
// random pieces.
TEST(RequestParser, SurvivesDamage) {
  const std::string good =
      "POST /a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: "
      "x\r\n\r\n";
  util::Random random(42);
  for (int round = 0; round < 20'000; ++round) {
    std::string text = good;
    for (std::uint64_t changes = 1 + random.below(4); changes > 0; --changes) {
      text[random.below(text.size())] = static_cast<char>(random.next());
    }
    RequestParser parser(kHeaderMax);
    static_cast<void>(feed(parser, text, 1 + random.below(text.size())));
    EXPECT_LE(parser.request().body.size(), text.size());
  }
}

}  // namespace
}  // namespace narthex::http
