// MetricFamily messages in protobuf's text format, which people read with curl (PR-F2, PR-F4).
// Format: https://protobuf.dev/reference/protobuf/textformat-spec/. Threads: free functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace narthex::api {

// One field a line and two spaces a level, or one family a line.
enum class ProtobufLayout : std::uint8_t { kLines, kCompact };

// Appends each of the messages in `delimited`, an empty line behind each of kLines. Precondition:
// bytes that append_protobuf_family() or append_protobuf_families() wrote.
void append_protobuf_text(std::string& out, std::string_view delimited, ProtobufLayout layout);

}  // namespace narthex::api
