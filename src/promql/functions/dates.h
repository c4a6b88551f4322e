// Parts of a UTC date, for PromQL's date functions. Any 64-bit number of seconds is accepted.
#pragma once

#include <cstdint>

namespace narthex::promql {

struct CivilTime {
  std::int64_t year = 1970;
  unsigned month = 1;  // 1…12
  unsigned day = 1;    // 1…31
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned weekday = 4;      // 0 = Sunday.
  unsigned day_of_year = 1;  // 1…366
  unsigned days_in_month = 31;
};

[[nodiscard]] CivilTime civil_time(std::int64_t unix_seconds) noexcept;

}  // namespace narthex::promql
