#include "narthex/http/router.h"

#include <algorithm>
#include <set>

#include "narthex/util/check.h"

namespace narthex::http {
namespace {

std::vector<std::string_view> split_segments(std::string_view path) {
  std::vector<std::string_view> out;
  if (path.starts_with('/')) path.remove_prefix(1);
  for (;;) {
    const std::size_t slash = path.find('/');
    out.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return out;
    path.remove_prefix(slash + 1);
  }
}

using Params = std::vector<std::pair<std::string, std::string>>;

// Whether the path fits the pattern, and how specific the fit is: a digit a segment, 2 literal, 1 ":name", 0 "*name",
// so that a greater string is the better match.
bool fits(std::string_view pattern, std::string_view path, std::string& rank, Params& params) {
  const auto want = split_segments(pattern);
  const auto have = split_segments(path);
  rank.clear();
  params.clear();
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (want[i].starts_with('*')) {
      rank.push_back('0');
      std::string_view rest = i < have.size() ? path.substr(static_cast<std::size_t>(have[i].data() - path.data()))
                                              : std::string_view();
      auto decoded = percent_decode(rest);
      if (!decoded) return false;
      params.emplace_back(want[i].substr(1), std::move(*decoded));
      return true;
    }
    if (i >= have.size()) return false;
    auto decoded = percent_decode(have[i]);
    if (!decoded) return false;
    if (want[i].starts_with(':')) {
      if (decoded->empty()) return false;
      rank.push_back('1');
      params.emplace_back(want[i].substr(1), std::move(*decoded));
    } else {
      if (*decoded != want[i]) return false;
      rank.push_back('2');
    }
  }
  return have.size() == want.size();
}

}  // namespace

void Router::add(Route route) {
  NX_CHECK(route.pattern.starts_with('/') || route.pattern == "*", "route pattern {}", route.pattern);
  NX_CHECK(static_cast<bool>(route.handler), "route {} has no handler", route.pattern);
  for (const Route& other : routes_) {
    if (other.pattern != route.pattern) continue;
    for (const std::string& method : route.methods) {
      NX_CHECK(std::ranges::find(other.methods, method) == other.methods.end(), "two routes for {} {}", method,
               route.pattern);
    }
  }
  routes_.push_back(std::move(route));
}

Router::Match Router::match(std::string_view method, std::string_view path) const {
  Match best;
  std::string best_rank;
  std::string any_rank;
  std::set<std::string> allowed;
  std::string rank;
  Params params;
  for (const Route& route : routes_) {
    if (!fits(route.pattern, path, rank, params)) continue;
    if (rank > any_rank) {
      any_rank = rank;
      allowed.clear();
    }
    if (rank == any_rank) allowed.insert(route.methods.begin(), route.methods.end());
    if (std::ranges::find(route.methods, method) == route.methods.end()) continue;
    if (best.route == nullptr || rank > best_rank) {
      best_rank = rank;
      best.route = &route;
      best.params = params;
    }
  }
  // A more specific pattern that knows other methods only: the path exists, the method does not.
  if (best.route != nullptr && best_rank >= any_rank) {
    best.outcome = Outcome::kFound;
    return best;
  }
  Match none;
  if (!allowed.empty()) {
    none.outcome = Outcome::kMethodNotAllowed;
    for (const std::string& name : allowed) none.allow += (none.allow.empty() ? "" : ", ") + name;
    return none;
  }
  if (fallback_.handler) {
    none.outcome = Outcome::kFound;
    none.route = &fallback_;
  }
  return none;
}

}  // namespace narthex::http
