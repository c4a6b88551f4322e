#include "api/batch.h"

#include <algorithm>
#include <array>
#include <unordered_set>

#include <boost/json.hpp>
#include <fmt/format.h>

namespace narthex::api {
namespace {

namespace json = boost::json;

// Members of a query and the parameters that they are.
struct Member {
  std::string_view name;
  std::string_view parameter;
};
constexpr std::array kMembers = std::to_array<Member>({{"expr", "query"},
                                                       {"start", "start"},
                                                       {"end", "end"},
                                                       {"step", "step"},
                                                       {"time", "time"},
                                                       {"limit", "limit"},
                                                       {"timeout", "timeout"},
                                                       {"lookback_delta", "lookback_delta"},
                                                       {"stats", "stats"}});

std::unexpected<ApiError> wrong_member(std::size_t index, std::string_view member,
                                       std::string_view cause) {
  return invalid_parameter(fmt::format("queries[{}].{}", index, member), cause);
}

// Texts as they are, numbers and booleans as one would write them into a form.
ApiResult<std::string> parameter_text(const json::value& value, std::size_t index,
                                      std::string_view member) {
  switch (value.kind()) {
    case json::kind::string:
      return std::string(value.get_string());
    case json::kind::int64:
      return fmt::to_string(value.get_int64());
    case json::kind::uint64:
      return fmt::to_string(value.get_uint64());
    case json::kind::double_:
      return fmt::to_string(value.get_double());
    case json::kind::bool_:
      return std::string(value.get_bool() ? "true" : "");
    case json::kind::null:
      return std::string();
    case json::kind::array:
    case json::kind::object:
      break;
  }
  return wrong_member(index, member, "neither a text nor a number");
}

// The text under `name`; empty if there is none.
ApiResult<std::string> text_member(const json::object& object, std::size_t index,
                                   std::string_view name) {
  const json::value* value = object.if_contains({name.data(), name.size()});
  if (value == nullptr || value->is_null()) return std::string();
  if (!value->is_string()) return wrong_member(index, name, "not a text");
  return std::string(value->get_string());
}

ApiResult<http::Form> read_params(const json::object& object, std::size_t index) {
  std::string form;
  for (const Member& member : kMembers) {
    const json::value* value = object.if_contains({member.name.data(), member.name.size()});
    if (value == nullptr) continue;
    NX_API_ASSIGN(const std::string text, parameter_text(*value, index, member.name));
    if (text.empty()) continue;
    if (!form.empty()) form.push_back('&');
    form += member.parameter;
    form.push_back('=');
    form += http::percent_encode(text);
  }
  return http::Form::parse(form);
}

ApiResult<BatchQuery> read_query(const json::value& value, std::size_t index) {
  const json::object* object = value.if_object();
  if (object == nullptr)
    return invalid_parameter(fmt::format("queries[{}]", index), "not an object");
  BatchQuery query;
  NX_API_ASSIGN(query.id, text_member(*object, index, "id"));
  if (query.id.empty()) return wrong_member(index, "id", "missing");
  if (query.id.size() > kBatchIdBytesMax)
    return wrong_member(index, "id", fmt::format("longer than {} bytes", kBatchIdBytesMax));
  NX_API_ASSIGN(query.params, read_params(*object, index));
  const bool has_time = query.params.find("time").has_value();
  query.is_range = query.params.find("start") || query.params.find("end");
  if (has_time && query.is_range)
    return wrong_member(index, "time", "not beside start and end: one of the two");
  NX_API_ASSIGN(query.source, text_member(*object, index, "ds"));
  if (const json::value* exemplars = object->if_contains("exemplars");
      exemplars != nullptr && !exemplars->is_null()) {
    if (!exemplars->is_bool()) return wrong_member(index, "exemplars", "neither true nor false");
    query.with_exemplars = exemplars->get_bool();
  }
  NX_API_ASSIGN(const std::string accept, text_member(*object, index, "accept"));
  if (accept == "columns") {
    query.accept = BatchAccept::kColumns;
  } else if (!accept.empty() && accept != "json") {
    return wrong_member(index, "accept", "neither \"columns\" nor \"json\"");
  }
  return query;
}

}  // namespace

ApiResult<std::vector<BatchQuery>> parse_batch(std::string_view body) {
  if (body.size() > kBatchBytesMax) return bad_data("the list of queries is too long");
  json::error_code ec;
  const json::value root = json::parse({body.data(), body.size()}, ec);
  if (ec) return bad_data("error parsing queries: " + ec.message());
  const json::object* object = root.if_object();
  const json::value* list = object == nullptr ? nullptr : object->if_contains("queries");
  if (list == nullptr || !list->is_array()) return invalid_parameter("queries", "not a list");
  const json::array& values = list->get_array();
  if (values.size() > kBatchQueriesMax)
    return invalid_parameter("queries", fmt::format("more than {}", kBatchQueriesMax));
  std::vector<BatchQuery> queries;
  queries.reserve(values.size());
  std::unordered_set<std::string> ids;
  for (std::size_t i = 0; i < values.size(); ++i) {
    NX_API_ASSIGN(BatchQuery query, read_query(values[i], i));
    if (!ids.insert(query.id).second) return wrong_member(i, "id", "another one has it");
    queries.push_back(std::move(query));
  }
  return queries;
}

}  // namespace narthex::api
