#include "narthex/config/web_config.h"

#include <algorithm>
#include <array>
#include <span>

#include <fmt/format.h>

#include "narthex/yaml/tree.h"

#include "config/codec.h"
#include "config/go_duration.h"
#include "config/paths.h"
#include "config/schemas.h"

namespace narthex::config {

using http::AccessOptions;
using http::ClientAuth;
using http::RateLimitOptions;
using http::ServerTlsOptions;
using util::Code;

namespace {

constexpr std::uint64_t kFileBytesMax = std::uint64_t{1} << 20U;

struct HeaderRule {
  std::string_view name;
  std::vector<std::string_view> values;  // Empty: any.
};

std::span<const HeaderRule> header_rules() {
  static const std::array<HeaderRule, 5> rules = {{{"Strict-Transport-Security", {}},
                                                   {"X-Content-Type-Options", {"nosniff"}},
                                                   {"X-Frame-Options", {"deny", "sameorigin"}},
                                                   {"X-XSS-Protection", {}},
                                                   {"Content-Security-Policy", {}}}};
  return rules;
}

struct HttpSection {
  bool http2 = true;  // Read for the sake of the file; this server speaks HTTP/1.1.
  TextMap headers;
};

struct WebSection {
  ServerTlsOptions tls;
  bool has_tls = false;
  HttpSection http;
  TextMap users;
  RateLimitOptions rate_limit;
};

util::Result<ClientAuth> parse_client_auth(std::string_view text) {
  if (text.empty() || text == "NoClientCert") return ClientAuth::kNone;
  if (text == "RequestClientCert") return ClientAuth::kRequest;
  if (text == "RequireAnyClientCert" || text == "RequireClientCert") return ClientAuth::kRequireAny;
  if (text == "VerifyClientCertIfGiven") return ClientAuth::kVerifyIfGiven;
  if (text == "RequireAndVerifyClientCert") return ClientAuth::kRequireAndVerify;
  return util::fail(Code::kInvalidArgument, fmt::format("Invalid ClientAuth: {}", text));
}

const yaml::Node& node_at(const yaml::Node& node, std::string_view key) {
  const yaml::Node* const found = node.find(key);
  return found == nullptr ? node : *found;
}

void check_secret(Decoder& decoder, const yaml::Node& node, const http::Secret& secret,
                  std::string_view key) {
  if (!secret.text.empty() && !secret.file.empty())
    decoder.fail(node_at(node, key), fmt::format("both {0} and {0}_file are set", key));
}

void check_server_section(Decoder& decoder, const yaml::Node& node, ServerTlsOptions& tls) {
  check_secret(decoder, node, tls.cert, "cert");
  check_secret(decoder, node, tls.key, "key");
  check_secret(decoder, node, tls.client_ca, "client_ca");
  for (const std::string& name : tls.cipher_suites) {
    if (!http::is_cipher_suite(name))
      decoder.fail(node_at(node, "cipher_suites"), fmt::format("unknown cipher: {}", name));
  }
  for (const std::string& name : tls.curves) {
    if (!http::is_curve(name))
      decoder.fail(node_at(node, "curve_preferences"), fmt::format("unknown curve: {}", name));
  }
  if (tls.version_max < tls.version_min) {
    decoder.fail(node_at(node, "max_version"), "max_version is older than min_version");
  }
  const bool is_default = tls.cert.empty() && tls.key.empty() && tls.client_ca.empty() &&
                          tls.client_auth == ClientAuth::kNone;
  if (is_default) return;  // As if the section were not there.
  if (tls.cert.empty()) return decoder.fail(node, "missing one of cert or cert_file");
  if (tls.key.empty()) return decoder.fail(node, "missing one of key or key_file");
  if (!tls.client_ca.empty() && tls.client_auth == ClientAuth::kNone) {
    decoder.fail(node_at(node, tls.client_ca.file.empty() ? "client_ca" : "client_ca_file"),
                 "Client CA's have been configured without a Client Auth Policy");
  }
}

void check_http_section(Decoder& decoder, const yaml::Node& node, HttpSection& section) {
  const yaml::Node& headers = node_at(node, "headers");
  for (const auto& [name, value] : section.headers) {
    const auto rules = header_rules();
    const auto rule = std::ranges::find(rules, name, &HeaderRule::name);
    if (rule == rules.end()) {
      decoder.fail(headers, fmt::format("HTTP header \"{}\" can not be configured", name));
    } else if (!rule->values.empty() &&
               std::ranges::find(rule->values, value) == rule->values.end()) {
      decoder.fail(node_at(headers, name),
                   fmt::format("invalid value for {}. Expected one of: [\"{}\"], but got: \"{}\"",
                               name, fmt::join(rule->values, "\" \""), value));
    } else if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos) {
      decoder.fail(node_at(headers, name),
                   fmt::format("the value of {} has a line break or NUL", name));
    }
  }
}

// The hash itself is never shown.
void check_web_section(Decoder& decoder, const yaml::Node& node, WebSection& section) {
  const yaml::Node& users = node_at(node, "basic_auth_users");
  for (const auto& [user, hash] : section.users) {
    if (!http::is_bcrypt_hash(hash)) {
      decoder.fail(node_at(users, user),
                   fmt::format("basic_auth_users: the password of \"{}\" is no bcrypt hash "
                               "($2y$… of 60 characters)",
                               user));
    }
  }
  const ServerTlsOptions& tls = section.tls;
  section.has_tls = !tls.cert.empty();
}

// Rows that are read only: this file is not printed.
template <class S, class Decode>
Field<S> read_row(std::string key, Decode decode) {
  Field<S> row;
  row.key = std::move(key);
  row.decode = [decode](Decoder& decoder, const yaml::Node& node, S& out) {
    if (node.kind != yaml::Kind::kNull) decode(decoder, node, out);
  };
  row.encode = [](const S&, yaml::Node&) {};
  return row;
}

void decode_version(Decoder& decoder, const yaml::Node& node, http::TlsVersion& out) {
  static constexpr std::array<std::string_view, 4> kNames = {"TLS10", "TLS11", "TLS12", "TLS13"};
  std::string text;
  Codec<std::string>::decode(decoder, node, text);
  const auto* const found = std::ranges::find(kNames, text);
  if (found == kNames.end())
    return decoder.fail(node, fmt::format("unknown TLS version: {}", text));
  out = static_cast<http::TlsVersion>(found - kNames.begin());
}

// A number without a unit counts nanoseconds.
void decode_interval(Decoder& decoder, const yaml::Node& node, RateLimitOptions& out) {
  std::int64_t ns = 0;
  if (yaml::tag_of(node) == "!!int") {
    Codec<std::int64_t>::decode(decoder, node, ns);
    out.interval = std::chrono::nanoseconds(ns);
    return;
  }
  const auto interval =
      node.kind == yaml::Kind::kScalar ? parse_go_duration(node.text) : std::nullopt;
  if (!interval) return decoder.type_error(node, "time.Duration");
  out.interval = *interval;
}

}  // namespace

