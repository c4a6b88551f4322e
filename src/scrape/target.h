// What is scraped: one target, as discovery and relabelling left it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "narthex/exposition/native_histogram.h"
#include "narthex/http/url.h"
#include "narthex/model/labels.h"
#include "narthex/relabel/relabel.h"
#include "narthex/scrape/options.h"
#include "narthex/util/clock.h"
#include "narthex/util/result.h"

namespace narthex::scrape {

// Threads: immutable.
struct Target {
  model::Labels discovered;  // Before relabelling.
  model::Labels labels;      // What every series gets: no name with two leading underscores.
  http::Url url;
  std::string url_text;
  std::chrono::milliseconds interval{0};
  std::chrono::milliseconds timeout{0};
  exposition::HistogramOptions histograms;

  // Same key, same target: labels and URL.
  [[nodiscard]] std::string key() const;
  // Where in its interval the target is scraped (PR-S7), in nanoseconds.
  [[nodiscard]] std::int64_t slot_offset_ns(std::uint64_t seed) const;
};

// The labels that relabelling starts from: those of discovery and, where absent, those that the job
// gives.
[[nodiscard]] model::Labels initial_labels(const model::Labels& discovered,
                                           const ScrapeJobOptions& job);

// nullopt: relabelling dropped it. kInvalidArgument, in Prometheus' words: the labels make no
// target.
util::Result<std::optional<Target>> make_target(const model::Labels& initial,
                                                const ScrapeJobOptions& job,
                                                const relabel::RelabelRules& rules);

// The first slot after `now`: the next time that is `offset` in the interval.
[[nodiscard]] util::WallNs next_slot(util::WallNs now, std::int64_t offset_ns,
                                     std::chrono::milliseconds interval) noexcept;
// What tells servers apart that scrape the same targets.
[[nodiscard]] std::uint64_t offset_seed(const ScrapeManagerOptions& options);

}  // namespace narthex::scrape
