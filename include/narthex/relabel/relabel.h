// Relabelling: rules that rewrite, keep or drop label sets (configuration: relabel_configs and its
// relatives). A RelabelRule is what the configuration says; RelabelRules is a checked, compiled
// list that is applied.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/model/labels.h"
#include "narthex/model/names.h"
#include "narthex/util/result.h"

namespace narthex::relabel {

enum class Action : std::uint8_t {
  kReplace,
  kKeep,
  kDrop,
  kKeepEqual,
  kDropEqual,
  kHashMod,
  kLabelMap,
  kLabelDrop,
  kLabelKeep,
  kLowercase,
  kUppercase,
};
// replace, keep, drop, keepequal, …
[[nodiscard]] std::string_view action_text(Action action) noexcept;
// Any case. kInvalidArgument: `unknown relabel action "x"`.
util::Result<Action> parse_action(std::string_view text);

inline constexpr std::string_view kDefaultSeparator = ";";
inline constexpr std::string_view kDefaultRegex = "(.*)";
inline constexpr std::string_view kDefaultReplacement = "$1";

// Keys and defaults of one relabel_config. Threads: a value.
struct RelabelRule {
  std::vector<std::string> source_labels;  // A label that is missing counts as "".
  std::string separator{kDefaultSeparator};
  std::optional<std::string>
      regex;  // Not set: the default "(.*)". Some actions refuse any regex that was written down.
  std::uint64_t modulus = 0;
  std::string target_label;
  std::string replacement{kDefaultReplacement};
  Action action = Action::kReplace;
  friend bool operator==(const RelabelRule&, const RelabelRule&) = default;
};

// kInvalidArgument with Prometheus' words when fields contradict each other or the regex does not
// compile.
util::Result<void> validate(const RelabelRule& rule, model::NameScheme scheme);

enum class Verdict : std::uint8_t { kKeep, kDrop };

// Threads: immutable; copies share the compiled rules.
class RelabelRules {
 public:
  RelabelRules();  // No rules: keeps everything unchanged.
  // Validates every rule. `scheme` also decides which names `replace` and `labelmap` may create.
  static util::Result<RelabelRules> compile(std::span<const RelabelRule> rules,
                                            model::NameScheme scheme);

  [[nodiscard]] bool empty() const noexcept;
  [[nodiscard]] std::size_t size() const noexcept;
  // Applies the rules in order; after kDrop the labels are unspecified. An empty label set at the
  // end is kKeep: whether that means something is the caller's business.
  [[nodiscard]] Verdict apply(model::LabelsBuilder& labels) const;
  // One rule alone (for views that show each step). Precondition: index < size().
  [[nodiscard]] Verdict apply_one(std::size_t index, model::LabelsBuilder& labels) const;

 private:
  struct Compiled;
  std::shared_ptr<const std::vector<Compiled>> rules_;
};

}  // namespace narthex::relabel
