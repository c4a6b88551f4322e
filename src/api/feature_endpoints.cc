// features: what this server can do, for clients that adapt themselves (HA §7).
#include <algorithm>
#include <array>

#include "narthex/promql/functions.h"

#include "api/endpoints.h"
#include "api/json.h"

namespace narthex::api {
namespace {

struct Feature {
  std::string_view name;
  bool on = true;
};

class Categories {
 public:
  explicit Categories(std::string& out) : out_(out) {}
  template <class List>
  void add(std::string_view category, const List& features) {
    commas_.next(out_);
    append_json_string(out_, category);
    out_ += ":{";
    JsonCommas commas;
    for (const Feature& feature : features) {
      commas.next(out_);
      append_json_string(out_, feature.name);
      out_ += feature.on ? ":true" : ":false";
    }
    out_.push_back('}');
  }

 private:
  std::string& out_;
  JsonCommas commas_;
};

bool is_enabled(const Options& options, std::string_view name) {
  return std::ranges::find(options.features, name) != options.features.end();
}

std::vector<Feature> api_features(const Options& options) {
  return {{"admin", options.enable_admin},
          {"exclude_alerts"},
          {"label_values_match"},
          {"lifecycle", options.enable_lifecycle},
          {"openapi_3.1"},
          {"openapi_3.2"},
          {"otlp_write_receiver", false},
          {"query_stats"},
          {"query_warnings"},
          {"remote_write_receiver", options.enable_remote_write_receiver},
          {"search", options.enable_search},
          {"search_fuzz_alg_jarowinkler", options.enable_search},
          {"search_fuzz_alg_subsequence", options.enable_search},
          {"time_range_labels"},
          {"time_range_series"}};
}

std::vector<Feature> language_features(const Options& options) {
  const promql::ParserOptions& parser = options.parser;
  return {{"anchored", parser.extended_range_selectors},
          {"at_modifier"},
          {"bool"},
          {"by"},
          {"delayed_name_removal", is_enabled(options, "promql-delayed-name-removal")},
          {"duration_expr", parser.duration_expressions},
          {"end"},
          {"fill", parser.binop_fill_modifiers},
          {"fill_left", parser.binop_fill_modifiers},
          {"fill_right", parser.binop_fill_modifiers},
          {"group_left"},
          {"group_right"},
          {"ignoring"},
          {"negative_offset"},
          {"offset"},
          {"on"},
          {"per_query_lookback_delta"},
          {"per_step_stats", is_enabled(options, "promql-per-step-stats")},
          {"smoothed", parser.extended_range_selectors},
          {"start"},
          {"step"},
          {"subqueries"},
          {"type_and_unit_labels", is_enabled(options, "type-and-unit-labels")},
          {"without"}};
}

std::vector<Feature> operator_features(const promql::ParserOptions& parser) {
  const bool experimental = parser.experimental_functions;
  return {{"!="},
          {"%"},
          {"*"},
          {"+"},
          {"-"},
          {"/"},
          {"<"},
          {"<="},
          {"=="},
          {">"},
          {">="},
          {"^"},
          {"and"},
          {"atan2"},
          {"avg"},
          {"bottomk"},
          {"count"},
          {"count_values"},
          {"group"},
          {"limit_ratio", experimental},
          {"limitk", experimental},
          {"max"},
          {"min"},
          {"or"},
          {"quantile"},
          {"stddev"},
          {"stdvar"},
          {"sum"},
          {"topk"},
          {"unless"}};
}

std::vector<Feature> function_features(const promql::ParserOptions& parser) {
  std::vector<Feature> out;
  for (const promql::FunctionSignature& function : promql::all_functions())
    out.push_back({function.name, !function.experimental || parser.experimental_functions});
  return out;
}

}  // namespace

ApiResult<void> features(const Call& call) {
  const Options& options = call.api.options;
  std::string data = "{";
  Categories categories(data);
  categories.add("api", api_features(options));
  categories.add(
      "prometheus",
      std::array<Feature, 3>{{{"agent_mode", false},
                              {"auto_reload_config", is_enabled(options, "auto-reload-config")},
                              {"server_mode"}}});
  categories.add("promql", language_features(options));
  categories.add("promql_functions", function_features(options.parser));
  categories.add("promql_operators", operator_features(options.parser));
  categories.add("scrape", std::array<Feature, 2>{{{"extra_scrape_metrics"},
                                                   {"start_timestamp_zero_ingestion", false}}});
  categories.add("service_discovery_providers", std::array<Feature, 8>{{{"consul"},
                                                                        {"dns"},
                                                                        {"docker"},
                                                                        {"dockerswarm"},
                                                                        {"file"},
                                                                        {"http"},
                                                                        {"kubernetes"},
                                                                        {"static"}}});
  categories.add("tsdb", std::array<Feature, 4>{
                             {{"delayed_compaction", is_enabled(options, "delayed-compaction")},
                              {"exemplar_storage", is_enabled(options, "exemplar-storage")},
                              {"isolation"},
                              {"native_histograms"}}});
  data.push_back('}');
  send_data(call.out, data);
  return {};
}

}  // namespace narthex::api
