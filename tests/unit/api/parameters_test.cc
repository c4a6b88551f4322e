// Every parameter of every endpoint, each way of getting it wrong: 400, bad_data, and a message
// that says which parameter it is. The cases come from the table that the requests are routed by.
#include <map>

#include "narthex/util/utf8.h"

#include "api/routes.h"
#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

using enum ParameterKind;
using Values = std::vector<std::pair<std::string, std::string>>;

// The longest answer to a request that is refused: nobody gets his megabytes back.
constexpr std::size_t kRefusalBytesMax = 4096;
constexpr std::size_t kHugeBytes = 3U << 20U;  // Encoded as much as a form may have.

// What every endpoint takes under that name.
std::string good_value(std::string_view name) {
  static const std::map<std::string_view, std::string_view> values = {
      {"query", "up"},
      {"start", "1000"},
      {"end", "1100"},
      {"time", "1050"},
      {"step", "10"},
      {"timeout", "1s"},
      {"lookback_delta", "5m"},
      {"stats", "true"},
      {"limit", "5"},
      {"match[]", "up"},
      {"scrapePool", "demo"},
      {"labels", "{}"},
      {"rules", "- action: drop"},
      {"state", "active"},
      {"match_target", "{job=\"a\"}"},
      {"metric", "up"},
      {"limit_per_metric", "2"},
      {"type", "alert"},
      {"rule_name[]", "r"},
      {"rule_group[]", "g"},
      {"file[]", "f"},
      {"exclude_alerts", "1"},
      {"group_limit", "3"},
      {"skip_head", "true"},
      {"search[]", "u"},
      {"fuzz_threshold", "1"},
      {"fuzz_alg", "jarowinkler"},
      {"case_sensitive", "false"},
      {"sort_by", "alpha"},
      {"sort_dir", "dsc"},
      {"include_score", "true"},
      {"include_metadata", "true"},
      {"batch_size", "2"},
      {"label", "job"},
      {"metric_name_pattern", "nx.*"},
      {"openapi_version", "3.1"}};
  const auto found = values.find(name);
  return found == values.end() ? std::string() : std::string(found->second);
}

// What no endpoint takes under that name; empty: every text is one.
std::string wrong_value(const Parameter& parameter) {
  switch (parameter.kind) {
    case kExpression:
      return "sum(";
    case kSelector:
    case kSelectors:
      return "up[";
    case kTime:
      return "yesterday";
    case kDuration:
      return "soon";
    case kInteger:
      return "1.5";
    case kBoolean:
      return "perhaps";
    case kObject:
      return "[1";
    case kText:
    case kTexts:
      break;
  }
  for (const std::string_view name :
       {"type", "openapi_version", "fuzz_alg", "sort_by", "sort_dir"}) {
    if (parameter.name == name) return "neither";
  }
  if (parameter.name == "metric_name_pattern") return "(";
  return parameter.name == "group_next_token" ? "nowhere" : "";
}

std::string huge_value(const Parameter& parameter) {
  switch (parameter.kind) {
    case kExpression:
      return std::string(kHugeBytes, '(');
    case kSelector:
    case kSelectors:
      return "{" + std::string(kHugeBytes, 'a');
    case kObject:
      return std::string(kHugeBytes, '[');
    case kInteger:
    case kTime:
    case kDuration:
      return std::string(kHugeBytes, '9');
    case kBoolean:
    case kText:
    case kTexts:
      break;
  }
  return std::string(kHugeBytes, 'x');
}

// Where Prometheus's own text names the parameter in other words, or gives the parser's position in
// it alone.
std::string_view words_for(const EndpointRoute& route, const Parameter& parameter) {
  if (parameter.name == "lookback_delta") return "lookback";
  const bool is_bare = route.pattern.starts_with("/label") || route.pattern == "/rules" ||
                       route.pattern == "/query_exemplars";
  const bool is_parsed = parameter.kind == kSelectors || parameter.kind == kExpression;
  return is_bare && is_parsed ? "parse error" : parameter.name;
}

class ParametersTest : public ApiHttpTest {
 protected:
  void SetUp() override {
    options_.enable_admin = true;
    options_.enable_search = true;
    load();
    build();
  }

  static Values good_values(const EndpointRoute& route) {
    Values out;
    for (const Parameter& parameter : route.parameters) {
      if (std::string value = good_value(parameter.name); !value.empty())
        out.emplace_back(parameter.name, std::move(value));
    }
    return out;
  }

  test::RecordingWriter ask_route(const EndpointRoute& route, const Values& values) {
    std::string form;
    for (const auto& [name, value] : values)
      form += http::percent_encode(name) + "=" + http::percent_encode(value) + "&";
    std::string path = std::string(route.prefix) + std::string(route.pattern);
    if (path.ends_with("/:id")) path.replace(path.size() - 3, 3, "1");
    if (const std::size_t at = path.find(":name"); at != std::string::npos)
      path.replace(at, 5, "job");
    const bool has_form = route.methods.back() != "GET";
    return has_form ? ask(route.methods.back(), path, form) : ask("GET", path + "?" + form);
  }

