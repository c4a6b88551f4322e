// Evaluates one list of matchers on the index.
//
// A matcher that an absent label does not satisfy is positive: the union of its values' postings
// holds the answer. One that an absent label satisfies is negative: the postings of the values that
// do not match are taken away. Equality and literal alternatives are resolved first, under the
// lock; what is left (regular expressions, "label is present", …) runs over the label's values or,
// when few series are left by then, over the values that those have. Threads: confined.
#pragma once

#include <span>
#include <vector>

#include "narthex/model/matcher.h"

#include "tsdb/index/label_index.h"

namespace narthex::tsdb {

class Selection {
 public:
  Selection(const LabelIndex& index, const storage::Deadline& deadline)
      : index_(index), deadline_(deadline) {}
  util::Result<std::vector<SelectedSeries>> run(std::span<const model::Matcher> matchers);

 private:
  struct Deferred {
    const model::Matcher* matcher;
    NameId name;
    std::size_t value_count;
    bool positive;
  };

  // Sorts the matcher into the lists below.
  void classify(const model::Matcher& matcher) NX_REQUIRES_SHARED(index_.mutex_);
  void classify_values(const model::Matcher& matcher, NameId name,
                       std::span<const std::string> values) NX_REQUIRES_SHARED(index_.mutex_);
  void intersect_positives() NX_REQUIRES_SHARED(index_.mutex_);
  void subtract_negatives() NX_REQUIRES_SHARED(index_.mutex_);
  [[nodiscard]] IdList unite(std::span<const PairId> pairs) const NX_REQUIRES_SHARED(index_.mutex_);
  void take_all_series() NX_REQUIRES_SHARED(index_.mutex_);

  // Runs the matcher over all values of its label.
  util::Result<void> apply_by_values(const Deferred& deferred);
  util::Result<std::vector<SelectedSeries>> collect() const;
  // Runs the matcher over the values that the series have, each value once.
  util::Result<void> filter(const Deferred& deferred, std::vector<SelectedSeries>& series) const;

  const LabelIndex& index_;
  const storage::Deadline& deadline_;
  std::vector<std::vector<PairId>> positives_;
  std::vector<PairId> negatives_;
  std::vector<Deferred> deferred_;
  bool empty_ = false;  // Some matcher holds for no series.
  bool have_base_ = false;
  IdList base_;
};

}  // namespace narthex::tsdb
