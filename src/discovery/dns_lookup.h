// DNS queries by record type, which the system's resolver functions do not offer (c-ares).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "narthex/async/task.h"
#include "narthex/discovery/options.h"

namespace narthex::discovery {

struct DnsRecord {
  std::string host;        // A name without the dot at its end, or an address.
  std::uint16_t port = 0;  // Of SRV.
};

// The records of `name`, looked up with the servers and the search list of /etc/resolv.conf, over
// UDP and, where an answer is too long for it, TCP. Empty: the name does not exist or has no such
// records. kIo, kTimeout: nobody could tell. `servers` ("host:port,…") stand in for those of the
// system.
async::Task<std::vector<DnsRecord>> look_up_dns(std::string name, DnsRecordType type,
                                                std::string servers);

}  // namespace narthex::discovery
