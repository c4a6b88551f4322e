// Answers as messages: application/vnd.narthex.columns (docs/formats/query_batch.md).
// Threads: free functions; confined to the writer's thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/http/response_writer.h"

#include "api/evaluation.h"

namespace narthex::api {

inline constexpr std::string_view kColumnsType = "application/vnd.narthex.columns";

// Magic, header's length, body's length.
inline constexpr std::size_t kMessagePrefixBytes = 16;
// Labels, histograms and exemplars of one answer; they are in memory twice while it is written.
inline constexpr std::size_t kColumnsHeaderBytesMax = 64U << 20U;

// True for what lies on a grid of steps: vectors, and matrices of range queries.
[[nodiscard]] bool fits_columns(const Evaluation& evaluation, bool is_range) noexcept;

// The header of a message of columns. `exemplars` is JSON, or empty.
// kExecution: it would be longer than kColumnsHeaderBytesMax.
ApiResult<std::string> columns_header(std::string_view id, const Evaluation& evaluation,
                                      std::string_view exemplars);
// The header of a message that says what went wrong.
[[nodiscard]] std::string error_header(std::string_view id, const ApiError& error);

// "NXC1" with that header and a body of columns; `result` null: without one.
util::Result<void> write_columns(http::ResponseWriter& out, std::string header,
                                 const promql::QueryResult* result);
// "NXJ1", no header, and a body of so many bytes that the caller writes next, then
// padding_of(bytes) zeros.
util::Result<void> write_json_prefix(http::ResponseWriter& out, std::uint64_t body_bytes);
[[nodiscard]] std::string_view padding_of(std::uint64_t bytes) noexcept;

}  // namespace narthex::api
