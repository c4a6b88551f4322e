// Kuma's control plane says what to scrape by its xDS API over REST: a request names the version
// that is known, and the server holds it back until there is another.
#include <array>

#include <unistd.h>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "narthex/async/timer.h"
#include "narthex/util/log.h"

#include "discovery/api_client.h"
#include "discovery/cloud_sd.h"
#include "discovery/paged_list.h"

namespace narthex::discovery {
namespace {

using util::Code;
using util::fail;

constexpr const char* kTypeUrl = "type.googleapis.com/kuma.observability.v1.MonitoringAssignment";
// How much later than asked for an answer may come.
constexpr std::chrono::seconds kGrace{15};
constexpr std::string_view kPrefix = "__meta_kuma_";

// The members' names come in either of the two ways of writing protocol buffers as JSON.
const json::value& either(const json::value& value, std::string_view snake,
                          std::string_view camel) {
  const json::value& first = at(value, snake);
  return first.is_null() ? at(value, camel) : first;
}

std::string own_name() {
  std::array<char, 256> name{};
  // The last byte stays nought.
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "prometheus";
  return name.data();
}

class KumaDiscoverer final : public Discoverer {
 public:
  KumaDiscoverer(KumaOptions options, const Context& context, std::shared_ptr<ApiClient> client)
      : options_(std::move(options)),
        node_(options_.client_id.empty() ? own_name() : options_.client_id),
        clock_(context.clock),
        seconds_(context.metrics->refresh_seconds(KumaOptions::kName)),
        failures_(context.metrics->refresh_failures(KumaOptions::kName)),
        client_(std::move(client)) {}

  async::Task<void> run(GroupSink* sink) override {
    const std::int64_t interval =
        std::chrono::nanoseconds(std::max(options_.refresh_interval, kIntervalMin)).count();
    for (;;) {
      const util::SteadyNs start = clock_->steady_ns();
      auto done = co_await round(sink, start);
      if (!done) {
        if (done.error().code() == Code::kCanceled) co_return done;
        failures_.increment();
        util::log_error("Unable to refresh target groups",
                        {{"discovery", KumaOptions::kName}, {"err", done.error()}});
      }
      NX_CO_TRY(co_await async::sleep_until(clock_, start + interval));
    }
  }

 private:
  async::Task<void> round(GroupSink* sink, util::SteadyNs start) {
    const util::SteadyNs deadline =
        start + std::chrono::nanoseconds(options_.fetch_timeout + kGrace).count();
    NX_CO_ASSIGN(auto request, request_for_change(deadline));
    const std::string where = request.url.to_string();
    NX_CO_ASSIGN(const auto response, co_await client_->fetch(std::move(request)));
    seconds_.observe(static_cast<double>(clock_->steady_ns() - start) / 1e9);
    if (response.status == 304) co_return util::Result<void>();  // Nothing has changed.
    if (response.status != 200)
      co_return fail(Code::kIo, fmt::format("{}: server returned HTTP status {}: {}", where,
                                            response.status_line, excerpt(response.body)));
    NX_CO_ASSIGN(const json::value answer, parse_json(response.body));
    NX_CO_ASSIGN(TargetGroup group, group_of(answer));
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    NX_CO_TRY(sink->replace(std::move(groups)));
    // Known only now: what could not be used is asked for again.
    version_ = text_of(either(answer, "version_info", "versionInfo"));
    nonce_ = text_at(answer, "nonce");
    co_return util::Result<void>();
  }

  util::Result<http::ClientRequest> request_for_change(util::SteadyNs deadline) const {
    const std::string url =
        with_query(without_slash(options_.server) + "/v3/discovery:monitoringassignments",
                   {{"fetch-timeout", fmt::format("{}ms", options_.fetch_timeout.count())}});
    NX_ASSIGN(auto request, get_request(url, deadline));
    request.method = "POST";
    request.headers.add("Content-Type", "application/json");
    request.body = json::serialize(json::object{{"version_info", version_},
                                                {"node", {{"id", node_}}},
                                                {"resource_names", json::array()},
                                                {"type_url", kTypeUrl},
                                                {"response_nonce", nonce_}});
    return request;
  }

  util::Result<TargetGroup> group_of(const json::value& answer) const {
    const std::string_view type = text_of(either(answer, "type_url", "typeUrl"));
    if (type != kTypeUrl)
      return fail(Code::kInvalidArgument, fmt::format("{}: resources of type \"{}\" in the answer",
                                                      options_.server, excerpt(type)));
    TargetGroup group{.source = KumaOptions::kName, .labels = {}, .targets = {}};
    for (const json::value& assignment : list_at(answer, "resources")) {
      MetaLabels common(kPrefix);
      common.set_each("label_", object_at(assignment, "labels"));
      common.set("mesh", text_at(assignment, "mesh"));
      common.set("service", text_at(assignment, "service"));
      const model::Labels base = common.build();
      for (const json::value& target : list_at(assignment, "targets"))
        group.targets.push_back(target_of(target, base));
    }
    return group;
  }

  static model::Labels target_of(const json::value& target, const model::Labels& base) {
    MetaLabels labels(kPrefix);
    labels.set_each("label_", object_at(target, "labels"));
    // Those of the assignment win.
    for (const auto [name, value] : base) labels.set_plain(name, value);
    labels.set("dataplane", text_at(target, "name"));
    labels.set_plain("instance", text_at(target, "name"));
    labels.set_plain("__address__", text_at(target, "address"));
    labels.set_plain("__scheme__", text_at(target, "scheme"));
    labels.set_plain("__metrics_path__", text_of(either(target, "metrics_path", "metricsPath")));
    return labels.build();
  }

  const KumaOptions options_;
  const std::string node_;
  util::Clock* const clock_;
  telemetry::Summary& seconds_;
  telemetry::Counter& failures_;
  const std::shared_ptr<ApiClient> client_;
  std::string version_;  // Of what stands in the sink.
  std::string nonce_;    // Of the answer that brought it.
};

}  // namespace

MadeDiscoverer make_kuma_discoverer(const KumaOptions& options, const Context& context) {
  NX_TRY(http::Url::parse(options.server));
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return std::make_unique<KumaDiscoverer>(options, context, std::move(client));
}

}  // namespace narthex::discovery
