#include "narthex/util/time_text.h"

#include <chrono>
#include <iterator>

#include <fmt/format.h>

namespace narthex::util {

void append_utc_ms(std::string& out, std::int64_t wall_ms) {
  using std::chrono::floor, std::chrono::milliseconds, std::chrono::days, std::chrono::hh_mm_ss;
  const std::chrono::sys_time<milliseconds> at{milliseconds(wall_ms)};
  const auto day = floor<days>(at);
  const std::chrono::year_month_day date(day);
  const hh_mm_ss time(at - day);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                 static_cast<unsigned>(date.day()), time.hours().count(), time.minutes().count(),
                 time.seconds().count(), time.subseconds().count());
}

}  // namespace narthex::util
