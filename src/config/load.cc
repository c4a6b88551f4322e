// Reads the file and what it includes, decodes it, and fills in what depends on more than one
// section.
#include <algorithm>
#include <cstdlib>
#include <unordered_set>

#include <fmt/format.h>

#include "narthex/config/config.h"
#include "narthex/util/check.h"
#include "narthex/util/glob.h"
#include "narthex/util/hash.h"
#include "narthex/util/utf8.h"
#include "narthex/yaml/tree.h"

#include "config/builtin.h"
#include "config/codec.h"
#include "config/discovery_options.h"
#include "config/paths.h"
#include "config/schemas.h"

namespace narthex::config {
namespace {

using util::Code;
using util::fail;

constexpr model::DurationMs kScrapeTimeoutDefault{10'000};
constexpr std::size_t kExpandedBytesMax = std::size_t{1} << 20U;
constexpr std::size_t kIncludedFilesMax = 10'000;

// Everything that one load needs to know.
struct Loader {
  util::Env& env;
  const LoadOptions& options;
  const std::string& main_name;
  Config config;
  std::unordered_set<std::string> job_names;

  std::unexpected<util::Error> error(const std::string& file, std::string_view message,
                                     std::uint32_t line) const {
    const std::string member = file == main_name ? "" : fmt::format("{}: ", model::quoted(file));
    const std::string where = line == 0 ? "" : fmt::format(" (at {}:{})", file, line);
    return fail(Code::kInvalidArgument,
                fmt::format("parsing YAML file {}: {}{}{}", main_name, member, message, where));
  }
  util::Result<void> check(const Decoder& decoder, const std::string& file) {
    if (const auto failure = decoder.failure()) return error(file, failure->message, failure->line);
    for (const Decoder::Failure& missing : decoder.not_built()) {
      config.not_built.push_back(error(file, missing.message, missing.line).error().message());
    }
    return {};
  }
  util::Result<yaml::Document> parse(std::string_view text, const std::string& file) {
    auto document = yaml::parse(text);
    if (!document) return error(file, document.error().message, document.error().line);
    if (document->second_line != 0) {
      config.warnings.push_back(fmt::format("{}:{}: only the first YAML document of a file is read",
                                            file, document->second_line));
    }
    return *std::move(document);
  }
};

// --- Environment in external_labels ---

bool is_name_char(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

std::optional<std::string> process_environment(const std::string& name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing in this process writes the environment.
  const char* value = std::getenv(name.c_str());
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

// What stands behind a '$': its name and how many bytes that took. An empty name with bytes is a
// broken
// ${…}, which vanishes; one without bytes leaves the '$' alone.
struct Variable {
  std::string name;
  std::size_t bytes = 0;
};
Variable variable_at(std::string_view text) {
  if (text.empty()) return {};
  if (text.front() == '{') {
    const std::size_t end = text.find('}');
    if (end == std::string_view::npos) return {"", 1};
    return {std::string(text.substr(1, end - 1)), end + 1};
  }
  if (std::string_view("*#$@!?-0123456789").contains(text.front()))
    return {std::string(text.substr(0, 1)), 1};
  std::size_t length = 0;
  while (length < text.size() && is_name_char(text[length])) ++length;
  return {std::string(text.substr(0, length)), length};
}

// kLimitExceeded when the result is longer than a label value should be.
util::Result<std::string> expand_value(Loader& loader, std::string_view label,
                                       std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    if (out.size() > kExpandedBytesMax) {
      return fail(Code::kLimitExceeded, fmt::format("external label {} is longer than {} bytes",
                                                    label, kExpandedBytesMax));
    }
    if (text[at] != '$') {
      out.push_back(text[at++]);
      continue;
    }
    const Variable variable = variable_at(text.substr(at + 1));
    at += 1 + variable.bytes;
    if (variable.bytes == 0) {
      out.push_back('$');
    } else if (variable.name == "$") {
      out.push_back('$');
    } else if (!variable.name.empty()) {
      const auto value = loader.options.environment ? loader.options.environment(variable.name)
                                                    : process_environment(variable.name);
      if (value && !value->empty()) {
        out += *value;
      } else {
        loader.config.warnings.push_back(
            fmt::format("external label {}: the environment variable {} is empty or not set", label,
                        variable.name));
      }
    }
  }
  return out;
}

util::Result<void> expand_external_labels(Loader& loader) {
  model::LabelsBuilder expanded;
  for (const auto [name, value] : loader.config.global.external_labels) {
    NX_ASSIGN(const std::string text, expand_value(loader, name, value));
    if (!util::is_valid_utf8(text)) {
      return fail(Code::kInvalidArgument,
                  fmt::format("external label {} is not valid UTF-8 after expansion", name));
    }
    expanded.set(name, text);
  }
  loader.config.global.external_labels = expanded.build();
  return {};
}

// --- Defaults that flow from `global` ---

template <class T>
void inherit(T& value, const T& from) {
  if (value == T{}) value = from;
}

// Only protobuf can carry native histograms.
std::vector<exposition::ScrapeProtocol> default_protocols(bool native_histograms) {
  using enum exposition::ScrapeProtocol;
  std::vector protocols{kOpenMetricsText100, kOpenMetricsText001, kPrometheusText100,
                        kPrometheusText004};
  if (native_histograms) protocols.insert(protocols.begin(), kPrometheusProto);
  return protocols;
}

void finish_global_defaults(GlobalSection& global) {
  if (global.scrape_timeout.count() == 0) {
    global.scrape_timeout = std::min(kScrapeTimeoutDefault, global.scrape_interval);
  }
  if (!global.scrape_protocols)
    global.scrape_protocols = default_protocols(global.scrape_native_histograms);
  if (!global.metric_name_validation_scheme)
    global.metric_name_validation_scheme = model::NameScheme::kUtf8;
}

void inherit_limits(LimitsSection& limits, const LimitsSection& from) {
  inherit(limits.body_size, from.body_size);
  inherit(limits.samples, from.samples);
  inherit(limits.targets, from.targets);
  inherit(limits.labels, from.labels);
  inherit(limits.label_name_length, from.label_name_length);
  inherit(limits.label_value_length, from.label_value_length);
  inherit(limits.keep_dropped_targets, from.keep_dropped_targets);
}

void inherit_global(ScrapeSection& scrape, const GlobalSection& global) {
  inherit(scrape.scrape_interval, global.scrape_interval);
  if (scrape.scrape_timeout.count() == 0) {
    scrape.scrape_timeout = std::min(global.scrape_timeout, scrape.scrape_interval);
  }
  inherit_limits(scrape.limits, global.limits);
  inherit(scrape.metric_name_validation_scheme, global.metric_name_validation_scheme);
  if (!scrape.metric_name_escaping_scheme) {
    scrape.metric_name_escaping_scheme = global.metric_name_escaping_scheme.value_or(
        *scrape.metric_name_validation_scheme == model::NameScheme::kUtf8
            ? exposition::EscapingScheme::kAllowUtf8
            : exposition::EscapingScheme::kUnderscores);
  }
  if (!scrape.always_scrape_classic_histograms) {
    scrape.always_scrape_classic_histograms = global.always_scrape_classic_histograms;
  }
  if (!scrape.scrape_native_histograms) {
    scrape.scrape_native_histograms = global.scrape_native_histograms;
  }
  if (!scrape.scrape_protocols) {
    // What is only a default follows the job's histograms.
    const bool is_default =
        *global.scrape_protocols == default_protocols(global.scrape_native_histograms);
    scrape.scrape_protocols =
        is_default ? default_protocols(*scrape.scrape_native_histograms) : *global.scrape_protocols;
  }
  if (!scrape.convert_classic_histograms_to_nhcb) {
    scrape.convert_classic_histograms_to_nhcb = global.convert_classic_histograms_to_nhcb;
  }
  inherit(scrape.scrape_failure_log_file, global.scrape_failure_log_file);
  if (!scrape.extra_scrape_metrics) scrape.extra_scrape_metrics = global.extra_scrape_metrics;
}

// The node of item `index` in the list under `key`, for its line.
const yaml::Node& item_of(const yaml::Node& map, std::string_view key, std::size_t index) {
  const yaml::Node* list = map.find(key);
  return list != nullptr && index < list->items.size() ? list->items[index] : map;
}

void check_relabelling(Decoder& decoder, const yaml::Node& node, std::string_view key,
                       const std::vector<relabel::RelabelRule>& rules, model::NameScheme scheme) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (const auto valid = relabel::validate(rules[i], scheme); !valid) {
      return decoder.fail(item_of(node, key, i), valid.error().message());
    }
  }
}

void finish_scrape_section(Decoder& decoder, const yaml::Node& node, const GlobalSection& global,
                           ScrapeSection& scrape) {
  inherit_global(scrape, global);
  if (scrape.scrape_timeout > scrape.scrape_interval) {
    const yaml::Node* timeout = node.find("scrape_timeout");
    return decoder.fail(
        timeout == nullptr ? node : *timeout,
        fmt::format(
            "scrape timeout greater than scrape interval for scrape config with job name \"{}\"",
            scrape.job_name));
  }
  const model::NameScheme scheme = *scrape.metric_name_validation_scheme;
  if (*scrape.metric_name_escaping_scheme == exposition::EscapingScheme::kAllowUtf8 &&
      scheme != model::NameScheme::kUtf8) {
    return decoder.fail(node,
                        "utf8 metric names requested but validation scheme is not set to UTF8");
  }
  check_relabelling(decoder, node, "relabel_configs", scrape.relabel_configs, scheme);
  check_relabelling(decoder, node, "metric_relabel_configs", scrape.metric_relabel_configs, scheme);
}

// Finishes the sections that were read from `file` (whose map is `root`) and adds them, if no job
// has the name yet.
util::Result<void> add_scrape_sections(Loader& loader, const yaml::Node& root,
                                       const std::string& file,
                                       std::vector<ScrapeSection> sections) {
  Decoder decoder;
  for (std::size_t i = 0; i < sections.size(); ++i) {
    const yaml::Node& node = item_of(root, "scrape_configs", i);
    std::string& failure_log = sections[i].scrape_failure_log_file;
    failure_log = resolve_path(directory_of(file), failure_log);
    finish_scrape_section(decoder, node, loader.config.global, sections[i]);
    if (!loader.job_names.insert(sections[i].job_name).second) {
      decoder.fail(node, fmt::format("found multiple scrape configs with job name \"{}\"",
                                     sections[i].job_name));
    }
    NX_TRY(loader.check(decoder, file));
    resolve_paths(sections[i].http, directory_of(file));
    for (discovery::ProviderOptions& provider : sections[i].providers)
      resolve_paths(provider, directory_of(file));
    loader.config.scrape_configs.push_back(std::move(sections[i]));
  }
  return {};
}

// --- Files that a pattern names ---

util::Result<void> resolve_patterns(Loader& loader, const yaml::Node& root, std::string_view key,
                                    std::string_view what, std::vector<std::string>& patterns) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    if (!is_valid_pattern(patterns[i])) {
      return loader.error(loader.main_name,
                          fmt::format("invalid {} file path {}", what, model::quoted(patterns[i])),
                          item_of(root, key, i).line);
    }
    patterns[i] = resolve_path(directory_of(loader.main_name), patterns[i]);
  }
  return {};
}

