// Histograms in series notation: what stands between {{ and }}, and their sums.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "narthex/model/histogram.h"

namespace narthex::promql {

struct NotationProblem {
  std::size_t offset = 0;  // In the whole text.
  std::string message;
};

struct NotatedHistogram {
  model::FloatHistogram histogram;
  bool hint_stated = false;
};

// Reads {{…}} from text[pos]; moves pos behind it. A problem if it is malformed.
[[nodiscard]] std::optional<NotationProblem> read_histogram(std::string_view text, std::size_t& pos,
                                                            NotatedHistogram& out);

// a + sign·b in a's layout. Precondition: can_combine().
[[nodiscard]] model::FloatHistogram combined(const model::FloatHistogram& a,
                                             const model::FloatHistogram& b, double sign);
// Empty if they can be put together, else what is wrong.
[[nodiscard]] std::string combine_problem(const model::FloatHistogram& a,
                                          const model::FloatHistogram& b);

}  // namespace narthex::promql
