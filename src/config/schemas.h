// Which of the configuration's types have a table, and how their words are read. The tables are in
// schema_*.cc.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "narthex/config/config.h"
#include "narthex/config/size.h"

#include "config/codec.h"

namespace narthex::config {

// What upstream's `inline` HTTP client keys must fulfil together; `node` is the map that holds
// them.
void finish_http_client(Decoder& decoder, const yaml::Node& node, http::ClientOptions& out);
// Reads and checks scrape_protocols; `where` ends the messages ("for global config").
void finish_scrape_protocols(Decoder& decoder, const yaml::Node& node, std::string_view where,
                             std::optional<std::vector<exposition::ScrapeProtocol>>& out);
util::Result<exposition::ScrapeProtocol> parse_protocol(std::string_view text);
// An address as it may be shown: the password in it, if any, is xxxxx.
[[nodiscard]] std::string without_password(std::string_view url);
// The headers that a configured one must not replace; `name` in any case.
[[nodiscard]] bool is_reserved_header(std::string_view name);
util::Result<model::NameScheme> parse_name_scheme(std::string_view text);
std::string_view name_scheme_text(model::NameScheme scheme);
util::Result<exposition::EscapingScheme> parse_escaping(std::string_view text);

// The file as a whole; Config without what is not written in it.
template <>
const Schema<Config>& schema_of<Config>();
template <>
const Schema<GlobalSection>& schema_of<GlobalSection>();
template <>
const Schema<RuntimeSection>& schema_of<RuntimeSection>();
template <>
const Schema<LimitsSection>& schema_of<LimitsSection>();
template <>
const Schema<StorageSection>& schema_of<StorageSection>();
template <>
const Schema<TsdbSection>& schema_of<TsdbSection>();
template <>
const Schema<ChunkEncodingSection>& schema_of<ChunkEncodingSection>();
template <>
const Schema<RetentionSection>& schema_of<RetentionSection>();
template <>
const Schema<ExemplarsSection>& schema_of<ExemplarsSection>();
template <>
const Schema<ScrapeSection>& schema_of<ScrapeSection>();
template <>
const Schema<discovery::StaticConfig>& schema_of<discovery::StaticConfig>();
template <>
const Schema<relabel::RelabelRule>& schema_of<relabel::RelabelRule>();
template <>
const Schema<http::ClientOptions>& schema_of<http::ClientOptions>();
template <>
const Schema<http::BasicAuth>& schema_of<http::BasicAuth>();
template <>
const Schema<http::Authorization>& schema_of<http::Authorization>();
template <>
const Schema<http::OAuth2>& schema_of<http::OAuth2>();
template <>
const Schema<http::ProxyOptions>& schema_of<http::ProxyOptions>();
template <>
const Schema<http::TlsOptions>& schema_of<http::TlsOptions>();
template <>
const Schema<http::ConfiguredHeader>& schema_of<http::ConfiguredHeader>();

template <>
struct Codec<GlobalSection> : StructCodec<GlobalSection> {};
template <>
struct Codec<RuntimeSection> : StructCodec<RuntimeSection> {};
template <>
struct Codec<StorageSection> : StructCodec<StorageSection> {};
template <>
struct Codec<TsdbSection> : StructCodec<TsdbSection> {};
template <>
struct Codec<ChunkEncodingSection> : StructCodec<ChunkEncodingSection> {};
template <>
struct Codec<RetentionSection> : StructCodec<RetentionSection> {};
template <>
struct Codec<ExemplarsSection> : StructCodec<ExemplarsSection> {};
template <>
struct Codec<ScrapeSection> : StructCodec<ScrapeSection> {};
template <>
struct Codec<discovery::StaticConfig> : StructCodec<discovery::StaticConfig> {};
template <>
struct Codec<relabel::RelabelRule> : StructCodec<relabel::RelabelRule> {};
template <>
struct Codec<http::BasicAuth> : StructCodec<http::BasicAuth> {};
template <>
struct Codec<http::Authorization> : StructCodec<http::Authorization> {};
template <>
struct Codec<http::OAuth2> : StructCodec<http::OAuth2> {};
template <>
struct Codec<http::TlsOptions> : StructCodec<http::TlsOptions> {};
template <>
struct Codec<http::ConfiguredHeader> : StructCodec<http::ConfiguredHeader> {};

template <>
struct Codec<exposition::ScrapeProtocol>
    : WordCodec<exposition::ScrapeProtocol, parse_protocol, exposition::scrape_protocol_text> {};
template <>
struct Codec<model::NameScheme>
    : WordCodec<model::NameScheme, parse_name_scheme, name_scheme_text> {};
template <>
struct Codec<exposition::EscapingScheme>
    : WordCodec<exposition::EscapingScheme, parse_escaping, exposition::escaping_scheme_text> {};

template <>
struct Codec<Size> {
  static std::string_view type_name() { return "string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, Size& out);
  static yaml::Node encode(const Size& value) { return yaml::scalar(format_size(value.bytes)); }
  static bool is_empty(const Size& value) { return value.bytes == 0; }
};

// Name → text. The names are checked where the section's validation scheme is known.
template <>
struct Codec<model::Labels> {
  static std::string_view type_name() { return "map[string]string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, model::Labels& out);
  static yaml::Node encode(const model::Labels& labels);
  static bool is_empty(const model::Labels& labels) { return labels.empty(); }
};

// Name → text, for what are no labels.
using TextMap = std::vector<std::pair<std::string, std::string>>;
template <>
struct Codec<TextMap> {
  static std::string_view type_name() { return "map[string]string"; }
  static void decode(Decoder& decoder, const yaml::Node& node, TextMap& out);
  static yaml::Node encode(const TextMap& map);
  static bool is_empty(const TextMap& map) { return map.empty(); }
};

// Name → list of texts.
template <>
struct Codec<Params> {
  static std::string_view type_name() { return "url.Values"; }
  static void decode(Decoder& decoder, const yaml::Node& node, Params& out);
  static yaml::Node encode(const Params& params);
  static bool is_empty(const Params& params) { return params.empty(); }
};

}  // namespace narthex::config
