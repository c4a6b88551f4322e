// scrape_configs and what is in them: relabelling, static targets, limits.
#include <algorithm>
#include <unordered_set>

#include "narthex/model/regex.h"
#include "narthex/util/utf8.h"

#include "config/schemas.h"
#include "config/section.h"

namespace narthex::config {

using discovery::StaticConfig;
using exposition::ScrapeProtocol;
using relabel::RelabelRule;

util::Result<ScrapeProtocol> parse_protocol(std::string_view text) {
  auto protocol = exposition::parse_scrape_protocol(text);
  if (protocol) return protocol;
  return util::fail(
      util::Code::kInvalidArgument,
      fmt::format(
          "unknown scrape protocol {}, supported: [OpenMetricsText0.0.1 OpenMetricsText1.0.0 "
          "PrometheusProto PrometheusText0.0.4 PrometheusText1.0.0]",
          text));
}

util::Result<model::NameScheme> parse_name_scheme(std::string_view text) {
  if (text == "utf8") return model::NameScheme::kUtf8;
  if (text == "legacy") return model::NameScheme::kLegacy;
  return util::fail(util::Code::kInvalidArgument,
                    fmt::format("unrecognized ValidationScheme: {}", model::quoted(text)));
}

std::string_view name_scheme_text(model::NameScheme scheme) {
  return scheme == model::NameScheme::kLegacy ? "legacy" : "utf8";
}

util::Result<exposition::EscapingScheme> parse_escaping(std::string_view text) {
  auto scheme = exposition::parse_escaping_scheme(text);
  if (scheme) return scheme;
  return util::fail(
      util::Code::kInvalidArgument,
      fmt::format("unknown scrape config name escaping method specified, must be one of "
                  "'allow-utf-8', 'underscores', 'dots', or 'values', got {}",
                  text));
}

void Codec<Size>::decode(Decoder& decoder, const yaml::Node& node, Size& out) {
  if (node.kind != yaml::Kind::kScalar) return decoder.type_error(node, type_name());
  auto bytes = parse_size(node.text);
  if (!bytes) return decoder.fail(node, bytes.error().message());
  out.bytes = *bytes;
}

void Codec<model::Labels>::decode(Decoder& decoder, const yaml::Node& node, model::Labels& out) {
  if (node.kind != yaml::Kind::kMap) return decoder.type_error(node, type_name());
  std::vector<model::LabelView> labels;
  std::unordered_set<std::string_view> names;
  for (const auto& [key, value] : node.entries) {
    if (value.kind != yaml::Kind::kScalar && value.kind != yaml::Kind::kNull) {
      decoder.type_error(value, "string");
    } else if (!model::is_valid_label_name(key.text, model::NameScheme::kUtf8)) {
      decoder.fail(key, fmt::format("{} is not a valid label name", model::quoted(key.text)));
    } else if (!names.insert(key.text).second) {
      decoder.duplicate_map_key(key);
    } else {
      labels.push_back({key.text, value.text});
    }
  }
  out = model::Labels::from_unsorted(labels);
}

yaml::Node Codec<model::Labels>::encode(const model::Labels& labels) {
  yaml::Node out = yaml::map();
  for (const auto [name, value] : labels) {
    out.entries.emplace_back(yaml::scalar(std::string(name)), yaml::scalar(std::string(value)));
  }
  return out;
}

void Codec<Params>::decode(Decoder& decoder, const yaml::Node& node, Params& out) {
  if (node.kind != yaml::Kind::kMap) return decoder.type_error(node, type_name());
  out.clear();
  std::unordered_set<std::string_view> names;
  for (const auto& [key, value] : node.entries) {
    if (!names.insert(key.text).second) decoder.duplicate_map_key(key);
    auto& values = out.emplace_back(key.text, std::vector<std::string>{}).second;
    if (value.kind != yaml::Kind::kNull) {
      Codec<std::vector<std::string>>::decode(decoder, value, values);
    }
  }
  std::ranges::sort(out);
}

yaml::Node Codec<Params>::encode(const Params& params) {
  yaml::Node out = yaml::map();
  for (const auto& [name, values] : params) {
    out.entries.emplace_back(yaml::scalar(name), Codec<std::vector<std::string>>::encode(values));
  }
  return out;
}

namespace {

util::Result<relabel::Action> parse_action(std::string_view text) {
  if (text.empty())
    return util::fail(util::Code::kInvalidArgument, "relabel action cannot be empty");
  return relabel::parse_action(text);
}

// A null means "" here, not the default.
template <auto kMember>
auto text_or_null_field(std::string key, Print print) {
  auto row = field<kMember>(std::move(key), print);
  row.decode = [decode = row.decode](Decoder& decoder, const yaml::Node& node, RelabelRule& rule) {
    if (node.kind != yaml::Kind::kNull) return decode(decoder, node, rule);
    yaml::Node empty = yaml::scalar("");
    empty.line = node.line;
    decode(decoder, empty, rule);
  };
  return row;
}

// A broken expression is an error of its own, before any rule over several keys.
Field<RelabelRule> regex_field() {
  auto row = text_or_null_field<&RelabelRule::regex>("regex", Print::kUnlessEmpty);
  row.decode = [decode = row.decode](Decoder& decoder, const yaml::Node& node, RelabelRule& rule) {
    decode(decoder, node, rule);
    if (!rule.regex) return;
    if (const auto regex = model::Regex::compile(*rule.regex); !regex) {
      decoder.fail(node, regex.error().message());
    }
  };
  return row;
}

}  // namespace

template <>
struct Codec<relabel::Action> : WordCodec<relabel::Action, parse_action, relabel::action_text> {};

template <>
const Schema<RelabelRule>& schema_of<RelabelRule>() {
  static const Schema<RelabelRule> schema = [] {
    Schema<RelabelRule> s{"relabel.plain", {}, nullptr};
    auto source_labels = field<&RelabelRule::source_labels>("source_labels");
    source_labels.encode = [encode = source_labels.encode](const RelabelRule& rule,
                                                           yaml::Node& out) {
      const std::size_t before = out.entries.size();
      encode(rule, out);
      if (out.entries.size() > before) out.entries.back().second.is_inline = true;
    };
    s.fields.push_back(std::move(source_labels));
    s.fields.push_back(text_or_null_field<&RelabelRule::separator>("separator", Print::kAlways));
    s.fields.push_back(regex_field());
    s.fields.push_back(field<&RelabelRule::modulus>("modulus"));
    s.fields.push_back(field<&RelabelRule::target_label>("target_label"));
    s.fields.push_back(
        text_or_null_field<&RelabelRule::replacement>("replacement", Print::kAlways));
    s.fields.push_back(text_or_null_field<&RelabelRule::action>("action", Print::kAlways));
    return s;
  }();
  return schema;
}

template <>
const Schema<StaticConfig>& schema_of<StaticConfig>() {
  static const Schema<StaticConfig> schema{
      R"(struct { Targets []string "yaml:\"targets\""; Labels model.LabelSet "yaml:\"labels\"" })",
      {field<&StaticConfig::targets>("targets", Print::kAlways),
       field<&StaticConfig::labels>("labels")},
      nullptr};
  return schema;
}

