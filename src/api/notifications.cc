#include "api/notifications.h"

#include <algorithm>
#include <functional>

#include "api/json.h"

namespace narthex::api {

void Notifications::append_json(std::string& out, const Event& event) {
  out += R"({"text":)";
  append_json_string(out, event.text);
  out += R"(,"date":)";
  append_json_time(out, event.date_ns);
  out += event.active ? R"(,"active":true})" : R"(,"active":false})";
}

void Notifications::append_event(std::string& out, const Event& event) {
  out += "data: ";
  append_json(out, event);
  out += "\n\n";
}

void Notifications::record(Event event) {
  history_.push_back(std::move(event));
  ++recorded_;
  if (history_.size() > kHistoryMax) history_.pop_front();
  changed_.notify_all();
}

void Notifications::add(std::string_view text) {
  const util::MutexLock lock(mutex_);
  if (std::ranges::find(active_, text, &Event::text) != active_.end()) return;
  Event event{std::string(text), clock_.wall_ns(), true};
  active_.push_back(event);
  record(std::move(event));
}

void Notifications::remove(std::string_view text) {
  const util::MutexLock lock(mutex_);
  const auto found = std::ranges::find(active_, text, &Event::text);
  if (found == active_.end()) return;
  Event event = std::move(*found);
  active_.erase(found);
  event.active = false;
  record(std::move(event));
}

void Notifications::close() {
  const util::MutexLock lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void Notifications::append_list(std::string& out) const {
  const util::MutexLock lock(mutex_);
  out.push_back('[');
  JsonCommas commas;
  for (const Event& event : active_) {
    commas.next(out);
    append_json(out, event);
  }
  out.push_back(']');
}

void Notifications::stream(std::stop_token stop, http::ResponseWriter& out) {
  std::string events;
  std::uint64_t seen = 0;
  {
    const util::MutexLock lock(mutex_);
    if (subscribers_ >= subscribers_max_ || closed_) {
      out.send(204, "", "");
      return;
    }
    ++subscribers_;
    seen = recorded_;
    for (const Event& event : active_) append_event(events, event);
  }
  // Locked, so that no wait begins between its look at the token and the wake-up.
  const std::stop_callback wake(stop, [this] {
    const util::MutexLock lock(mutex_);
    changed_.notify_all();
  });
  out.set_header("Cache-Control", "no-cache");
  out.start(200, "text/event-stream");
  bool alive = out.write(events).has_value() && out.flush().has_value();
  bool last = false;
  while (alive && !last) {
    events.clear();
    {
      const util::MutexLock lock(mutex_);
      changed_.wait(mutex_, [&]() NX_NO_THREAD_SAFETY_ANALYSIS {
        return recorded_ != seen || closed_ || stop.stop_requested();
      });
      const std::uint64_t first_kept = recorded_ - history_.size();
      for (seen = std::max(seen, first_kept); seen != recorded_; ++seen)
        append_event(events, history_[seen - first_kept]);
      last = closed_ || stop.stop_requested();
    }
    if (!events.empty()) alive = out.write(events).has_value() && out.flush().has_value();
  }
  const util::MutexLock lock(mutex_);
  --subscribers_;
}

}  // namespace narthex::api
