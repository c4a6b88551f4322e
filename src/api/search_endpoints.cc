// search/metric_names, search/label_names, search/label_values: names that fit what somebody types,
// a line of JSON for every batch of them.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "narthex/model/names.h"

#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"
#include "api/search.h"

namespace narthex::api {
namespace {

constexpr std::string_view kLinesType = "application/x-ndjson; charset=utf-8";
constexpr std::size_t kTermsMax = 32;
constexpr std::int64_t kCountDefault = 100;
constexpr model::TimestampMs kRangeDefaultMs = 3'600'000;
// How often a long list asks whether somebody still wants it.
constexpr std::size_t kNamesPerCheck = 1024;

enum class Order : std::uint8_t { kAscending, kDescending, kScore };

struct SearchRequest {
  SearchOptions search;
  Order order = Order::kAscending;
  bool include_score = false;
  bool include_metadata = false;
  model::TimeRange range;
  std::vector<model::Matchers> matchers;
  std::size_t limit = 0;
  std::size_t batch_size = 0;
};

struct Hit {
  std::string name;
  double score = 1;
};

ApiResult<bool> flag_param(const http::Form& params, std::string_view name, bool otherwise) {
  const std::string_view text = params.get(name);
  if (text.empty()) return otherwise;
  const auto value = parse_go_bool(text);
  if (!value) return bad_data(fmt::format("invalid {} {}", name, model::quoted(text)));
  return *value;
}

ApiResult<std::size_t> count_param(const http::Form& params, std::string_view name) {
  const std::string_view text = params.get(name);
  if (text.empty()) return static_cast<std::size_t>(kCountDefault);
  const auto value = parse_go_int(text);
  if (!value || *value <= 0) {
    return bad_data(
        fmt::format("invalid {} {}: must be a positive integer", name, model::quoted(text)));
  }
  return static_cast<std::size_t>(*value);
}

ApiResult<SearchOptions> read_search(const Call& call) {
  SearchOptions out;
  for (const std::string_view term : call.params.all("search[]")) {
    if (!term.empty()) out.terms.emplace_back(term);
  }
  if (out.terms.size() > kTermsMax) {
    return bad_data(
        fmt::format("too many search[] terms: got {}, maximum is {}", out.terms.size(), kTermsMax));
  }
  if (const std::string_view text = call.params.get("fuzz_threshold"); !text.empty()) {
    const auto percent = parse_go_int(text);
    if (!percent || *percent < 0 || *percent > 100) {
      return bad_data(fmt::format("invalid fuzz_threshold {}: must be 0-100", model::quoted(text)));
    }
    out.threshold = static_cast<double>(*percent) / 100;
  }
  const std::string_view algorithm = call.params.get("fuzz_alg");
  if (algorithm == "jarowinkler") {
    out.algorithm = FuzzyAlgorithm::kJaroWinkler;
  } else if (!algorithm.empty() && algorithm != "subsequence") {
    return bad_data(fmt::format("unsupported fuzz_alg {}", model::quoted(algorithm)));
  }
  NX_API_ASSIGN(out.case_sensitive, flag_param(call.params, "case_sensitive", true));
  return out;
}

ApiResult<Order> read_order(const Call& call, const SearchOptions& search) {
  const std::string_view by = call.params.get("sort_by");
  const std::string_view direction = call.params.get("sort_dir");
  if (!by.empty() && by != "alpha" && by != "score")
    return bad_data(fmt::format("unsupported sort_by {}", model::quoted(by)));
  if (!direction.empty() && direction != "asc" && direction != "dsc")
    return bad_data(fmt::format("unsupported sort_dir {}", model::quoted(direction)));
  if (by == "score") {
    if (search.terms.empty()) return bad_data("sort_by \"score\" needs search[]");
    if (!direction.empty()) return bad_data("sort_dir is for sort_by \"alpha\" only");
    return Order::kScore;
  }
  return direction == "dsc" ? Order::kDescending : Order::kAscending;
}

ApiResult<SearchRequest> read_request(const Call& call) {
  if (!call.api.options.enable_search)
    return std::unexpected(ApiError{ErrorType::kUnavailable, "search API disabled"});
  SearchRequest out;
  NX_API_ASSIGN(out.search, read_search(call));
  NX_API_ASSIGN(out.order, read_order(call, out.search));
  NX_API_ASSIGN(out.include_score, flag_param(call.params, "include_score", false));
  NX_API_ASSIGN(out.include_metadata, flag_param(call.params, "include_metadata", false));
  const model::TimestampMs now = call.api.clock.wall_ms();
  NX_API_ASSIGN(out.range.min, optional_time(call.params, "start", now - kRangeDefaultMs));
  NX_API_ASSIGN(out.range.max, optional_time(call.params, "end", now));
  if (out.range.max < out.range.min)
    return invalid_parameter("end", "end timestamp must not be before start time");
  auto matchers = match_params(call.params);
  if (!matchers) return invalid_parameter("match[]", matchers.error().message);
  out.matchers = *std::move(matchers);
  NX_API_ASSIGN(out.limit, count_param(call.params, "limit"));
  const std::size_t limit_max = call.api.options.search_limit_max;
  if (limit_max > 0 && out.limit > limit_max) {
    return bad_data(
        fmt::format("limit {} exceeds the configured maximum ({}, see --web.search.max-limit)",
                    out.limit, limit_max));
  }
  NX_API_ASSIGN(out.batch_size, count_param(call.params, "batch_size"));
  return out;
}

// Every name there is, sorted and unique. `ask` is called with a querier and a LabelQuery.
template <class Ask>
ApiResult<std::vector<std::string>> names_of(const Call& call, const SearchRequest& request,
                                             Ask ask) {
  auto querier = call.api.backends.queryable->querier(request.range);
  if (!querier) return to_api_error(querier.error());
  static const std::vector<model::Matchers> kEverything(1);
  std::vector<std::string> all;
  const auto& sets = request.matchers.empty() ? kEverything : request.matchers;
  for (const model::Matchers& matchers : sets) {
    storage::LabelQuery query;
    query.matchers = matchers;
    auto found = ask(**querier, query);
    if (!found) return to_api_error(found.error());
    std::ranges::move(*found, std::back_inserter(all));
  }
  std::ranges::sort(all);
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  return all;
}

// Those that fit, in the order of the answer; one more than the limit if there are more.
ApiResult<std::vector<Hit>> hits_of(const Call& call, const SearchRequest& request,
                                    std::vector<std::string> names) {
  const SearchScorer scorer(request.search);
  const storage::Deadline deadline = call.deadline();
  if (request.order == Order::kDescending) std::ranges::reverse(names);
  std::vector<Hit> hits;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i % kNamesPerCheck == 0) {
      if (const auto checked = deadline.check(); !checked) return to_api_error(checked.error());
    }
    const auto score = scorer.score(names[i]);
    if (!score) continue;
    hits.push_back({std::move(names[i]), *score});
    if (request.order != Order::kScore && hits.size() > request.limit) break;
  }
  if (request.order == Order::kScore) std::ranges::stable_sort(hits, std::greater<>(), &Hit::score);
  return hits;
}

