#include "narthex/relabel/relabel.h"

#include <charconv>

#include <openssl/evp.h>

#include "narthex/model/regex.h"
#include "narthex/util/bytes.h"
#include "narthex/util/check.h"

#include "relabel/unicode_case.h"

namespace narthex::relabel {

using model::LabelsBuilder;

// A rule with everything decided that does not depend on the labels.
struct RelabelRules::Compiled {
  RelabelRule rule;
  model::Regex regex;
  model::NameScheme scheme;
  bool matches_everything;      // The regex accepts every value, with the value as its first group.
  bool target_is_template;      // target_label holds variables.
  bool replacement_is_value;    // The replacement is the joined value itself.
  bool replacement_is_literal;  // The replacement holds no variables.
};

namespace {

// Values longer than this cannot be stored in a label; a rule that would make one leaves the label
// alone.
bool fits(std::string_view text) noexcept {
  return text.size() <= model::kLabelBytesMax;
}

// The source labels' values joined; `buffer` holds them when there is more than one.
std::string_view join_sources(const RelabelRule& rule, const LabelsBuilder& labels,
                              std::string& buffer) {
  if (rule.source_labels.size() == 1) return labels.get(rule.source_labels.front());
  for (std::size_t i = 0; i < rule.source_labels.size(); ++i) {
    if (i > 0) buffer += rule.separator;
    buffer += labels.get(rule.source_labels[i]);
  }
  return buffer;
}

// The last eight bytes of the MD5 of `value`, big-endian, modulo `modulus`.
std::uint64_t hash_mod(std::string_view value, std::uint64_t modulus) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int digest_bytes = 0;
  const int ok =
      ::EVP_Digest(value.data(), value.size(), digest, &digest_bytes, ::EVP_md5(), nullptr);
  NX_CHECK(ok == 1 && digest_bytes == 16, "MD5 is not available in this OpenSSL");
  return util::load_be<std::uint64_t>(digest + 8) % modulus;
}

void set_if_fits(LabelsBuilder& labels, std::string_view name, const std::string& value) {
  if (fits(name) && fits(value)) labels.set(name, value);
}

}  // namespace

RelabelRules::RelabelRules() : rules_(std::make_shared<const std::vector<Compiled>>()) {}

util::Result<RelabelRules> RelabelRules::compile(std::span<const RelabelRule> rules,
                                                 model::NameScheme scheme) {
  auto compiled = std::make_shared<std::vector<Compiled>>();
  compiled->reserve(rules.size());
  for (const RelabelRule& rule : rules) {
    NX_TRY(validate(rule, scheme));
    const std::string pattern = rule.regex.value_or(std::string(kDefaultRegex));
    NX_ASSIGN(model::Regex regex, model::Regex::compile(pattern));
    const bool everything = pattern == kDefaultRegex;
    compiled->push_back(
        {.rule = rule,
         .regex = std::move(regex),
         .scheme = scheme,
         .matches_everything = everything,
         .target_is_template = rule.target_label.find('$') != std::string::npos,
         .replacement_is_value =
             everything && (rule.replacement == "$1" || rule.replacement == "${1}"),
         .replacement_is_literal = rule.replacement.find('$') == std::string::npos});
  }
  RelabelRules result;
  result.rules_ = std::move(compiled);
  return result;
}

bool RelabelRules::empty() const noexcept {
  return rules_->empty();
}
std::size_t RelabelRules::size() const noexcept {
  return rules_->size();
}

Verdict RelabelRules::apply(LabelsBuilder& labels) const {
  for (std::size_t i = 0; i < rules_->size(); ++i) {
    if (apply_one(i, labels) == Verdict::kDrop) return Verdict::kDrop;
  }
  return Verdict::kKeep;
}

namespace {

template <class Compiled>
void replace(const Compiled& c, std::string_view value, LabelsBuilder& labels) {
  if (!c.matches_everything && !c.regex.matches(value)) return;
  std::string target = c.rule.target_label;
  if (c.target_is_template) {
    target = c.regex.expand(value, c.rule.target_label).value_or(std::string());
    if (!model::is_valid_label_name(target, c.scheme)) return;
  }
  if (c.replacement_is_literal) return set_if_fits(labels, target, c.rule.replacement);
  // Both copies matter: `value` may point into the label that is about to change.
  if (c.replacement_is_value) return set_if_fits(labels, target, std::string(value));
  set_if_fits(labels, target, c.regex.expand(value, c.rule.replacement).value_or(std::string()));
}

template <class Compiled>
void map_labels(const Compiled& c, LabelsBuilder& labels) {
  std::vector<std::pair<std::string, std::string>> found;
  for (const auto& [name, value] : labels.labels()) {
    if (auto mapped = c.regex.expand(name, c.rule.replacement))
      found.emplace_back(std::move(*mapped), value);
  }
  for (const auto& [name, value] : found) set_if_fits(labels, name, value);
}

}  // namespace

Verdict RelabelRules::apply_one(std::size_t index, LabelsBuilder& labels) const {
  const Compiled& c = (*rules_)[index];
  const RelabelRule& rule = c.rule;
  std::string buffer;
  const std::string_view value = join_sources(rule, labels, buffer);
  const auto drop_if = [](bool drop) { return drop ? Verdict::kDrop : Verdict::kKeep; };

  switch (rule.action) {
    case Action::kKeep:
      return drop_if(!c.regex.matches(value));
    case Action::kDrop:
      return drop_if(c.regex.matches(value));
    case Action::kKeepEqual:
      return drop_if(labels.get(rule.target_label) != value);
    case Action::kDropEqual:
      return drop_if(labels.get(rule.target_label) == value);
    case Action::kReplace:
      replace(c, value, labels);
      break;
    case Action::kHashMod:
      labels.set(rule.target_label, std::to_string(hash_mod(value, rule.modulus)));
      break;
    case Action::kLowercase:
      set_if_fits(labels, rule.target_label, to_lower(value));
      break;
    case Action::kUppercase:
      set_if_fits(labels, rule.target_label, to_upper(value));
      break;
    case Action::kLabelMap:
      map_labels(c, labels);
      break;
    case Action::kLabelDrop:
      labels.remove_if([&c](std::string_view name) { return c.regex.matches(name); });
      break;
    case Action::kLabelKeep:
      labels.remove_if([&c](std::string_view name) { return !c.regex.matches(name); });
      break;
  }
  return Verdict::kKeep;
}

}  // namespace narthex::relabel
