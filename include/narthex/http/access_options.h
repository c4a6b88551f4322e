// Who may talk to the server and how: TLS, users, response headers. The web configuration file of
// Prometheus is these values (--web.config.file).
// Threads: values.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "narthex/http/client_options.h"
#include "narthex/util/result.h"

namespace narthex::http {

// What is asked of a client's certificate.
enum class ClientAuth : std::uint8_t {
  kNone,
  kRequest,           // Asked for; any is taken, and none.
  kRequireAny,        // There must be one; nobody looks who signed it.
  kVerifyIfGiven,     // One that is there must be signed by the client CA.
  kRequireAndVerify,  // There must be one, signed by the client CA.
};

struct ServerTlsOptions {
  Secret cert;
  Secret key;
  Secret client_ca;  // Empty: the system's certificates.
  ClientAuth client_auth = ClientAuth::kNone;
  // Not empty: a client's certificate must be for one of these names (DNS, e-mail, IP, URI).
  std::vector<std::string> client_allowed_sans;
  TlsVersion version_min = TlsVersion::kTls12;
  TlsVersion version_max = TlsVersion::kTls13;
  // Names as IANA has them; empty: a safe choice. TLS 1.3 always offers all of its own.
  std::vector<std::string> cipher_suites;
  bool prefer_server_cipher_suites = true;
  std::vector<std::string> curves;  // "CurveP256", "X25519"; empty: OpenSSL's choice.
  friend bool operator==(const ServerTlsOptions&, const ServerTlsOptions&) = default;
};
// Names that the two lists above may hold.
[[nodiscard]] bool is_cipher_suite(std::string_view name) noexcept;
[[nodiscard]] bool is_curve(std::string_view name) noexcept;

// A token bucket over all requests of all clients: one more request every `interval`, up to `burst`
// at once. No limit if the interval is not positive; else nobody gets in if `burst` is not.
struct RateLimitOptions {
  std::chrono::nanoseconds interval{0};
  std::int64_t burst = 0;
  friend bool operator==(const RateLimitOptions&, const RateLimitOptions&) = default;
};

struct AccessOptions {
  std::optional<ServerTlsOptions> tls;  // Unset: plain HTTP.
  // Sent with every answer that does not set them itself.
  std::vector<std::pair<std::string, std::string>> headers;
  // Name and bcrypt hash. Empty: everybody may come in.
  std::vector<std::pair<std::string, std::string>> users;
  // Of the start: a server looks at it once.
  RateLimitOptions rate_limit;
  friend bool operator==(const AccessOptions&, const AccessOptions&) = default;
};
// Whether passwords can be compared with `text`: "$2y$10$…", 60 characters.
[[nodiscard]] bool is_bcrypt_hash(std::string_view text) noexcept;
// Reads certificates and keys, and makes of them what a server needs. kInvalidArgument or kIo: they
// are no good.
util::Result<void> check_server_tls(const ServerTlsOptions& options);

// What is in force at this moment; asked for every request and every connection, from any thread.
// Equal answers are the same object.
using AccessLoader = std::function<util::Result<std::shared_ptr<const AccessOptions>>()>;

}  // namespace narthex::http
