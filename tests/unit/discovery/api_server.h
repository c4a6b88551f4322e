// A discovery server for tests: answers by path, remembers what it was asked.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "narthex/util/mutex.h"

#include "support/fake_target.h"

namespace narthex::discovery {

// Threads: synchronized.
class ApiServer {
 public:
  using Reply = test::FakeTarget::Reply;

  ApiServer() : server_([this](const std::string& head) { return answer(head); }) {}

  // From now on, GET or POST `path` (with its query, or without one to answer all) gives this.
  void set(const std::string& path, const std::string& body, const std::string& more_headers = {}) {
    set_reply(path, test::FakeTarget::ok(body, "application/json", more_headers));
  }
  void set_reply(const std::string& path, Reply reply) {
    const util::MutexLock lock(mutex_);
    replies_[path] = std::move(reply);
  }
  // The same for every request that has this in its head or body; the newest one counts.
  void set_for(const std::string& words, const std::string& body) {
    const util::MutexLock lock(mutex_);
    by_words_.insert(by_words_.begin(), {words, test::FakeTarget::ok(body, "text/xml")});
  }
  // Heads, with bodies if there are any, of the requests so far.
  [[nodiscard]] std::vector<std::string> heads() const {
    const util::MutexLock lock(mutex_);
    return heads_;
  }
  // The head of the newest request whose target begins like this; "" when there was none.
  [[nodiscard]] std::string last(const std::string& target) const {
    const util::MutexLock lock(mutex_);
    for (auto head = heads_.rbegin(); head != heads_.rend(); ++head) {
      if (head->substr(head->find(' ') + 1).starts_with(target)) return *head;
    }
    return {};
  }
  [[nodiscard]] std::string url() const { return "http://" + server_.address(); }
  [[nodiscard]] std::string address() const { return server_.address(); }

 private:
  Reply answer(const std::string& head) {
    const util::MutexLock lock(mutex_);
    heads_.push_back(head);
    const std::size_t start = head.find(' ') + 1;
    const std::string target = head.substr(start, head.find(' ', start) - start);
    for (const auto& [words, reply] : by_words_) {
      if (head.contains(words)) return reply;
    }
    if (const auto exact = replies_.find(target); exact != replies_.end()) return exact->second;
    const auto by_path = replies_.find(target.substr(0, target.find('?')));
    if (by_path != replies_.end()) return by_path->second;
    return {.bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nnothing"};
  }

  mutable util::Mutex mutex_;
  std::map<std::string, Reply> replies_ NX_GUARDED_BY(mutex_);
  std::vector<std::pair<std::string, Reply>> by_words_ NX_GUARDED_BY(mutex_);
  std::vector<std::string> heads_ NX_GUARDED_BY(mutex_);
  test::FakeTarget server_;
};

}  // namespace narthex::discovery
