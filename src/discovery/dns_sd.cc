#include "discovery/dns_sd.h"

#include <map>

#include "narthex/util/log.h"

#include "discovery/dns_lookup.h"
#include "discovery/json.h"
#include "discovery/refresh.h"

namespace narthex::discovery {
namespace {

class DnsRefresher final : public Refresher {
 public:
  DnsRefresher(DnsOptions options, Metrics* metrics, DnsServers servers)
      : options_(std::move(options)), metrics_(metrics), servers_(std::move(servers)) {}

  // A name that cannot be looked up keeps what it had; lookups end by their own timeouts.
  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs) override {
    for (const std::string& name : options_.names) {
      metrics_->dns_lookups.increment();
      auto records = co_await look_up_dns(name, options_.type, servers_);
      if (records) {
        groups_[name] = group_of(name, *records);
        continue;
      }
      if (records.error().code() == util::Code::kCanceled)
        co_return std::unexpected(std::move(records).error());
      metrics_->dns_lookup_failures.increment();
      util::log_error("Error refreshing DNS targets", {{"name", name}, {"err", records.error()}});
    }
    std::vector<TargetGroup> out;
    for (const auto& [name, group] : groups_) out.push_back(group);
    co_return out;
  }

 private:
  [[nodiscard]] TargetGroup group_of(const std::string& name,
                                     const std::vector<DnsRecord>& records) const {
    TargetGroup group{.source = name, .labels = {}, .targets = {}};
    for (const DnsRecord& record : records) {
      MetaLabels labels("__meta_dns_");
      const std::string full_name = record.host + ".";
      labels.set("name", name);
      switch (options_.type) {
        case DnsRecordType::kSrv:
          labels.set_address(record.host, record.port);
          labels.set("srv_record_target", full_name);
          labels.set("srv_record_port", std::to_string(record.port));
          break;
        case DnsRecordType::kMx:
          labels.set_address(record.host, options_.port);
          labels.set("mx_record_target", full_name);
          break;
        case DnsRecordType::kNs:
          labels.set_address(record.host, options_.port);
          labels.set("ns_record_target", full_name);
          break;
        case DnsRecordType::kA:
        case DnsRecordType::kAaaa:
          labels.set_address(record.host, options_.port);
          break;
      }
      group.targets.push_back(labels.build());
    }
    return group;
  }

  const DnsOptions options_;
  Metrics* const metrics_;
  const DnsServers servers_;
  std::map<std::string, TargetGroup> groups_;  // By name looked up.
};

}  // namespace

std::unique_ptr<Discoverer> make_dns_discoverer(const DnsOptions& options, const Context& context,
                                                DnsServers servers) {
  auto refresher = std::make_unique<DnsRefresher>(options, context.metrics, std::move(servers));
  return make_refresh_discoverer(DnsOptions::kName, options.refresh_interval, context,
                                 std::move(refresher));
}

}  // namespace narthex::discovery
