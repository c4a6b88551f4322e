// What the server wants its users to see at once: that it is starting, stopping, or could not
// reload. Listed by /notifications, pushed by /notifications/live.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "narthex/http/response_writer.h"
#include "narthex/util/clock.h"
#include "narthex/util/mutex.h"

namespace narthex::api {

inline constexpr std::string_view kNotifyReloadFailed = "Configuration reload has failed.";
inline constexpr std::string_view kNotifyDiskFull =
    "The disk is full: no samples are stored until there is room again.";
inline constexpr std::string_view kNotifyStarting =
    "Prometheus is starting and replaying the write-ahead log (WAL).";
inline constexpr std::string_view kNotifyStopping =
    "Prometheus is shutting down and gracefully stopping all operations.";

// Threads: synchronized.
class Notifications {
 public:
  // At most so many streams at a time: each holds a handler thread. The clock outlives it.
  Notifications(util::Clock& clock, std::size_t subscribers_max)
      : clock_(clock), subscribers_max_(subscribers_max) {}

  void add(std::string_view text);
  void remove(std::string_view text);
  // Ends the streams; from now on there are none.
  void close();

  // [{"text":…,"date":…,"active":true},…], oldest first.
  void append_list(std::string& out) const;
  // Writes events until the client has gone or close(): first what holds now, then each change.
  // 204 when there are too many streams already.
  void stream(std::stop_token stop, http::ResponseWriter& out);

 private:
  struct Event {
    std::string text;
    util::WallNs date_ns = 0;
    bool active = true;
  };
  // Changes that slow readers may lag behind; those beyond lose the oldest.
  static constexpr std::size_t kHistoryMax = 64;

  static void append_json(std::string& out, const Event& event);
  static void append_event(std::string& out, const Event& event);
  void record(Event event) NX_REQUIRES(mutex_);

  util::Clock& clock_;
  const std::size_t subscribers_max_;
  mutable util::Mutex mutex_;
  util::CondVar changed_;
  std::vector<Event> active_ NX_GUARDED_BY(mutex_);
  std::deque<Event> history_ NX_GUARDED_BY(mutex_);
  std::uint64_t recorded_ NX_GUARDED_BY(mutex_) = 0;  // Changes so far, those forgotten included.
  std::size_t subscribers_ NX_GUARDED_BY(mutex_) = 0;
  bool closed_ NX_GUARDED_BY(mutex_) = false;
};

}  // namespace narthex::api
