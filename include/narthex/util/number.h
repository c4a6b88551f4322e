// Decimal text of floating point numbers, both ways, as Prometheus reads and writes them.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace narthex::util {

// Reads the whole of `text` as a decimal or hexadecimal (0x…p…) floating point number: optional
// sign, "Inf" and "NaN" in any case, overflow gives ±Inf. No blanks, no underscores. nullopt if
// anything is left over or nothing is there.
[[nodiscard]] std::optional<double> parse_double(std::string_view text) noexcept;

// Enough for any shortest form below with the exponent; the plain form can take 330 bytes.
inline constexpr std::size_t kDoubleTextBytesMax = 344;

// Shortest digits that read back as the same number, never an exponent: "0.1", "1e300" as 301
// digits, "NaN", "+Inf", "-Inf".
std::size_t format_plain(double value, char* out) noexcept;
void append_plain(std::string& out, double value);
// Sample values in JSON and text exposition: plain, or exponent form if |x| < 1e-6 (but not 0) or
// >= 1e21: "1e+22", "1e-07".
std::size_t format_value(double value, char* out) noexcept;
void append_value(std::string& out, double value);
// The 'g' form with shortest digits: exponent form when the decimal exponent is < -4 or >= 6:
// "123456", "1.234567e+06".
void append_general(std::string& out, double value);
// OpenMetrics label form of `le` and `quantile`: as the 'g' form, and ".0" is added to whole
// numbers: "1.0", "1e+06", "+Inf".
void append_openmetrics(std::string& out, double value);

}  // namespace narthex::util
