#include "narthex/ui/handler.h"

#include <filesystem>
#include <fstream>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "narthex/util/env.h"

#include "support/temp_dir.h"

namespace narthex::ui {
namespace {

using testing::HasSubstr;
using testing::Not;

// Keeps what a handler answers.
class Recorder : public http::ResponseWriter {
 public:
  void set_header(std::string_view name, std::string_view value) override {
    headers[std::string(name)] = value;
  }
  void add_header(std::string_view name, std::string_view value) override {
    set_header(name, value);
  }
  void send(int status_in, std::string_view content_type, std::string body_in) override {
    status = status_in;
    type = content_type;
    body = std::move(body_in);
  }
  void start(int status_in, std::string_view content_type) override {
    send(status_in, content_type, "");
  }
  util::Result<void> write(std::string_view bytes) override {
    body += bytes;
    return {};
  }
  void abort() override {}
  util::Result<void> flush() override { return {}; }
  [[nodiscard]] bool started() const noexcept override { return status != 0; }

  int status = 0;
  std::string type;
  std::string body;
  std::map<std::string, std::string> headers;
};

class HandlerTest : public testing::Test {
 protected:
  HandlerTest() {
    write("index.html", "<base href=\"{{base_href}}\"><title>{{title}}</title>{{ready}}");
    write("app.js", "script");
    write("app.js.br", "s");
    write("licenses.txt", "words");
    write("favicon.svg", "<svg/>");
    write("manifest.txt",
          "/assets/app.js\tidentity\tabc\t6\tapp.js\ttext/javascript\n/assets/"
          "app.js\tbr\tabc\t1\tapp.js.br\ttext/javascript\n"
          "/assets/licenses.txt\tidentity\tdef\t5\tlicenses.txt\ttext/plain\n"
          "/favicon.svg\tidentity\t123\t6\tfavicon.svg\timage/svg+xml\n/"
          "index.html\tidentity\t456\t9\tindex.html\ttext/html\n");
    auto loaded = AssetTable::load(util::posix_env(), dir_.path());
    EXPECT_TRUE(loaded);
    if (loaded) assets_ = std::move(*loaded);
  }

  void write(const std::string& name, const std::string& content) const {
    std::ofstream(std::filesystem::path(dir_.path()) / name, std::ios::binary) << content;
  }

  Handler& serve(const std::string& prefix) {
    Options options;
    options.route_prefix = prefix;
    options.page.base_href = prefix + "/";
    options.page.title = "T";
    handler_ = std::make_unique<Handler>(std::move(options), assets_);
    router_ = http::Router();
    handler_->register_routes(router_);
    return *handler_;
  }

  Recorder get(const std::string& path, const std::string& query = "",
               const http::Headers& headers = {}) const {
    http::Request request;
    request.method = "GET";
    request.path = path;
    request.query = query;
    request.headers = headers;
    Recorder out;
    auto match = router_.match("GET", path);
    request.path_params = std::move(match.params);
    if (match.route == nullptr) {
      out.status = 404;
    } else {
      match.route->handler(request, out);
    }
    return out;
  }