template <>
const Schema<ServerTlsOptions>& schema_of<ServerTlsOptions>() {
  using T = ServerTlsOptions;
  static const Schema<T> schema{
      "web.TLSConfig",
      {field_at<T>("cert", [](T& t) -> auto& { return t.cert.text; }),
       field_at<T>("key", [](T& t) -> auto& { return t.key.text; }),
       field_at<T>("client_ca", [](T& t) -> auto& { return t.client_ca.text; }),
       field_at<T>("cert_file", [](T& t) -> auto& { return t.cert.file; }),
       field_at<T>("key_file", [](T& t) -> auto& { return t.key.file; }),
       field_at<T>("client_ca_file", [](T& t) -> auto& { return t.client_ca.file; }),
       field<&T::client_allowed_sans>("client_allowed_sans"),
       field<&T::cipher_suites>("cipher_suites"), field<&T::curves>("curve_preferences"),
       field<&T::prefer_server_cipher_suites>("prefer_server_cipher_suites"),
       read_row<T>("client_auth_type",
                   [](Decoder& decoder, const yaml::Node& node, T& out) {
                     std::string text;
                     Codec<std::string>::decode(decoder, node, text);
                     const auto parsed = parse_client_auth(text);
                     if (!parsed) return decoder.fail(node, parsed.error().message());
                     out.client_auth = *parsed;
                   }),
       read_row<T>("min_version", [](Decoder& decoder, const yaml::Node& node,
                                     T& out) { decode_version(decoder, node, out.version_min); }),
       read_row<T>("max_version", [](Decoder& decoder, const yaml::Node& node,
                                     T& out) { decode_version(decoder, node, out.version_max); })},
      check_server_section};
  return schema;
}

