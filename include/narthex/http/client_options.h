// How an HTTP client authenticates and connects: the HTTP client keys of the configuration (inline
// in every section that has one). Plain values; the client itself is client.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace narthex::http {

// At most one of `text` and `file` is set. A file is read again for every request and its white
// space trimmed.
struct Secret {
  std::string text;
  std::string file;
  [[nodiscard]] bool empty() const noexcept { return text.empty() && file.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;
};

struct BasicAuth {
  Secret username;
  Secret password;
  friend bool operator==(const BasicAuth&, const BasicAuth&) = default;
};

// The header `Authorization: <type> <credentials>`; bearer_token is a Bearer authorization.
struct Authorization {
  std::string type = "Bearer";
  Secret credentials;
  friend bool operator==(const Authorization&, const Authorization&) = default;
};

enum class TlsVersion : std::uint8_t { kTls10, kTls11, kTls12, kTls13 };

struct TlsOptions {
  Secret ca;    // PEM; empty = the system's certificates.
  Secret cert;  // PEM; set together with key.
  Secret key;
  std::string server_name;  // Empty = the host of the URL.
  bool insecure_skip_verify = false;
  TlsVersion version_min = TlsVersion::kTls12;
  std::optional<TlsVersion> version_max;
  friend bool operator==(const TlsOptions&, const TlsOptions&) = default;
};

// One entry of http_headers: every value becomes a header line of that name.
struct ConfiguredHeader {
  std::string name;
  std::vector<std::string> values;
  std::vector<std::string> secrets;
  std::vector<std::string> files;
  friend bool operator==(const ConfiguredHeader&, const ConfiguredHeader&) = default;
};

// The proxy keys. A proxy is of scheme http, https, or socks5 (or socks5h, which is the same: names
// are looked up by the proxy).
struct ProxyOptions {
  std::string url;
  std::string no_proxy;
  bool from_environment = false;
  std::vector<std::pair<std::string, std::vector<std::string>>> connect_headers;  // Secret values.
  friend bool operator==(const ProxyOptions&, const ProxyOptions&) = default;
};

// A token fetched by the client-credentials grant, or by that of RFC 7523 ("…:jwt-bearer") with an
// assertion signed by client_certificate_key.
struct OAuth2 {
  std::string client_id;
  Secret client_secret;
  Secret client_certificate_key;
  std::string client_certificate_key_id;
  std::string grant_type;
  std::string signature_algorithm;
  std::string issuer;
  std::string audience;
  std::vector<std::pair<std::string, std::string>> claims;
  std::vector<std::string> scopes;
  std::string token_url;
  std::vector<std::pair<std::string, std::string>> endpoint_params;
  TlsOptions tls;
  ProxyOptions proxy;
  friend bool operator==(const OAuth2&, const OAuth2&) = default;
};

struct ClientOptions {
  std::optional<BasicAuth> basic_auth;  // At most one of these three.
  std::optional<Authorization> authorization;
  std::optional<OAuth2> oauth2;
  TlsOptions tls;
  ProxyOptions proxy;
  bool follow_redirects = true;
  bool enable_http2 = true;  // Accepted; HTTP/1.1 is what we speak.
  std::vector<ConfiguredHeader> headers;
  friend bool operator==(const ClientOptions&, const ClientOptions&) = default;
};

}  // namespace narthex::http
