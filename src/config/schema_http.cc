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
using http::Secret;
using http::TlsOptions;
using http::TlsVersion;

namespace {

constexpr std::string_view kRedacted = "<secret>";

// A row whose value is never printed.
template <class S, class Get>
Field<S> secret_field(std::string key, Get get) {
  Field<S> row = field_at<S>(key, get);
  row.encode = [get, key](const S& s, yaml::Node& out) {
    if (get(const_cast<S&>(s)).empty()) return;  // `get` only finds.
    out.entries.emplace_back(yaml::scalar(key), yaml::scalar(std::string(kRedacted)));
  };
  return row;
}

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
  if (std::ranges::find(kReservedHeaders, lower(header.name)) != kReservedHeaders.end()) {
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
  static const Schema<ClientOptions> schema{
      "config.plain",
      {field<&ClientOptions::basic_auth>("basic_auth"),
       field<&ClientOptions::authorization>("authorization"),
       unsupported_field<ClientOptions>("oauth2"), bearer_field("bearer_token"),
       bearer_field("bearer_token_file"), tls_field(),
       field<&ClientOptions::follow_redirects>("follow_redirects", Print::kAlways),
       field<&ClientOptions::enable_http2>("enable_http2", Print::kAlways),
       unsupported_field<ClientOptions>("proxy_url"), unsupported_field<ClientOptions>("no_proxy"),
       unsupported_field<ClientOptions>("proxy_from_environment"),
       unsupported_field<ClientOptions>("proxy_connect_header"),
       field<&ClientOptions::headers>("http_headers")},
      nullptr};
  return schema;
}

void finish_http_client(Decoder& decoder, const yaml::Node& node, http::ClientOptions& out) {
  const Secret bearer{text_under(node, "bearer_token"), text_under(node, "bearer_token_file")};
  if (both(bearer))
    return decoder.fail(node, "at most one of bearer_token & bearer_token_file must be configured");
  if (!bearer.empty() && out.basic_auth) {
    return decoder.fail(
        node,
        "at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be configured");
  }
  if (!bearer.empty() && out.authorization) {
    return decoder.fail(node,
                        "authorization is not compatible with bearer_token & bearer_token_file");
  }
  if (out.authorization && out.basic_auth) {
    return decoder.fail(node,
                        "at most one of basic_auth, oauth2 & authorization must be configured");
  }
  if (has_line_break({bearer.text})) return decoder.fail(node, "bearer_token has a line break");
  if (!bearer.empty()) out.authorization = Authorization{"Bearer", bearer};
}

}  // namespace narthex::config