template <>
const Schema<HttpSection>& schema_of<HttpSection>() {
  static const Schema<HttpSection> schema{
      "web.HTTPConfig",
      {field<&HttpSection::http2>("http2"), field<&HttpSection::headers>("headers")},
      check_http_section};
  return schema;
}

template <>
const Schema<RateLimitOptions>& schema_of<RateLimitOptions>() {
  static const Schema<RateLimitOptions> schema{
      "web.RateLimiterConfig",
      {read_row<RateLimitOptions>("interval", decode_interval),
       field<&RateLimitOptions::burst>("burst")}};
  return schema;
}

template <>
const Schema<WebSection>& schema_of<WebSection>() {
  static const Schema<WebSection> schema{
      "web.Config",
      {read_row<WebSection>("tls_server_config",
                            [](Decoder& decoder, const yaml::Node& node, WebSection& out) {
                              decode_struct(decoder, node, out.tls);
                            }),
       read_row<WebSection>("http_server_config",
                            [](Decoder& decoder, const yaml::Node& node, WebSection& out) {
                              decode_struct(decoder, node, out.http);
                            }),
       field<&WebSection::users>("basic_auth_users"),
       read_row<WebSection>("rate_limit",
                            [](Decoder& decoder, const yaml::Node& node, WebSection& out) {
                              decode_struct(decoder, node, out.rate_limit);
                            })},
      check_web_section};
  return schema;
}

util::Result<AccessOptions> load_web_config_text(std::string_view text, const std::string& name) {
  const auto bad = [&name](std::string_view message, std::uint32_t line) {
    const std::string where = line == 0 ? "" : fmt::format(" (at {}:{})", name, line);
    return util::fail(Code::kInvalidArgument,
                      fmt::format("parsing web configuration file {}: {}{}", name, message, where));
  };
  const auto document = yaml::parse(text);
  if (!document) return bad(document.error().message, document.error().line);
  Decoder decoder;
  WebSection section;
  decode_struct(decoder, document->root, section);
  if (const auto failure = decoder.failure()) return bad(failure->message, failure->line);

  AccessOptions out;
  if (section.has_tls) {
    const std::string directory = directory_of(name);
    for (http::Secret* secret : {&section.tls.cert, &section.tls.key, &section.tls.client_ca})
      secret->file = resolve_path(directory, secret->file);
    out.tls = std::move(section.tls);
  }
  out.headers = std::move(section.http.headers);
  out.users = std::move(section.users);
  out.rate_limit = section.rate_limit;
  return out;
}

util::Result<std::shared_ptr<const AccessOptions>> WebConfigFile::current() {
  NX_ASSIGN(std::string text, env_.read_file(path_, kFileBytesMax));
  const util::MutexLock lock(mutex_);
  if (!loaded_ || text != text_) {
    auto options = load_web_config_text(text, path_);
    loaded_ =
        options
            ? std::make_unique<Loaded>(std::make_shared<const AccessOptions>(*std::move(options)))
            : std::make_unique<Loaded>(std::unexpected(std::move(options).error()));
    text_ = std::move(text);
  }
  return *loaded_;
}

}  // namespace narthex::config
