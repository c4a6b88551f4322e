// remote_write, remote_read, alerting, otlp and tracing: keys, defaults and rules (reference:
// configuration, sections 7 to 12).
#include <algorithm>
#include <array>
#include <unordered_set>

#include "config/section.h"

namespace narthex::config {
namespace {

using Values = yaml::Node;
using Node = yaml::Node;

std::string lower_case(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  });
  return out;
}

void check_headers(Decoder& decoder, const Node& node, const Values& values,
                   std::string_view authorization_message) {
  const Node* headers = values.find("headers");
  if (headers == nullptr) return;
  for (const auto& [name, value] : headers->entries) {
    if (lower_case(name.text) == "authorization") {
      return decoder.fail(node, std::string(authorization_message));
    }
    if (is_reserved_header(name.text)) {
      return decoder.fail(
          node, fmt::format("{} is a reserved header. It must not be changed", name.text));
    }
  }
}

constexpr std::string_view kRemoteAuthorization =
    "authorization header must be changed via the basic_auth, authorization, oauth2, sigv4, "
    "azuread or google_iam parameter";

// Names must be unique where they are given.
void check_unique_names(Decoder& decoder, const Node& node, const Node& shown,
                        std::string_view what) {
  std::unordered_set<std::string_view> names;
  for (std::size_t i = 0; i < shown.items.size(); ++i) {
    const std::string_view name = text_at(shown.items[i], "name");
    if (name.empty() || names.insert(name).second) continue;
    return decoder.fail(node.items[i], fmt::format("found multiple {} configs with job name {}",
                                                   what, model::quoted(name)));
  }
}

SectionShape sigv4_shape() {
  return {
      "sigv4.plain",
      {text_key("region"), text_key("access_key"), secret_key("secret_key"), text_key("profile"),
       text_key("role_arn"), text_key("external_id"), flag_key("use_fips_sts_endpoint")},
      false,
      [](Decoder& decoder, const Node& node, const Values& values) {
        if (has_value(values, "access_key") != has_value(values, "secret_key")) {
          decoder.fail(node,
                       "must provide a AWS SigV4 Access key and Secret Key if credentials are "
                       "specified in the SigV4 config");
        }
      }};
}

// --- remote_write ---

SectionShape azuread_shape() {
  const auto part = [](std::initializer_list<std::string_view> texts, std::string_view secret) {
    SectionShape shape{"azuread.plain", {}, false, {}};
    for (const std::string_view name : texts) shape.keys.push_back(text_key(std::string(name)));
    if (!secret.empty()) shape.keys.push_back(secret_key(std::string(secret)));
    return shape;
  };
  SectionShape certificate =
      part({"client_id", "tenant_id", "certificate_path", "certificate_key_path"},
           "certificate_password");
  certificate.keys.push_back(flag_key("send_certificate_chain"));
  return {
      "azuread.plain",
      {text_key("cloud", "AzurePublic"), struct_key("managed_identity", part({"client_id"}, "")),
       struct_key("workload_identity", part({"client_id", "tenant_id", "token_file_path"}, "")),
       struct_key("oauth", part({"client_id", "tenant_id"}, "client_secret")),
       struct_key("certificate", std::move(certificate)),
       struct_key("sdk", part({"tenant_id"}, "")), text_key("scope")},
      false,
      [](Decoder& decoder, const Node& node, const Values& values) {
        static constexpr std::array<std::string_view, 3> kClouds = {"AzurePublic", "AzureChina",
                                                                    "AzureGovernment"};
        if (std::ranges::find(kClouds, text_at(values, "cloud")) == kClouds.end()) {
          return decoder.fail(node, "must provide a cloud in the Azure AD config");
        }
        int given = 0;
        for (const std::string_view key :
             {"managed_identity", "workload_identity", "oauth", "certificate", "sdk"}) {
          given += values.find(key) != nullptr ? 1 : 0;
        }
        if (given != 1) {
          decoder.fail(node,
                       "exactly one of managed_identity, workload_identity, oauth, certificate "
                       "and sdk must be provided in the Azure AD config");
        }
      }};
}

void check_queue(Decoder& decoder, const Node& node, const Values& values) {
  for (const std::string_view key :
       {"capacity", "max_shards", "min_shards", "max_samples_per_send"}) {
    if (number_at(values, key) <= 0) {
      return decoder.fail(node, fmt::format("remote write queue {} must be positive", key));
    }
  }
  if (number_at(values, "min_shards") > number_at(values, "max_shards")) {
    return decoder.fail(node, "remote write queue min_shards must not be greater than max_shards");
  }
  const auto minimum = model::parse_duration(text_at(values, "min_backoff"));
  const auto maximum = model::parse_duration(text_at(values, "max_backoff"));
  if (minimum.value_or(model::DurationMs{0}) > maximum.value_or(model::DurationMs{0})) {
    decoder.fail(node, "remote write queue max_backoff must not be less than min_backoff");
  }
}

