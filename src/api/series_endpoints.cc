// series, labels, label values.
#include <algorithm>
#include <optional>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"

#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"
#include "api/result_json.h"

namespace narthex::api {
namespace {

constexpr std::string_view kTruncated = "results truncated due to limit";

constexpr std::string_view kEscapedPrefix = "U__";
constexpr std::size_t kRuneDigitsMax = 6;

constexpr int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Takes "1f600_" off the front; nullopt if that is no rune.
std::optional<char32_t> take_escaped_rune(std::string_view& text) noexcept {
  char32_t rune = 0;
  const std::size_t end = text.find('_');
  if (end == std::string_view::npos || end == 0 || end > kRuneDigitsMax) return std::nullopt;
  for (const char c : text.substr(0, end)) {
    const int digit = hex_digit(c);
    if (digit < 0) return std::nullopt;
    rune = rune * 16 + static_cast<char32_t>(digit);
  }
  text.remove_prefix(end + 1);
  const bool surrogate = rune >= 0xD800 && rune < 0xE000;
  if (surrogate || rune > 0x10FFFF) return std::nullopt;
  return rune;
}

// Label names in a path may be escaped, so that every name fits in: "U__", then legacy characters
// as they are, "__" for an underscore and _hex_ for any other rune. A name that is not escaped, or
// badly, stands for itself.
std::string unescaped_name(std::string_view name) {
  if (!name.starts_with(kEscapedPrefix)) return std::string(name);
  std::string_view rest = name.substr(kEscapedPrefix.size());
  std::string out;
  while (!rest.empty()) {
    const char c = rest.front();
    rest.remove_prefix(1);
    if (c != '_') {
      out.push_back(c);
    } else if (rest.starts_with('_')) {
      out.push_back('_');
      rest.remove_prefix(1);
    } else if (const auto rune = take_escaped_rune(rest)) {
      util::append_rune(out, *rune);
    } else {
      return std::string(name);
    }
  }
  return out;
}

void finish_list(JsonStream& json, bool truncated) {
  json.buffer().push_back(']');
  if (truncated) append_warnings(json.buffer(), {std::string(kTruncated)});
  json.buffer().push_back('}');
  json.finish();
}

void send_strings(const Call& call, std::vector<std::string> values, std::size_t limit) {
  const bool truncated = limit > 0 && values.size() > limit;
  if (truncated) values.resize(limit);
  JsonStream json(call.out);
  json.buffer() += R"({"status":"success","data":[)";
  JsonCommas commas;
  for (const std::string& value : values) {
    commas.next(json.buffer());
    append_json_string(json.buffer(), value);
    if (!json.relieve()) return;
  }
  finish_list(json, truncated);
}

// One query for each set of matchers, merged: sorted and unique. `ask` is called with a LabelQuery.
template <class Ask>
ApiResult<std::vector<std::string>> ask_for_labels(const std::vector<model::Matchers>& sets,
                                                   std::size_t limit, Ask ask) {
  storage::LabelQuery query;
  // One more than the limit tells that there are more.
  query.limit = limit > 0 ? limit + 1 : 0;
  if (sets.empty()) {
    auto found = ask(query);
    if (!found) return to_api_error(found.error());
    return std::move(*found);
  }
  std::vector<std::string> all;
  for (const model::Matchers& matchers : sets) {
    query.matchers = matchers;
    auto found = ask(query);
    if (!found) return to_api_error(found.error());
    std::ranges::move(*found, std::back_inserter(all));
  }
  if (sets.size() > 1) {
    std::ranges::sort(all);
    const auto repeated = std::ranges::unique(all);
    all.erase(repeated.begin(), repeated.end());
  }
  return all;
}

// One set of matchers: written in the order in which storage gives the series.
ApiResult<void> send_series(const Call& call, const storage::SeriesSet& set, std::size_t limit) {
  JsonStream json(call.out);
  json.buffer() += R"({"status":"success","data":[)";
  JsonCommas commas;
  const std::size_t count = limit > 0 ? std::min(limit, set.size()) : set.size();
  for (std::size_t i = 0; i < count; ++i) {
    commas.next(json.buffer());
    append_json_labels(json.buffer(), set.labels(i));
    if (!json.relieve()) return {};
  }
  finish_list(json, count < set.size());
  return {};
}

// Several: their union.
ApiResult<void> send_union(const Call& call, std::vector<model::Labels> all, std::size_t limit) {
  std::ranges::sort(all);
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  JsonStream json(call.out);
  json.buffer() += R"({"status":"success","data":[)";
  JsonCommas commas;
  const std::size_t count = limit > 0 ? std::min(limit, all.size()) : all.size();
  for (std::size_t i = 0; i < count; ++i) {
    commas.next(json.buffer());
    append_json_labels(json.buffer(), all[i]);
    if (!json.relieve()) return {};
  }
  finish_list(json, count < all.size());
  return {};
}

}  // namespace

ApiResult<void> series(const Call& call) {
  if (call.params.all("match[]").empty()) return bad_data("no match[] parameter provided");
  NX_API_ASSIGN(const std::size_t limit, limit_param(call.params));
  NX_API_ASSIGN(const model::TimeRange range, time_range(call.params));
  auto sets = match_params(call.params);
  if (!sets) return invalid_parameter("match[]", sets.error().message);
  auto querier = call.api.backends.queryable->querier(range);
  if (!querier) return to_api_error(querier.error());
  const storage::Deadline deadline = call.deadline();
  std::vector<model::Labels> all;
  for (const model::Matchers& matchers : *sets) {
    auto set = (*querier)->select(matchers, storage::SeriesOrder::kByLabels, deadline);
    if (!set) return to_api_error(set.error());
    if (sets->size() == 1) return send_series(call, **set, limit);
    for (std::size_t i = 0; i < (*set)->size(); ++i) all.push_back((*set)->labels(i));
  }
  return send_union(call, std::move(all), limit);
}

ApiResult<void> label_names(const Call& call) {
  NX_API_ASSIGN(const std::size_t limit, limit_param(call.params));
  NX_API_ASSIGN(const model::TimeRange range, time_range(call.params));
  NX_API_ASSIGN(const std::vector<model::Matchers> sets, match_params(call.params));
  auto querier = call.api.backends.queryable->querier(range);
  if (!querier) return to_api_error(querier.error());
  const auto ask = [&](const storage::LabelQuery& query) {
    return (*querier)->label_names(query, call.deadline());
  };
  NX_API_ASSIGN(std::vector<std::string> names, ask_for_labels(sets, limit, ask));
  send_strings(call, std::move(names), limit);
  return {};
}

ApiResult<void> label_values(const Call& call) {
  const std::string name = unescaped_name(call.request.path_param("name"));
  if (!model::is_valid_label_name(name, model::NameScheme::kUtf8)) {
    return bad_data("invalid label name: " + model::quoted(name));
  }
  NX_API_ASSIGN(const std::size_t limit, limit_param(call.params));
  NX_API_ASSIGN(const model::TimeRange range, time_range(call.params));
  NX_API_ASSIGN(const std::vector<model::Matchers> sets, match_params(call.params));
  auto querier = call.api.backends.queryable->querier(range);
  if (!querier) return to_api_error(querier.error());
  const auto ask = [&](const storage::LabelQuery& query) {
    return (*querier)->label_values(name, query, call.deadline());
  };
  NX_API_ASSIGN(std::vector<std::string> values, ask_for_labels(sets, limit, ask));
  send_strings(call, std::move(values), limit);
  return {};
}

}  // namespace narthex::api
