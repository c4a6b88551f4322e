// /debug/pprof: what `pprof` and continuous profilers fetch from a server (HA table of endpoints).
// Threads: free functions.
#pragma once

#include "narthex/http/message.h"
#include "narthex/http/response_writer.h"

namespace narthex::api {

// GET and POST of /debug/*subpath, the subpath as its one path parameter. profile, symbol, cmdline
// and a page that lists them; profiles of Go's runtime (heap, goroutine, trace …) are 404. A
// recording holds its handler's thread.
void handle_debug(const http::Request& request, http::ResponseWriter& out);

}  // namespace narthex::api
