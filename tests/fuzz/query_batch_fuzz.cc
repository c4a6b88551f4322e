// Any bytes as the body of query_batch: refused with a reason, or a list within its bounds.
#include <cstdint>
#include <string_view>

#include "narthex/util/check.h"
#include "narthex/util/utf8.h"

#include "api/batch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto queries = api::parse_batch(text);
  if (!queries) {
    NX_CHECK(queries.error().type == api::ErrorType::kBadData, "another type of error");
    NX_CHECK(!queries.error().message.empty(), "an error without a reason");
    return 0;
  }
  NX_CHECK(queries->size() <= api::kBatchQueriesMax, "{} queries", queries->size());
  for (const api::BatchQuery& query : *queries) {
    NX_CHECK(!query.id.empty() && query.id.size() <= api::kBatchIdBytesMax, "an id of {} bytes",
             query.id.size());
    NX_CHECK(util::is_valid_utf8(query.id), "an id that is no text");
    for (const auto& [name, value] : query.params.pairs())
      NX_CHECK(!value.empty() && util::is_valid_utf8(value), "{} is no text", name);
  }
  return 0;
}
