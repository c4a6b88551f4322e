#include "discovery/target_list.h"

#include <fmt/format.h>

#include "narthex/model/names.h"
#include "narthex/util/utf8.h"
#include "narthex/yaml/tree.h"

#include "discovery/json.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr std::size_t kTextBytesMax = std::size_t{1} << 20U;

std::unexpected<util::Error> wrong(std::size_t index, std::string_view what) {
  return fail(Code::kInvalidArgument, fmt::format("target group {}: {}", index, what));
}

util::Result<void> add_target(TargetGroup& group, std::string_view address) {
  if (address.size() > kTextBytesMax) return fail(Code::kLimitExceeded, "a target is too long");
  if (!util::is_valid_utf8(address)) return fail(Code::kInvalidArgument, "a target is not UTF-8");
  group.targets.push_back(model::Labels{{"__address__", address}});
  return {};
}

util::Result<void> add_label(model::LabelsBuilder& labels, std::string_view name,
                             std::string_view value) {
  if (name.size() > kTextBytesMax || value.size() > kTextBytesMax)
    return fail(Code::kLimitExceeded, "a label is too long");
  if (!model::is_valid_label_name(name, model::NameScheme::kUtf8)) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is not a valid label name", model::quoted(name)));
  }
  labels.set(name, value);
  return {};
}

util::Result<TargetGroup> group_of(const json::value& item) {
  if (!item.is_object()) return fail(Code::kInvalidArgument, "nil target group item found");
  TargetGroup group;
  model::LabelsBuilder labels;
  for (const auto& member : item.get_object()) {
    const std::string_view key(member.key().data(), member.key().size());
    const json::value& value = member.value();
    if (key == "targets" && (value.is_array() || value.is_null())) {
      for (const json::value& target : list_of(value)) {
        if (!target.is_string()) return fail(Code::kInvalidArgument, "a target is no string");
        NX_TRY(add_target(group, text_of(target)));
      }
    } else if (key == "labels" && (value.is_object() || value.is_null())) {
      for (const auto& label : object_of(value)) {
        if (!label.value().is_string())
          return fail(Code::kInvalidArgument, "the value of a label is no string");
        NX_TRY(add_label(labels, std::string_view(label.key().data(), label.key().size()),
                         text_of(label.value())));
      }
    } else {
      return fail(Code::kInvalidArgument,
                  fmt::format("{} is unknown or of the wrong type", model::quoted(key)));
    }
  }
  group.labels = labels.build();
  return group;
}

util::Result<TargetGroup> group_of(const yaml::Node& item) {
  if (item.kind != yaml::Kind::kMap)
    return fail(Code::kInvalidArgument, "nil target group item found");
  TargetGroup group;
  model::LabelsBuilder labels;
  for (const auto& [key, value] : item.entries) {
    const bool is_null = value.kind == yaml::Kind::kNull;
    if (key.text == "targets" && (is_null || value.kind == yaml::Kind::kSequence)) {
      for (const yaml::Node& target : value.items) {
        if (target.kind != yaml::Kind::kScalar)
          return fail(Code::kInvalidArgument, "a target is no string");
        NX_TRY(add_target(group, target.text));
      }
    } else if (key.text == "labels" && (is_null || value.kind == yaml::Kind::kMap)) {
      for (const auto& [name, text] : value.entries) {
        if (text.kind != yaml::Kind::kScalar && text.kind != yaml::Kind::kNull)
          return fail(Code::kInvalidArgument, "the value of a label is no string");
        NX_TRY(add_label(labels, name.text, text.text));
      }
    } else {
      return fail(Code::kInvalidArgument,
                  fmt::format("{} is unknown or of the wrong type (line {})",
                              model::quoted(key.text), key.line));
    }
  }
  group.labels = labels.build();
  return group;
}

template <class Items>
util::Result<std::vector<TargetGroup>> groups_of(const Items& items) {
  std::vector<TargetGroup> groups;
  for (const auto& item : items) {
    auto group = group_of(item);
    if (!group) return wrong(groups.size(), group.error().message());
    groups.push_back(*std::move(group));
  }
  return groups;
}

}  // namespace

util::Result<std::vector<TargetGroup>> parse_json_targets(std::string_view text) {
  NX_ASSIGN(const json::value root, parse_json(text));
  if (root.is_null()) return std::vector<TargetGroup>{};
  if (!root.is_array()) return fail(Code::kInvalidArgument, "not a list of target groups");
  return groups_of(root.get_array());
}

util::Result<std::vector<TargetGroup>> parse_yaml_targets(std::string_view text) {
  const auto document = yaml::parse(text);
  if (!document) return fail(Code::kInvalidArgument, document.error().message);
  const yaml::Node& root = document->root;
  if (root.kind == yaml::Kind::kNull) return std::vector<TargetGroup>{};
  if (root.kind != yaml::Kind::kSequence)
    return fail(Code::kInvalidArgument, "not a list of target groups");
  return groups_of(root.items);
}

}  // namespace narthex::discovery
