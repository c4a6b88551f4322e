// SOCKS version 5 (RFC 1928), as a client: asking a proxy for a connection to a host.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "narthex/http/url.h"
#include "narthex/util/result.h"

namespace narthex::http {

// What is said to the proxy, and what its answers mean. Threads: values.
struct SocksMessages {
  std::string greeting;     // Which ways to log in we know.
  std::string credentials;  // User name and password (RFC 1929), if the proxy asks for them.
  std::string request;      // Where to. A name is looked up by the proxy.
};
// kInvalidArgument: a host name, user or password too long for the protocol.
util::Result<SocksMessages> socks_messages(const Url& target, const Url& proxy);
// Whether the proxy wants the credentials, from its two bytes. Errors: it is none, or wants
// something else.
util::Result<bool> socks_wants_credentials(std::string_view choice);
// Of the two bytes that answer the credentials.
util::Result<void> check_socks_login(std::string_view answer);
// How many bytes follow the first five of the answer to the request; the error is the proxy's
// reason.
util::Result<std::size_t> socks_rest_bytes(std::string_view first_five);

}  // namespace narthex::http
