// JSON web tokens, signed with an RSA key, as the JWT-bearer grant of OAuth 2 wants them (RFC 7519,
// RFC 7523).
#pragma once

#include <string>
#include <string_view>

#include "narthex/http/client_options.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::http {

// What the client of `options` says about itself, signed with `key_pem`; good for an hour from
// `now` on. kInvalidArgument: no RSA key in PEM.
util::Result<std::string> make_assertion(const OAuth2& options, std::string_view key_pem,
                                         util::WallNs now);

}  // namespace narthex::http
