// Targets from DNS records.
#pragma once

#include "discovery/context.h"

namespace narthex::discovery {

// `servers` ("host:port,…") stand in for those of /etc/resolv.conf.
[[nodiscard]] std::unique_ptr<Discoverer> make_dns_discoverer(const DnsOptions& options,
                                                              const Context& context,
                                                              std::string servers = {});

}  // namespace narthex::discovery
