// Sockets that systemd opened for this process (socket activation, sd_listen_fds(3)).
// Threads: at start only.
#pragma once

#include <vector>

#include "narthex/util/result.h"

namespace narthex::server {

// kNotFound when there are none. What starts other programs from here does not hand them on.
util::Result<std::vector<int>> inherited_sockets();

}  // namespace narthex::server
