// ZooKeeper's wire protocol as far as following a tree needs it: nodes are read, and the server
// says when they change. A session lasts as long as its connection: who loses it begins anew.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/async/task.h"
#include "narthex/util/clock.h"

namespace narthex::discovery {

enum class ZookeeperChange : std::uint8_t { kCreated, kDeleted, kData, kChildren };

struct ZookeeperEvent {
  ZookeeperChange change = ZookeeperChange::kData;
  std::string path;
};

// Every call ends within the session's timeout; after an error the client is of no use any more.
// What a server can make it hold is bounded. Threads: confined to the coroutine that uses it.
class ZookeeperClient {
 public:
  // `address` is host:port, or a host whose port is 2181. `clock` outlives the client.
  static async::Task<std::unique_ptr<ZookeeperClient>> connect(std::string address,
                                                               std::chrono::milliseconds timeout,
                                                               util::Clock* clock);
  ~ZookeeperClient();
  ZookeeperClient(const ZookeeperClient&) = delete;
  ZookeeperClient& operator=(const ZookeeperClient&) = delete;

  // nullopt: there is no such node, or it is not for us. What is there is watched: one event when
  // it changes.
  async::Task<std::optional<std::string>> data(std::string path);
  async::Task<std::optional<std::vector<std::string>>> children(std::string path);
  // Watched whether it is there or not.
  async::Task<bool> exists(std::string path);
  // Waits for at least one.
  async::Task<std::vector<ZookeeperEvent>> events();

 private:
  struct Connection;
  struct Reply {
    std::int32_t error = 0;
    std::string body;
  };

  ZookeeperClient(std::unique_ptr<Connection> connection, util::Clock* clock);
  async::Task<void> open_session(std::chrono::milliseconds timeout);
  async::Task<Reply> call(std::int32_t operation, std::string path);
  // The body of an answer; nullopt: there is no such node.
  async::Task<std::optional<std::string>> read_node(std::int32_t operation, std::string path);
  async::Task<void> send(std::string frame);
  // nullopt: none came until then.
  async::Task<std::optional<std::string>> receive(util::SteadyNs until);
  util::Result<std::optional<std::string>> take_frame();
  util::Result<void> note_event(std::string_view body);

  const std::unique_ptr<Connection> connection_;
  util::Clock* const clock_;
  std::int64_t timeout_ns_ = 0;
  std::int32_t request_ = 0;  // The number of the newest one.
  util::SteadyNs sent_at_ = 0;
  util::SteadyNs heard_at_ = 0;
  std::string received_;  // Not yet a whole frame.
  std::vector<ZookeeperEvent> events_;
};

}  // namespace narthex::discovery
