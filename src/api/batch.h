// POST /query_batch: many queries in one request, each answered as soon as it is ready. This is
// what the request says; docs/formats/query_batch.md describes request and answer.
// Threads: values and free functions.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/message.h"

#include "api/api_error.h"

namespace narthex::api {

// What one request may ask for.
inline constexpr std::size_t kBatchBytesMax = 1U << 20U;
inline constexpr std::size_t kBatchQueriesMax = 1000;
inline constexpr std::size_t kBatchIdBytesMax = 256;

enum class BatchAccept : std::uint8_t { kJson, kColumns };

struct BatchQuery {
  std::string id;     // Of this request's queries no other has it.
  http::Form params;  // As of /query or /query_range.
  bool is_range = false;
  bool with_exemplars = false;
  BatchAccept accept = BatchAccept::kJson;
  std::string source;  // Which server's data; empty: this one's.
};

// bad_data: the text is not a list of queries. Whether each can be evaluated shows later, so that
// one that cannot spoils no other.
[[nodiscard]] ApiResult<std::vector<BatchQuery>> parse_batch(std::string_view body);

}  // namespace narthex::api
