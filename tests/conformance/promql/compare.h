// Compares query results with what a script expects (README.md, "Comparing").
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "narthex/promql/query_result.h"

#include "conformance/promql/script.h"

namespace narthex::conformance {

struct Point {
  model::TimestampMs time = 0;
  promql::NotatedValue value;  // Never omitted.
};

struct PointSeries {
  model::Labels labels;
  std::vector<Point> points;  // Ascending in time.
};

[[nodiscard]] std::vector<PointSeries> points_of(const promql::QueryResult& result);
// What the script's series should be at these times; trailing and omitted values are no points.
[[nodiscard]] std::vector<PointSeries> expected_points(
    const std::vector<promql::NotatedSeries>& series, const Steps& steps);

[[nodiscard]] bool same_float(double a, double b) noexcept;
[[nodiscard]] std::optional<std::string> different(const promql::NotatedValue& want,
                                                   const promql::NotatedValue& got);

enum class Order { kAny, kAsListed };
// Appends what differs.
void compare_series(const std::vector<PointSeries>& want, const std::vector<PointSeries>& got,
                    Order order, std::vector<std::string>& problems);
void require_sorted(const std::vector<PointSeries>& series, std::vector<std::string>& problems);

void compare_annotations(const Eval& eval, const promql::Annotations& got,
                         std::vector<std::string>& problems);

}  // namespace narthex::conformance
