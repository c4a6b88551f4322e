#include "cli/flag_table.h"

#include <array>

namespace narthex::cli {
namespace {

using enum FlagKind;
using enum FlagSupport;

constexpr auto kFlags = std::to_array<FlagSpec>({
    {"config.file", kText, "prometheus.yml",
     "Configuration file. When the flag is left out and the file does not exist, a built-in one is "
     "used."},
    {"config.auto-reload", kBool, "false", "Reload when the configuration files change."},
    {"config.auto-reload-interval", kDuration, "30s",
     "How often to look for changed configuration files."},
    {"web.listen-address", kTextList, "0.0.0.0:9090", "Address to listen on; may be repeated."},
    {"auto-gomaxprocs", kBool, "true", "No effect here.", kNoEffect},
    {"auto-gomemlimit", kBool, "true", "No effect here: see --storage.memory-budget.", kNoEffect},
    {"auto-gomemlimit.ratio", kNumber, "0.9", "No effect here.", kNoEffect},
    {"auto-gomemlimit.refresh-interval", kDuration, "0s", "No effect here.", kNoEffect},
    {"web.config.file", kText, "", "File with TLS, users and response headers of the web server."},
    {"web.systemd-socket", kBool, "false",
     "Listen on the sockets that systemd opened instead of on addresses."},
    {"web.read-timeout", kDuration, "5m",
     "Longest time to read a request, and to keep an idle connection."},
    {"web.max-connections", kInteger, "512", "Connections at one time over all listen addresses."},
    {"web.max-notifications-subscribers", kInteger, "16",
     "Clients of the live notifications at one time."},
    {"web.external-url", kText, "",
     "URL under which the server is reached from outside; its path prefixes every route."},
    {"web.route-prefix", kText, "",
     "Prefix of the routes inside the server; by default the path of the external URL."},
    {"web.user-assets", kText, "", "Directory served under /user.", kNotYet},
    {"web.ui-dir", kText, "", "Serve the web UI from this directory instead of from the binary."},
    {"web.enable-lifecycle", kBool, "false", "Allow reload and shutdown over HTTP."},
    {"web.enable-admin-api", kBool, "false", "Allow deletion and snapshots over HTTP."},
    {"web.enable-remote-write-receiver", kBool, "false", "Accept samples at /api/v1/write."},
    {"web.remote-write-receiver.accepted-protobuf-messages", kTextList,
     "prometheus.WriteRequest,io.prometheus.write.v2.Request", "Messages that the receiver takes."},
    {"web.enable-otlp-receiver", kBool, "false", "Accept OTLP metrics.", kNotYet},
    {"web.console.templates", kText, "consoles", "Directory of console templates.", kNotYet},
    {"web.console.libraries", kText, "console_libraries", "Directory of console libraries.",
     kNotYet},
    {"web.page-title", kText, "Narthex", "Title of the web pages."},
    {"web.cors.origin", kText, ".*",
     "Origins that may ask from a browser; an anchored regular expression."},
    {"web.search.max-limit", kInteger, "10000", "Largest answer of the search API; 0 = no limit."},
    {"storage.tsdb.path", kText, "data/", "Directory of the data."},
    {"storage.tsdb.min-block-duration", kDuration, "2h",
     "Time range of the newest, in-memory part and of the smallest blocks."},
    {"storage.tsdb.max-block-duration", kDuration, "",
     "Longest time range of a block; a tenth of the retention, at most 31d, when not set."},
    {"storage.tsdb.max-block-chunk-segment-size", kBytes, "512MB",
     "Size of a chunk file in a block."},
    {"storage.tsdb.wal-segment-size", kBytes, "128MB", "Size of a log segment, 10MB to 256MB."},
    {"storage.tsdb.retention.time", kDuration, "",
     "How long samples are kept; 15d when neither this nor a size is set."},
    {"storage.tsdb.retention.size", kBytes, "0", "Bytes that the data may take; 0 = no limit."},
    {"storage.tsdb.no-lockfile", kBool, "false", "Do not lock the data directory."},
    {"storage.tsdb.allow-overlapping-compaction", kBool, "true", "Merge overlapping blocks."},
    {"storage.tsdb.wal-compression", kBool, "true", "Compress the log."},
    {"storage.tsdb.wal-compression-type", kText, "snappy",
     "Compression of the log: snappy or zstd."},
    {"storage.tsdb.head-chunks-write-queue-size", kInteger, "0",
     "No effect here: head chunks are written without a queue.", kNoEffect},
    {"storage.tsdb.samples-per-chunk", kInteger, "120", "Samples that a chunk is cut after."},
    {"storage.tsdb.delayed-compaction.max-percent", kInteger, "10",
     "Longest random delay of a head's compaction, in percent of its range; with "
     "--enable-feature=delayed-compaction."},
    {"storage.tsdb.delay-compact-file.path", kText, "",
     "JSON file that names the uploaded blocks, such as Thanos's; blocks from the head are "
     "compacted once it has them."},
    {"storage.tsdb.block-reload-interval", kDuration, "1m", "How often blocks are looked for."},
    {"storage.wal.sync-interval", kDuration, "1s",
     "Longest time that acknowledged samples may be unsynced; 0 = sync with every write."},
    {"storage.memory-budget", kBytes, "0",
     "Memory that data and queries may take together; 0 = 60 % of the machine's or the "
     "container's."},
    {"storage.remote.flush-deadline", kDuration, "1m",
     "Longest flush of remote storage at shutdown.", kNotYet},
    {"storage.remote.read-sample-limit", kNumber, "5e7", "Samples that one remote read may return.",
     kNotYet},
    {"storage.remote.read-concurrent-limit", kInteger, "10", "Remote reads at one time.", kNotYet},
    {"storage.remote.read-max-bytes-in-frame", kInteger, "1048576",
     "Size of a frame of a streamed remote read.", kNotYet},
    {"rules.alert.for-outage-tolerance", kDuration, "1h",
     "Longest outage after which alert states are restored.", kNotYet},
    {"rules.alert.for-grace-period", kDuration, "10m",
     "Shortest time between a restored alert and its firing.", kNotYet},
    {"rules.alert.resend-delay", kDuration, "1m",
     "Shortest time between two notifications of one alert.", kNotYet},
    {"rules.max-concurrent-evals", kInteger, "4", "Rules evaluated at one time.", kNotYet},
    {"scrape.adjust-timestamps", kBool, "true",
     "Snap timestamps to the scrape interval when they are close."},
    {"scrape.timestamp-tolerance", kDuration, "2ms", "How close is close."},
    {"scrape.discovery-reload-interval", kDuration, "5s",
     "Shortest time between two changes of the targets, once they keep changing."},
    {"alertmanager.notification-queue-capacity", kInteger, "10000",
     "Alerts that may wait for an Alertmanager.", kNotYet},
    {"alertmanager.notification-batch-size", kInteger, "256", "Alerts in one notification.",
     kNotYet},
    {"alertmanager.drain-notification-queue-on-shutdown", kBool, "true",
     "Send what waits before stopping.", kNotYet},
    {"query.lookback-delta", kDuration, "5m",
     "How far back an instant selector looks for a sample."},
    {"query.timeout", kDuration, "2m", "Longest query."},
    {"query.max-concurrency", kInteger, "20", "Queries at one time."},
    {"query.max-samples", kInteger, "50000000", "Samples that one query may hold."},
    {"enable-feature", kTextList, "", "Names of features to switch on, separated by commas."},
    {"agent", kBool, "false", "Run as an agent.", kNotYet},
    {"log.level", kText, "info", "debug, info, warn or error."},
    {"log.format", kText, "logfmt", "logfmt or json."},
});

}  // namespace

std::span<const FlagSpec> flag_table() noexcept {
  return kFlags;
}

}  // namespace narthex::cli
