// DNS queries by record type, which the system's resolver functions do not offer (c-ares).
#pragma once

#include <chrono>
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

// Who is asked.
struct DnsServers {
  std::string addresses;                     // "host:port,…"; empty: those of /etc/resolv.conf.
  std::chrono::milliseconds timeout{2'000};  // Of the first attempt; later ones wait longer.
};

// The records of `name`, looked up with the search list of /etc/resolv.conf, over UDP and, where an
// answer is too long for it, TCP. Empty: the name does not exist or has no such
// records. kIo, kTimeout: nobody could tell.
async::Task<std::vector<DnsRecord>> look_up_dns(std::string name, DnsRecordType type,
                                                DnsServers servers);

}  // namespace narthex::discovery
