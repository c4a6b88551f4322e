#include "narthex/storage/appender.h"
#include "narthex/storage/queryable.h"

namespace narthex::storage {

std::string_view append_outcome_text(AppendOutcome outcome) noexcept {
  switch (outcome) {
    case AppendOutcome::kOk:
      return "";
    case AppendOutcome::kDuplicate:
      return "duplicate sample for timestamp";
    case AppendOutcome::kOutOfOrder:
      return "out of order sample";
    case AppendOutcome::kOutOfBounds:
      return "out of bounds";
    case AppendOutcome::kTooOld:
      return "too old sample";
    case AppendOutcome::kUnknownSeries:
      return "unknown series";
    case AppendOutcome::kInvalidHistogram:
      return "invalid histogram";
  }
  return "";
}

util::Result<void> Deadline::check() const {
  if (stop.stop_requested()) return util::fail(util::Code::kCanceled, "query was canceled");
  if (clock != nullptr && clock->steady_ns() >= at_ns)
    return util::fail(util::Code::kTimeout, "query timed out");
  return {};
}

}  // namespace narthex::storage
