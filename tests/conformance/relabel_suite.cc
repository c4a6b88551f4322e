// Relabel rules on label sets, and rules that must be refused.
#include <fmt/format.h>

#include "narthex/relabel/relabel.h"

#include "conformance/suite.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;

// Reads what is there over the defaults; `action` is a text, so that a bad one can be judged.
util::Result<relabel::RelabelRule> rule_of(const json::object& config,
                                           std::string_view default_action) {
  relabel::RelabelRule rule;
  NX_ASSIGN(rule.action, relabel::parse_action(config.contains("action") ? text_of(config, "action")
                                                                         : default_action));
  if (const auto* labels = config.if_contains("source_labels")) {
    for (const json::value& label : labels->as_array())
      rule.source_labels.emplace_back(label.as_string());
  }
  if (config.contains("separator")) rule.separator = text_of(config, "separator");
  if (config.contains("regex")) rule.regex = text_of(config, "regex");
  if (const auto* modulus = config.if_contains("modulus"))
    rule.modulus = modulus->to_number<std::uint64_t>();
  rule.target_label = text_of(config, "target_label");
  // The recorded texts name the constant where they mean the default.
  const std::string_view replacement = text_of(config, "replacement");
  if (config.contains("replacement") && replacement != "DefaultRelabelConfig.Replacement")
    rule.replacement = replacement;
  return rule;
}

model::Labels labels_of(const json::object& object) {
  model::LabelsBuilder builder;
  for (const auto& [key, value] : object) builder.set(key, std::string_view(value.as_string()));
  return builder.build();
}

std::vector<std::string> check_relabel(const json::object& record) {
  std::vector<relabel::RelabelRule> rules;
  for (const json::value& config : record.at("relabel_configs").as_array()) {
    auto rule = rule_of(config.as_object(), "replace");
    if (!rule) return {rule.error().message()};
    rules.push_back(*std::move(rule));
  }
  const auto compiled = relabel::RelabelRules::compile(rules, model::NameScheme::kUtf8);
  if (!compiled) return {compiled.error().message()};
  model::LabelsBuilder labels(labels_of(record.at("labels").as_object()));
  const bool keep = compiled->apply(labels) == relabel::Verdict::kKeep;
  if (keep != flag_of(record, "keep")) return {keep ? "kept" : "dropped"};
  if (!keep) return {};
  const model::Labels want = labels_of(record.at("output").as_object());
  if (labels.build() == want) return {};
  return {fmt::format("got {}, want {}", labels.build().to_string(), want.to_string())};
}

std::vector<std::string> verdict(const util::Result<void>& got, const json::object& record) {
  if (got.has_value() != flag_of(record, "ok")) return {got ? "accepted" : got.error().message()};
  const std::string_view want = text_of(record, "error_contains");
  if (got || got.error().message().find(want) != std::string::npos) return {};
  return {fmt::format("got {}, want {}", got.error().message(), want)};
}

std::vector<std::string> check_validate(const json::object& record) {
  const auto scheme =
      text_of(record, "scheme") == "legacy" ? model::NameScheme::kLegacy : model::NameScheme::kUtf8;
  const auto rule = rule_of(record.at("config").as_object(), "");
  if (!rule) return verdict(std::unexpected(rule.error()), record);
  return verdict(relabel::validate(*rule, scheme), record);
}

std::vector<std::string> check_legacy_target(const json::object& record) {
  relabel::RelabelRule rule;
  rule.target_label = text_of(record, "target_label");
  return verdict(relabel::validate(rule, model::NameScheme::kLegacy), record);
}

void run_relabel(Run& run) {
  constexpr std::string_view kFile = "relabel.jsonl";
  auto records = read_json_lines(run.folder / kFile, run.report);
  if (!records) records = read_json_lines(run.folder / "config" / kFile, run.report);
  if (!records) return;
  std::size_t line = 0;
  for (const json::object& record : *records) {
    const std::string id = fmt::format("line {}", ++line);
    if (!run.wants(kFile, id)) continue;
    const std::string_view kind = text_of(record, "kind");
    if (kind == "relabel") {
      run.report.judge(kFile, id, check_relabel(record));
    } else if (kind == "validate") {
      run.report.judge(kFile, id, check_validate(record));
    } else if (kind == "target_label_legacy") {
      run.report.judge(kFile, id, check_legacy_target(record));
    } else {
      run.report.skip(kFile);
    }
  }
}

const Suite kSuite("relabel", &run_relabel);

}  // namespace
}  // namespace narthex::conformance