  void expect_refused(const EndpointRoute& route, const Values& values, std::string_view words) {
    const test::RecordingWriter answer = ask_route(route, values);
    EXPECT_EQ(answer.status, 400);
    EXPECT_LT(answer.body.size(), kRefusalBytesMax);
    EXPECT_TRUE(util::is_valid_utf8(answer.body));
    boost::json::error_code ec;
    const boost::json::value body = boost::json::parse(answer.body, ec);
    ASSERT_FALSE(ec) << answer.body.substr(0, 200);
    EXPECT_EQ(body.at("status").as_string(), "error");
    EXPECT_EQ(body.at("errorType").as_string(), "bad_data");
    const boost::json::string& message = body.at("error").as_string();
    EXPECT_NE(std::string_view(message.data(), message.size()).find(words), std::string_view::npos)
        << message;
  }

  // `check` is called with each route and parameter, and the good values of all others.
  template <class Check>
  void for_each_parameter(Check check) {
    for (const EndpointRoute& route : endpoint_routes()) {
      for (const Parameter& parameter : route.parameters) {
        SCOPED_TRACE(std::string(route.pattern) + " " + std::string(parameter.name));
        Values others = good_values(route);
        std::erase_if(others, [&](const auto& each) { return each.first == parameter.name; });
        check(route, parameter, others);
      }
    }
  }
  static Values plus(Values values, const Parameter& parameter, std::string value) {
    values.emplace_back(parameter.name, std::move(value));
    return values;
  }
};

TEST_F(ParametersTest, GoodValuesAreTaken) {
  for (const EndpointRoute& route : endpoint_routes()) {
    if (route.answer == Answer::kEvents) continue;  // It would listen.
    if (route.body == Body::kBatch) continue;       // query_batch_test.cc has what it takes.
    const int status = ask_route(route, good_values(route)).status;
    // There is nothing of that id here.
    const int done = route.pattern.ends_with("/:id") ? 404 : 204;
    EXPECT_EQ(status, route.answer == Answer::kNothing ? done : 200) << route.pattern;
  }
}

TEST_F(ParametersTest, AWrongTypeIsRefused) {
  for_each_parameter(
      [this](const EndpointRoute& route, const Parameter& parameter, const Values& others) {
        const std::string wrong = wrong_value(parameter);
        if (!wrong.empty())
          expect_refused(route, plus(others, parameter, wrong), words_for(route, parameter));
      });
}

TEST_F(ParametersTest, WhatIsMissingIsNamedOrNotNeeded) {
  for_each_parameter(
      [this](const EndpointRoute& route, const Parameter& parameter, const Values& others) {
        // A range of its own begins an hour ago, which is behind the end that the others have.
        if (parameter.name == "start" && route.pattern.starts_with("/search/")) return;
        if (parameter.presence == Presence::kOptional) {
          EXPECT_LT(ask_route(route, others).status, 300);
          return;
        }
        expect_refused(route, others, words_for(route, parameter));
        expect_refused(route, plus(others, parameter, ""), words_for(route, parameter));
      });
}

// As in Go, the first value counts, of a form before that of the URL.
TEST_F(ParametersTest, OfSeveralTheFirstCounts) {
  for_each_parameter(
      [this](const EndpointRoute& route, const Parameter& parameter, const Values& others) {
        const std::string good = good_value(parameter.name);
        const std::string wrong = wrong_value(parameter);
        if (good.empty() || wrong.empty()) return;
        expect_refused(route, plus(plus(others, parameter, wrong), parameter, good),
                       words_for(route, parameter));
        const Values good_first = plus(plus(others, parameter, good), parameter, wrong);
        if (parameter.kind == kSelectors) {
          expect_refused(route, good_first, words_for(route, parameter));  // All of them count.
        } else {
          EXPECT_LT(ask_route(route, good_first).status, 300);
        }
      });
}

TEST_F(ParametersTest, HugeValuesAreRefusedInFewWords) {
  for_each_parameter(
      [this](const EndpointRoute& route, const Parameter& parameter, const Values& others) {
        expect_refused(route, plus(others, parameter, huge_value(parameter)),
                       words_for(route, parameter));
      });
}

TEST_F(ParametersTest, InvalidUtf8IsRefused) {
  for_each_parameter(
      [this](const EndpointRoute& route, const Parameter& parameter, const Values& others) {
        for (const std::string_view bytes : {"\xff", "a\xc3", "\xed\xa0\x80"}) {
          const bool is_selector = parameter.kind == kSelector || parameter.kind == kSelectors;
          const std::string value =
              is_selector ? "{a=\"" + std::string(bytes) + "\"}" : std::string(bytes);
          expect_refused(route, plus(others, parameter, value), words_for(route, parameter));
        }
      });
}

// A client's cache buster is none of our business.
TEST_F(ParametersTest, UnknownParametersAreIgnored) {
  for (const EndpointRoute& route : endpoint_routes()) {
    if (route.answer == Answer::kEvents || route.pattern.ends_with("/:id")) continue;
    if (route.body == Body::kBatch) continue;
    Values values = good_values(route);
    values.emplace_back("_\xff", "\xff");
    EXPECT_LT(ask_route(route, values).status, 300) << route.pattern;
  }
}

}  // namespace
}  // namespace narthex::api
