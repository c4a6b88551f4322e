// What a query fetches from storage: equal selectors over overlapping times are selected, and
// decoded, once.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "narthex/model/matcher.h"
#include "narthex/storage/queryable.h"

#include "promql/engine/context.h"

namespace narthex::promql {

// One select and the samples of its series. Threads: read() may be called from several at once.
class Selection {
 public:
  Selection(model::Matchers matchers, model::TimeRange range)
      : matchers_(std::move(matchers)), range_(range) {}
  Selection(const Selection&) = delete;
  Selection& operator=(const Selection&) = delete;
  ~Selection();

  // Asks storage, once. Call before anything below.
  util::Result<void> open(QueryContext& context);
  [[nodiscard]] const storage::SeriesSet& set() const noexcept { return *set_; }

  // The samples of a series over the whole range, stale markers included: in `buffer` (which is
  // empty), or in a copy kept for the next one who asks, when several do and there is room. Valid
  // as long as both the selection and `buffer`.
  util::Result<const storage::SampleColumns*> read(QueryContext& context, std::size_t index,
                                                   storage::SampleColumns& buffer) const;

 private:
  friend class Selections;
  model::Matchers matchers_;
  model::TimeRange range_;
  std::size_t uses_ = 1;
  std::unique_ptr<storage::Querier> querier_;
  std::unique_ptr<storage::SeriesSet> set_;
  // By series, for selections with several uses; owned; published with release, read with acquire.
  mutable std::vector<std::atomic<const storage::SampleColumns*>> kept_;
  mutable std::atomic<std::uint64_t> kept_bytes_{0};
  Budget* budget_ = nullptr;
};

// Threads: confined to the thread that plans.
class Selections {
 public:
  // Announces that the plan will ask for these series in this range.
  void announce(const model::Matchers& matchers, model::TimeRange range);
  // A select that only became known while other parts of the query were evaluated.
  util::Result<Selection*> open_now(QueryContext& context, model::Matchers matchers,
                                    model::TimeRange range);
  // The selection that covers it. Precondition: announced.
  util::Result<Selection*> get(QueryContext& context, const model::Matchers& matchers,
                               model::TimeRange range);

 private:
  std::vector<std::unique_ptr<Selection>> selections_;
};

}  // namespace narthex::promql