template <>
const Schema<LimitsSection>& schema_of<LimitsSection>() {
  static const Schema<LimitsSection> schema{
      "config.plain",
      {field<&LimitsSection::body_size>("body_size_limit"),
       field<&LimitsSection::samples>("sample_limit"),
       field<&LimitsSection::targets>("target_limit"), field<&LimitsSection::labels>("label_limit"),
       field<&LimitsSection::label_name_length>("label_name_length_limit"),
       field<&LimitsSection::label_value_length>("label_value_length_limit"),
       field<&LimitsSection::keep_dropped_targets>("keep_dropped_targets")},
      nullptr};
  return schema;
}

void finish_scrape_protocols(Decoder& decoder, const yaml::Node& node, std::string_view where,
                             std::optional<std::vector<ScrapeProtocol>>& out) {
  const yaml::Node* list = node.find("scrape_protocols");
  if (list == nullptr || list->kind == yaml::Kind::kNull) return;
  if (list->items.empty())
    return decoder.fail(*list, fmt::format("scrape_protocols cannot be empty {}", where));
  std::string all;
  for (const yaml::Node& item : list->items) all += (all.empty() ? "" : " ") + item.text;
  std::vector<ScrapeProtocol> protocols;
  for (const yaml::Node& item : list->items) {
    const auto protocol = parse_protocol(item.text);
    if (!protocol) {
      return decoder.fail(
          item, fmt::format("scrape_protocols: {} {}", protocol.error().message(), where));
    }
    if (std::ranges::find(protocols, *protocol) != protocols.end()) {
      return decoder.fail(
          item, fmt::format("duplicated protocol in scrape_protocols, got [{}] {}", all, where));
    }
    protocols.push_back(*protocol);
  }
  out = std::move(protocols);
}

