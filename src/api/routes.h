// The endpoints of /api/v1 with their methods and parameters: the one table that requests are
// routed and judged by, and that the OpenAPI document is made of. Threads: free functions over
// immutable tables.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/message.h"

#include "api/endpoints.h"

namespace narthex::api {

inline constexpr std::string_view kApiPrefix = "/api/v1";
// Of what Prometheus does not have.
inline constexpr std::string_view kOwnApiPrefix = "/api/narthex/v1";

enum class ParameterKind : std::uint8_t {
  kExpression,  // PromQL.
  kSelector,
  kSelectors,  // May stand several times.
  kTime,
  kDuration,
  kInteger,
  kBoolean,
  kText,
  kTexts,   // May stand several times.
  kObject,  // JSON.
};

enum class Presence : std::uint8_t { kOptional, kRequired };

struct Parameter {
  std::string_view name;
  ParameterKind kind = ParameterKind::kText;
  std::string_view about;  // A sentence.
  Presence presence = Presence::kOptional;
};

enum class Needs : std::uint8_t { kNothing, kReady };

// What a success answers with.
enum class Answer : std::uint8_t {
  kObject,
  kArray,
  kString,
  kNothing,
  kEvents,
  kLines,
  kYaml,
  kBatch
};

// What a request comes with.
enum class Body : std::uint8_t { kForm, kBatch };

struct EndpointRoute {
  std::string_view pattern;  // Behind the prefix; ":name" is a path parameter.
  Endpoint endpoint = nullptr;
  std::vector<std::string> methods;
  std::vector<Parameter> parameters;  // Of the query or the form.
  Answer answer = Answer::kObject;
  std::string_view summary;  // A sentence.
  Needs needs = Needs::kReady;
  std::string_view prefix = kApiPrefix;
  Body body = Body::kForm;
};

[[nodiscard]] std::span<const EndpointRoute> endpoint_routes();

// The part of judging a request that is the same for every endpoint: a value that it would read as
// text has to be UTF-8 and not longer than any that makes sense. What PromQL's parser reads it
// judges itself; parameters that the endpoint does not have are nobody's business.
[[nodiscard]] ApiResult<void> check_parameters(std::span<const Parameter> parameters,
                                               const http::Form& form);

}  // namespace narthex::api
