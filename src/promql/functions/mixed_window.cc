#include "promql/functions/mixed_window.h"

namespace narthex::promql {
namespace {

bool is_change(const AnySample& before, const AnySample& now) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (now.histogram != nullptr) return !same_histogram(*now.histogram, *before.histogram);
  return now.value != before.value && !(std::isnan(now.value) && std::isnan(before.value));
}

}  // namespace

bool is_counter_reset(const AnySample& before, const AnySample& now) {
  if ((before.histogram == nullptr) != (now.histogram == nullptr)) return true;
  if (starts_anew(before, now)) return true;
  if (now.histogram != nullptr) return is_reset(*now.histogram, *before.histogram);
  return now.value < before.value;
}

double count_events(const RangeSamples& samples, const MixedWindow& window, Event event) {
  double count = 0;
  std::optional<AnySample> before;
  visit_in_time(samples, window, [&](const AnySample& now) {
    if (before) {
      const bool happened =
          event == Event::kReset ? is_counter_reset(*before, now) : is_change(*before, now);
      count += happened ? 1 : 0;
    }
    before = now;
  });
  return count;
}

}  // namespace narthex::promql
