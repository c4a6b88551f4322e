#include "scrape/target.h"

#include <algorithm>
#include <map>
#include <vector>

#include <fmt/format.h>

#include "narthex/http/message.h"
#include "narthex/model/duration.h"
#include "narthex/model/names.h"
#include "narthex/util/hash.h"
#include "narthex/util/utf8.h"

namespace narthex::scrape {
namespace {

using model::LabelsBuilder;
using util::Code;
using util::fail;

constexpr std::string_view kParamPrefix = "__param_";

void set_if_absent(LabelsBuilder& labels, std::string_view name, std::string_view value) {
  if (labels.get(name).empty()) labels.set(name, value);
}

// Path characters stay, everything else is escaped.
std::string escape_path(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (std::string_view("/$&+,:;=@!'()*").find(c) != std::string_view::npos) {
      out.push_back(c);
    } else {
      out += http::percent_encode(std::string_view(&c, 1));
    }
  }
  return out;
}

std::string escape_query(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ') {
      out.push_back('+');
    } else {
      out += http::percent_encode(std::string_view(&c, 1));
    }
  }
  return out;
}

// The query string: the job's parameters, with __param_<name> labels in the place of each first
// value; names in order.
std::string query_of(const LabelsBuilder& labels, const ScrapeJobOptions& job) {
  std::map<std::string, std::vector<std::string>> params(job.params.begin(), job.params.end());
  for (const auto& [name, value] : labels.labels()) {
    if (!name.starts_with(kParamPrefix)) continue;
    std::vector<std::string>& values = params[name.substr(kParamPrefix.size())];
    if (values.empty()) {
      values.push_back(value);
    } else {
      values.front() = value;
    }
  }
  std::string out;
  for (const auto& [name, values] : params) {
    for (const std::string& value : values) {
      if (!out.empty()) out.push_back('&');
      out += escape_query(name) + "=" + escape_query(value);
    }
  }
  return out;
}

util::Result<http::Url> url_of(const LabelsBuilder& labels, const ScrapeJobOptions& job) {
  const std::string address(labels.get("__address__"));
  if (address.empty()) return fail(Code::kInvalidArgument, "no address");
  if (address.find('/') != std::string::npos) {
    return fail(Code::kInvalidArgument,
                fmt::format("{} is not a valid hostname", model::quoted(address)));
  }
  const std::string scheme(labels.get("__scheme__"));
  if (scheme != "http" && scheme != "https") {
    return fail(Code::kInvalidArgument, fmt::format("invalid scheme: {}", model::quoted(scheme)));
  }
  auto parsed = http::Url::parse(scheme + "://" + address);
  if (!parsed) return std::unexpected(std::move(parsed).error());
  http::Url url = *std::move(parsed);
  std::string path = escape_path(labels.get("__metrics_path__"));
  if (!path.starts_with('/')) path.insert(path.begin(), '/');
  const std::string query = query_of(labels, job);
  url.target = query.empty() ? std::move(path) : path + "?" + query;
  return url;
}

util::Result<void> read_timing(const LabelsBuilder& labels, Target& target) {
  const std::string interval_text(labels.get("__scrape_interval__"));
  const std::string timeout_text(labels.get("__scrape_timeout__"));
  auto interval = model::parse_duration(interval_text);
  if (!interval)
    return fail(Code::kInvalidArgument,
                "error parsing scrape interval: " + interval.error().message());
  if (interval->count() == 0) return fail(Code::kInvalidArgument, "scrape interval cannot be 0");
  auto timeout = model::parse_duration(timeout_text);
  if (!timeout)
    return fail(Code::kInvalidArgument,
                "error parsing scrape timeout: " + timeout.error().message());
  if (timeout->count() == 0) return fail(Code::kInvalidArgument, "scrape timeout cannot be 0");
  if (*timeout > *interval) {
    return fail(Code::kInvalidArgument,
                fmt::format("scrape timeout cannot be greater than scrape interval ({} > {})",
                            model::quoted(timeout_text), model::quoted(interval_text)));
  }
  target.interval = *interval;
  target.timeout = *timeout;
  return {};
}

// Go's words for true and false; nullopt for anything else.
std::optional<bool> parse_switch(std::string_view text) {
  for (const std::string_view word : {"1", "t", "T", "true", "TRUE", "True"}) {
    if (text == word) return true;
  }
  for (const std::string_view word : {"0", "f", "F", "false", "FALSE", "False"}) {
    if (text == word) return false;
  }
  return std::nullopt;
}

