// The configuration file: read, checked, with defaults filled in, and as settings of the modules
// below.
//
// Errors name the file and the line: `parsing YAML file f.yml: <what> (at f.yml:12)`, with the
// words that Prometheus has for the same mistake.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/config/sections.h"
#include "narthex/scrape/options.h"
#include "narthex/util/env.h"
#include "narthex/util/result.h"

namespace narthex::config {

// Threads: immutable once loaded.
struct Config {
  GlobalSection global;
  RuntimeSection runtime;
  std::vector<std::string> rule_files;           // Patterns, relative ones resolved.
  std::vector<std::string> scrape_config_files;  // The same.
  std::vector<ScrapeSection> scrape_configs;     // Of the main file, then of scrape_config_files.
  std::size_t main_scrape_config_count = 0;      // How many of them stand in the main file.
  StorageSection storage;
  std::vector<KeptSection> kept;  // Sections of the main file that nothing in this build acts on.

  // What the files ask for and this build cannot do, each a message with file and line.
  std::vector<std::string> not_built;
  // Things worth a line in the log that are no errors.
  std::vector<std::string> warnings;

  friend bool operator==(const Config&, const Config&) = default;
};

struct LoadOptions {
  // What $NAME in external_labels stands for; null: the process's environment.
  std::function<std::optional<std::string>(const std::string&)> environment;
  bool agent_mode = false;
};

// Reads `path` and the files of its scrape_config_files. Files of more than 16 MiB are refused.
util::Result<Config> load(util::Env& env, const std::string& path, const LoadOptions& options = {});
// The same for a text; `name` stands in messages and its directory resolves relative paths.
util::Result<Config> load_text(util::Env& env, std::string_view text, const std::string& name,
                               const LoadOptions& options = {});

// Relabelling rules alone: a list, a list under its key in the configuration (relabel_configs,
// metric_relabel_configs, write_relabel_configs, alert_relabel_configs), or one rule. Errors say
// the line and what load() would.
util::Result<std::vector<relabel::RelabelRule>> parse_relabel_rules(std::string_view text,
                                                                    model::NameScheme scheme);

// A number that changes when the file at `path`, a file that one of the patterns of `loaded` names,
// or the list of these files does: whether it is time to load them again. The file itself has to be
// readable.
util::Result<std::uint64_t> fingerprint(util::Env& env, const std::string& path,
                                        const Config& loaded);

// Whether this build can do all that `config` asks for. kUnsupported names the first section that
// it cannot honour. load() accepts whatever is a correct configuration; a server must ask this too
// before it runs on one, for what it silently ignored would be missed when it matters.
util::Result<void> check_supported(const Config& config);

// What the server runs on when there is no file: it scrapes itself at `own_address` (host:port) and
// a node exporter on localhost:9100. config/narthex.yml is the same text.
[[nodiscard]] std::string builtin_text(std::string_view own_address);
inline constexpr std::string_view kBuiltinName = "(built-in configuration)";

// The effective configuration with defaults, secrets replaced by <secret>. Loading it again gives
// an equal Config, but for the secrets and the `identity` of kept sections.
[[nodiscard]] std::string to_yaml(const Config& config);
// One scrape config alone, as an entry of scrape_configs.
[[nodiscard]] std::string to_yaml(const ScrapeSection& section);

// Settings for the scrape manager, one for each scrape config.
[[nodiscard]] std::vector<scrape::ScrapeJobOptions> scrape_jobs(const Config& config);

// What a reload changes, for the log and to leave alone what stays.
struct Difference {
  bool global = false;
  bool storage = false;
  bool rules = false;
  std::vector<std::string> jobs_added;
  std::vector<std::string> jobs_removed;
  std::vector<std::string> jobs_changed;
  [[nodiscard]] bool empty() const noexcept {
    return !global && !storage && !rules && jobs_added.empty() && jobs_removed.empty() &&
           jobs_changed.empty();
  }
};
[[nodiscard]] Difference compare(const Config& before, const Config& after);

}  // namespace narthex::config
