#include "discovery/directory_watch.h"

#include <algorithm>
#include <array>
#include <map>

#include <sys/inotify.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>

namespace narthex::discovery {
namespace {

// Not IN_MODIFY: half a file is no news.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM |
                                  IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;

}  // namespace

struct DirectoryWatch::State : std::enable_shared_from_this<DirectoryWatch::State> {
  State(const asio::any_io_executor& executor, async::Doorbell* b) : bell(b), descriptor(executor) {
    const int fd = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (fd >= 0) descriptor.assign(fd);
  }

  void wait() {
    descriptor.async_wait(asio::posix::stream_descriptor::wait_read,
                          [self = shared_from_this()](const boost::system::error_code& ec) {
                            if (!ec && self->bell != nullptr) self->on_readable();
                          });
  }

  void on_readable() {
    alignas(inotify_event) std::array<char, 16384> buffer;
    ssize_t bytes = 0;
    bool any = false;
    while ((bytes = ::read(descriptor.native_handle(), buffer.data(), buffer.size())) > 0) {
      any = true;
      forget_gone(buffer.data(), static_cast<std::size_t>(bytes));
    }
    if (any) bell->ring();
    wait();
  }

  // A directory that was removed takes its watch along.
  void forget_gone(const char* events, std::size_t bytes) {
    std::size_t at = 0;
    while (at + sizeof(inotify_event) <= bytes) {
      const auto* event = reinterpret_cast<const inotify_event*>(events + at);
      if ((event->mask & (IN_IGNORED | IN_MOVE_SELF)) != 0) {
        std::erase_if(watches, [event](const auto& watch) { return watch.second == event->wd; });
      }
      at += sizeof(inotify_event) + event->len;
    }
  }

  async::Doorbell* bell;  // Null once the watch is gone.
  asio::posix::stream_descriptor descriptor;
  std::map<std::string, int> watches;  // By directory.
};

DirectoryWatch::DirectoryWatch(const asio::any_io_executor& executor, async::Doorbell* bell)
    : state_(std::make_shared<State>(executor, bell)) {
  if (state_->descriptor.is_open()) state_->wait();
}

DirectoryWatch::~DirectoryWatch() {
  state_->bell = nullptr;
  boost::system::error_code ignored;
  state_->descriptor.close(ignored);
}

bool DirectoryWatch::set(const std::vector<std::string>& directories) {
  if (!state_->descriptor.is_open()) return false;
  const int fd = state_->descriptor.native_handle();
  for (auto it = state_->watches.begin(); it != state_->watches.end();) {
    if (std::ranges::find(directories, it->first) != directories.end()) {
      ++it;
      continue;
    }
    ::inotify_rm_watch(fd, it->second);
    it = state_->watches.erase(it);
  }
  bool all = true;
  for (const std::string& directory : directories) {
    if (state_->watches.contains(directory)) continue;
    const int watch = ::inotify_add_watch(fd, directory.c_str(), kEvents);
    if (watch < 0) {
      all = false;
      continue;
    }
    state_->watches[directory] = watch;
  }
  return all;
}

}  // namespace narthex::discovery
