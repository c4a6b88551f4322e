#include "conformance/json_compare.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "narthex/util/number.h"

namespace narthex::conformance {
namespace {

namespace json = boost::json;

std::string shown(const json::value& value) {
  constexpr std::size_t kShown = 80;
  return json::serialize(value).substr(0, kShown);
}

bool same_number(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || std::abs(a - b) <= 1e-12 * std::max(std::abs(a), std::abs(b));
}

std::optional<double> number_of(const json::value& value) {
  if (value.is_number()) return value.to_number<double>();
  if (!value.is_string()) return std::nullopt;
  const auto number = util::parse_double(std::string_view(value.get_string()));
  return number ? std::optional<double>(*number) : std::nullopt;
}

std::optional<std::string> member_difference(const json::object& want, const json::object& got,
                                             const std::string& path) {
  std::set<std::string> keys;
  for (const auto& member : want) keys.emplace(member.key());
  for (const auto& member : got) keys.emplace(member.key());
  for (const std::string& key : keys) {
    const json::value* a = want.if_contains(key);
    const json::value* b = got.if_contains(key);
    if (a == nullptr || b == nullptr)
      return fmt::format("{}.{} only in the {}", path, key, a == nullptr ? "answer" : "record");
    if (auto difference = first_difference(*a, *b, path + "." + key)) return difference;
  }
  return std::nullopt;
}

std::optional<std::string> item_difference(const json::array& want, const json::array& got,
                                           const std::string& path) {
  if (want.size() != got.size())
    return fmt::format("{}: {} items, got {}", path, want.size(), got.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (auto difference = first_difference(want[i], got[i], fmt::format("{}[{}]", path, i)))
      return difference;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> first_difference(const json::value& want, const json::value& got,
                                            const std::string& path) {
  if (want.is_object() && got.is_object())
    return member_difference(want.get_object(), got.get_object(), path);
  if (want.is_array() && got.is_array())
    return item_difference(want.get_array(), got.get_array(), path);
  if (want == got) return std::nullopt;
  const auto a = number_of(want);
  const auto b = number_of(got);
  if (a && b && same_number(*a, *b)) return std::nullopt;
  return fmt::format("{}: {}, got {}", path, shown(want), shown(got));
}

std::optional<std::string> first_shape_difference(const json::value& want, const json::value& got,
                                                  const std::string& path) {
  if (want.is_array() && !got.is_array()) return path + ": not a list";
  if (!want.is_object()) return std::nullopt;
  if (!got.is_object()) return path + ": not an object";
  for (const auto& member : want.get_object()) {
    const std::string below = path + "." + std::string(member.key());
    const json::value* other = got.get_object().if_contains(member.key());
    if (other == nullptr) return below + " is missing";
    if (auto difference = first_shape_difference(member.value(), *other, below)) return difference;
  }
  return std::nullopt;
}

void sort_series(json::value& answer) {
  json::error_code error;
  json::value* result = answer.find_pointer("/data/result", error);
  if (result == nullptr || !result->is_array()) return;
  const auto key = [](const json::value& series) {
    const json::value* metric =
        series.is_object() ? series.get_object().if_contains("metric") : nullptr;
    std::vector<std::string> pairs;
    if (metric != nullptr && metric->is_object()) {
      for (const auto& label : metric->get_object())
        pairs.push_back(std::string(label.key()) + "=" + json::serialize(label.value()));
    }
    std::ranges::sort(pairs);
    return fmt::format("{}", fmt::join(pairs, ","));
  };
  json::array& list = result->get_array();
  if (std::ranges::all_of(list, [](const json::value& each) { return each.is_object(); }))
    std::ranges::sort(list, {}, key);
}

}  // namespace narthex::conformance
