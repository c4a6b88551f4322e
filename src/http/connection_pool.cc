#include "http/connection_pool.h"

#include <fmt/format.h>

namespace narthex::http {
namespace {

constexpr util::SteadyNs kIdleNsMax = 300'000'000'000;
constexpr std::size_t kIdlePerHostMax = 1000;
constexpr std::size_t kIdleMax = 20'000;

}  // namespace

std::string ConnectionPool::key_of(const Url& url, const asio::any_io_executor& executor) {
  const void* thread = &asio::query(executor, asio::execution::context);
  return fmt::format("{}://{}:{} {} {}", url.scheme, url.host, url.effective_port(), thread,
                     url.unix_socket);
}

std::unique_ptr<Transport> ConnectionPool::take(const std::string& key) {
  std::vector<Idle> expired;  // Closed after the lock is released.
  const util::MutexLock lock(mutex_);
  const auto host = idle_.find(key);
  if (host == idle_.end()) return nullptr;
  Idle newest = std::move(host->second.back());
  host->second.pop_back();
  --count_;
  const bool fresh = clock_->steady_ns() - newest.since <= kIdleNsMax;
  if (!fresh) {
    // The ones below are older still.
    count_ -= host->second.size();
    expired = std::move(host->second);
    expired.push_back(std::move(newest));
    idle_.erase(host);
    return nullptr;
  }
  if (host->second.empty()) idle_.erase(host);
  return std::move(newest.transport);
}

void ConnectionPool::give(const std::string& key, std::unique_ptr<Transport> transport) {
  const util::MutexLock lock(mutex_);
  if (count_ >= kIdleMax) return;
  std::vector<Idle>& host = idle_[key];
  if (host.size() >= kIdlePerHostMax) return;
  host.push_back({std::move(transport), clock_->steady_ns()});
  ++count_;
}

std::size_t ConnectionPool::size() const {
  const util::MutexLock lock(mutex_);
  return count_;
}

}  // namespace narthex::http
