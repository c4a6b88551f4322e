#include "discovery/refresh.h"

#include <algorithm>

#include "narthex/async/timer.h"
#include "narthex/util/log.h"

namespace narthex::discovery {
namespace {

class RefreshDiscoverer final : public Discoverer {
 public:
  RefreshDiscoverer(std::string mechanism, std::chrono::milliseconds interval,
                    const Context& context, std::unique_ptr<Refresher> refresher)
      : mechanism_(std::move(mechanism)),
        interval_ns_(std::chrono::nanoseconds(std::max(interval, kIntervalMin)).count()),
        clock_(context.clock),
        seconds_(context.metrics->refresh_seconds(mechanism_)),
        failures_(context.metrics->refresh_failures(mechanism_)),
        refresher_(std::move(refresher)) {}

  async::Task<void> run(GroupSink* sink) override;

 private:
  async::Task<void> round(GroupSink* sink, util::SteadyNs start);

  const std::string mechanism_;
  const std::int64_t interval_ns_;
  util::Clock* const clock_;
  telemetry::Summary& seconds_;
  telemetry::Counter& failures_;
  const std::unique_ptr<Refresher> refresher_;
};

async::Task<void> RefreshDiscoverer::round(GroupSink* sink, util::SteadyNs start) {
  NX_CO_ASSIGN(auto groups, co_await refresher_->refresh(start + interval_ns_));
  seconds_.observe(static_cast<double>(clock_->steady_ns() - start) / 1e9);
  co_return sink->replace(std::move(groups));
}

async::Task<void> RefreshDiscoverer::run(GroupSink* sink) {
  for (;;) {
    const util::SteadyNs start = clock_->steady_ns();
    const auto done = co_await round(sink, start);
    if (!done) {
      if (done.error().code() == util::Code::kCanceled) co_return done;
      failures_.increment();
      util::log_error("Unable to refresh target groups",
                      {{"discovery", mechanism_}, {"err", done.error()}});
    }
    NX_CO_TRY(co_await async::sleep_until(clock_, start + interval_ns_));
  }
}

}  // namespace

std::unique_ptr<Discoverer> make_refresh_discoverer(std::string mechanism,
                                                    std::chrono::milliseconds interval,
                                                    const Context& context,
                                                    std::unique_ptr<Refresher> refresher) {
  return std::make_unique<RefreshDiscoverer>(std::move(mechanism), interval, context,
                                             std::move(refresher));
}

}  // namespace narthex::discovery
