// The file as a whole, global, runtime and storage.
#include <algorithm>

#include "config/schemas.h"
#include "config/section.h"

namespace narthex::config {
namespace {

// Defaults and rules that need nothing but this section.
void finish_global(Decoder& decoder, const yaml::Node& node, GlobalSection& global) {
  const GlobalSection defaults;
  const auto at = [&node](std::string_view key) -> const yaml::Node& {
    const yaml::Node* found = node.find(key);
    return found == nullptr ? node : *found;
  };
  if (global.scrape_interval.count() == 0) global.scrape_interval = defaults.scrape_interval;
  if (global.scrape_timeout > global.scrape_interval) {
    return decoder.fail(at("scrape_timeout"), "global scrape timeout greater than scrape interval");
  }
  if (global.evaluation_interval.count() == 0)
    global.evaluation_interval = defaults.evaluation_interval;
  finish_scrape_protocols(decoder, node, "for global config", global.scrape_protocols);

  const model::NameScheme scheme =
      global.metric_name_validation_scheme.value_or(model::NameScheme::kUtf8);
  for (const auto [name, value] : global.external_labels) {
    if (!model::is_valid_label_name(name, scheme)) {
      return decoder.fail(at("external_labels"),
                          fmt::format("{} is not a valid label name", model::quoted(name)));
    }
  }
}

Field<GlobalSection> global_protocols_field() {
  auto row = field<&GlobalSection::scrape_protocols>("scrape_protocols");
  row.decode = [](Decoder& decoder, const yaml::Node& node, GlobalSection&) {
    std::vector<std::string> texts;  // finish_global reads them.
    if (node.kind != yaml::Kind::kNull)
      Codec<std::vector<std::string>>::decode(decoder, node, texts);
  };
  return row;
}

void finish_tsdb(Decoder& decoder, const yaml::Node& node, TsdbSection& tsdb) {
  const std::string& floats = tsdb.chunk_encoding.floats;
  if (tsdb.stale_series_compaction_threshold < 0 || tsdb.stale_series_compaction_threshold > 1) {
    return decoder.fail(
        node, "'storage.tsdb.stale_series_compaction_threshold' must be in the range [0, 1]");
  }
  if (!floats.empty() && floats != "xor" && floats != "xor2") {
    return decoder.fail(
        *node.find("chunk_encoding"),
        fmt::format(
            "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or the field must "
            "be omitted entirely, got {}",
            model::quoted(floats)));
  }
  if (floats == "xor2") decoder.not_built(*node.find("chunk_encoding"), "the chunk encoding xor2");
  if (tsdb.stale_series_compaction_threshold > 0) {
    decoder.not_built(*node.find("stale_series_compaction_threshold"),
                      "stale_series_compaction_threshold");
  }
}

void finish_retention(Decoder& decoder, const yaml::Node& node, RetentionSection& retention) {
  const double percentage = retention.percentage.value_or(0);
  if (!(percentage >= 0 && percentage <= 100)) {
    return decoder.fail(*node.find("percentage"),
                        "'storage.tsdb.retention.percentage' must be in the range [0, 100]");
  }
}

Field<RetentionSection> retention_size_field() {
  auto row = field<&RetentionSection::size>("size");
  row.decode = [decode = row.decode](Decoder& decoder, const yaml::Node& node,
                                     RetentionSection& retention) {
    if (node.kind == yaml::Kind::kScalar && node.text.starts_with('-') &&
        parse_size(node.text.substr(1))) {
      return decoder.fail(node, "'storage.tsdb.retention.size' must be greater than or equal to 0");
    }
    decode(decoder, node, retention);
  };
  return row;
}

// The strategies that keep names as they are need the names to be allowed.
void check_otlp_names(Decoder& decoder, const yaml::Node& node, Config& config) {
  const yaml::Node* otlp = node.find("otlp");
  const yaml::Node* strategy = otlp == nullptr ? nullptr : otlp->find("translation_strategy");
  if (strategy == nullptr ||
      config.global.metric_name_validation_scheme != model::NameScheme::kLegacy) {
    return;
  }
  if (strategy->text == "NoTranslation" || strategy->text == "NoUTF8EscapingWithSuffixes") {
    decoder.fail(*strategy, fmt::format("OTLP translation strategy {} is not allowed when UTF8 is "
                                        "disabled",
                                        model::quoted(strategy->text)));
  }
}

}  // namespace

template <>
const Schema<GlobalSection>& schema_of<GlobalSection>() {
  static const Schema<GlobalSection> schema = [] {
    using S = GlobalSection;
    Schema<S> s{"config.plain", {}, finish_global};
    s.fields = {field<&S::scrape_interval>("scrape_interval"),
                field<&S::scrape_timeout>("scrape_timeout"),
                global_protocols_field(),
                field<&S::evaluation_interval>("evaluation_interval"),
                field<&S::rule_query_offset>("rule_query_offset"),
                field<&S::query_log_file>("query_log_file"),
                field<&S::scrape_failure_log_file>("scrape_failure_log_file"),
                field<&S::external_labels>("external_labels")};
    add_fields(s, inline_fields<&S::limits>());
    add_fields<S>(
        s, {field<&S::metric_name_validation_scheme>("metric_name_validation_scheme"),
            field<&S::metric_name_escaping_scheme>("metric_name_escaping_scheme"),
            field<&S::scrape_native_histograms>("scrape_native_histograms"),
            field<&S::always_scrape_classic_histograms>("always_scrape_classic_histograms"),
            field<&S::convert_classic_histograms_to_nhcb>("convert_classic_histograms_to_nhcb"),
            field<&S::extra_scrape_metrics>("extra_scrape_metrics")});
    return s;
  }();
  return schema;
}

template <>
const Schema<RuntimeSection>& schema_of<RuntimeSection>() {
  static const Schema<RuntimeSection> schema{
      "config.RuntimeConfig", {field<&RuntimeSection::gogc>("gogc")}, nullptr};
  return schema;
}

template <>
const Schema<ChunkEncodingSection>& schema_of<ChunkEncodingSection>() {
  static const Schema<ChunkEncodingSection> schema{
      "config.ChunkEncodingConfig", {field<&ChunkEncodingSection::floats>("floats")}, nullptr};
  return schema;
}

template <>
const Schema<RetentionSection>& schema_of<RetentionSection>() {
  static const Schema<RetentionSection> schema{
      "config.TSDBRetentionConfig",
      {field<&RetentionSection::time>("time"), retention_size_field(),
       field<&RetentionSection::percentage>("percentage")},
      finish_retention};
  return schema;
}

template <>
const Schema<TsdbSection>& schema_of<TsdbSection>() {
  using S = TsdbSection;
  static const Schema<S> schema{
      "config.plain",
      {field<&S::out_of_order_time_window>("out_of_order_time_window"),
       field<&S::stale_series_compaction_threshold>("stale_series_compaction_threshold"),
       field<&S::chunk_encoding>("chunk_encoding"), field<&S::retention>("retention")},
      finish_tsdb};
  return schema;
}

template <>
const Schema<ExemplarsSection>& schema_of<ExemplarsSection>() {
  static const Schema<ExemplarsSection> schema{
      "config.ExemplarsConfig",
      {field<&ExemplarsSection::max_exemplars>("max_exemplars")},
      nullptr};
  return schema;
}

template <>
const Schema<StorageSection>& schema_of<StorageSection>() {
  static const Schema<StorageSection> schema{
      "config.StorageConfig",
      {field<&StorageSection::tsdb>("tsdb"), field<&StorageSection::exemplars>("exemplars")},
      nullptr};
  return schema;
}

template <>
const Schema<Config>& schema_of<Config>() {
  static const Schema<Config> schema = [] {
    auto scrape_configs = list_field<&Config::scrape_configs>(
        "scrape_configs", "empty or null scrape config section");
    // Those of scrape_config_files stand in those files.
    scrape_configs.encode = [](const Config& config, yaml::Node& out) {
      if (config.main_scrape_config_count == 0) return;
      yaml::Node list = yaml::sequence();
      for (std::size_t i = 0; i < config.main_scrape_config_count; ++i) {
        list.items.push_back(encode_struct(config.scrape_configs[i]));
      }
      out.entries.emplace_back(yaml::scalar("scrape_configs"), std::move(list));
    };
    return Schema<Config>{
        "config.plain",
        {field<&Config::global>("global"), field<&Config::runtime>("runtime"),
         kept_field<Config>("alerting", alerting_section), field<&Config::rule_files>("rule_files"),
         field<&Config::scrape_config_files>("scrape_config_files"), std::move(scrape_configs),
         field<&Config::storage>("storage"), kept_field<Config>("tracing", tracing_section),
         kept_field<Config>("remote_write", remote_write_section),
         kept_field<Config>("remote_read", remote_read_section),
         kept_field<Config>("otlp", otlp_section)},
        check_otlp_names};
  }();
  return schema;
}

}  // namespace narthex::config
