#include <fmt/format.h>

#include "narthex/storage/appender.h"
#include "narthex/storage/queryable.h"
#include "narthex/util/number.h"

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

std::string refusal_text(const Refusal& refusal, model::TimestampMs timestamp, double value) {
  std::string out(append_outcome_text(refusal.outcome));
  if (refusal.outcome != AppendOutcome::kDuplicate) return out;
  out += fmt::format(" {}; overrides not allowed: existing ", timestamp);
  if (refusal.existing_is_histogram) {
    out += "is a histogram";
  } else {
    util::append_general(out, refusal.existing);
  }
  out += ", new value ";
  util::append_general(out, value);
  return out;
}

util::Result<void> Deadline::check() const {
  if (stop.stop_requested()) return util::fail(util::Code::kCanceled, "query was canceled");
  if (clock != nullptr && clock->steady_ns() >= at_ns)
    return util::fail(util::Code::kTimeout, "query timed out");
  return {};
}

}  // namespace narthex::storage
