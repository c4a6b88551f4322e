#include "api/openapi.h"

#include <algorithm>

#include <fmt/format.h>

#include "narthex/yaml/tree.h"

#include "api/columns.h"
#include "api/routes.h"

namespace narthex::api {
namespace {

using yaml::Node;

constexpr std::string_view kYamlType = "application/yaml; charset=utf-8";
constexpr std::string_view kFormType = "application/x-www-form-urlencoded";
constexpr std::string_view kJsonType = "application/json";
constexpr std::string_view kLinesType = "application/x-ndjson; charset=utf-8";

Node text(std::string_view value) {
  return yaml::scalar(std::string(value));
}

void add(Node& map, std::string_view key, Node value) {
  map.entries.emplace_back(text(key), std::move(value));
}

Node with(std::string_view key, Node value) {
  Node out = yaml::map();
  add(out, key, std::move(value));
  return out;
}

Node list_of(Node item) {
  Node out = yaml::sequence();
  out.items.push_back(std::move(item));
  return out;
}

Node reference(std::string_view where) {
  return with("$ref", text(fmt::format("#/components/{}", where)));
}

Node typed(std::string_view type) {
  return with("type", text(type));
}

Node schema_of(ParameterKind kind) {
  switch (kind) {
    case ParameterKind::kTime:
      return reference("schemas/Time");
    case ParameterKind::kDuration:
      return reference("schemas/Duration");
    case ParameterKind::kInteger:
      return typed("integer");
    case ParameterKind::kBoolean:
      return typed("boolean");
    case ParameterKind::kSelectors:
    case ParameterKind::kTexts: {
      Node list = typed("array");
      add(list, "items", typed("string"));
      return list;
    }
    case ParameterKind::kExpression:
    case ParameterKind::kSelector:
    case ParameterKind::kText:
    case ParameterKind::kObject:
      break;
  }
  return typed("string");
}

Node query_parameter(const Parameter& parameter) {
  Node out = yaml::map();
  add(out, "name", text(parameter.name));
  add(out, "in", text("query"));
  add(out, "description", text(parameter.about));
  if (parameter.presence == Presence::kRequired) add(out, "required", yaml::plain_scalar("true"));
  add(out, "schema", schema_of(parameter.kind));
  return out;
}

Node path_parameter(std::string_view name) {
  Node out = yaml::map();
  add(out, "name", text(name));
  add(out, "in", text("path"));
  add(out, "required", yaml::plain_scalar("true"));
  add(out, "schema", typed("string"));
  return out;
}

Node form_body(const std::vector<Parameter>& parameters) {
  Node properties = yaml::map();
  Node required = yaml::sequence();
  for (const Parameter& parameter : parameters) {
    add(properties, parameter.name, schema_of(parameter.kind));
    if (parameter.presence == Presence::kRequired) required.items.push_back(text(parameter.name));
  }
  Node schema = typed("object");
  add(schema, "properties", std::move(properties));
  if (!required.items.empty()) add(schema, "required", std::move(required));
  return with("content", with(kFormType, with("schema", std::move(schema))));
}

// What parse_batch() reads.
Node batch_body() {
  Node properties = with("id", typed("string"));
  add(properties, "expr", typed("string"));
  for (const std::string_view name : {"start", "end", "time"})
    add(properties, name, reference("schemas/Time"));
  add(properties, "step", reference("schemas/Duration"));
  add(properties, "limit", typed("integer"));
  add(properties, "exemplars", typed("boolean"));
  Node accept = typed("string");
  Node forms = yaml::sequence();
  for (const std::string_view form : {"columns", "json"}) forms.items.push_back(text(form));
  add(accept, "enum", std::move(forms));
  add(properties, "accept", std::move(accept));
  Node query = typed("object");
  add(query, "properties", std::move(properties));
  add(query, "required", list_of(text("id")));
  Node list = typed("array");
  add(list, "items", std::move(query));
  Node schema = typed("object");
  add(schema, "properties", with("queries", std::move(list)));
  add(schema, "required", list_of(text("queries")));
  return with("content", with(kJsonType, with("schema", std::move(schema))));
}

// The envelope with `data` of one type.
Node success_schema(std::string_view data_type) {
  Node properties = with("data", typed(data_type));
  Node narrowed = yaml::map();
  add(narrowed, "properties", std::move(properties));
  add(narrowed, "required", list_of(text("data")));
  Node all = yaml::sequence();
  all.items.push_back(reference("schemas/Success"));
  all.items.push_back(std::move(narrowed));
  return with("allOf", std::move(all));
}

Node response(std::string_view description, std::string_view content_type, Node schema) {
  Node out = with("description", text(description));
  add(out, "content", with(content_type, with("schema", std::move(schema))));
  return out;
}

Node responses_of(Answer answer) {
  Node out = yaml::map();
  switch (answer) {
    case Answer::kObject:
      add(out, "200", response("Success.", kJsonType, success_schema("object")));
      break;
    case Answer::kArray:
      add(out, "200", response("Success.", kJsonType, success_schema("array")));
      break;
    case Answer::kString:
      add(out, "200", response("Success.", kJsonType, success_schema("string")));
      break;
    case Answer::kNothing:
      add(out, "204", with("description", text("Done.")));
      break;
    case Answer::kEvents:
      add(out, "200", response("Events.", "text/event-stream", typed("string")));
      add(out, "204", with("description", text("Too many listen already.")));
      break;
    case Answer::kLines:
      add(out, "200", response("A JSON object a line.", kLinesType, typed("string")));
      break;
    case Answer::kYaml:
      add(out, "200", response("This document.", kYamlType, typed("object")));
      break;
    case Answer::kBatch: {
      Node both = with(kLinesType, with("schema", typed("string")));
      add(both, kColumnsType, with("schema", typed("string")));
      Node answers = with("description", text("An answer a line, or a message each."));
      add(answers, "content", std::move(both));
      add(out, "200", std::move(answers));
      break;
    }
  }
  add(out, "default", reference("responses/Error"));
  return out;
}

std::string lower_case(std::string word) {
  std::ranges::transform(word, word.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return word;
}

// "get_label_name_values" for GET /label/:name/values.
std::string operation_id(std::string_view method, std::string_view pattern) {
  std::string out(method);
  for (const char c : pattern) {
    if (c == '/' || c == '.') {
      out.push_back('_');
    } else if (c != ':') {
      out.push_back(c);
    }
  }
  return out;
}

Node operation(const EndpointRoute& route, const std::string& method,
               const std::vector<std::string>& path_names) {
  Node out = yaml::map();
  add(out, "operationId", text(operation_id(method, route.pattern)));
  add(out, "summary", text(route.summary));
  const bool takes_form = method == "post" && !route.parameters.empty();
  Node parameters = yaml::sequence();
  for (const std::string& name : path_names) parameters.items.push_back(path_parameter(name));
  if (!takes_form) {
    for (const Parameter& parameter : route.parameters)
      parameters.items.push_back(query_parameter(parameter));
  }
  if (!parameters.items.empty()) add(out, "parameters", std::move(parameters));
  if (takes_form) add(out, "requestBody", form_body(route.parameters));
  if (route.body == Body::kBatch) add(out, "requestBody", batch_body());
  add(out, "responses", responses_of(route.answer));
  return out;
}

// Adds the route under its path in OpenAPI's form: "/label/{name}/values".
void add_path(Node& paths, const EndpointRoute& route, const std::string& route_prefix) {
  std::string path;
  std::vector<std::string> names;
  std::string_view rest = route.pattern;
  while (!rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(segment.size());
    if (segment.starts_with(':')) {
      names.emplace_back(segment.substr(1));
      path += fmt::format("/{{{}}}", names.back());
    } else {
      path += fmt::format("/{}", segment);
    }
  }
  Node item = yaml::map();
  if (route.prefix != kApiPrefix) {
    const std::string server = fmt::format("{}{}", route_prefix, route.prefix);
    add(item, "servers", list_of(with("url", text(server))));
  }
  for (const std::string& each : route.methods) {
    const std::string method = lower_case(each);
    add(item, method, operation(route, method, names));
  }
  add(paths, path, std::move(item));
}

Node remote_write_path() {
  Node body = with("application/x-protobuf", with("schema", typed("string")));
  Node post = yaml::map();
  add(post, "operationId", text("post_write"));
  add(post, "summary", text("Receives samples by remote write 1.0 and 2.0, snappy-compressed."));
  add(post, "requestBody", with("content", std::move(body)));
  Node responses = with("204", with("description", text("Stored.")));
  Node refused = with("description", text("Refused; the body says why."));
  add(refused, "content", with("text/plain", with("schema", typed("string"))));
  add(responses, "default", std::move(refused));
  add(post, "responses", std::move(responses));
  return with("post", std::move(post));
}

Node success_envelope() {
  Node properties = yaml::map();
  Node status = typed("string");
  add(status, "const", text("success"));
  add(properties, "status", std::move(status));
  for (const std::string_view key : {"warnings", "infos"}) {
    Node list = typed("array");
    add(list, "items", typed("string"));
    add(properties, key, std::move(list));
  }
  Node out = typed("object");
  add(out, "properties", std::move(properties));
  add(out, "required", list_of(text("status")));
  return out;
}

Node error_envelope() {
  Node properties = yaml::map();
  Node status = typed("string");
  add(status, "const", text("error"));
  add(properties, "status", std::move(status));
  Node types = yaml::sequence();
  for (const ErrorType type : {ErrorType::kBadData, ErrorType::kExecution, ErrorType::kCanceled,
                               ErrorType::kTimeout, ErrorType::kInternal, ErrorType::kNotFound,
                               ErrorType::kNotAcceptable, ErrorType::kUnavailable})
    types.items.push_back(text(error_type_text(type)));
  Node error_type = typed("string");
  add(error_type, "enum", std::move(types));
  add(properties, "errorType", std::move(error_type));
  add(properties, "error", typed("string"));
  Node out = typed("object");
  add(out, "properties", std::move(properties));
  Node required = yaml::sequence();
  for (const std::string_view key : {"status", "errorType", "error"})
    required.items.push_back(text(key));
  add(out, "required", std::move(required));
  return out;
}

Node described(std::string_view type, std::string_view description) {
  Node out = typed(type);
  add(out, "description", text(description));
  return out;
}

Node components() {
  Node schemas = yaml::map();
  add(schemas, "Time",
      described("string", "Seconds since 1970, with a fraction if need be, or RFC 3339."));
  add(schemas, "Duration", described("string", "Seconds, or a duration such as 5m or 1h30m."));
  add(schemas, "Success", success_envelope());
  add(schemas, "Error", error_envelope());
  Node out = yaml::map();
  add(out, "schemas", std::move(schemas));
  add(out, "responses",
      with("Error", response("What went wrong.", kJsonType, reference("schemas/Error"))));
  return out;
}

}  // namespace

std::string openapi_document(std::string_view version, const Options& options) {
  Node info = yaml::map();
  add(info, "title", text("Prometheus HTTP API"));
  add(info, "description", text("As Narthex serves it."));
  add(info, "version", text(options.build.version));
  Node paths = yaml::map();
  for (const EndpointRoute& route : endpoint_routes()) add_path(paths, route, options.route_prefix);
  add(paths, "/write", remote_write_path());
  Node document = yaml::map();
  add(document, "openapi", text(version));
  add(document, "info", std::move(info));
  const std::string server = fmt::format("{}{}", options.route_prefix, kApiPrefix);
  add(document, "servers", list_of(with("url", text(server))));
  add(document, "paths", std::move(paths));
  add(document, "components", components());
  return yaml::print(document);
}

ApiResult<void> openapi(const Call& call) {
  const std::string_view version = call.params.get("openapi_version");
  if (!version.empty() && version != "3.1" && version != "3.2") {
    return invalid_parameter("openapi_version", fmt::format("not supported value \"{}\"", version));
  }
  call.out.send(200, kYamlType,
                openapi_document(version == "3.2" ? "3.2.0" : "3.1.0", call.api.options));
  return {};
}

}  // namespace narthex::api
