// Relabelling rules alone, for whoever tries them out.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "narthex/config/config.h"

#include "config/codec.h"
#include "config/schemas.h"

namespace narthex::config {
namespace {

constexpr std::string_view kKey = "relabel_configs";
// Where lists of rules stand in the configuration.
constexpr std::array<std::string_view, 4> kListKeys = {
    kKey, "metric_relabel_configs", "write_relabel_configs", "alert_relabel_configs"};

struct RelabelText {
  std::vector<relabel::RelabelRule> rules;
};

std::unexpected<util::Error> fail_at(std::uint32_t line, std::string_view message) {
  return util::fail(util::Code::kInvalidArgument,
                    line == 0 ? std::string(message) : fmt::format("line {}: {}", line, message));
}

// The list of rules in what was pasted, as a map that the schema knows: a list, a list under its
// key, or one rule.
yaml::Node as_section(yaml::Node root) {
  if (root.kind == yaml::Kind::kMap && root.entries.size() == 1 &&
      std::ranges::find(kListKeys, root.entries.front().first.text) != kListKeys.end()) {
    root = yaml::Node(std::move(root.entries.front().second));
  } else if (root.kind == yaml::Kind::kMap) {
    yaml::Node list = yaml::sequence();
    list.items.push_back(std::move(root));
    root = std::move(list);
  }
  yaml::Node section = yaml::map();
  section.entries.emplace_back(yaml::scalar(std::string(kKey)), std::move(root));
  return section;
}

}  // namespace

template <>
const Schema<RelabelText>& schema_of<RelabelText>() {
  static const Schema<RelabelText> schema{
      "relabel rules",
      {list_field<&RelabelText::rules>(std::string(kKey), "empty or null relabeling rule")},
      nullptr};
  return schema;
}

util::Result<std::vector<relabel::RelabelRule>> parse_relabel_rules(std::string_view text,
                                                                    model::NameScheme scheme) {
  auto document = yaml::parse(text);
  if (!document) return fail_at(document.error().line, document.error().message);
  const yaml::Node section = as_section(std::move(document->root));
  Decoder decoder;
  RelabelText out;
  decode_struct(decoder, section, out);
  const std::vector<yaml::Node>& nodes = section.entries.front().second.items;
  for (std::size_t i = 0; i < out.rules.size() && !decoder.failure(); ++i) {
    const auto valid = relabel::validate(out.rules[i], scheme);
    if (!valid) decoder.fail(nodes[i], valid.error().message());
  }
  if (const auto failure = decoder.failure()) return fail_at(failure->line, failure->message);
  return std::move(out.rules);
}

}  // namespace narthex::config
