// Targets from DNS records.
#pragma once

#include "discovery/context.h"
#include "discovery/dns_lookup.h"

namespace narthex::discovery {

[[nodiscard]] std::unique_ptr<Discoverer> make_dns_discoverer(const DnsOptions& options,
                                                              const Context& context,
                                                              DnsServers servers = {});

}  // namespace narthex::discovery
