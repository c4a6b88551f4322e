// The four types of PromQL values.
#pragma once

#include <cstdint>
#include <string_view>

namespace narthex::promql {

enum class ValueType : std::uint8_t { kScalar, kString, kVector, kMatrix };
// scalar, string, vector, matrix: the API's resultType.
[[nodiscard]] std::string_view value_type_text(ValueType type) noexcept;
// scalar, string, instant vector, range vector: as the documentation and most messages call them.
[[nodiscard]] std::string_view value_type_title(ValueType type) noexcept;

}  // namespace narthex::promql