SectionShape queue_shape() {
  return {
      "config.plain",
      {number_key("capacity", 10'000), number_key("max_shards", 50), number_key("min_shards", 1),
       number_key("max_samples_per_send", 2'000), duration_key("batch_send_deadline", "5s"),
       duration_key("min_backoff", "30ms"), duration_key("max_backoff", "5s"),
       flag_key("retry_on_http_429"), duration_key("sample_age_limit")},
      false,
      check_queue};
}

SectionShape metadata_shape() {
  return {"config.plain",
          {flag_key("send", true), duration_key("send_interval", "1m"),
           number_key("max_samples_per_send", 2'000)},
          false,
          {}};
}

void check_remote_write(Decoder& decoder, const Node& node, const Values& values) {
  if (!has_value(values, "url")) return decoder.fail(node, "url for remote_write is empty");
  check_headers(decoder, node, values, kRemoteAuthorization);
  std::string given;
  int count = 0;
  for (const std::string_view key :
       {"basic_auth", "authorization", "oauth2", "sigv4", "azuread", "google_iam"}) {
    if (values.find(key) == nullptr) continue;
    given += (given.empty() ? "" : " ") + std::string(key);
    ++count;
  }
  if (count > 1) {
    decoder.fail(node, fmt::format("at most one of basic_auth, authorization, oauth2, sigv4, "
                                   "azuread or google_iam must be configured. Currently "
                                   "configured: [{}]",
                                   given));
  }
}

SectionShape remote_write_shape() {
  return {
      "config.plain",
      {url_key("url"), duration_key("remote_timeout", "30s"), map_key("headers"),
       relabel_key("write_relabel_configs", "empty or null relabeling rule in remote write config"),
       text_key("name"), flag_key("send_exemplars"), flag_key("send_native_histograms"),
       flag_key("round_robin_dns"), flag_key("failed_request_logging"),
       choice_key("protobuf_message", {"prometheus.WriteRequest", "io.prometheus.write.v2.Request"},
                  "invalid protobuf_message value: unknown type for remote write protobuf "
                  "message {}, supported: prometheus.WriteRequest, "
                  "io.prometheus.write.v2.Request",
                  "prometheus.WriteRequest"),
       struct_key("queue_config", queue_shape()), struct_key("metadata_config", metadata_shape()),
       struct_key("sigv4", sigv4_shape()), struct_key("azuread", azuread_shape()),
       struct_key("google_iam", {"googleiam.plain", {text_key("credentials_file")}, false, {}})},
      true,
      check_remote_write};
}

SectionShape remote_read_shape() {
  return {"config.plain",
          {url_key("url"), duration_key("remote_timeout", "1m"), map_key("headers"),
           flag_key("read_recent"), text_key("name"), map_key("required_matchers"),
           flag_key("filter_external_labels", true), number_key("chunked_read_limit", 50'000'000)},
          true,
          [](Decoder& decoder, const Node& node, const Values& values) {
            if (!has_value(values, "url")) decoder.fail(node, "url for remote_read is empty");
            check_headers(decoder, node, values, kRemoteAuthorization);
          }};
}

// --- alerting ---

SectionKey static_configs_key() {
  SectionKey key;
  key.name = "static_configs";
  key.read = [](Decoder& decoder, const Node& node) {
    std::vector<discovery::StaticConfig> groups;
    Codec<std::vector<discovery::StaticConfig>>::decode(decoder, node, groups);
    for (const Node& item : node.items) {
      if (item.kind == yaml::Kind::kNull) {
        decoder.fail(item, "empty or null section in static_configs");
      }
    }
    return Codec<std::vector<discovery::StaticConfig>>::encode(groups);
  };
  return key;
}

void check_alertmanager(Decoder& decoder, const Node& node, const Values& values) {
  if (values.find("sigv4") != nullptr &&
      (has_value(values, "basic_auth") || has_value(values, "authorization") ||
       has_value(values, "oauth2"))) {
    return decoder.fail(node,
                        "basic_auth, authorization, oauth2, & sigv4 cannot be configured at once");
  }
  const Node* groups = values.find("static_configs");
  if (groups == nullptr || has_value(values, "relabel_configs")) return;
  for (const Node& group : groups->items) {
    const Node* targets = group.find("targets");
    if (targets == nullptr) continue;
    for (const Node& target : targets->items) {
      if (target.text.contains('/')) {
        return decoder.fail(node,
                            fmt::format("{} is not a valid hostname", model::quoted(target.text)));
      }
    }
  }
}

SectionShape alertmanager_shape() {
  SectionShape shape{
      "config.plain",
      {text_key("scheme", "http"), text_key("path_prefix"), duration_key("timeout", "10s"),
       choice_key("api_version", {"v2"},
                  "expected Alertmanager api version to be one of [v2] but got {}", "v2"),
       struct_key("sigv4", sigv4_shape()),
       relabel_key("relabel_configs",
                   "empty or null Alertmanager target relabeling "
                   "rule"),
       relabel_key("alert_relabel_configs", "empty or null Alertmanager alert relabeling rule"),
       static_configs_key()},
      true,
      check_alertmanager};
  for (const DiscoverySection& discovery : discovery_sections()) {
    shape.keys.push_back(list_key(discovery.key, discovery.shape,
                                  "empty or null section in service discovery configs"));
  }
  return shape;
}

SectionShape alerting_shape() {
  return {"config.plain",
          {relabel_key("alert_relabel_configs", "empty or null alert relabeling rule"),
           list_key("alertmanagers", alertmanager_shape(),
                    "empty or null alertmanager config section")},
          false,
          {}};
}

// --- otlp ---

// A list of attribute names: trimmed, none empty, none twice.
SectionKey attributes_key(std::string name) {
  SectionKey key = words_key(name);
  key.read = [read = key.read, name](Decoder& decoder, const Node& node) {
    Node list = read(decoder, node);
    std::unordered_set<std::string> seen;
    for (Node& item : list.items) {
      const std::size_t first = item.text.find_first_not_of(" \t\r\n");
      const std::size_t last = item.text.find_last_not_of(" \t\r\n");
      item.text = first == std::string::npos ? "" : item.text.substr(first, last - first + 1);
      if (item.text.empty()) {
        decoder.fail(node, fmt::format("invalid '{}': empty OTel attribute", name));
      } else if (!seen.insert(item.text).second) {
        decoder.fail(node, fmt::format("invalid '{}': duplicated OTel attribute {}", name,
                                       model::quoted(item.text)));
      }
    }
    return list;
  };
  return key;
}

SectionShape otlp_shape() {
  return {
      "config.plain",
      {attributes_key("promote_resource_attributes"), flag_key("promote_all_resource_attributes"),
       attributes_key("ignore_resource_attributes"),
       choice_key("translation_strategy",
                  {"UnderscoreEscapingWithSuffixes", "UnderscoreEscapingWithoutSuffixes",
                   "NoUTF8EscapingWithSuffixes", "NoTranslation"},
                  "unsupported OTLP translation strategy \"{}\"", "UnderscoreEscapingWithSuffixes"),
       flag_key("keep_identifying_resource_attributes"), flag_key("convert_histograms_to_nhcb"),
       flag_key("promote_scope_metadata"), flag_key("label_name_underscore_sanitization", true),
       flag_key("label_name_preserve_multiple_underscores", true)},
      false,
      [](Decoder& decoder, const Node& node, const Values& values) {
        const bool all = text_at(values, "promote_all_resource_attributes") == "true";
        if (all && has_value(values, "promote_resource_attributes")) {
          decoder.fail(node,
                       "'promote_all_resource_attributes' and 'promote_resource_attributes' cannot "
                       "be configured simultaneously");
        } else if (!all && has_value(values, "ignore_resource_attributes")) {
          decoder.fail(node,
                       "'ignore_resource_attributes' cannot be configured unless "
                       "'promote_all_resource_attributes' is true");
        }
      }};
}

SectionShape tracing_shape() {
  SectionKey fraction = key_of<double>("sampling_fraction", 0);
  return {"config.plain",
          {choice_key("client_type", {"grpc", "http"},
                      "expected tracing client type to be to be http or grpc, but got {}", "grpc"),
           text_key("endpoint"), std::move(fraction), flag_key("insecure"), map_key("headers"),
           choice_key("compression", {"", "gzip"},
                      "invalid compression type {} provided, valid "
                      "options: gzip"),
           duration_key("timeout", "10s"), tls_key()},
          false,
          [](Decoder& decoder, const Node& node, const Values& values) {
            if (!has_value(values, "endpoint")) {
              return decoder.fail(node, "tracing endpoint must be set");
            }
            check_headers(decoder, node, values,
                          "authorization header configuration is not yet supported");
          }};
}

}  // namespace

yaml::Node remote_write_section(Decoder& decoder, const yaml::Node& node) {
  static const SectionShape shape = remote_write_shape();
  Node shown = read_section_list(decoder, node, shape, "empty or null remote write config section");
  check_unique_names(decoder, node, shown, "remote write");
  return shown;
}

yaml::Node remote_read_section(Decoder& decoder, const yaml::Node& node) {
  static const SectionShape shape = remote_read_shape();
  Node shown = read_section_list(decoder, node, shape, "empty or null remote read config section");
  check_unique_names(decoder, node, shown, "remote read");
  return shown;
}

yaml::Node alerting_section(Decoder& decoder, const yaml::Node& node) {
  static const SectionShape shape = alerting_shape();
  return read_section(decoder, node, shape);
}

yaml::Node otlp_section(Decoder& decoder, const yaml::Node& node) {
  static const SectionShape shape = otlp_shape();
  return read_section(decoder, node, shape);
}

yaml::Node tracing_section(Decoder& decoder, const yaml::Node& node) {
  static const SectionShape shape = tracing_shape();
  return read_section(decoder, node, shape);
}

}  // namespace narthex::config