// What a member of scrape_config_files may hold.
struct ScrapeFile {
  std::vector<ScrapeSection> scrape_configs;
};

}  // namespace

template <>
const Schema<ScrapeFile>& schema_of<ScrapeFile>() {
  static const Schema<ScrapeFile> schema{
      "config.ScrapeConfigs",
      {list_field<&ScrapeFile::scrape_configs>("scrape_configs",
                                               "empty or null scrape config section")},
      nullptr};
  return schema;
}

namespace {

util::Result<void> load_scrape_file(Loader& loader, const std::string& file) {
  auto text = loader.env.read_file(file, yaml::Limits{}.document_bytes);
  if (!text) return loader.error(file, text.error().message(), 0);
  NX_ASSIGN(const yaml::Document document, loader.parse(*text, file));
  Decoder decoder;
  ScrapeFile content;
  decode_struct(decoder, document.root, content);
  NX_TRY(loader.check(decoder, file));
  return add_scrape_sections(loader, document.root, file, std::move(content.scrape_configs));
}

util::Result<void> load_scrape_files(Loader& loader) {
  std::size_t count = 0;
  for (const std::string& pattern : loader.config.scrape_config_files) {
    for (const std::string& file : util::matching_files(loader.env, pattern)) {
      if (++count > kIncludedFilesMax) {
        return loader.error(
            loader.main_name,
            fmt::format("scrape_config_files match more than {} files", kIncludedFilesMax), 0);
      }
      NX_TRY(load_scrape_file(loader, file));
    }
  }
  return {};
}

util::Result<void> check_agent_mode(const Loader& loader, const yaml::Node& root) {
  if (!loader.options.agent_mode) return {};
  for (const std::string_view key : {"alerting", "rule_files", "remote_read"}) {
    const yaml::Node* section = root.find(key);
    if (section != nullptr && !yaml::is_blank(*section)) {
      return loader.error(loader.main_name,
                          fmt::format("field {} is not allowed in agent mode", key), section->line);
    }
  }
  return {};
}

}  // namespace