namespace {

// Every static target must be an address, unless relabelling may make one of it.
void check_static_targets(Decoder& decoder, const yaml::Node& node, const ScrapeSection& scrape) {
  if (!scrape.relabel_configs.empty()) return;
  for (const StaticConfig& group : scrape.static_configs) {
    for (const std::string& target : group.targets) {
      if (!target.contains('/')) continue;
      return decoder.fail(*node.find("static_configs"),
                          fmt::format("{} is not a valid hostname", model::quoted(target)));
    }
  }
}

void finish_scrape(Decoder& decoder, const yaml::Node& node, ScrapeSection& scrape) {
  if (scrape.job_name.empty()) return decoder.fail(node, "job_name is empty");
  const std::string where = fmt::format("for scrape config with job name \"{}\"", scrape.job_name);
  finish_http_client(decoder, node, scrape.http);
  finish_scrape_protocols(decoder, node, where, scrape.scrape_protocols);
  if (const yaml::Node* fallback = node.find("fallback_scrape_protocol");
      fallback != nullptr && !fallback->text.empty()) {
    const auto protocol = parse_protocol(fallback->text);
    if (!protocol) {
      return decoder.fail(*fallback, fmt::format("invalid fallback_scrape_protocol {}: {}", where,
                                                 protocol.error().message()));
    }
    scrape.fallback_scrape_protocol = *protocol;
  }
  if (scrape.metrics_path.empty()) scrape.metrics_path = ScrapeSection{}.metrics_path;
  if (scrape.scheme.empty()) scrape.scheme = ScrapeSection{}.scheme;
  check_static_targets(decoder, node, scrape);
}

// Reads a word or a list of words only so far as to see that it is one; finish_scrape checks it,
// because its messages name the job.
template <class T, auto kMember>
Field<ScrapeSection> checked_later(std::string key) {
  auto row = field<kMember>(std::move(key));
  row.decode = [](Decoder& decoder, const yaml::Node& node, ScrapeSection&) {
    T text;
    if (node.kind != yaml::Kind::kNull) Codec<T>::decode(decoder, node, text);
  };
  return row;
}

}  // namespace

template <>
const Schema<ScrapeSection>& schema_of<ScrapeSection>() {
  static const Schema<ScrapeSection> schema = [] {
    using S = ScrapeSection;
    Schema<S> s{"config.plain", {}, finish_scrape};
    s.fields = {
        field<&S::job_name>("job_name", Print::kAlways),
        field<&S::honor_labels>("honor_labels"),
        field<&S::honor_timestamps>("honor_timestamps", Print::kAlways),
        field<&S::track_timestamps_staleness>("track_timestamps_staleness", Print::kAlways),
        field<&S::params>("params"),
        field<&S::scrape_interval>("scrape_interval"),
        field<&S::scrape_timeout>("scrape_timeout"),
        checked_later<std::vector<std::string>, &S::scrape_protocols>("scrape_protocols"),
        checked_later<std::string, &S::fallback_scrape_protocol>("fallback_scrape_protocol"),
        field<&S::scrape_native_histograms>("scrape_native_histograms"),
        field<&S::always_scrape_classic_histograms>("always_scrape_classic_histograms"),
        field<&S::convert_classic_histograms_to_nhcb>("convert_classic_histograms_to_nhcb"),
        field<&S::extra_scrape_metrics>("extra_scrape_metrics"),
        field<&S::scrape_failure_log_file>("scrape_failure_log_file"),
        field<&S::metrics_path>("metrics_path", Print::kAlways),
        field<&S::scheme>("scheme", Print::kAlways),
        field<&S::enable_compression>("enable_compression", Print::kAlways)};
    add_fields(s, inline_fields<&S::limits>());
    add_fields<S>(
        s, {field<&S::native_histogram_bucket_limit>("native_histogram_bucket_limit"),
            field<&S::native_histogram_min_bucket_factor>("native_histogram_min_bucket_factor"),
            field<&S::metric_name_validation_scheme>("metric_name_validation_scheme"),
            field<&S::metric_name_escaping_scheme>("metric_name_escaping_scheme")});
    add_fields(s, inline_fields<&S::http>());
    add_fields<S>(
        s, {list_field<&S::relabel_configs>(
                "relabel_configs", "empty or null target relabeling rule in scrape config"),
            list_field<&S::metric_relabel_configs>(
                "metric_relabel_configs", "empty or null metric relabeling rule in scrape config"),
            list_field<&S::static_configs>("static_configs",
                                           "empty or null section in static_configs")});
    for (const DiscoverySection& discovery : discovery_sections()) {
      s.fields.push_back(discovery_field<S>(discovery));
    }
    return s;
  }();
  return schema;
}

}  // namespace narthex::config
