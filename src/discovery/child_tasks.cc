#include "discovery/child_tasks.h"

#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "narthex/util/check.h"

namespace narthex::discovery {

ChildTasks::ChildTasks(async::asio::any_io_executor executor, std::string name)
    : executor_(std::move(executor)), name_(std::move(name)) {}
ChildTasks::~ChildTasks() = default;

void ChildTasks::start(std::string key, async::Task<void> task) {
  std::erase_if(ending_, [](const Group& group) { return group->running() == 0; });
  Group& group = running_[std::move(key)];
  NX_CHECK(group == nullptr, "{} has two children of one key", name_);
  group = std::make_unique<async::TaskGroup>(executor_, name_);
  group->spawn_on(executor_, std::move(task));
}

void ChildTasks::end(std::string_view key) {
  const auto found = running_.find(key);
  if (found == running_.end()) return;
  found->second->cancel();
  ending_.push_back(std::move(found->second));
  running_.erase(found);
}

std::vector<std::string> ChildTasks::keys() const {
  std::vector<std::string> out;
  for (const auto& [key, group] : running_) out.push_back(key);
  return out;
}

async::Task<void> ChildTasks::end_all() {
  for (const std::string& key : keys()) end(key);
  // A cancelled wait ends within a turn or two of this thread's loop.
  while (!ending_.empty()) {
    std::erase_if(ending_, [](const Group& group) { return group->running() == 0; });
    co_await async::asio::post(executor_, async::asio::use_awaitable);
  }
  co_return util::Result<void>();
}

}  // namespace narthex::discovery
