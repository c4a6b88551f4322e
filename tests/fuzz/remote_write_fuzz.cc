// Any decoded body of remote write, in both protocols: no crash, no read past the end, and columns
// that agree with the series. What a series is named by can be read or is refused.
#include <cstdint>
#include <string_view>

#include "narthex/util/check.h"

#include "api/remote_write_v2.h"
#include "api/remote_write_wire.h"

namespace {

void check(const narthex::api::WireRequest& wire) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  std::size_t samples = 0;
  storage::WriteBatch batch;
  for (const api::WireSeries& series : wire.series) {
    samples += series.sample_count;
    static_cast<void>(api::read_labels(series.labels));
  }
  NX_CHECK(samples == wire.values.size(), "{} samples counted", samples);
  NX_CHECK(samples == wire.timestamps.size(), "{} samples counted", samples);
  for (const api::WireExtra& extra : wire.extras) {
    NX_CHECK(extra.series_index < wire.series.size(), "extra of series {}", extra.series_index);
    static_cast<void>(api::read_extra(extra, 1, batch));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace narthex;  // NOLINT(google-build-using-namespace): one function.
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  api::WireRequest wire;
  if (api::read_request(body, wire)) check(wire);
  wire.clear();
  std::vector<api::BadSeries> bad;
  if (api::read_request_v2(body, wire, bad)) check(wire);
  return 0;
}
