// Any text as the labels of relabel:debug: refused with a reason, or a sorted set of labels without
// empty ones.
#include <cstdint>
#include <string_view>

#include "narthex/util/check.h"

#include "api/label_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const auto labels = api::parse_labels({reinterpret_cast<const char*>(data), size});
  if (!labels) {
    NX_CHECK(labels.error().type == api::ErrorType::kBadData, "another type of error");
    NX_CHECK(!labels.error().message.empty(), "an error without a reason");
    return 0;
  }
  std::string_view last;
  for (const auto& label : *labels) {
    NX_CHECK(!label.value.empty(), "{} is empty", label.name);
    NX_CHECK(last.empty() || last < label.name, "{} is not after {}", label.name, last);
    last = label.name;
  }
  return 0;
}