using MetadataByFamily = std::map<std::string, model::Metadata, std::less<>>;

MetadataByFamily metadata_of(const Call& call) {
  MetadataByFamily out;
  for (TargetMetadata& entry : call.api.backends.targets->metadata(std::nullopt))
    out.try_emplace(std::move(entry.family), std::move(entry.metadata));
  return out;
}

void append_hit(std::string& out, const Hit& hit, std::string_view key,
                const SearchRequest& request, const MetadataByFamily& metadata) {
  out += fmt::format("{{\"{}\":", key);
  append_json_string(out, hit.name);
  if (request.include_score) {
    out += ",\"score\":";
    append_json_double(out, hit.score);
  }
  if (const auto found = metadata.find(hit.name); found != metadata.end()) {
    out += fmt::format(",\"type\":\"{}\",\"help\":", model::metric_type_text(found->second.type));
    append_json_string(out, found->second.help);
    out += ",\"unit\":";
    append_json_string(out, found->second.unit);
  }
  out.push_back('}');
}

// A line for every batch, the first even when it is empty, then the end.
void send_hits(const Call& call, const SearchRequest& request, std::span<const Hit> hits,
               std::string_view key, const MetadataByFamily& metadata) {
  const bool has_more = hits.size() > request.limit;
  if (has_more) hits = hits.first(request.limit);
  call.out.start(200, kLinesType);
  do {
    const auto batch = hits.first(std::min(request.batch_size, hits.size()));
    hits = hits.subspan(batch.size());
    std::string line = "{\"results\":[";
    JsonCommas commas;
    for (const Hit& hit : batch) {
      commas.next(line);
      append_hit(line, hit, key, request, metadata);
    }
    line += "]}\n";
    if (!call.out.write(line) || !call.out.flush()) return;  // The client has gone.
  } while (!hits.empty());
  // Nobody is left to be told that the client has gone.
  static_cast<void>(call.out.write(has_more ? "{\"status\":\"success\",\"has_more\":true}\n"
                                            : "{\"status\":\"success\",\"has_more\":false}\n"));
}

ApiResult<void> search_values(const Call& call, const SearchRequest& request,
                              const std::string& label, std::string_view key) {
  const auto ask = [&](storage::Querier& querier, const storage::LabelQuery& query) {
    return querier.label_values(label, query, call.deadline());
  };
  NX_API_ASSIGN(std::vector<std::string> names, names_of(call, request, ask));
  NX_API_ASSIGN(const std::vector<Hit> hits, hits_of(call, request, std::move(names)));
  send_hits(call, request, hits, key,
            request.include_metadata ? metadata_of(call) : MetadataByFamily());
  return {};
}

}  // namespace

ApiResult<void> search_metric_names(const Call& call) {
  NX_API_ASSIGN(const SearchRequest request, read_request(call));
  return search_values(call, request, "__name__", "name");
}

ApiResult<void> search_label_names(const Call& call) {
  NX_API_ASSIGN(const SearchRequest request, read_request(call));
  const auto ask = [&](storage::Querier& querier, const storage::LabelQuery& query) {
    return querier.label_names(query, call.deadline());
  };
  NX_API_ASSIGN(std::vector<std::string> names, names_of(call, request, ask));
  NX_API_ASSIGN(const std::vector<Hit> hits, hits_of(call, request, std::move(names)));
  send_hits(call, request, hits, "name", {});
  return {};
}

ApiResult<void> search_label_values(const Call& call) {
  NX_API_ASSIGN(SearchRequest request, read_request(call));
  const std::string label(call.params.get("label"));
  if (label.empty()) return bad_data("missing required parameter \"label\"");
  if (!model::is_valid_label_name(label, model::NameScheme::kUtf8))
    return bad_data("invalid label name: " + model::quoted(label));
  request.include_metadata = false;
  return search_values(call, request, label, "value");
}

}  // namespace narthex::api
