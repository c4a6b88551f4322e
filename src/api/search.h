// How well a name fits what somebody types: the scores of the search API. Threads: immutable.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace narthex::api {

enum class FuzzyAlgorithm : std::uint8_t { kSubsequence, kJaroWinkler };

struct SearchOptions {
  std::vector<std::string> terms;  // One of them has to fit; none: everything does.
  FuzzyAlgorithm algorithm = FuzzyAlgorithm::kSubsequence;
  double threshold = 0;  // [0, 1]
  bool case_sensitive = true;
};

class SearchScorer {
 public:
  explicit SearchScorer(SearchOptions options);
  // (0, 1], of the term that fits best; nullopt: none does. Of long texts the first 1024 characters
  // count.
  [[nodiscard]] std::optional<double> score(std::string_view text) const;

 private:
  using Runes = std::u32string;
  [[nodiscard]] Runes runes_of(std::string_view text) const;
  [[nodiscard]] std::optional<double> score_of(const Runes& text, const Runes& term) const;

  SearchOptions options_;
  std::vector<Runes> terms_;
};

// How well the characters of `term` stand in `text` in their order: 1 for a prefix, less for gaps
// and for what follows; 0: they do not.
[[nodiscard]] double subsequence_score(std::u32string_view text, std::u32string_view term);
// [0, 1]
[[nodiscard]] double jaro_winkler(std::u32string_view a, std::u32string_view b);

}  // namespace narthex::api
