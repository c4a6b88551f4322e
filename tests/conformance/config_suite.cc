// Configuration files that must load or must not, and relabelling.
#include <filesystem>

#include "narthex/config/config.h"
#include "narthex/relabel/relabel.h"

#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;

void run_load_case(Run& run, const std::string& file, const json::object& record) {
  const std::string name(text_of(record, "file"));
  if (!run.wants(file, name)) return;
  config::LoadOptions options;
  options.agent_mode = flag_of(record, "agent_mode");
  const auto loaded = config::load(util::posix_env(), (run.folder / name).string(), options);
  std::vector<std::string> problems;
  if (loaded.has_value() != flag_of(record, "ok")) {
    problems.push_back(loaded ? "loads, but must not"
                              : "does not load: " + loaded.error().message());
  }
  // Messages of the data carry the file as its source named it.
  std::string_view want = text_of(record, "error_contains");
  constexpr std::string_view kParsing = "parsing YAML file ";
  if (want.starts_with(kParsing)) want = want.substr(std::min(want.find(": ") + 2, want.size()));
  if (!loaded && loaded.error().message().find(want) == std::string::npos) {
    problems.push_back("wants \"" + std::string(want) + "\", got: " + loaded.error().message());
  }
  run.report.judge(file, name, problems);
}

std::vector<std::string> texts_of(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  if (const json::value* list = object.if_contains(key); list != nullptr && list->is_array()) {
    for (const json::value& item : list->get_array()) out.emplace_back(item.as_string());
  }
  return out;
}

model::Labels labels_of(const json::object& object, std::string_view key) {
  std::vector<model::LabelView> views;
  if (const json::value* labels = object.if_contains(key);
      labels != nullptr && labels->is_object()) {
    for (const auto& [name, value] : labels->get_object())
      views.push_back({name, value.as_string()});
  }
  return model::Labels::from_unsorted(views);
}

util::Result<relabel::RelabelRule> rule_of(const json::object& object) {
  relabel::RelabelRule rule;
  rule.source_labels = texts_of(object, "source_labels");
  if (object.contains("separator")) rule.separator = text_of(object, "separator");
  if (object.contains("regex")) rule.regex = std::string(text_of(object, "regex"));
  if (object.contains("replacement")) rule.replacement = text_of(object, "replacement");
  rule.target_label = text_of(object, "target_label");
  if (const json::value* modulus = object.if_contains("modulus"))
    rule.modulus = modulus->to_number<std::uint64_t>();
  if (object.contains("action")) {
    NX_ASSIGN(rule.action, relabel::parse_action(text_of(object, "action")));
  }
  return rule;
}

// kind "relabel": labels in, labels out or dropped.
std::vector<std::string> judge_relabel(const json::object& record) {
  std::vector<relabel::RelabelRule> rules;
  for (const json::value& each : record.at("relabel_configs").as_array()) {
    auto rule = rule_of(each.as_object());
    if (!rule) return {rule.error().message()};
    rules.push_back(*std::move(rule));
  }
  const auto compiled = relabel::RelabelRules::compile(rules, model::NameScheme::kUtf8);
  if (!compiled) return {compiled.error().message()};
  model::LabelsBuilder labels(labels_of(record, "labels"));
  const bool keep = compiled->apply(labels) == relabel::Verdict::kKeep;
  if (keep != flag_of(record, "keep"))
    return {keep ? "kept, but must be dropped" : "dropped, but must be kept"};
  const model::Labels want = labels_of(record, "output");
  if (keep && labels.build() != want)
    return {"wants " + want.to_string() + ", got " + labels.build().to_string()};
  return {};
}

// kind "validate": one rule and the error it must give, or none.
std::vector<std::string> judge_validate(const json::object& record) {
  const json::value* config = record.if_contains("config");
  if (config == nullptr || !config->is_object()) return {"the case has no config"};
  // Here, unlike in a file, an action that is not there is an empty one.
  auto rule = rule_of(config->get_object());
  if (const auto action = relabel::parse_action(text_of(config->get_object(), "action")); !action) {
    rule = std::unexpected(action.error());
  }
  // The data name the default where their source named a constant.
  if (rule && rule->replacement == "DefaultRelabelConfig.Replacement") {
    rule->replacement = relabel::kDefaultReplacement;
  }
  const auto scheme =
      text_of(record, "scheme") == "legacy" ? model::NameScheme::kLegacy : model::NameScheme::kUtf8;
  std::string got;
  if (!rule) {
    got = rule.error().message();
  } else if (const auto valid = relabel::validate(*rule, scheme); !valid) {
    got = valid.error().message();
  }
  std::string_view want = text_of(record, "error_contains");
  if (want.empty()) want = text_of(record, "error");
  if (want.empty() != got.empty() || got.find(want) == std::string::npos) {
    return {"wants \"" + std::string(want) + "\", got \"" + got + "\""};
  }
  return {};
}

// kind "target_label_legacy": whether the text may be a target label under legacy names.
std::vector<std::string> judge_target_label(const json::object& record) {
  relabel::RelabelRule rule;
  rule.target_label = text_of(record, "input");
  if (rule.target_label.empty()) rule.target_label = text_of(record, "target_label");
  const bool want = flag_of(record, "valid") || flag_of(record, "ok");
  const bool valid = relabel::validate(rule, model::NameScheme::kLegacy).has_value();
  if (valid == want) return {};
  return {valid ? "accepted, but is no label name" : "refused"};
}

void run_relabel_case(Run& run, const std::string& file, std::size_t number,
                      const json::object& record) {
  const std::string_view kind = text_of(record, "kind");
  const std::string id = std::string(kind) + " " + std::to_string(number);
  if (!run.wants(file, id)) return;
  if (kind == "relabel") {
    run.report.judge(file, id, judge_relabel(record));
  } else if (kind == "validate") {
    run.report.judge(file, id, judge_validate(record));
  } else if (kind == "target_label_legacy") {
    run.report.judge(file, id, judge_target_label(record));
  } else {
    run.report.skip(file);
  }
}

// Which kind of record a file holds shows in its records; rule files and Alertmanager's
// configuration are other modules' business.
void run_config(Run& run) {
  for (const auto& entry : std::filesystem::directory_iterator(run.folder)) {
    if (entry.path().extension() != ".jsonl") continue;
    const auto records = read_json_lines(entry.path(), run.report);
    const std::string file = entry.path().stem().string();
    std::size_t number = 0;
    for (const json::object& record : records.value_or(std::vector<json::object>{})) {
      ++number;
      if (record.contains("relabel_configs") || record.contains("config") ||
          text_of(record, "kind").starts_with("target_label")) {
        run_relabel_case(run, file, number, record);
      } else if (record.contains("promtool_3_5") && record.contains("file")) {
        run_load_case(run, file, record);
      } else {
        run.report.skip(file);
      }
    }
  }
}

const Suite kSuite("config", &run_config);

}  // namespace
}  // namespace narthex::conformance
