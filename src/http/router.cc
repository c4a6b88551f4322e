#include "narthex/http/router.h"

#include <algorithm>
#include <optional>
#include <set>

#include "narthex/util/check.h"

namespace narthex::http {
namespace {

// Ordered by how it is preferred.
enum class SegmentKind : std::uint8_t { kRest, kParam, kLiteral };

SegmentKind kind_of(std::string_view segment) noexcept {
  if (segment.starts_with('*')) return SegmentKind::kRest;
  if (segment.starts_with(':')) return SegmentKind::kParam;
  return SegmentKind::kLiteral;
}

// Takes the next segment off a path that starts with '/'; the rest again starts with '/' or is
// empty.
std::string_view take_segment(std::string_view& path) noexcept {
  path.remove_prefix(1);
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view segment = path.substr(0, end);
  path.remove_prefix(end);
  return segment;
}

// Whether the encoded segment reads as `literal`. Most hold no escape and need no copy.
bool stands_for(std::string_view segment, std::string_view literal) {
  if (segment.find('%') == std::string_view::npos) return segment == literal;
  const auto decoded = percent_decode(segment);
  return decoded && *decoded == literal;
}

using Params = std::vector<std::pair<std::string, std::string>>;

std::optional<Params> match_pattern(std::string_view pattern, std::string_view path) {
  Params params;
  while (!pattern.empty() && !path.empty()) {
    const std::string_view want = take_segment(pattern);
    const SegmentKind kind = kind_of(want);
    if (kind == SegmentKind::kRest) {
      auto rest = percent_decode(path.substr(1));
      if (!rest) return std::nullopt;
      params.emplace_back(std::string(want.substr(1)), std::move(*rest));
      return params;
    }
    const std::string_view raw = take_segment(path);
    if (kind == SegmentKind::kLiteral) {
      if (!stands_for(raw, want)) return std::nullopt;
      continue;
    }
    auto segment = percent_decode(raw);
    if (!segment || segment->empty()) return std::nullopt;
    params.emplace_back(std::string(want.substr(1)), std::move(*segment));
  }
  if (!pattern.empty() || !path.empty()) return std::nullopt;
  return params;
}

// True if `a` is to be preferred where both match: the first segment of another kind decides.
bool more_specific(std::string_view a, std::string_view b) noexcept {
  while (!a.empty() && !b.empty()) {
    const SegmentKind kind_a = kind_of(take_segment(a));
    const SegmentKind kind_b = kind_of(take_segment(b));
    if (kind_a != kind_b) return kind_a > kind_b;
  }
  return false;
}

bool allows(const Route& route, std::string_view method) noexcept {
  return std::ranges::find(route.methods, method) != route.methods.end();
}

}  // namespace

void Router::add(Route route) {
  NX_CHECK(route.pattern.starts_with('/'), "route pattern {} does not start with a slash",
           route.pattern);
  for (const Route& other : routes_) {
    if (other.pattern != route.pattern) continue;
    for (const std::string& method : route.methods) {
      NX_CHECK(!allows(other, method), "two routes for {} {}", method, route.pattern);
    }
  }
  routes_.push_back(std::move(route));
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match match;
  std::set<std::string_view> others;  // Methods that the path is there for.
  if (path.starts_with('/')) {
    for (const Route& route : routes_) {
      if (match.route != nullptr && !more_specific(route.pattern, match.route->pattern)) continue;
      auto params = match_pattern(route.pattern, path);
      if (!params) continue;
      if (allows(route, method)) {
        match.route = &route;
        match.params = std::move(*params);
      } else {
        others.insert(route.methods.begin(), route.methods.end());
      }
    }
  }
  if (match.route != nullptr) {
    match.outcome = Outcome::kFound;
    return match;
  }
  // That OPTIONS is answered for a whole tree does not make every path of the tree exist.
  others.erase("OPTIONS");
  if (others.empty()) {
    if (fallback_.handler) match.route = &fallback_;
    return match;
  }
  match.outcome = Outcome::kMethodNotAllowed;
  others.insert("OPTIONS");
  for (const std::string_view other : others) {
    if (!match.allow.empty()) match.allow += ", ";
    match.allow += other;
  }
  return match;
}

}  // namespace narthex::http
