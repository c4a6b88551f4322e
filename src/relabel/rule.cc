// What a rule may say: names of actions and validation, with Prometheus' words (reference:
// configuration, section 5).
#include <array>

#include <fmt/format.h>

#include "narthex/model/regex.h"
#include "narthex/relabel/relabel.h"

namespace narthex::relabel {
namespace {

using util::Code;
using util::fail;

struct ActionName {
  Action action;
  std::string_view text;
};
constexpr std::array<ActionName, 11> kActionNames{{{Action::kReplace, "replace"},
                                                   {Action::kKeep, "keep"},
                                                   {Action::kDrop, "drop"},
                                                   {Action::kKeepEqual, "keepequal"},
                                                   {Action::kDropEqual, "dropequal"},
                                                   {Action::kHashMod, "hashmod"},
                                                   {Action::kLabelMap, "labelmap"},
                                                   {Action::kLabelDrop, "labeldrop"},
                                                   {Action::kLabelKeep, "labelkeep"},
                                                   {Action::kLowercase, "lowercase"},
                                                   {Action::kUppercase, "uppercase"}}};

bool is_word(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The length of the variable at the start of `text` ($name or ${name}), or 0 when it is none.
std::size_t variable_bytes(std::string_view text) noexcept {
  const bool braced = text.size() > 1 && text[1] == '{';
  const std::size_t begin = braced ? 2 : 1;
  std::size_t end = begin;
  while (end < text.size() && is_word(text[end])) ++end;
  if (end == begin) return 0;
  if (!braced) return end;
  return end < text.size() && text[end] == '}' ? end + 1 : 0;
}

// A legacy label name in which variables may stand for any part.
bool is_legacy_name_template(std::string_view text) noexcept {
  if (text.empty()) return false;
  std::size_t i = 0;
  while (i < text.size()) {
    if (text[i] == '$') {
      const std::size_t bytes = variable_bytes(text.substr(i));
      if (bytes == 0) return false;
      i += bytes;
      continue;
    }
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (!is_word(text[i]) || (digit && i == 0)) return false;
    ++i;
  }
  return true;
}

bool is_name_template(std::string_view text, model::NameScheme scheme) {
  // Every character of a variable is allowed in a UTF-8 name anyway.
  if (scheme == model::NameScheme::kUtf8) return model::is_valid_label_name(text, scheme);
  return is_legacy_name_template(text);
}

bool writes_target(Action action) noexcept {
  switch (action) {
    case Action::kReplace:
    case Action::kKeepEqual:
    case Action::kDropEqual:
    case Action::kHashMod:
    case Action::kLowercase:
    case Action::kUppercase:
      return true;
    default:
      return false;
  }
}

bool is_equality(Action action) noexcept {
  return action == Action::kKeepEqual || action == Action::kDropEqual;
}

util::Result<void> validate_target(const RelabelRule& rule, model::NameScheme scheme) {
  if (!writes_target(rule.action)) return {};
  const std::string_view action = action_text(rule.action);
  if (rule.target_label.empty()) {
    return fail(
        Code::kInvalidArgument,
        fmt::format("relabel configuration for {} action requires 'target_label' value", action));
  }
  const bool is_template =
      rule.action == Action::kReplace && rule.target_label.find('$') != std::string::npos;
  const bool valid = is_template ? is_name_template(rule.target_label, scheme)
                                 : model::is_valid_label_name(rule.target_label, scheme);
  if (valid) return {};
  return fail(Code::kInvalidArgument, fmt::format("{} is invalid 'target_label' for {} action",
                                                  model::quoted(rule.target_label), action));
}

util::Result<void> validate_replacement(const RelabelRule& rule, model::NameScheme scheme) {
  const bool refuses = is_equality(rule.action) || rule.action == Action::kLowercase ||
                       rule.action == Action::kUppercase;
  if (refuses && rule.replacement != kDefaultReplacement) {
    return fail(Code::kInvalidArgument, fmt::format("'replacement' can not be set for {} action",
                                                    action_text(rule.action)));
  }
  if (rule.action == Action::kLabelMap && !is_name_template(rule.replacement, scheme)) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is invalid 'replacement' for labelmap action",
                            model::quoted(rule.replacement)));
  }
  return {};
}

util::Result<void> validate_exclusive(const RelabelRule& rule) {
  const bool plain = rule.modulus == 0 && rule.separator == kDefaultSeparator &&
                     rule.replacement == kDefaultReplacement;
  if (is_equality(rule.action) && (!plain || rule.regex)) {
    return fail(
        Code::kInvalidArgument,
        fmt::format(
            "{} action requires only 'source_labels' and `target_label`, and no other fields",
            action_text(rule.action)));
  }
  const bool by_name = rule.action == Action::kLabelDrop || rule.action == Action::kLabelKeep;
  if (by_name && (!plain || !rule.source_labels.empty() || !rule.target_label.empty())) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} action requires only 'regex', and no other fields",
                            action_text(rule.action)));
  }
  return {};
}

}  // namespace

std::string_view action_text(Action action) noexcept {
  for (const ActionName& name : kActionNames) {
    if (name.action == action) return name.text;
  }
  return "unknown";
}

util::Result<Action> parse_action(std::string_view text) {
  if (text.empty()) return fail(Code::kInvalidArgument, "relabel action cannot be empty");
  const auto equal_fold = [](std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
      const char c = a[i] >= 'A' && a[i] <= 'Z' ? static_cast<char>(a[i] + ('a' - 'A')) : a[i];
      if (c != b[i]) return false;
    }
    return true;
  };
  for (const ActionName& name : kActionNames) {
    if (equal_fold(text, name.text)) return name.action;
  }
  return fail(Code::kInvalidArgument,
              fmt::format("unknown relabel action {}", model::quoted(text)));
}

util::Result<void> validate(const RelabelRule& rule, model::NameScheme scheme) {
  if (rule.action == Action::kHashMod && rule.modulus == 0) {
    return fail(Code::kInvalidArgument,
                "relabel configuration for hashmod requires non-zero modulus");
  }
  NX_TRY(validate_target(rule, scheme));
  NX_TRY(validate_replacement(rule, scheme));
  NX_TRY(validate_exclusive(rule));
  if (rule.regex) {
    if (auto regex = model::Regex::compile(*rule.regex); !regex) {
      return std::unexpected(std::move(regex).error());
    }
  }
  return {};
}

}  // namespace narthex::relabel