util::Result<Config> load_text(util::Env& env, std::string_view text, const std::string& name,
                               const LoadOptions& options) {
  Loader loader{env, options, name, {}, {}};
  NX_ASSIGN(const yaml::Document document, loader.parse(text, name));
  const yaml::Node& root = document.root;
  NX_TRY(check_agent_mode(loader, root));
  Decoder decoder;
  decode_struct(decoder, root, loader.config);
  NX_TRY(loader.check(decoder, name));

  Config& config = loader.config;
  finish_global_defaults(config.global);
  config.global.query_log_file = resolve_path(directory_of(name), config.global.query_log_file);
  config.global.scrape_failure_log_file =
      resolve_path(directory_of(name), config.global.scrape_failure_log_file);
  if (auto expanded = expand_external_labels(loader); !expanded) {
    const yaml::Node* global = root.find("global");
    return loader.error(name, expanded.error().message(), global == nullptr ? 0 : global->line);
  }
  NX_TRY(resolve_patterns(loader, root, "rule_files", "rule", config.rule_files));
  NX_TRY(resolve_patterns(loader, root, "scrape_config_files", "scrape config",
                          config.scrape_config_files));
  if (!config.rule_files.empty())
    config.warnings.emplace_back("rule_files are not loaded by this version");
  std::vector<ScrapeSection> sections = std::move(config.scrape_configs);
  config.scrape_configs.clear();
  config.main_scrape_config_count = sections.size();
  NX_TRY(add_scrape_sections(loader, root, name, std::move(sections)));
  NX_TRY(load_scrape_files(loader));
  return std::move(loader.config);
}

