// scrape_pools, scrape_pools/config, targets/relabel_steps, relabel:debug: how targets come about.
#include <algorithm>

#include <fmt/format.h>

#include "narthex/relabel/relabel.h"

#include "api/endpoints.h"
#include "api/json.h"
#include "api/label_json.h"
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

// A rule may make far more of a label than a client sent: "$1" a thousand times, or the same source
// a thousand times.
constexpr std::size_t kStepRulesMax = 1'000;
constexpr std::size_t kStepLabelsMax = 1'000;
constexpr std::size_t kStepBytesMax = std::size_t{4} << 20U;

// At least as many bytes as applying the rule handles. Precondition: at most kStepLabelsMax labels
// of kStepBytesMax in all.
std::size_t bytes_handled(const relabel::RelabelRule& rule, const model::LabelsBuilder& labels) {
  const auto made_of = [&rule](std::size_t bytes) {
    const auto variables = static_cast<std::size_t>(std::ranges::count(rule.replacement, '$') +
                                                    std::ranges::count(rule.target_label, '$'));
    return rule.replacement.size() + rule.target_label.size() + (variables * bytes);
  };
  std::size_t joined = 0;
  for (const std::string& source : rule.source_labels)
    joined += labels.get(source).size() + rule.separator.size();
  std::size_t sum = joined + made_of(joined);
  for (const auto& [name, value] : labels.labels()) {
    sum += name.size() + value.size();
    if (rule.action == relabel::Action::kLabelMap) sum += value.size() + made_of(name.size());
  }
  return sum;
}

// Applied once without an answer: an answer that has begun cannot be refused any more.
ApiResult<void> check_steps(const relabel::RelabelRules& compiled,
                            const std::vector<relabel::RelabelRule>& rules,
                            const model::Labels& labels, const storage::Deadline& deadline) {
  if (labels.size() > kStepLabelsMax)
    return invalid_parameter("labels", fmt::format("more than {}", kStepLabelsMax));
  if (rules.size() > kStepRulesMax)
    return invalid_parameter("rules", fmt::format("more than {}", kStepRulesMax));
  model::LabelsBuilder current(labels);
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (bytes_handled(rules[i], current) > kStepBytesMax ||
        current.labels().size() > kStepLabelsMax) {
      return invalid_parameter(
          "rules", fmt::format("rule {} could make more than {} MiB or {} labels of these labels",
                               i + 1, kStepBytesMax >> 20U, kStepLabelsMax));
    }
    if (const auto in_time = deadline.check(); !in_time) return to_api_error(in_time.error());
    if (compiled.apply_one(i, current) == relabel::Verdict::kDrop) break;
  }
  return {};
}

// What each rule makes of the labels, up to the one that drops them.
ApiResult<void> send_steps(const Call& call, const std::vector<relabel::RelabelRule>& rules,
                           model::NameScheme scheme, const model::Labels& labels) {
  const auto compiled = relabel::RelabelRules::compile(rules, scheme);
  if (!compiled) return to_api_error(compiled.error());
  NX_TRY(check_steps(*compiled, rules, labels, call.deadline()));
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
