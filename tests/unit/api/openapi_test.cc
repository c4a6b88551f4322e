#include "api/openapi.h"

#include <set>

#include "narthex/yaml/tree.h"

#include "api/routes.h"
#include "unit/api/api_fixture.h"

namespace narthex::api {
namespace {

using OpenApiTest = ApiHttpTest;

const yaml::Node& at(const yaml::Node& node, std::string_view key) {
  static const yaml::Node kNothing;
  const yaml::Node* const found = node.find(key);
  EXPECT_NE(found, nullptr) << key;
  return found == nullptr ? kNothing : *found;
}

yaml::Node parsed(const std::string& document) {
  auto read = yaml::parse(document);
  EXPECT_TRUE(read) << read.error().message;
  return read ? std::move(read->root) : yaml::Node();
}

// "/label/:name/values" for "/label/{name}/values".
std::string as_pattern(std::string path) {
  std::erase(path, '}');
  std::ranges::replace(path, '{', ':');
  return path;
}

TEST_F(OpenApiTest, SaysItsVersion) {
  options_.build.version = "3.5.0+x";
  options_.route_prefix = "/pre";
  build();
  const auto answer = ask("GET", "/pre/api/v1/openapi.yaml");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/yaml; charset=utf-8");
  const yaml::Node root = parsed(answer.body);
  EXPECT_EQ(at(root, "openapi").text, "3.1.0");
  EXPECT_EQ(at(at(root, "info"), "version").text, "3.5.0+x");
  EXPECT_EQ(at(at(root, "servers").items.at(0), "url").text, "/pre/api/v1");
  const yaml::Node newer = parsed(get("/pre/api/v1/openapi.yaml?openapi_version=3.2"));
  EXPECT_EQ(at(newer, "openapi").text, "3.2.0");
}

TEST_F(OpenApiTest, HasEveryRouteAndNoOther) {
  build();
  std::set<std::string> routed;
  for (const http::Route& route : router_.routes()) {
    for (const std::string& method : route.methods) {
      if (method != "OPTIONS" && route.pattern.starts_with("/api/"))
        routed.insert(method + " " + route.pattern);
    }
  }
  std::set<std::string> described;
  const yaml::Node root = parsed(openapi_document("3.1.0", options_));
  for (const auto& [path, item] : at(root, "paths").entries) {
    std::string prefix(kApiPrefix);
    for (const auto& [method, operation] : item.entries) {
      if (method.text == "servers") {
        prefix = at(operation.items.at(0), "url").text;
        continue;
      }
      std::string upper = method.text;
      std::ranges::transform(upper, upper.begin(),
                             [](char c) { return static_cast<char>(c - ('a' - 'A')); });
      described.insert(upper + " " + prefix + as_pattern(path.text));
    }
  }
  EXPECT_EQ(described, routed);
}

void collect_references(const yaml::Node& node, std::set<std::string>& out) {
  for (const yaml::Node& item : node.items) collect_references(item, out);
  for (const auto& [key, value] : node.entries) {
    if (key.text == "$ref") out.insert(value.text);
    collect_references(value, out);
  }
}

TEST_F(OpenApiTest, ReferencesAndOperationsAreSound) {
  const yaml::Node root = parsed(openapi_document("3.1.0", options_));
  std::set<std::string> references;
  collect_references(root, references);
  EXPECT_FALSE(references.empty());
  for (const std::string& reference : references) {
    const yaml::Node* node = &root;
    std::string_view rest = std::string_view(reference).substr(1);
    while (!rest.empty()) {
      rest.remove_prefix(1);
      const std::string_view step = rest.substr(0, rest.find('/'));
      node = &at(*node, step);
      rest.remove_prefix(step.size());
    }
    EXPECT_EQ(node->kind, yaml::Kind::kMap) << reference;
  }
  std::set<std::string> ids;
  for (const auto& [path, item] : at(root, "paths").entries) {
    for (const auto& [method, operation] : item.entries) {
      if (method.text == "servers") continue;
      EXPECT_TRUE(ids.insert(at(operation, "operationId").text).second) << path.text;
      EXPECT_FALSE(at(operation, "summary").text.empty()) << path.text;
      EXPECT_FALSE(at(operation, "responses").entries.empty()) << path.text;
    }
  }
}

TEST_F(OpenApiTest, ParametersSayWhatTheyAre) {
  const yaml::Node root = parsed(openapi_document("3.1.0", options_));
  const yaml::Node& range = at(at(root, "paths"), "/query_range");
  const yaml::Node& step = at(at(range, "get"), "parameters").items.at(3);
  EXPECT_EQ(at(step, "name").text, "step");
  EXPECT_EQ(at(step, "in").text, "query");
  EXPECT_EQ(at(step, "required").text, "true");
  EXPECT_EQ(at(at(step, "schema"), "$ref").text, "#/components/schemas/Duration");
  const yaml::Node& form = at(
      at(at(at(at(range, "post"), "requestBody"), "content"), "application/x-www-form-urlencoded"),
      "schema");
  EXPECT_EQ(at(form, "required").items.size(), 4U);
  const yaml::Node& values = at(at(at(root, "paths"), "/label/{name}/values"), "get");
  EXPECT_EQ(at(at(values, "parameters").items.at(0), "in").text, "path");
}

}  // namespace
}  // namespace narthex::api
