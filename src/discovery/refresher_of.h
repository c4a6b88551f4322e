// What refreshers over one HTTP client have in common.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "discovery/api_client.h"
#include "discovery/paged_list.h"
#include "discovery/refresh.h"

namespace narthex::discovery {

// One group, filled by fill(). Threads: confined.
template <class Options>
class GroupRefresher : public Refresher {
 public:
  GroupRefresher(Options options, std::shared_ptr<ApiClient> client)
      : options_(std::move(options)), client_(std::move(client)) {}

  async::Task<std::vector<TargetGroup>> refresh(util::SteadyNs deadline) final {
    TargetGroup group{.source = Options::kName, .labels = {}, .targets = {}};
    NX_CO_TRY(co_await fill(&group, deadline));
    std::vector<TargetGroup> groups;
    groups.push_back(std::move(group));
    co_return groups;
  }

 protected:
  // Adds the targets that there are now; `group` outlives the call.
  virtual async::Task<void> fill(TargetGroup* group, util::SteadyNs deadline) = 0;

  const Options options_;
  const std::shared_ptr<ApiClient> client_;
};

template <class R, class Options>
util::Result<std::unique_ptr<Discoverer>> make_api_discoverer(const Options& options,
                                                              const Context& context) {
  NX_ASSIGN(auto client, ApiClient::make(options.http, context));
  return make_refresh_discoverer(Options::kName, options.refresh_interval, context,
                                 std::make_unique<R>(options, std::move(client)));
}

}  // namespace narthex::discovery
