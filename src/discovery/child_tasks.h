// The coroutines that a discoverer runs beside its own: one for each thing that it watches.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/async/task.h"

namespace narthex::discovery {

// Threads: confined to `executor`, which runs one thing at a time, as do all the children.
class ChildTasks {
 public:
  ChildTasks(async::asio::any_io_executor executor, std::string name);
  // Precondition: end_all() has returned.
  ~ChildTasks();
  ChildTasks(const ChildTasks&) = delete;
  ChildTasks& operator=(const ChildTasks&) = delete;

  // Precondition: no child of that key.
  void start(std::string key, async::Task<void> task);
  // Asks the child to end. It may still run for a moment.
  void end(std::string_view key);
  [[nodiscard]] bool has(std::string_view key) const { return running_.contains(key); }
  [[nodiscard]] std::vector<std::string> keys() const;
  // Asks all to end, and returns when they have; also in a coroutine that was cancelled itself.
  async::Task<void> end_all();

 private:
  using Group = std::unique_ptr<async::TaskGroup>;
  const async::asio::any_io_executor executor_;
  const std::string name_;
  std::map<std::string, Group, std::less<>> running_;
  std::list<Group> ending_;
};

}  // namespace narthex::discovery
