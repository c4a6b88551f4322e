#include "api/search.h"

#include <algorithm>

#include "narthex/util/utf8.h"

namespace narthex::api {
namespace {

constexpr std::size_t kRunesMax = 1024;
constexpr double kInexactMax = 0.999;

// The score when the first character of the term is taken at `start`; the others follow as early as
// they can. 0: they do not all follow.
double score_from(std::u32string_view text, std::u32string_view term, std::size_t start) {
  const double length = static_cast<double>(text.size());
  double runs = 0;
  double run = 1;
  std::size_t last = start;
  std::size_t gaps = 0;
  for (std::size_t i = 1; i < term.size(); ++i) {
    const std::size_t at = text.find(term[i], last + 1);
    if (at == std::u32string_view::npos) return 0;
    if (at == last + 1) {
      ++run;
    } else {
      runs += run * run;
      run = 1;
      gaps += at - last - 1;
    }
    last = at;
  }
  runs += run * run;
  const double trailing = static_cast<double>(text.size() - last - 1);
  const double score = runs - static_cast<double>(gaps) / length - trailing / (2 * length);
  return score / static_cast<double>(term.size() * term.size());
}

double jaro(std::u32string_view a, std::u32string_view b) {
  if (a.empty() || b.empty()) return a.empty() && b.empty() ? 1 : 0;
  const std::size_t half = std::max(a.size(), b.size()) / 2;
  const std::size_t reach = half == 0 ? 0 : half - 1;
  std::vector<bool> taken(b.size());
  std::u32string common_a;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const std::size_t end = std::min(i + reach + 1, b.size());
    for (std::size_t j = i > reach ? i - reach : 0; j < end; ++j) {
      if (taken[j] || a[i] != b[j]) continue;
      taken[j] = true;
      common_a.push_back(a[i]);
      break;
    }
  }
  if (common_a.empty()) return 0;
  std::size_t moved = 0;
  std::size_t k = 0;
  for (std::size_t j = 0; j < b.size(); ++j) {
    if (taken[j] && b[j] != common_a[k++]) ++moved;
  }
  const double common = static_cast<double>(common_a.size());
  return (common / static_cast<double>(a.size()) + common / static_cast<double>(b.size()) +
          (common - static_cast<double>(moved) / 2) / common) /
         3;
}

}  // namespace

double subsequence_score(std::u32string_view text, std::u32string_view term) {
  if (term.empty() || text.starts_with(term)) return 1;
  double best = 0;
  for (std::size_t start = text.find(term[0]); start != std::u32string_view::npos;
       start = text.find(term[0], start + 1))
    best = std::max(best, score_from(text, term, start));
  return std::min(best, kInexactMax);
}

double jaro_winkler(std::u32string_view a, std::u32string_view b) {
  constexpr std::size_t kPrefixMax = 4;
  const double base = jaro(a, b);
  std::size_t prefix = 0;
  while (prefix < std::min({a.size(), b.size(), kPrefixMax}) && a[prefix] == b[prefix]) ++prefix;
  return base + static_cast<double>(prefix) * 0.1 * (1 - base);
}

SearchScorer::SearchScorer(SearchOptions options) : options_(std::move(options)) {
  for (const std::string& term : options_.terms) terms_.push_back(runes_of(term));
}

SearchScorer::Runes SearchScorer::runes_of(std::string_view text) const {
  Runes out;
  while (!text.empty() && out.size() < kRunesMax) {
    const util::DecodedRune rune = util::decode_rune(text);
    text.remove_prefix(rune.bytes);
    const bool is_upper = rune.rune >= U'A' && rune.rune <= U'Z';
    out.push_back(!options_.case_sensitive && is_upper ? rune.rune + (U'a' - U'A') : rune.rune);
  }
  return out;
}

std::optional<double> SearchScorer::score_of(const Runes& text, const Runes& term) const {
  if (options_.algorithm == FuzzyAlgorithm::kSubsequence) {
    const double score = subsequence_score(text, term);
    return score > 0 && score >= options_.threshold ? std::optional(score) : std::nullopt;
  }
  if (const std::size_t at = text.find(term); at != Runes::npos) {
    const std::size_t last = text.size() - term.size();
    return last == 0 ? 1 : 1 - 0.9 * static_cast<double>(at) / static_cast<double>(last);
  }
  if (options_.threshold <= 0) return std::nullopt;
  const double score = jaro_winkler(text, term);
  return score >= options_.threshold ? std::optional(score) : std::nullopt;
}

std::optional<double> SearchScorer::score(std::string_view text) const {
  if (terms_.empty()) return 1;
  const Runes runes = runes_of(text);
  std::optional<double> best;
  for (const Runes& term : terms_) {
    const auto score = score_of(runes, term);
    if (score && *score > best.value_or(0)) best = score;
  }
  return best;
}

}  // namespace narthex::api