  test::TempDir dir_;
  AssetTable assets_;
  http::Router router_;
  std::unique_ptr<Handler> handler_;
};

http::Headers headers(const std::string& name, const std::string& value) {
  http::Headers out;
  out.add(name, value);
  return out;
}

TEST_F(HandlerTest, ServesThePageAtEveryAddressOfTheUi) {
  serve("");
  for (const char* path : {"/query", "/targets", "/service-discovery", "/status", "/tsdb-status",
                           "/config", "/flags", "/explore/queries", "/explore/relabel"}) {
    const Recorder page = get(path);
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.body, "<base href=\"/\"><title>T</title>true");
    EXPECT_EQ(page.headers.at("Cache-Control"), "no-cache");
    EXPECT_THAT(page.headers.at("Content-Security-Policy"), HasSubstr("script-src 'self';"));
    EXPECT_THAT(page.headers.at("Content-Security-Policy"), Not(HasSubstr("unsafe")));
    EXPECT_EQ(page.headers.at("X-Content-Type-Options"), "nosniff");
  }
  EXPECT_EQ(get("/nothing").status, 404);
  EXPECT_EQ(router_.match("POST", "/query").outcome, http::Router::Outcome::kMethodNotAllowed);
  EXPECT_EQ(router_.match("HEAD", "/query").outcome, http::Router::Outcome::kFound);
}

TEST_F(HandlerTest, AnswersNotModifiedUntilThePageChanges) {
  Handler& handler = serve("");
  const std::string etag = get("/query").headers.at("ETag");
  EXPECT_EQ(get("/query", "", headers("If-None-Match", "\"other\", W/" + etag)).status, 304);
  EXPECT_EQ(get("/query", "", headers("If-None-Match", "\"other\"")).status, 200);
  PageValues starting;
  starting.ready = false;
  handler.set_page(starting);
  const Recorder changed = get("/query", "", headers("If-None-Match", etag));
  EXPECT_EQ(changed.status, 200);
  EXPECT_THAT(changed.body, HasSubstr("false"));
}

TEST_F(HandlerTest, ServesAssetsInTheEncodingTheClientTakes) {
  serve("");
  const Recorder plain = get("/assets/app.js");
  EXPECT_EQ(plain.body, "script");
  EXPECT_EQ(plain.type, "text/javascript");
  EXPECT_EQ(plain.headers.count("Content-Encoding"), 0U);
  EXPECT_EQ(plain.headers.at("Cache-Control"), "public, max-age=31536000, immutable");
  const Recorder packed = get("/assets/app.js", "", headers("Accept-Encoding", "gzip, br"));
  EXPECT_EQ(packed.body, "s");
  EXPECT_EQ(packed.headers.at("Content-Encoding"), "br");
  EXPECT_EQ(packed.headers.at("Vary"), "Accept-Encoding");
  EXPECT_NE(packed.headers.at("ETag"), plain.headers.at("ETag"));
  const Recorder cached =
      get("/assets/app.js", "", headers("If-None-Match", plain.headers.at("ETag")));
  EXPECT_EQ(cached.status, 304);
  EXPECT_EQ(cached.body, "");
  EXPECT_EQ(get("/assets/licenses.txt").headers.at("Cache-Control"), "no-cache");
}

TEST_F(HandlerTest, AnswersOnlyForFilesThatThereAre) {
  serve("");
  for (const char* path :
       {"/assets/", "/assets/none.js", "/assets/../index.html", "/assets/%2e%2e/index.html"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
  EXPECT_EQ(get("/favicon.svg").type, "image/svg+xml");
  EXPECT_EQ(get("/favicon.ico").type, "image/svg+xml");
  EXPECT_EQ(get("/robots.txt").status, 404);
}

TEST_F(HandlerTest, RedirectsOldAddressesWithTheirQuery) {
  serve("");
  EXPECT_EQ(get("/").status, 302);
  EXPECT_EQ(get("/").headers.at("Location"), "/query");
  EXPECT_EQ(get("/graph", "g0.expr=up&g0.tab=0").headers.at("Location"),
            "/query?g0.expr=up&g0.tab=0");
  EXPECT_EQ(get("/classic/targets").headers.at("Location"), "/targets");
  EXPECT_EQ(get("/classic/tsdb-status", "limit=5").headers.at("Location"), "/tsdb-status?limit=5");
}

TEST_F(HandlerTest, RootLeadsToThePageThatTheBrowserChose) {
  serve("");
  const auto location = [this](const std::string& cookie, const std::string& query = "") {
    return get("/", query, headers("Cookie", cookie)).headers.at("Location");
  };
  EXPECT_EQ(location("narthex-home=/targets"), "/targets");
  EXPECT_EQ(location("a=b; narthex-home=/status; c=d"), "/status");
  EXPECT_EQ(location("narthex-home=/targets", "g0.expr=up"), "/query?g0.expr=up");
  for (const char* bad :
       {"narthex-home=", "narthex-home=https://example.org/", "narthex-home=//example.org",
        "narthex-home=/targets/x", "other-narthex-home=/targets", ";;;", "narthex-home"}) {
    EXPECT_EQ(location(bad), "/query") << bad;
  }
}

TEST_F(HandlerTest, StaysBelowThePrefix) {
  serve("/prom");
  EXPECT_THAT(get("/prom/query").body, HasSubstr("href=\"/prom/\""));
  EXPECT_EQ(get("/query").status, 404);
  for (const char* path : {"/", "/prom", "/prom/"}) {
    EXPECT_EQ(get(path).headers.at("Location"), "/prom/query") << path;
  }
  EXPECT_EQ(get("/prom/assets/app.js").status, 200);
}

TEST_F(HandlerTest, ShowsAPlainPageWhenThereIsNoUi) {
  assets_ = AssetTable();
  serve("");
  EXPECT_EQ(get("/query").status, 200);
  EXPECT_THAT(get("/query").body, HasSubstr("without its web UI"));
}

}  // namespace
}  // namespace narthex::ui