constexpr std::string_view kConvertLabel = "__convert_classic_histograms_to_nhcb__";
constexpr std::string_view kClassicLabel = "__always_scrape_classic_histograms__";
constexpr std::string_view kNativeLabel = "__scrape_native_histograms__";

util::Result<void> read_histogram_switches(const LabelsBuilder& labels,
                                           exposition::HistogramOptions& out) {
  struct Switch {
    std::string_view label;
    std::string_view name;
    bool* value;
  };
  const Switch switches[] = {
      {kConvertLabel, "convert classic histograms to nhcb",
       &out.convert_classic_histograms_to_nhcb},
      {kClassicLabel, "always scrape classic histograms", &out.always_scrape_classic_histograms},
      {kNativeLabel, "scrape native histograms", &out.scrape_native_histograms}};
  for (const Switch& each : switches) {
    const std::string_view text = labels.get(each.label);
    const std::optional<bool> value = parse_switch(text);
    if (!value) {
      return fail(Code::kInvalidArgument,
                  fmt::format("error parsing {}: strconv.ParseBool: parsing {}: invalid syntax",
                              each.name, model::quoted(text)));
    }
    *each.value = *value;
  }
  return {};
}

}  // namespace

std::string Target::key() const {
  return std::string(labels.bytes()) + '\0' + url_text;
}

std::int64_t Target::slot_offset_ns(std::uint64_t seed) const {
  const std::uint64_t hash =
      util::fnv1a64(url_text, util::fnv1a64(fmt::format("{:016}", util::xxh64(labels.bytes()))));
  const auto interval_ns = static_cast<std::uint64_t>(std::chrono::nanoseconds(interval).count());
  return static_cast<std::int64_t>((hash ^ seed) % interval_ns);
}

model::Labels initial_labels(const model::Labels& discovered, const ScrapeJobOptions& job) {
  LabelsBuilder labels(discovered);
  set_if_absent(labels, "job", job.job_name);
  set_if_absent(labels, "__scrape_interval__", model::format_duration(job.interval));
  set_if_absent(labels, "__scrape_timeout__", model::format_duration(job.timeout));
  set_if_absent(labels, "__metrics_path__", job.metrics_path);
  set_if_absent(labels, "__scheme__", job.scheme);
  const auto text = [](bool value) { return value ? "true" : "false"; };
  const exposition::HistogramOptions& histograms = job.histograms;
  set_if_absent(labels, kNativeLabel, text(histograms.scrape_native_histograms));
  set_if_absent(labels, kClassicLabel, text(histograms.always_scrape_classic_histograms));
  set_if_absent(labels, kConvertLabel, text(histograms.convert_classic_histograms_to_nhcb));
  for (const auto& [name, values] : job.params) {
    if (!values.empty()) set_if_absent(labels, std::string(kParamPrefix) + name, values.front());
  }
  return labels.build();
}

util::Result<std::optional<Target>> make_target(const model::Labels& initial,
                                                const ScrapeJobOptions& job,
                                                const relabel::RelabelRules& rules) {
  LabelsBuilder labels(initial);
  if (rules.apply(labels) == relabel::Verdict::kDrop || labels.empty())
    return std::optional<Target>();

  Target target;
  target.discovered = initial;
  NX_ASSIGN(target.url, url_of(labels, job));
  target.url_text = target.url.to_string();
  NX_TRY(read_timing(labels, target));
  NX_TRY(read_histogram_switches(labels, target.histograms));

  const std::string address(labels.get("__address__"));
  labels.remove_if([](std::string_view name) { return name.starts_with("__"); });
  set_if_absent(labels, "instance", address);
  for (const auto& [name, value] : labels.labels()) {
    if (!util::is_valid_utf8(value)) {
      return fail(Code::kInvalidArgument, fmt::format("invalid label value for {}: {}",
                                                      model::quoted(name), model::quoted(value)));
    }
  }
  target.labels = labels.build();
  return std::optional<Target>(std::move(target));
}

util::WallNs next_slot(util::WallNs now, std::int64_t offset_ns,
                       std::chrono::milliseconds interval) noexcept {
  const std::int64_t interval_ns = std::chrono::nanoseconds(interval).count();
  const std::int64_t since = (((now - offset_ns) % interval_ns) + interval_ns) % interval_ns;
  return now - since + interval_ns;
}

std::uint64_t offset_seed(const ScrapeManagerOptions& options) {
  return util::fnv1a64(options.host_name + options.external_labels.to_string());
}

}  // namespace narthex::scrape
