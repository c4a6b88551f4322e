// HTTP client keys (reference: configuration, section 4).
#include <algorithm>
#include <array>
#include <unordered_set>

#include "config/schemas.h"

namespace narthex::config {

using http::Authorization;
using http::BasicAuth;
using http::ClientOptions;
using http::ConfiguredHeader;
using http::OAuth2;
using http::ProxyOptions;
using http::Secret;
using http::TlsOptions;
using http::TlsVersion;

namespace {

util::Result<TlsVersion> parse_tls_version(std::string_view text) {
  if (text == "TLS10") return TlsVersion::kTls10;
  if (text == "TLS11") return TlsVersion::kTls11;
  if (text == "TLS12") return TlsVersion::kTls12;
  if (text == "TLS13") return TlsVersion::kTls13;
  return util::fail(util::Code::kInvalidArgument, fmt::format("unknown TLS version: {}", text));
}

std::string_view tls_version_text(TlsVersion version) {
  switch (version) {
    case TlsVersion::kTls10:
      return "TLS10";
    case TlsVersion::kTls11:
      return "TLS11";
    case TlsVersion::kTls12:
      return "TLS12";
    case TlsVersion::kTls13:
      return "TLS13";
  }
  return "TLS12";
}

constexpr std::array<std::string_view, 18> kReservedHeaders = {
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256"};

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

// As HTTP libraries show it: x-foo → X-Foo.
std::string canonical(std::string_view name) {
  std::string out = lower(name);
  bool starts_word = true;
  for (char& c : out) {
    if (starts_word && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    starts_word = c == '-';
  }
  return out;
}

bool is_token(std::string_view text) {
  static constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kTokenMarks.contains(c);
  });
}

bool has_line_break(const std::vector<std::string>& values) {
  return std::ranges::any_of(
      values, [](const std::string& v) { return v.find_first_of("\r\n") != std::string::npos; });
}

void check_header(Decoder& decoder, const yaml::Node& node, const ConfiguredHeader& header) {
  if (is_reserved_header(header.name)) {
    decoder.fail(node, fmt::format("setting header \"{}\" is not allowed", canonical(header.name)));
  } else if (!is_token(header.name)) {
    decoder.fail(node, fmt::format("{} is not a valid header name", model::quoted(header.name)));
  } else if (has_line_break(header.values) || has_line_break(header.secrets)) {
    decoder.fail(node, fmt::format("header {} has a value with a line break", header.name));
  }
}

bool both(const Secret& secret) {
  return !secret.text.empty() && !secret.file.empty();
}

void check_tls(Decoder& decoder, const yaml::Node& node, TlsOptions& tls) {
  for (const auto& [secret, name] :
       {std::pair(&tls.ca, "ca"), std::pair(&tls.cert, "cert"), std::pair(&tls.key, "key")}) {
    if (both(*secret)) {
      return decoder.fail(
          node, fmt::format("at most one of {0}, {0}_file & {0}_ref must be configured", name));
    }
  }
  if (!tls.cert.empty() && tls.key.empty()) {
    return decoder.fail(node,
                        "exactly one of key or key_file must be configured when a client "
                        "certificate is configured");
  }
  if (!tls.key.empty() && tls.cert.empty()) {
    return decoder.fail(
        node,
        "exactly one of cert or cert_file must be configured when a client key is configured");
  }
  if (tls.version_max && *tls.version_max < tls.version_min) {
    decoder.fail(node,
                 "tls_config.max_version must be greater than or equal to tls_config.min_version "
                 "if both are specified");
  }
}

}  // namespace

std::string without_password(std::string_view url) {
  const std::size_t scheme = url.find("://");
  const std::size_t start = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t at = url.substr(0, url.find('/', start)).rfind('@');
  const std::size_t colon = url.find(':', start);
  if (at == std::string_view::npos || colon == std::string_view::npos || colon > at) {
    return std::string(url);
  }
  return fmt::format("{}:xxxxx{}", url.substr(0, colon), url.substr(at));
}

bool is_reserved_header(std::string_view name) {
  return std::ranges::find(kReservedHeaders, lower(name)) != kReservedHeaders.end();
}

template <>
struct Codec<TlsVersion> : WordCodec<TlsVersion, parse_tls_version, tls_version_text> {};

// Header name → what it is set to.
template <>
struct Codec<std::vector<ConfiguredHeader>> {
  static std::string_view type_name() { return "map[string]config.Header"; }
  static void decode(Decoder& decoder, const yaml::Node& node, std::vector<ConfiguredHeader>& out) {
    if (node.kind != yaml::Kind::kMap) return decoder.type_error(node, type_name());
    out.clear();
    std::unordered_set<std::string_view> names;
    for (const auto& [key, value] : node.entries) {
      ConfiguredHeader header;
      decode_struct(decoder, value, header);
      header.name = key.text;
      check_header(decoder, key, header);
      if (!names.insert(key.text).second) decoder.duplicate_map_key(key);
      out.push_back(std::move(header));
    }
    std::ranges::sort(out, {}, &ConfiguredHeader::name);
  }
  static yaml::Node encode(const std::vector<ConfiguredHeader>& headers) {
    yaml::Node out = yaml::map();
    for (const ConfiguredHeader& header : headers) {
      out.entries.emplace_back(yaml::scalar(header.name), encode_struct(header));
    }
    return out;
  }
  static bool is_empty(const std::vector<ConfiguredHeader>& headers) { return headers.empty(); }
};

template <>
const Schema<ConfiguredHeader>& schema_of<ConfiguredHeader>() {
  static const Schema<ConfiguredHeader> schema = [] {
    Schema<ConfiguredHeader> s{"config.Header", {}, nullptr};
    s.fields.push_back(field<&ConfiguredHeader::values>("values"));
    Field<ConfiguredHeader> secrets = field<&ConfiguredHeader::secrets>("secrets");
    secrets.encode = [](const ConfiguredHeader& header, yaml::Node& out) {
      if (header.secrets.empty()) return;
      const std::vector<std::string> redacted(header.secrets.size(), std::string(kRedacted));
      out.entries.emplace_back(yaml::scalar("secrets"),
                               Codec<std::vector<std::string>>::encode(redacted));
    };
    s.fields.push_back(std::move(secrets));
    s.fields.push_back(field<&ConfiguredHeader::files>("files"));
    return s;
  }();
  return schema;
}

template <>
const Schema<BasicAuth>& schema_of<BasicAuth>() {
  static const Schema<BasicAuth> schema{
      "config.BasicAuth",
      {field_at<BasicAuth>("username", [](BasicAuth& a) -> auto& { return a.username.text; }),
       field_at<BasicAuth>("username_file", [](BasicAuth& a) -> auto& { return a.username.file; }),
       unsupported_field<BasicAuth>("username_ref"),
       secret_field<BasicAuth>("password", [](BasicAuth& a) -> auto& { return a.password.text; }),
       field_at<BasicAuth>("password_file", [](BasicAuth& a) -> auto& { return a.password.file; }),
       unsupported_field<BasicAuth>("password_ref")},
      [](Decoder& decoder, const yaml::Node& node, BasicAuth& auth) {
        if (both(auth.username)) {
          decoder.fail(node,
                       "at most one of basic_auth username, username_file & username_ref must be "
                       "configured");
        } else if (both(auth.password)) {
          decoder.fail(node,
                       "at most one of basic_auth password, password_file & password_ref must be "
                       "configured");
        }
      }};
  return schema;
}

template <>
const Schema<Authorization>& schema_of<Authorization>() {
  static const Schema<Authorization> schema{
      "config.Authorization",
      {field<&Authorization::type>("type"),
       secret_field<Authorization>("credentials",
                                   [](Authorization& a) -> auto& { return a.credentials.text; }),
       field_at<Authorization>("credentials_file",
                               [](Authorization& a) -> auto& { return a.credentials.file; }),
       unsupported_field<Authorization>("credentials_ref")},
      [](Decoder& decoder, const yaml::Node& node, Authorization& auth) {
        const std::size_t first = auth.type.find_first_not_of(" \t");
        const std::size_t last = auth.type.find_last_not_of(" \t");
        auth.type =
            first == std::string::npos ? "Bearer" : auth.type.substr(first, last - first + 1);
        if (lower(auth.type) == "basic") {
          decoder.fail(node,
                       "authorization type cannot be set to \"basic\", use \"basic_auth\" instead");
        } else if (both(auth.credentials)) {
          decoder.fail(
              node,
              "at most one of authorization credentials & credentials_file must be configured");
        } else if (has_line_break({auth.type, auth.credentials.text})) {
          decoder.fail(node, "authorization has a value with a line break");
        }
      }};
  return schema;
}

template <>
const Schema<TlsOptions>& schema_of<TlsOptions>() {
  static const Schema<TlsOptions> schema = [] {
    Schema<TlsOptions> s{
        "config.plain",
        {field_at<TlsOptions>("ca", [](TlsOptions& t) -> auto& { return t.ca.text; }),
         field_at<TlsOptions>("cert", [](TlsOptions& t) -> auto& { return t.cert.text; }),
         secret_field<TlsOptions>("key", [](TlsOptions& t) -> auto& { return t.key.text; }),
         field_at<TlsOptions>("ca_file", [](TlsOptions& t) -> auto& { return t.ca.file; }),
         field_at<TlsOptions>("cert_file", [](TlsOptions& t) -> auto& { return t.cert.file; }),
         field_at<TlsOptions>("key_file", [](TlsOptions& t) -> auto& { return t.key.file; }),
         unsupported_field<TlsOptions>("ca_ref"), unsupported_field<TlsOptions>("cert_ref"),
         unsupported_field<TlsOptions>("key_ref"), field<&TlsOptions::server_name>("server_name"),
         field<&TlsOptions::insecure_skip_verify>("insecure_skip_verify", Print::kAlways)},
        check_tls};
    Field<TlsOptions> version_min = field<&TlsOptions::version_min>("min_version");
    version_min.encode = [](const TlsOptions& tls, yaml::Node& out) {
      if (tls.version_min == TlsOptions{}.version_min) return;
      out.entries.emplace_back(yaml::scalar("min_version"),
                               Codec<TlsVersion>::encode(tls.version_min));
    };
    s.fields.push_back(std::move(version_min));
    s.fields.push_back(field<&TlsOptions::version_max>("max_version"));
    return s;
  }();
  return schema;
}

namespace {

// A row for an address, printed without the password that it may carry.
template <auto kMember>
auto url_field(std::string key) {
  auto row = field<kMember>(key);
  row.encode = [key](const auto& s, yaml::Node& out) {
    if ((s.*kMember).empty()) return;
    out.entries.emplace_back(yaml::scalar(key), yaml::scalar(without_password(s.*kMember)));
  };
  return row;
}

bool is_proxy_scheme(std::string_view scheme) {
  return scheme == "http" || scheme == "https" || scheme == "socks5" || scheme == "socks5h";
}

void check_proxy(Decoder& decoder, const yaml::Node& node, const ProxyOptions& proxy) {
  if (!proxy.connect_headers.empty() && !proxy.from_environment && proxy.url.empty()) {
    decoder.fail(node,
                 "if proxy_connect_header is configured, proxy_url or proxy_from_environment must "
                 "also be configured");
  } else if (proxy.from_environment && !proxy.url.empty()) {
    decoder.fail(node, "if proxy_from_environment is configured, proxy_url must not be configured");
  } else if (proxy.from_environment && !proxy.no_proxy.empty()) {
    decoder.fail(node, "if proxy_from_environment is configured, no_proxy must not be configured");
  } else if (proxy.url.empty() && !proxy.no_proxy.empty()) {
    decoder.fail(node, "if no_proxy is configured, proxy_url must also be configured");
  } else if (const std::size_t scheme = proxy.url.find("://");
             scheme != std::string::npos && !is_proxy_scheme(lower(proxy.url.substr(0, scheme)))) {
    decoder.not_built(*node.find("proxy_url"),
                      fmt::format("a proxy of scheme {}", proxy.url.substr(0, scheme)));
  }
}

void check_oauth2(Decoder& decoder, const yaml::Node& node, OAuth2& oauth2) {
  constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  const bool is_jwt = oauth2.grant_type == kJwtBearer;
  check_proxy(decoder, node, oauth2.proxy);
  if (!oauth2.grant_type.empty() && oauth2.grant_type != "client_credentials" && !is_jwt) {
    return decoder.fail(
        node, fmt::format("oauth2 grant_type must be client_credentials or {}, got {}", kJwtBearer,
                          model::quoted(oauth2.grant_type)));
  }
  if (oauth2.client_id.empty()) return decoder.fail(node, "oauth2 client_id must be configured");
  if (oauth2.token_url.empty()) return decoder.fail(node, "oauth2 token_url must be configured");
  if (both(oauth2.client_secret)) {
    return decoder.fail(node,
                        "at most one of oauth2 client_secret, client_secret_file & "
                        "client_secret_ref must be configured using grant-type=client_credentials");
  }
  if (both(oauth2.client_certificate_key)) {
    return decoder.fail(node,
                        "at most one of client_certificate_key & client_certificate_key_file must "
                        "be configured using grant-type=" +
                            std::string(kJwtBearer));
  }
  static constexpr std::array<std::string_view, 4> kAlgorithms = {"", "RS256", "RS384", "RS512"};
  if (std::ranges::find(kAlgorithms, oauth2.signature_algorithm) == kAlgorithms.end()) {
    return decoder.fail(node, "valid signature algorithms are RS256, RS384, RS512");
  }
}

}  // namespace

void Codec<TextMap>::decode(Decoder& decoder, const yaml::Node& node, TextMap& out) {
  if (node.kind != yaml::Kind::kMap) return decoder.type_error(node, type_name());
  out.clear();
  std::unordered_set<std::string_view> names;
  for (const auto& [key, value] : node.entries) {
    if (!names.insert(key.text).second) decoder.duplicate_map_key(key);
    auto& text = out.emplace_back(key.text, std::string{}).second;
    if (value.kind != yaml::Kind::kNull) Codec<std::string>::decode(decoder, value, text);
  }
  std::ranges::sort(out);
}

yaml::Node Codec<TextMap>::encode(const TextMap& map) {
  yaml::Node out = yaml::map();
  for (const auto& [name, value] : map)
    out.entries.emplace_back(yaml::scalar(name), yaml::scalar(value));
  return out;
}

template <>
const Schema<ProxyOptions>& schema_of<ProxyOptions>() {
  static const Schema<ProxyOptions> schema = [] {
    Schema<ProxyOptions> s{
        "config.plain",
        {url_field<&ProxyOptions::url>("proxy_url"), field<&ProxyOptions::no_proxy>("no_proxy"),
         field<&ProxyOptions::from_environment>("proxy_from_environment")},
        nullptr};
    Field<ProxyOptions> headers = field<&ProxyOptions::connect_headers>("proxy_connect_header");
    headers.encode = [](const ProxyOptions& proxy, yaml::Node& out) {
      if (proxy.connect_headers.empty()) return;
      Params redacted = proxy.connect_headers;
      for (auto& [name, values] : redacted) values.assign(values.size(), std::string(kRedacted));
      out.entries.emplace_back(yaml::scalar("proxy_connect_header"),
                               Codec<Params>::encode(redacted));
    };
    s.fields.push_back(std::move(headers));
    return s;
  }();
  return schema;
}

namespace {

Field<OAuth2> oauth2_tls_field() {
  Field<OAuth2> row = field<&OAuth2::tls>("tls_config");
  row.encode = [encode = row.encode](const OAuth2& oauth2, yaml::Node& out) {
    if (oauth2.tls != TlsOptions{}) encode(oauth2, out);
  };
  return row;
}

}  // namespace

template <>
const Schema<OAuth2>& schema_of<OAuth2>() {
  static const Schema<OAuth2> schema = [] {
    using S = OAuth2;
    Schema<S> s{
        "config.plain",
        {field<&S::client_id>("client_id"),
         secret_field<S>("client_secret", [](S& o) -> auto& { return o.client_secret.text; }),
         field_at<S>("client_secret_file", [](S& o) -> auto& { return o.client_secret.file; }),
         unsupported_field<S>("client_secret_ref"),
         field<&S::client_certificate_key_id>("client_certificate_key_id"),
         secret_field<S>("client_certificate_key",
                         [](S& o) -> auto& { return o.client_certificate_key.text; }),
         field_at<S>("client_certificate_key_file",
                     [](S& o) -> auto& { return o.client_certificate_key.file; }),
         unsupported_field<S>("client_certificate_key_ref"), field<&S::grant_type>("grant_type"),
         field<&S::signature_algorithm>("signature_algorithm"), field<&S::issuer>("iss"),
         field<&S::audience>("audience"), field<&S::claims>("claims"), field<&S::scopes>("scopes"),
         url_field<&S::token_url>("token_url"), field<&S::endpoint_params>("endpoint_params"),
         oauth2_tls_field()},
        check_oauth2};
    add_fields(s, inline_fields<&S::proxy>());
    return s;
  }();
  return schema;
}

namespace {

Field<ClientOptions> tls_field() {
  Field<ClientOptions> row = field<&ClientOptions::tls>("tls_config");
  row.encode = [encode = row.encode](const ClientOptions& http, yaml::Node& out) {
    if (http.tls != TlsOptions{}) encode(http, out);
  };
  return row;
}

// bearer_token and bearer_token_file become an authorization (finish_http_client) and are printed
// as one.
Field<ClientOptions> bearer_field(std::string key) {
  Field<ClientOptions> row;
  row.key = std::move(key);
  row.decode = [](Decoder& decoder, const yaml::Node& node, ClientOptions&) {
    if (node.kind == yaml::Kind::kSequence || node.kind == yaml::Kind::kMap)
      decoder.type_error(node, "string");
  };
  row.encode = [](const ClientOptions&, yaml::Node&) {};
  return row;
}

std::string text_under(const yaml::Node& node, std::string_view key) {
  const yaml::Node* value = node.find(key);
  return value == nullptr ? std::string() : value->text;
}

}  // namespace

template <>
const Schema<ClientOptions>& schema_of<ClientOptions>() {
  static const Schema<ClientOptions> schema = [] {
    Schema<ClientOptions> s{
        "config.plain",
        {field<&ClientOptions::basic_auth>("basic_auth"),
         field<&ClientOptions::authorization>("authorization"),
         field<&ClientOptions::oauth2>("oauth2"), bearer_field("bearer_token"),
         bearer_field("bearer_token_file"), tls_field(),
         field<&ClientOptions::follow_redirects>("follow_redirects", Print::kAlways),
         field<&ClientOptions::enable_http2>("enable_http2", Print::kAlways)},
        nullptr};
    add_fields(s, inline_fields<&ClientOptions::proxy>());
    s.fields.push_back(field<&ClientOptions::headers>("http_headers"));
    return s;
  }();
  return schema;
}

void finish_http_client(Decoder& decoder, const yaml::Node& node, http::ClientOptions& out) {
  const Secret bearer{text_under(node, "bearer_token"), text_under(node, "bearer_token_file")};
  if (both(bearer))
    return decoder.fail(node, "at most one of bearer_token & bearer_token_file must be configured");
  if (!bearer.empty() && (out.basic_auth || out.oauth2)) {
    return decoder.fail(
        node,
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (!bearer.empty() && out.authorization) {
    return decoder.fail(node,
                        "authorization is not compatible with bearer_token & bearer_token_file");
  }
  if ((out.authorization ? 1 : 0) + (out.basic_auth ? 1 : 0) + (out.oauth2 ? 1 : 0) > 1) {
    return decoder.fail(node,
                        "at most one of basic_auth, oauth2 & authorization must be configured");
  }
  check_proxy(decoder, node, out.proxy);
  if (has_line_break({bearer.text})) return decoder.fail(node, "bearer_token has a line break");
  if (!bearer.empty()) out.authorization = Authorization{"Bearer", bearer};
}

}  // namespace narthex::config
