// The server's own metrics as protobuf and as the JSON of the same messages; the text format is the
// registry's. Threads: free functions.
#pragma once

#include <span>
#include <string>

#include "narthex/telemetry/registry.h"

namespace narthex::api {

// io.prometheus.client.MetricFamily messages, each behind its length.
void append_protobuf_families(std::string& out,
                              std::span<const telemetry::FamilySnapshot> families);
// One such message in the canonical JSON of protobuf.
void append_json_family(std::string& out, const telemetry::FamilySnapshot& family);

}  // namespace narthex::api
