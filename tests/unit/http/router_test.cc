#include "narthex/http/router.h"

#include <gtest/gtest.h>

namespace narthex::http {
namespace {

Router make_router() {
  Router router;
  const Handler nothing = [](const Request&, ResponseWriter&) {};
  for (const char* pattern :
       {"/", "/api/v1/query", "/api/v1/label/:name/values", "/assets/*rest", "/u/:id", "/u/me"}) {
    router.add({{"GET"}, pattern, nothing});
  }
  router.add({{"POST"}, "/api/v1/query", nothing});
  router.add({{"POST", "PUT"}, "/-/reload", nothing});
  router.add({{"OPTIONS"}, "/api/v1/*rest", nothing});
  return router;
}

TEST(Router, FindsTheMostSpecificPattern) {
  const Router router = make_router();
  const auto check = [&](const char* path, const char* want) {
    const auto match = router.match("GET", path);
    ASSERT_EQ(match.outcome, Router::Outcome::kFound) << path;
    EXPECT_EQ(match.route->pattern, want) << path;
  };
  check("/", "/");
  check("/api/v1/query", "/api/v1/query");
  check("/api/v1/label/job/values", "/api/v1/label/:name/values");
  check("/u/me", "/u/me");
  check("/u/you", "/u/:id");
  check("/%75/%6De", "/u/me");
}

TEST(Router, HandsOverDecodedParameters) {
  const Router router = make_router();
  const auto label = router.match("GET", "/api/v1/label/a%2Fb%20c/values");
  ASSERT_EQ(label.params.size(), 1U);
  EXPECT_EQ(label.params[0], (std::pair<std::string, std::string>("name", "a/b c")));
  const auto rest = router.match("GET", "/assets/js/x.js");
  ASSERT_EQ(rest.params.size(), 1U);
  EXPECT_EQ(rest.params[0].second, "js/x.js");
  EXPECT_EQ(router.match("GET", "/assets/").outcome, Router::Outcome::kFound);
}

TEST(Router, UnknownPathsAreNotFound) {
  const Router router = make_router();
  for (const char* path : {"", "x", "/x", "/api/v1/label//values", "/api/v1/query/", "/u/%zz",
                           "/api/v1/nothing", "*"}) {
    EXPECT_EQ(router.match("GET", path).outcome, Router::Outcome::kNotFound) << path;
  }
}

TEST(Router, OtherMethodsAreNamed) {
  const Router router = make_router();
  const auto query = router.match("DELETE", "/api/v1/query");
  EXPECT_EQ(query.outcome, Router::Outcome::kMethodNotAllowed);
  EXPECT_EQ(query.allow, "GET, OPTIONS, POST");
  EXPECT_EQ(router.match("GET", "/-/reload").allow, "OPTIONS, POST, PUT");
  EXPECT_EQ(router.match("HEAD", "/api/v1/query").outcome, Router::Outcome::kMethodNotAllowed);
  EXPECT_EQ(router.match("OPTIONS", "/api/v1/query").outcome, Router::Outcome::kFound);
}

TEST(Router, FallbackTakesWhatNothingElseMatches) {
  Router router = make_router();
  router.set_fallback([](const Request&, ResponseWriter&) {});
  const auto match = router.match("GET", "/x");
  EXPECT_EQ(match.outcome, Router::Outcome::kNotFound);
  EXPECT_NE(match.route, nullptr);
}

}  // namespace
}  // namespace narthex::http
