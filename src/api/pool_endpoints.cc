// scrape_pools, scrape_pools/config, targets/relabel_steps, relabel:debug: how targets come about.
#include <boost/json.hpp>
#include <fmt/format.h>

#include "narthex/relabel/relabel.h"

#include "api/endpoints.h"
#include "api/json.h"
#include "api/params.h"

namespace narthex::api {
namespace {

ApiResult<PoolConfig> requested_pool(const Call& call) {
  const std::string_view pool = call.params.get("scrapePool");
  if (pool.empty()) return bad_data("no scrapePool parameter provided");
  auto config = call.api.callbacks.pool_config(pool);
  if (!config)
    return bad_data(
        fmt::format("error getting scrape config: scrape pool {} not found", model::quoted(pool)));
  return *std::move(config);
}

// A JSON object of strings. A value of null is an absent label, as Go reads it.
ApiResult<model::Labels> parse_labels(std::string_view text) {
  boost::json::error_code ec;
  const boost::json::value root = boost::json::parse({text.data(), text.size()}, ec);
  if (ec) return bad_data("error parsing labels: " + ec.message());
  model::LabelsBuilder labels;
  if (root.is_null()) return model::Labels();
  if (!root.is_object()) return bad_data("error parsing labels: not an object of strings");
  for (const auto& [name, value] : root.get_object()) {
    if (value.is_null()) continue;
    if (!value.is_string()) {
      return bad_data(fmt::format("error parsing labels: the value of {} is not a string",
                                  model::quoted({name.data(), name.size()})));
    }
    labels.set({name.data(), name.size()}, value.get_string().subview());
  }
  return labels.build();
}

class RuleWriter {
 public:
  explicit RuleWriter(std::string& out) : out_(out) { out_.push_back('{'); }
  ~RuleWriter() { out_.push_back('}'); }
  RuleWriter(const RuleWriter&) = delete;
  RuleWriter& operator=(const RuleWriter&) = delete;

  std::string& key(std::string_view name) {
    commas_.next(out_);
    append_json_string(out_, name);
    out_.push_back(':');
    return out_;
  }
  void text(std::string_view name, std::string_view value) {
    if (!value.empty()) append_json_string(key(name), value);
  }

 private:
  std::string& out_;
  JsonCommas commas_;
};

// With defaults filled in; empty fields are left out.
void append_rule(std::string& out, const relabel::RelabelRule& rule) {
  RuleWriter writer(out);
  if (!rule.source_labels.empty()) {
    std::string& list = writer.key("sourceLabels");
    list.push_back('[');
    JsonCommas commas;
    for (const std::string& label : rule.source_labels) {
      commas.next(list);
      append_json_string(list, label);
    }
    list.push_back(']');
  }
  writer.text("separator", rule.separator);
  append_json_string(writer.key("regex"), rule.regex.value_or(std::string(relabel::kDefaultRegex)));
  if (rule.modulus != 0) append_json_uint(writer.key("modulus"), rule.modulus);
  writer.text("targetLabel", rule.target_label);
  writer.text("replacement", rule.replacement);
  writer.text("action", relabel::action_text(rule.action));
}

// What each rule makes of the labels, up to the one that drops them.
ApiResult<void> send_steps(const Call& call, const std::vector<relabel::RelabelRule>& rules,
                           model::NameScheme scheme, const model::Labels& labels) {
  const auto compiled = relabel::RelabelRules::compile(rules, scheme);
  if (!compiled) return to_api_error(compiled.error());
  JsonStream json(call.out);
  std::string& out = json.buffer();
  out += R"({"status":"success","data":{"steps":[)";
  model::LabelsBuilder current(labels);
  bool kept = true;
  JsonCommas commas;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    kept = kept && compiled->apply_one(i, current) == relabel::Verdict::kKeep;
    commas.next(out);
    out += R"({"rule":)";
    append_rule(out, rules[i]);
    out += R"(,"output":)";
    append_json_labels(out, kept ? current.build() : model::Labels());
    out += kept ? R"(,"keep":true})" : R"(,"keep":false})";
    if (!json.relieve()) return {};
  }
  out += "]}}";
  json.finish();
  return {};
}

}  // namespace

ApiResult<void> scrape_pools(const Call& call) {
  std::string data = R"({"scrapePools":[)";
  JsonCommas commas;
  for (const std::string& pool : call.api.backends.targets->pools()) {
    commas.next(data);
    append_json_string(data, pool);
  }
  data += "]}";
  send_data(call.out, data);
  return {};
}

ApiResult<void> scrape_pool_config(const Call& call) {
  NX_API_ASSIGN(const PoolConfig pool, requested_pool(call));
  std::string data = R"({"yaml":)";
  append_json_string(data, pool.yaml);
  data += '}';
  send_data(call.out, data);
  return {};
}

ApiResult<void> targets_relabel_steps(const Call& call) {
  if (call.params.get("scrapePool").empty()) return bad_data("no scrapePool parameter provided");
  const std::string_view text = call.params.get("labels");
  if (text.empty()) return bad_data("no labels parameter provided");
  NX_API_ASSIGN(const model::Labels labels, parse_labels(text));
  NX_API_ASSIGN(const PoolConfig pool, requested_pool(call));
  return send_steps(call, pool.relabel_rules, pool.name_scheme, labels);
}

ApiResult<void> relabel_debug(const Call& call) {
  const std::string_view text = call.params.get("rules");
  if (text.empty()) return bad_data("no rules parameter provided");
  const std::string_view labels_text = call.params.get("labels");
  if (labels_text.empty()) return bad_data("no labels parameter provided");
  NX_API_ASSIGN(const model::Labels labels, parse_labels(labels_text));
  const auto rules = call.api.callbacks.relabel_rules(text);
  if (!rules) return invalid_parameter("rules", rules.error().message());
  return send_steps(call, *rules, model::NameScheme::kUtf8, labels);
}

}  // namespace narthex::api