util::Result<Config> load(util::Env& env, const std::string& path, const LoadOptions& options) {
  NX_ASSIGN(const std::string text, env.read_file(path, yaml::Limits{}.document_bytes));
  return load_text(env, text, path, options);
}

util::Result<std::uint64_t> fingerprint(util::Env& env, const std::string& path,
                                        const Config& loaded) {
  NX_ASSIGN(const std::string text, env.read_file(path, yaml::Limits{}.document_bytes));
  std::uint64_t out = util::hash64(text);
  for (const auto* patterns : {&loaded.rule_files, &loaded.scrape_config_files}) {
    for (const std::string& pattern : *patterns) {
      for (const std::string& file : util::matching_files(env, pattern)) {
        out = util::mix64(out, util::hash64(file));
        // One that cannot be read just now counts as empty: loading will say what is wrong with it.
        const auto content = env.read_file(file, yaml::Limits{}.document_bytes);
        out = util::mix64(out, content ? util::hash64(*content) : 0);
      }
    }
  }
  return out;
}

std::string builtin_text(std::string_view own_address) {
  constexpr std::string_view kPlaceholder = "localhost:9090";
  std::string text(kBuiltinYaml);
  const std::size_t at = text.rfind(kPlaceholder);
  NX_CHECK(at != std::string::npos, "the built-in configuration does not scrape {}", kPlaceholder);
  text.replace(at, kPlaceholder.size(), own_address);
  return text;
}

}  // namespace narthex::config
