#include "promql/engine/selection.h"

#include <algorithm>

#include "narthex/util/check.h"

namespace narthex::promql {
namespace {

// Decoding twice costs a few nanoseconds a sample; keeping more than this would make a query's
// memory grow with its range and its series.
constexpr std::uint64_t kKeptBytesMax = std::uint64_t{16} << 20U;

std::uint64_t bytes_of(const storage::SampleColumns& samples) noexcept {
  constexpr std::uint64_t kFloatBytes = sizeof(model::TimestampMs) + sizeof(double);
  constexpr std::uint64_t kHistogramBytes =
      sizeof(model::TimestampMs) + sizeof(model::FloatHistogram);
  std::uint64_t bytes =
      sizeof(samples) + samples.float_values.size() * kFloatBytes +
      (samples.float_starts.size() + samples.histogram_starts.size()) * sizeof(model::TimestampMs);
  for (const model::FloatHistogram& h : samples.histograms) {
    bytes += kHistogramBytes +
             sizeof(model::Span) * (h.positive_spans.size() + h.negative_spans.size()) +
             sizeof(double) *
                 (h.positive_buckets.size() + h.negative_buckets.size() + h.custom_values.size());
  }
  return bytes;
}

// Storage's failures keep their message; what the API calls an internal error.
util::Error storage_error(const QueryContext& context, util::Error error) {
  using util::Code;
  if (error.code() == Code::kTimeout || error.code() == Code::kCanceled) {
    const auto state = context.check();
    if (!state) return state.error();
  }
  if (error.code() == Code::kUnavailable || error.code() == Code::kLimitExceeded) return error;
  return {Code::kInternal, error.message()};
}

}  // namespace

Selection::~Selection() {
  for (const auto& slot : kept_)
    delete slot.load();  // Owned by hand: an atomic cannot hold a unique_ptr.
  if (budget_ != nullptr) budget_->release_bytes(kept_bytes_.load());
}

util::Result<void> Selection::open(QueryContext& context) {
  if (set_) return {};
  budget_ = &context.budget;
  auto querier = context.storage.querier(range_);
  if (!querier) return std::unexpected(storage_error(context, std::move(querier).error()));
  querier_ = *std::move(querier);
  auto set = querier_->select(matchers_, storage::SeriesOrder::kAny, context.deadline);
  if (!set) return std::unexpected(storage_error(context, std::move(set).error()));
  set_ = *std::move(set);
  if (uses_ > 1) kept_ = std::vector<std::atomic<const storage::SampleColumns*>>(set_->size());
  return {};
}

util::Result<const storage::SampleColumns*> Selection::read(QueryContext& context,
                                                            std::size_t index,
                                                            storage::SampleColumns& buffer) const {
  if (!kept_.empty()) {
    // Acquire: partner of the release below.
    if (const auto* kept = kept_[index].load(std::memory_order_acquire)) return kept;
  }
  if (auto read = set_->read(index, range_, buffer); !read) {
    return std::unexpected(storage_error(context, std::move(read).error()));
  }
  context.samples.add_read(buffer.float_values.size() + buffer.histograms.size());
  if (kept_.empty()) return &buffer;

  const std::uint64_t bytes = bytes_of(buffer);
  // No room to keep it: the next one decodes again.
  if (kept_bytes_.load() > kKeptBytesMax || !context.budget.charge_bytes(bytes)) return &buffer;
  auto copy = std::make_unique<const storage::SampleColumns>(buffer);
  const storage::SampleColumns* expected = nullptr;
  if (kept_[index].compare_exchange_strong(expected, copy.get(), std::memory_order_acq_rel)) {
    kept_bytes_.fetch_add(bytes);
    return copy.release();
  }
  context.budget.release_bytes(bytes);  // Another thread was faster.
  return expected;
}

void Selections::announce(const model::Matchers& matchers, model::TimeRange range) {
  for (const auto& selection : selections_) {
    // Far apart (x and x offset 1w): what lies between must not be decoded.
    if (selection->matchers_ != matchers || !selection->range_.overlaps(range)) continue;
    selection->range_ = {std::min(selection->range_.min, range.min),
                         std::max(selection->range_.max, range.max)};
    selection->uses_ += 1;
    return;
  }
  selections_.push_back(std::make_unique<Selection>(matchers, range));
}

util::Result<Selection*> Selections::open_now(QueryContext& context, model::Matchers matchers,
                                              model::TimeRange range) {
  auto selection = std::make_unique<Selection>(std::move(matchers), range);
  // Read twice: for values and for times.
  selection->uses_ = 2;
  NX_TRY(selection->open(context));
  selections_.push_back(std::move(selection));
  return selections_.back().get();
}

util::Result<Selection*> Selections::get(QueryContext& context, const model::Matchers& matchers,
                                         model::TimeRange range) {
  for (const auto& selection : selections_) {
    const bool covers = selection->range_.min <= range.min && range.max <= selection->range_.max;
    if (!covers || selection->matchers_ != matchers) continue;
    NX_TRY(selection->open(context));
    return selection.get();
  }
  NX_CHECK(false, "a selector was not announced");
}

}  // namespace narthex::promql
