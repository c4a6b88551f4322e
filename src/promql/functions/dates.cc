#include "promql/functions/dates.h"

#include <array>

namespace narthex::promql {
namespace {

constexpr std::uint64_t kSecondsPerDay = 86'400;
// From 1 January of the year -292277022399, where a cycle of 400 years begins, to 1970.
constexpr std::uint64_t kDaysFromZero = 106'751'991'073'094;
constexpr std::array<unsigned, 13> kDaysBeforeMonth = {0,   31,  59,  90,  120, 151, 181,
                                                       212, 243, 273, 304, 334, 365};

constexpr bool is_leap(std::int64_t year) noexcept {
  return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

constexpr unsigned days_in(std::int64_t year, unsigned month) noexcept {
  return kDaysBeforeMonth[month] - kDaysBeforeMonth[month - 1] +
         (month == 2 && is_leap(year) ? 1U : 0U);
}

}  // namespace

CivilTime civil_time(std::int64_t unix_seconds) noexcept {
  // Counted from the year -292277022399, unsigned: what lies before wraps to the far future, as in
  // Prometheus. That is what NaN and infinities, the smallest integer here, are shown as.
  const std::uint64_t since_zero =
      static_cast<std::uint64_t>(unix_seconds) + kDaysFromZero * kSecondsPerDay;
  const auto days = static_cast<std::int64_t>(since_zero / kSecondsPerDay - kDaysFromZero);
  const std::uint64_t second = since_zero % kSecondsPerDay;
  CivilTime out;
  out.hour = static_cast<unsigned>(second / 3600);
  out.minute = static_cast<unsigned>(second / 60 % 60);
  out.weekday = static_cast<unsigned>(((days + 4) % 7 + 7) % 7);  // 1970-01-01 was a Thursday.

  // Eras of 400 years repeat exactly; within one, count from 1 March so that the leap day comes
  // last.
  constexpr std::int64_t kDaysPerEra = 146'097;
  const std::int64_t shifted = days + 719'468;  // Days from 0000-03-01.
  const std::int64_t era = (shifted >= 0 ? shifted : shifted - (kDaysPerEra - 1)) / kDaysPerEra;
  const auto day_of_era = static_cast<unsigned>(shifted - era * kDaysPerEra);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_from_march =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned month_from_march = (5 * day_from_march + 2) / 153;
  out.day = day_from_march - (153 * month_from_march + 2) / 5 + 1;
  out.month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  out.year = static_cast<std::int64_t>(year_of_era) + era * 400 + (out.month <= 2 ? 1 : 0);
  out.day_of_year =
      kDaysBeforeMonth[out.month - 1] + out.day + (out.month > 2 && is_leap(out.year) ? 1U : 0U);
  out.days_in_month = days_in(out.year, out.month);
  return out;
}

}  // namespace narthex::promql
