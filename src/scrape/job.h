// A scrape job, compiled: what all targets of a pool share. A changed configuration makes a new
// one.
#pragma once

#include <memory>
#include <string>

#include "narthex/http/client.h"
#include "narthex/relabel/relabel.h"
#include "narthex/scrape/options.h"
#include "narthex/util/result.h"

#include "scrape/failure_log.h"

namespace narthex::scrape {

// Threads: immutable.
struct Job {
  ScrapeJobOptions options;
  relabel::RelabelRules relabel_rules;
  relabel::RelabelRules metric_relabel_rules;
  std::shared_ptr<http::Client> client;
  std::string accept;
  std::string user_agent;
  exposition::ResolutionLimits resolution;  // Of native histograms.
  bool start_timestamps = false;            // Of ScrapeManagerOptions.
  bool adjust_timestamps = true;
  bool append_metadata = false;       // Storage is told type, help and unit of every series.
  bool type_and_unit_labels = false;  // Of ScrapeManagerOptions.
  std::chrono::nanoseconds timestamp_tolerance{0};
  std::shared_ptr<FailureLog> failure_log;  // Null: none.
  std::string forced_error;                 // Not empty: every scrape of the pool fails with it.
};

// `previous` lends its client when the settings of the connection are the same. The error names the
// job.
util::Result<std::shared_ptr<Job>> make_job(ScrapeJobOptions options,
                                            const ScrapeManagerOptions& manager, util::Clock* clock,
                                            const Job* previous);

// The Accept header for the job's protocols, best first; none = the default order. Only protobuf
// carries native histograms, and says best when something began to count: it comes first in the
// default order if one of them is wanted.
[[nodiscard]] std::string accept_header(const ScrapeJobOptions& options,
                                        bool start_timestamps = false);

// The format of a body of this Content-Type. The error is Prometheus' for a type that is blank,
// broken or unknown.
util::Result<exposition::ScrapeProtocol> body_format(
    std::string_view content_type, std::optional<exposition::ScrapeProtocol> fallback);

}  // namespace narthex::scrape
